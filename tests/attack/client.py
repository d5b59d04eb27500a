"""A hostile client of a real explorer, and run folders whose files are links, pipes and devices."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from child import LIMIT_BYTES, Child, call, in_child, wait_for
from scenes import SCORED, TINY
from tally import Row, Tally

REQUESTS = {"small": 300, "half": 2000, "full": 10_000}
TRAPS = {"small": 3, "half": 40, "full": 160}  # run folders with links, pipes and devices in them
SLOW = {"small": 0, "half": 120, "full": 150}  # connections that say nothing, or a byte a second
SECRET = b"SECRET-that-lies-outside"
PATIENCE_S = 20


class Server:
    """An explorer in a child process."""

    def __init__(self, stage: Path, *runs: str) -> None:
        os.chdir(stage)
        self.child = Child(partial(call, "explore", *runs, "--no-open", "--port", 0), 7200)
        os.chdir("/")
        self.port = 0

        def up() -> bool:
            found = re.search(r"http://[^:]+:(\d+)/", self.child.said())
            self.port = int(found[1]) if found else 0
            return bool(found)

        assert wait_for(up, 60), self.child.said()

    def ask(self, request: bytes, whole: bool = True) -> bytes | None:
        """What it answers until it closes the connection; None if it does not in time. whole: the request is."""
        answer, end, ended = b"", time.monotonic() + PATIENCE_S, False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as line:
            with contextlib.suppress(OSError):
                line.sendall(request)
            line.settimeout(0.5)
            while time.monotonic() < end:
                try:
                    if not (part := line.recv(1 << 16)):
                        return answer
                    answer += part
                except TimeoutError:
                    if not whole and not ended:  # it may wait for more of a broken request: there is none
                        line.shutdown(socket.SHUT_WR)
                    ended = True
            return None
        return answer

    def healthy(self) -> bool:
        """Whether it answers a plain request."""
        answer = self.ask(b"GET /api/runs HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % self.port)
        return bool(answer and answer.startswith(b"HTTP/1.1 200"))

    def most(self) -> int:
        """The most memory that it has had."""
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
        return 0


def attack(size: str, seed: int, root: Path, only: str = "") -> Tally:
    """Requests, links, slow connections, a run that vanishes."""
    tally, chance, stage = Tally("client"), random.Random(seed), root / "stage"
    stage.mkdir()
    (root / "outside").mkdir()
    (root / "outside" / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n" + SECRET)
    (root / "outside" / "secret.json").write_text(f'{{"format": 1, "{SECRET.decode()}": 1}}')
    os.environ["AYNEH_CACHE"] = str(root / "cache")
    os.chdir(stage)
    made = in_child(partial(call, "train", "digits", *TINY, *SCORED, "--epochs", 2, "--out", "run"))
    assert made.status == 0, made
    os.chdir("/")
    shutil.copytree(stage / "run", root / "run")
    _requests(tally.row("requests"), Server(stage, "run"), chance, root, REQUESTS[size])
    _traps(tally.row("links, pipes and devices in a run folder"), chance, root, TRAPS[size])
    if SLOW[size]:
        _slow(tally.row("slow connections"), Server(stage, "run"), SLOW[size])
    _vanishing(tally.row("a run that vanishes"), stage, root, TRAPS[size])
    return tally


def _requests(row: Row, server: Server, chance: random.Random, root: Path, n: int) -> None:
    before = server.most()
    for number in range(n):
        request, own = made_up(chance, server.port)
        row.n += 1
        answer = server.ask(request, own)
        if answer is None:
            row.fail("slow", f"number {number}, no answer in {PATIENCE_S} s: {request[:200]!r}")
            continue
        status = int(found[1]) if (found := re.match(rb"HTTP/1\.\d (\d+)", answer)) else 0
        _leaks(row, answer, root, f"number {number}: {request[:200]!r}")
        if status >= 500:
            row.fail("traceback", f"number {number}, status {status}: {request[:200]!r}")
        if status == 200 and not own:
            row.fail("leak", f"number {number}, a stranger is answered: {request[:200]!r}")
    if not server.healthy():
        row.fail("died", "the server does not answer any more")
    if server.most() - before > LIMIT_BYTES:
        row.fail("memory", f"{(server.most() - before) / 2**30:.1f} GB")
    _end(row, server)


def made_up(chance: random.Random, port: int) -> tuple[bytes, bool]:
    """A request, and whether the server may answer it with 200."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.choice((1, 100, 5000))) + b"\r\n\r\n", False
    good = chance.random() < 0.5
    method = b"GET" if good or chance.random() < 0.6 else chance.choice(
        (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"G\0T", b"X" * 5000)
    )  # fmt: skip
    hosts = (b"evil.example", b"localhost", b"localhost:1", b"127.0.0.1.evil.example:%d" % port, b"[::1", b"")
    host = b"localhost:%d" % port if good or chance.random() < 0.5 else chance.choice(hosts)
    headers = [b"Host: " + host]
    own = method == b"GET" and host == b"localhost:%d" % port
    for header, foreign in (
        (b"Origin: http://evil.example", True), (b"Origin: null", True), (b"Sec-Fetch-Site: cross-site", True),
        (b"Host: localhost:%d" % port, True), (b"Content-Length: 99999999999", False), (b"X: " + b"y" * 30_000, False),
        (b"Range: bytes=0-", False), (b"Transfer-Encoding: chunked", False), (b"Accept-Encoding: gzip;q=nan", False),
        (b"Upgrade: websocket\r\nConnection: Upgrade", False), (b"Expect: 100-continue", False), (b" folded", False),
        (b"Cookie: \xff\x00", False), (b"X-Forwarded-Host: evil.example", False),
    ):  # fmt: skip
        if not good and chance.random() < 0.12:
            headers.append(header)
            own = own and not foreign
    target = path(chance)
    version = (
        b"HTTP/1.1" if good or chance.random() < 0.8 else chance.choice((b"HTTP/1.0", b"HTTP/9.9", b"", b"HTTP/2"))
    )
    lines = [b" ".join((method, target, version)), *headers, b"Connection: close"]
    end = chance.choice((b"\r\n", b"\r\n", b"\n")) if not good else b"\r\n"
    return end.join(lines) + end + end + (b"" if good else chance.randbytes(chance.choice((0, 0, 1000)))), own


def path(chance: random.Random) -> bytes:
    """A path: of a real part, of a number that there is not, or one that leaves the folder."""
    number = lambda: chance.choice(  # noqa: E731
        (
            b"0",
            b"0",
            b"0",
            b"1",
            b"-1",
            b"9" * 30,
            "\u0660".encode(),
            b"%30",
            b"0x0",
            b"",
            b"1e3",
            b"..",
            b"%00",
            b"nan",
        )
    )
    part = chance.choice((
        b"picture", b"generator", b"discriminator", b"encoder", b"notes", b"gallery", b"__class__",
        b"../../config.json", b"..%2f..%2fmetrics.jsonl", b"%2e%2e/%2e%2e/config.json", b"generator\0", b"x" * 10_000,
    ))  # fmt: skip
    roots = (
        b"/", b"/api/runs", b"/page/index.html", b"/page/../../../../etc/passwd", b"/page/%2e%2e/%2e%2e/etc/passwd",
        b"//etc/passwd", b"/..;/etc/passwd", b"/page/\\..\\..\\etc\\passwd", b"http://evil.example/", b"*",
        b"/runtime/",
        b"/api/runs/" + number() + b"/live?since=" + number(), b"/api/runs/" + number() + b"/live",
    )  # fmt: skip
    if chance.random() < 0.4:
        return chance.choice(roots)
    return b"/api/runs/%s/replicas/%s/epochs/%s/%s" % (number(), number(), number(), part)


def _traps(row: Row, chance: random.Random, root: Path, n: int) -> None:
    """One file of a run becomes a link, a pipe or a device; the window, the page and the verbs must not read it."""
    for number in range(n):
        stage = root / "trapped"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        shutil.copytree(root / "run", stage / "run")
        files = sorted(p for p in (stage / "run").rglob("*") if p.suffix != ".lock")
        file = chance.choice(files)
        kind = chance.choice(("link", "link", "chain", "pipe", "device", "folder", "loop", "relative"))
        where = f"number {number}, {file.relative_to(stage)} is a {kind}"
        _replace(file, kind, root)
        row.n += 1
        os.chdir(stage)
        verbs = (("show", "run"), ("diagnose", "run"), ("explore", "run", "--save", "page.html"), ("evaluate", "run",
                 "--n", 100), ("export", "run", "--to", "safetensors", "--out", "out"), ("resume", "run"),
                 ("sample", "run", "--out", "out.npy"))  # fmt: skip
        chosen = chance.sample(verbs, 3)
        for verb in chosen:
            ended = in_child(partial(call, *verb), 3 * PATIENCE_S)
            if fault := ended.fault((0, 1, 2)):
                row.fail(fault[0], f"{where}, {verb[0]}: {fault[1]}")
            _leaks(row, (ended.out + ended.err).encode(), None, f"{where}, {verb[0]}")
        os.chdir("/")
        for page in [*stage.glob("*.html"), *stage.glob("run/*.html"), *stage.glob("out/*")]:
            if page.is_file() and not page.is_symlink():
                _leaks(row, page.read_bytes(), root, f"{where}, in {page.name}")
        if number % 4 == 0 and (stage / "run" / "config.json").is_file() and kind != "device":
            _window(row, stage, root, where)


def _window(row: Row, stage: Path, root: Path, where: str) -> None:
    try:
        server = Server(stage, "run")
    except AssertionError as error:  # it refuses the folder in one sentence
        if "Traceback" in str(error):
            row.fail("traceback", f"{where}: {error}")
        return
    for target in targets():
        answer = server.ask(
            b"GET %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % (target, server.port)
        )
        if answer is None:
            row.fail("slow", f"{where}: {target!r}")
        elif re.match(rb"HTTP/1\.\d 5", answer):
            row.fail("traceback", f"{where}: {answer[-200:]!r}")
        else:
            _leaks(row, answer, root, f"{where}: {target!r}")
    _end(row, server)


def targets() -> Iterator[bytes]:
    """What the page asks of a run of two epochs."""
    yield from (b"/api/runs", b"/api/runs/0/live")
    for epoch in range(2):
        for part in (b"picture", b"notes", b"generator", b"gallery"):
            yield b"/api/runs/0/replicas/0/epochs/%d/%s" % (epoch, part)


def _replace(file: Path, kind: str, root: Path) -> None:
    """Something else in the place of a file or folder."""
    was_folder = file.is_dir()
    shutil.move(file, aside := root / "aside")
    secret = root / "outside" / ("secret.png" if file.suffix == ".png" else "secret.json")
    if kind == "link":
        file.symlink_to(root / "outside" if was_folder else secret)
    elif kind == "relative":
        file.symlink_to(os.path.relpath(root / "outside" if was_folder else secret, file.parent))
    elif kind == "chain":
        (file.parent / "inner").symlink_to(root / "outside" if was_folder else secret)
        file.symlink_to("inner")
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "loop":
        file.symlink_to(file.name)
    else:
        file.mkdir()
    shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def _slow(row: Row, server: Server, n: int) -> None:
    """Connections that say nothing or a little: others are answered meanwhile, and these are closed in the end."""
    lines = []
    for i in range(n):
        with contextlib.suppress(OSError):
            line = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
            line.sendall((b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost:%d\r\nX: " % server.port)[i % 3])
            lines.append(line)
            row.n += 1
    if not server.healthy():
        row.fail("slow", f"no answer while {n} connections are open")
    end, open_ = time.monotonic() + 90, list(lines)
    while open_ and time.monotonic() < end:
        time.sleep(1)
        for line in list(open_):
            try:
                line.settimeout(0.01)
                line.sendall(b"x")  # still at it
                if not line.recv(4096):
                    open_.remove(line)
            except TimeoutError:
                pass
            except OSError:
                open_.remove(line)
    if open_:
        row.fail("slow", f"{len(open_)} of {n} slow connections are still open after 90 s")
    for line in lines:
        line.close()
    _end(row, server)


def _vanishing(row: Row, stage: Path, root: Path, n: int) -> None:
    """Files of a run are deleted one by one while it is looked at."""
    shutil.rmtree(stage / "run")
    shutil.copytree(root / "run", stage / "run")
    shutil.copytree(root / "run", stage / "other")
    server = Server(stage, "run", "other")
    files = sorted((p for p in (stage / "run").rglob("*")), key=lambda p: len(p.parts), reverse=True)
    for file in [*files[:n], stage / "run"]:
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        for target in targets():
            row.n += 1
            line = b"GET %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n" % (target, server.port)
            answer = server.ask(line) or b""
            status = int(found[1]) if (found := re.match(rb"HTTP/1\.\d (\d+)", answer)) else 0
            if status not in (200, 404, 422):
                row.fail("traceback", f"without {file.name}, {target!r}: {answer[-200:]!r}")
            if target == b"/api/runs" and b'"other"' not in answer:
                row.fail("lost", f"without {file.name} the other run is not shown: {answer[-200:]!r}")
            _leaks(row, answer, root, f"without {file.name}, {target!r}")
    _end(row, server)


def _leaks(row: Row, text: bytes, root: Path | None, where: str) -> None:
    if SECRET in text:
        row.fail("leak", f"{where}: a file outside of the run is shown")
    if b"root:x:0:" in text or b"Traceback" in text:
        row.fail("leak", f"{where}: {text[-200:]!r}")
    if root is not None and str(root).encode() in text:
        at = text.index(str(root).encode())
        row.fail("leak", f"{where}: an absolute path is shown: {text[max(0, at - 80) : at + 80]!r}")
    if root is None and re.search(b"[\x1b\x07]", text):
        row.fail("leak", f"{where}: an escape reaches the terminal")


def _end(row: Row, server: Server) -> None:
    server.child.kill(2)
    ended = server.child.wait()
    if fault := ended.fault((0, 130)):
        row.fail(fault[0], f"at the server's end: {fault[1]}")
