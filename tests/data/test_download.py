"""Where files are found, and the download of those that are not, from servers good and bad on 127.0.0.1."""

import gzip
import hashlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests
import urllib3

from ayneh.data import transfer
from ayneh.data.download import CONTENT_BYTES, MD5, MIRRORS, Md5, locate
from ayneh.errors import UserError

FILE = "train-images-idx3-ubyte"
CONTENT = np.random.RandomState(0).bytes(40_000)
PACKED = gzip.compress(CONTENT, mtime=0)


class Mirror(BaseHTTPRequestHandler):
    """Serves ``PACKED`` unless the server's attributes say otherwise, and notes what it was asked for."""

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        if server.answer:
            return server.answer(self)
        if server.status:
            return self.send_error(server.status)
        data, start = server.data, 0
        same = self.headers["If-Range"] in (None, server.etag)
        if self.headers["Range"] and server.ranges and same:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        stop = start + server.cuts.pop(0) if server.cuts else len(data)
        self.wfile.write(data[start:stop])
        return None

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Server(ThreadingHTTPServer):
    """A mirror: ``cuts`` are the numbers of bytes after which its next answers break off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mirror)
        self.data, self.etag, self.ranges, self.status = PACKED, '"one"', True, 0
        self.cuts: list[int] = []
        self.answer: Callable[[Mirror], None] | None = None  # instead of a file
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Callable[..., None]:
    """Sets the mirrors of a set "mnist" whose only file is ``FILE``."""

    def use(*urls: str, md5: Md5 | None = None) -> None:
        monkeypatch.setitem(MIRRORS, "mnist", urls)
        known = md5 or Md5("content", hashlib.md5(CONTENT).hexdigest())
        monkeypatch.setitem(MD5, "mnist", {FILE: known})

    return use


@pytest.fixture
def down() -> Iterator[str]:
    """An address of this machine at which nobody listens; the port is held, so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_once_whole_and_in_silence(
    server: Server, mirrors: Callable[..., None], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrors(server.url)
    path = locate("mnist", FILE)
    assert path == cache / "mnist" / f"{FILE}.gz"
    assert path.read_bytes() == PACKED
    assert locate("mnist", FILE) == path
    assert server.asked == [(f"/{FILE}.gz", None, None)]
    assert names_in(path.parent) == [path.name], "neither the part nor its note stays"
    assert capsys.readouterr() == ("", ""), "no bar where there is no terminal"


def test_a_transfer_that_breaks_off_goes_on_where_it_was(server: Server, mirrors: Callable[..., None]) -> None:
    mirrors(server.url)
    server.cuts = [1000, 2000]
    assert locate("mnist", FILE).read_bytes() == PACKED
    assert [(span, etag) for _, span, etag in server.asked] == [
        (None, None),
        ("bytes=1000-", '"one"'),
        ("bytes=3000-", '"one"'),
    ]


def leave_a_part(server: Server, cache: Path, size: int) -> Path:
    """What a process leaves that ended after ``size`` bytes."""
    part = cache / "mnist" / f"{FILE}.gz.part"
    part.parent.mkdir(parents=True)
    server.cuts = [size, 0]
    with pytest.raises(transfer.FAILURES):
        transfer.fetch(f"{server.url}{FILE}.gz", part, len(PACKED))
    assert part.read_bytes() == PACKED[:size]
    server.asked.clear()
    return part


def test_the_part_of_an_earlier_process_is_continued(server: Server, mirrors: Callable[..., None], cache: Path) -> None:
    mirrors(server.url)
    leave_a_part(server, cache, 5000)
    assert locate("mnist", FILE).read_bytes() == PACKED
    assert [span for _, span, _ in server.asked] == ["bytes=5000-"]


def test_a_part_that_only_lacks_its_check_is_not_fetched_again(
    server: Server, mirrors: Callable[..., None], cache: Path
) -> None:
    mirrors(server.url)
    leave_a_part(server, cache, 5000).write_bytes(PACKED)
    assert locate("mnist", FILE).read_bytes() == PACKED
    assert server.asked == []


@pytest.mark.parametrize("change", ["etag", "no ranges", "size", "note", "other mirror"])
def test_a_part_that_cannot_be_continued_starts_anew(
    server: Server, mirrors: Callable[..., None], cache: Path, change: str
) -> None:
    part = leave_a_part(server, cache, 5000)
    part.write_bytes(bytes(5000))  # so that it would show if it were used
    mirrors(server.url)
    if change == "etag":
        server.etag = '"two"'
    elif change == "no ranges":
        server.ranges = False
    elif change == "size":  # the file has changed on a server without ETags
        note = part.with_name(f"{part.name}.json")
        note.write_text(note.read_text().replace(str(len(PACKED)), "6000").replace('"\\"one\\""', "null"))
        server.etag = None
    elif change == "note":
        part.with_name(f"{part.name}.json").write_text('{"url": "http')
    else:
        mirrors(f"{server.url}mirror/")
    assert locate("mnist", FILE).read_bytes() == PACKED


def test_a_part_longer_than_the_file_starts_anew(server: Server, mirrors: Callable[..., None], cache: Path) -> None:
    mirrors(server.url)
    leave_a_part(server, cache, 5000).write_bytes(bytes(len(PACKED) + 1))
    assert locate("mnist", FILE).read_bytes() == PACKED


@pytest.mark.parametrize("wrong", [gzip.compress(b"other", mtime=0), PACKED[:-200], b"<html>Sign in</html>"])
def test_wrong_bytes_are_thrown_away_and_the_next_mirror_is_asked(
    server: Server, mirrors: Callable[..., None], cache: Path, wrong: bytes
) -> None:
    server.data = wrong
    mirrors(server.url)
    with pytest.raises(UserError, match=f"{server.url}: wrong MD5"):
        locate("mnist", FILE)
    assert names_in(cache / "mnist") == []
    with running() as good:
        mirrors(server.url, good.url)
        assert locate("mnist", FILE).read_bytes() == PACKED


def test_a_dead_mirror_is_passed_over(server: Server, mirrors: Callable[..., None], down: str) -> None:
    mirrors(down, server.url)
    assert locate("mnist", FILE).read_bytes() == PACKED


def test_an_overloaded_mirror_does_not_cost_the_part(server: Server, mirrors: Callable[..., None], cache: Path) -> None:
    mirrors(server.url)
    part = leave_a_part(server, cache, 5000)
    server.status = 503
    with pytest.raises(UserError, match="HTTP 503"):
        locate("mnist", FILE)
    assert part.stat().st_size == 5000


def test_a_server_that_refuses_ranges_that_nobody_asked_for_is_passed_over(
    server: Server, mirrors: Callable[..., None]
) -> None:
    server.status = 416
    mirrors(server.url)
    with pytest.raises(UserError, match="HTTP 416"):
        locate("mnist", FILE)


def test_a_checksum_of_the_content_accepts_another_compression_and_one_of_the_gzip_does_not(
    server: Server, mirrors: Callable[..., None]
) -> None:
    server.data = gzip.compress(CONTENT, 1, mtime=1)
    mirrors(server.url, md5=Md5("gzip", hashlib.md5(PACKED).hexdigest()))
    with pytest.raises(UserError, match="wrong MD5"):
        locate("mnist", FILE)
    mirrors(server.url)
    assert gzip.decompress(locate("mnist", FILE).read_bytes()) == CONTENT


def test_a_checksum_of_the_gzip_accepts_the_published_file(server: Server, mirrors: Callable[..., None]) -> None:
    mirrors(server.url, md5=Md5("gzip", hashlib.md5(PACKED).hexdigest()))
    assert locate("mnist", FILE).read_bytes() == PACKED


def test_without_a_network_the_error_names_mirrors_folders_and_what_works_offline(
    server: Server,
    mirrors: Callable[..., None],
    down: str,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.status = 404
    mirrors(down, server.url)
    with pytest.raises(UserError) as refusal:
        locate("mnist", FILE)
    text = str(refusal.value)
    assert f"{down}: ConnectionError" in text
    assert f"{server.url}: HTTP 404" in text
    assert f"put the four files of mnist into {cache / 'mnist'}" in text
    assert "'digits', which works offline" in text
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path / "mine"))
    with pytest.raises(UserError) as refusal:
        locate("mnist", FILE)
    assert f"{FILE} is not in {tmp_path / 'mine' / 'mnist'} or {cache / 'mnist'}" in str(refusal.value)
    assert f"into {tmp_path / 'mine' / 'mnist'}" in str(refusal.value)


def test_a_cache_that_cannot_be_written_is_named(server: Server, mirrors: Callable[..., None], cache: Path) -> None:
    mirrors(server.url)
    cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=f"cannot be kept in {cache / 'mnist'} .*set AYNEH_CACHE"):
        locate("mnist", FILE)


@pytest.mark.parametrize("spelling", [FILE, f"{FILE}.gz", "train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"])
def test_files_are_found_under_all_their_spellings_own_ones_first(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    for folder in (cache / "mnist", tmp_path / "own" / "mnist"):
        folder.mkdir(parents=True)
        (folder / spelling).write_bytes(b"")
    assert locate("mnist", FILE) == cache / "mnist" / spelling
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path / "own"))
    assert locate("mnist", FILE) == tmp_path / "own" / "mnist" / spelling


def test_each_set_has_two_mirrors_and_a_checksum_for_each_of_its_four_files() -> None:
    for name in ("mnist", "fashion-mnist", "kmnist"):
        assert len({requests.utils.urlparse(url).hostname for url in MIRRORS[name]}) >= 2
        assert all(url.endswith("/") for url in MIRRORS[name])
        assert {file.split("-")[0] for file in MD5[name]} == {"train", "t10k"}
        assert len({md5.digest for md5 in MD5[name].values()}) == 4
        assert all(len(bytes.fromhex(md5.digest)) == 16 and md5.of in ("gzip", "content") for md5 in MD5[name].values())


def answer(status: int, body: bytes = b"", times: int = 1, **headers: str) -> Callable[[Mirror], None]:
    """An answer with these headers (_ for -), whose body is sent so many times, or until the other side has enough."""

    def send(handler: Mirror) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(times):
                handler.wfile.write(body)

    return send


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (answer(200, bytes(1 << 16), times=10_000), "sends more than 61,624 bytes"),
        (answer(200, b"x", Content_Length="6000000000"), "announces 6,000,000,000 bytes"),
        (answer(200, PACKED, Content_Length="abc", ETag='"\x01"'), ""),
        (answer(200, PACKED, Content_Length="-1"), ""),
        (answer(302, Location="file:///etc/passwd"), "InvalidSchema"),
        (answer(302, Location="ftp://127.0.0.1/x"), "InvalidSchema"),
        (answer(302, Location="http://[::1"), ""),
        (answer(302, Location="/again"), "TooManyRedirects"),
        (answer(302, Location="http://\xff\xfe/"), ""),
        (answer(200, gzip.compress(bytes(50_000_000))), "wrong MD5"),
        (answer(200, PACKED + PACKED), "sends more than|wrong MD5"),
        (answer(204), "wrong MD5"),
        (answer(206, PACKED, Content_Range="bytes 0-9/10"), ""),
    ],
)
def test_a_hostile_mirror_is_passed_over_and_leaves_nothing(
    server: Server,
    mirrors: Callable[..., None],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    peak: Callable[[Callable[[], object]], int],
    hostile: Callable[[Mirror], None],
    words: str,
) -> None:
    monkeypatch.setitem(CONTENT_BYTES, FILE, len(CONTENT) + 20_000)
    server.answer = hostile

    def ask() -> None:
        with running() as good:
            mirrors(server.url, good.url)
            assert locate("mnist", FILE).read_bytes() == PACKED

    assert peak(ask) < 20_000_000
    assert names_in(cache / "mnist") == [f"{FILE}.gz"]
    if words:
        (cache / "mnist" / f"{FILE}.gz").unlink()
        mirrors(server.url)
        with pytest.raises(UserError, match=words) as refusal:
            locate("mnist", FILE)
        assert "\n" not in str(refusal.value)


def test_a_redirect_without_encryption_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final, hop = requests.Response(), requests.Response()
    final.url, hop.url = "https://mirror.example/file", "http://mirror.example/file"
    final.history, final.status_code, final.raw = [hop], 200, urllib3.HTTPResponse(io.BytesIO(PACKED))
    monkeypatch.setattr(requests, "get", lambda *_, **__: final)
    with pytest.raises(transfer.Refused, match="without https"):
        transfer.fetch("https://mirror.example/file", tmp_path / "part", len(PACKED))
    assert not (tmp_path / "part").exists()


def test_every_mirror_is_asked_with_encryption() -> None:
    assert all(url.startswith("https://") for urls in MIRRORS.values() for url in urls)


@pytest.mark.parametrize(
    "note", ["[" * 100_000, '{"url": 3}', '{"etag": "\\n"}', '{"size": "big"}', "[]", "null", "\udcff", '{"url": "%s"}']
)
def test_a_damaged_note_beside_a_part_is_as_none(
    server: Server, mirrors: Callable[..., None], cache: Path, note: str
) -> None:
    mirrors(server.url)
    part = leave_a_part(server, cache, 5000)
    part.write_bytes(bytes(5000))
    part.with_name(f"{part.name}.json").write_bytes(note.encode("utf-8", "surrogateescape"))
    assert locate("mnist", FILE).read_bytes() == PACKED


def test_of_two_processes_one_fetches(server: Server, mirrors: Callable[..., None], cache: Path) -> None:
    mirrors(server.url)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(locate("mnist", FILE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [cache / "mnist" / f"{FILE}.gz"] * 4
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("MNIST/raw", "mnist"),
        ("MNIST", "mnist"),
        ("mnist/raw", "mnist"),
        ("mnist/MNIST/raw", "mnist"),
        ("mnist/archive", "mnist"),
        (f"mnist/{FILE}", "mnist"),
        ("FashionMNIST/raw", "fashion-mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("KMNIST/raw", "kmnist"),
    ],
)
@pytest.mark.parametrize("spelling", [FILE, f"{FILE}.gz", "train-images.idx3-ubyte"])
def test_files_are_found_where_torchvision_and_archives_leave_them(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str, spelling: str
) -> None:
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path / "own"))
    path = tmp_path / "own" / place / spelling
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert locate(name, FILE) == path


def test_files_of_another_set_are_not_taken(
    server: Server, mirrors: Callable[..., None], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path))
    for place in ("FashionMNIST/raw", "mnist/KMNIST", "mnist/fashion-mnist", "raw", "."):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / FILE).write_bytes(b"")
    mirrors(server.url)
    assert locate("mnist", FILE) == cache / "mnist" / f"{FILE}.gz"


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with transfer._progress() as bar:
        bar.add_task("train-images", total=100, completed=50)
    shown = capsys.readouterr()
    assert "train-images" in shown.err
    assert shown.out == ""
