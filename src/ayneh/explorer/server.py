"""The explorer's server: a few routes, all read-only, closed to other pages in the same browser."""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import json
import socket
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

import torch
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ayneh.errors import UserError
from ayneh.explorer.assets import JAVASCRIPT, WASM, address, page_files, runtime_script, runtime_wasm_gz
from ayneh.explorer.connections import Limits, connections
from ayneh.explorer.library import JSON, Absent, Answer, Library
from ayneh.explorer.warming import Warming

POLICY = (  # the page's scripts and wasm and this server's answers alone
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOTEBOOKS = (  # where a notebook's page may come from, whose frame the window is shown in
    "http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:* vscode-webview: "
    "https://colab.research.google.com https://*.googleusercontent.com"
)
COLAB = (".googleusercontent.com", ".colab.dev")  # ends of the names under which Colab hands on a port of its kernel
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NOT_KEPT = "no-store"
KEPT = "private, max-age=31536000, immutable"  # what lies under a name that is made of its contents
ASKED_AGAIN = "private, no-cache"  # kept, but asked for again with its ETag; the answer is 304 where it is the same
MAX_DIGITS = 9  # of a number in a path


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address, or at a free port where this one is taken. UserError if there is no such address."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UserError(f"--host is {host!r}, which is no address of this machine ({error}).") from error
    for number in (port, 0):
        place = socket.socket(family, socket.SOCK_STREAM)
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free at once
            place.bind((address[0], number, *address[2:]))
            place.listen(128)
        except OSError as error:
            place.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or number == 0:
                raise UserError(f"--host {host} --port {port}: cannot listen there ({error.strerror}).") from error
            continue
        return place
    raise UserError(f"--port is {port}: no port is free.")


def url_of(host: str, port: int) -> str:
    """The page's address."""
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


def serve(library: Library, host: str, listening: socket.socket) -> None:
    """Answer the page at this socket until Ctrl-C, and close it."""
    torch.set_num_threads(1)  # the nets are small, and a training may need the other cores
    warming = Warming(library)
    try:
        server_of(library, host, listening).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has closed everything and raises it again
        pass
    finally:
        listening.close()
        warming.end()


def server_of(
    library: Library,
    host: str,
    listening: socket.socket,
    limits: Limits | None = None,
    framed: bool = False,
    behind: tuple[str, ...] = (),
) -> uvicorn.Server:
    """The server of these runs at this socket; framed, behind: as of `Guard`."""
    limits = limits or Limits()
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        Guard(make_app(library), host, port, limits.head_bytes, framed, behind),
        http=connections(limits), h11_max_incomplete_event_size=limits.head_bytes, lifespan="off",
        log_level="critical", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    return uvicorn.Server(config)


def make_app(library: Library) -> ASGIApp:
    """The ASGI application for these runs, to be used behind a `Guard`."""
    kept = address()
    named = page_files() | {"ort.mjs": (runtime_script(), JAVASCRIPT), "ort.wasm": (runtime_wasm_gz(), WASM)}
    index = named["index.html"][0].replace(b"/page/", f"{kept}/".encode())
    files: dict[str, tuple[bytes, dict[str, str]]] = {"/": (index, {"Content-Type": named.pop("index.html")[1]})}
    for name, (body, kind) in named.items():
        headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if kind == WASM else {})
        files |= {f"/page/{name}": (body, headers), f"{kept}/{name}": (body, headers | {"Cache-Control": KEPT})}

    async def file(request: Request) -> Response:
        body, headers = files[request.scope["path"]]
        return Response(body, headers=headers)

    async def runs(request: Request) -> Response:
        return await answer(library.runs)

    async def live(request: Request) -> Response:
        since = number(request.query_params.get("since", "0"))
        return await answer(partial(library.live, number(request.path_params["run"]), since))

    async def part(request: Request) -> Response:
        run, replica, epoch = numbers(request)
        asked = partial(library.part, run, replica, epoch, request.path_params["part"])
        return unless_known(request, await answer(asked))

    async def picture(request: Request) -> Response:
        return unless_known(request, await answer(partial(library.picture, *numbers(request))))

    place = "/api/runs/{run}/replicas/{replica}/epochs/{epoch}"
    routes = [
        *(Route(path, file) for path in files),
        Route("/api/runs", runs),
        Route("/api/runs/{run}/live", live),
        Route(place + "/picture", picture),
        Route(place + "/{part}", part),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


def numbers(request: Request) -> tuple[int, int, int]:
    """Run, replica and epoch of a path."""
    run, replica, epoch = (number(request.path_params[name]) for name in ("run", "replica", "epoch"))
    return run, replica, epoch


def number(text: str) -> int:
    """A number of a path. Raises Absent for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise Absent("Runs, replicas and epochs are numbers.")
    return int(text)


async def answer(ask: Callable[[], Answer]) -> Response:
    """The library's answer, computed in another thread."""
    made = await to_thread.run_sync(ask)
    return Response(made.body, media_type=made.kind)


def unless_known(request: Request, made: Response) -> Response:
    """This answer, or 304 without a body where the browser has the same one already."""
    tag = f'"{hashlib.sha256(made.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": ASKED_AGAIN}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    made.headers.update(headers)
    return made


def refusal(status: int, words: str) -> Response:
    """One sentence as JSON."""
    return Response(json.dumps({"error": words}), status, media_type=JSON)


FAULT = "The explorer failed on this ({}); please report it."
HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    Absent: lambda request, error: refusal(404, str(error)),  # no such run, epoch or part
    UserError: lambda request, error: refusal(422, str(error)),  # this part of the run cannot be made
    404: lambda request, error: refusal(404, "There is no such page."),
    Exception: lambda request, error: refusal(500, FAULT.format(type(error).__name__)),  # the server goes on
}


class Guard:
    """Allows read requests alone, under the server's own name, from its own page.

    A page of another site can make a browser send requests here: directly, which shows in Origin and Sec-Fetch-Site, or
    under another name that resolves to this address (DNS rebinding), which shows in Host.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        head_bytes: int = Limits.head_bytes,
        framed: bool = False,
        behind: tuple[str, ...] = (),
    ) -> None:
        """framed: a notebook's page may show the page in a frame; behind: ends of names under which a proxy of https
        hands the port on."""
        self.app, self.port, self.head_bytes, self.behind = app, port, head_bytes, behind
        policy = POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {NOTEBOOKS}") if framed else POLICY
        self.headers = HEADERS | {"Content-Security-Policy": policy}
        self.open = not is_loopback(host)
        self.names = {"localhost", "127.0.0.1", "[::1]", host.lower(), f"[{host.lower()}]"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a websocket: there is none
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sealed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [(k.lower().encode(), v.encode()) for k, v in self.headers.items()]
                if not any(name == b"cache-control" for name, _ in message.get("headers", [])):
                    own.append((b"cache-control", NOT_KEPT.encode()))
                if refused:  # what may follow, such as a body, is not read
                    own.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        refused = self.refused(scope)
        await (refused or self.app)(scope, receive, sealed)

    def refused(self, scope: Scope) -> Response | None:
        """The refusal of this request, or None."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        target = len(scope.get("raw_path", b"")) + len(scope.get("query_string", b""))
        if target + sum(len(name) + len(value) for name, value in scope["headers"]) > self.head_bytes:
            return refusal(431, f"The head of the request is longer than {self.head_bytes} bytes.")
        if scope["method"] not in ("GET", "HEAD"):
            return refusal(405, "The explorer only reads.")
        if headers.get("content-length", ["0"]) != ["0"] or "transfer-encoding" in headers:
            return refusal(413, "The explorer takes no request with a body.")
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self.known(hosts[0]):
            return refusal(421, "This is not the name of the explorer's server.")
        scheme = "https" if self._proxied(hosts[0]) else "http"
        if any(origin.lower() != f"{scheme}://{hosts[0].lower()}" for origin in headers.get("origin", [])):
            return refusal(403, "The explorer answers its own page alone.")
        site, aim = headers.get("sec-fetch-site", ["none"]), headers.get("sec-fetch-mode", [""])
        if set(site) - {"same-origin", "none"} and not (aim == ["navigate"] and scope["path"] == "/"):
            return refusal(403, "The explorer answers its own page alone.")
        return None

    def known(self, host: str) -> bool:
        """Whether this Host is the server's; if it is open to a network, any address is, but no other name."""
        if self._proxied(host):
            return True
        name, _, port = (host if self.port != 80 else f"{host}:80").lower().rpartition(":")
        if port != str(self.port):
            return False
        return name in self.names or (self.open and _is_address(name.strip("[]")))

    def _proxied(self, host: str) -> bool:
        """Whether this Host is that of the proxy. Its names are the proxy's own: no other page has one."""
        return host.lower().partition(":")[0].endswith(self.behind)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server there."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
