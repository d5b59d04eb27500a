"""The verb `explore`: walk through what runs have learnt, in a browser that draws the images itself."""

from __future__ import annotations

import errno
import socket
import threading
import webbrowser
from pathlib import Path

import tyro

from ayneh.errors import UserError
from ayneh.explorer.library import Library
from ayneh.terminal import Watch

MISSING = "`ayneh explore` needs the packages starlette, uvicorn and onnx: pip install 'ayneh[explore]'."


def explore(
    runs: tyro.conf.Positional[list[Path]],
    port: int = 8765,
    host: str = "127.0.0.1",
    open: bool = True,
    save: Path | None = None,
    save_epochs: int = 8,
    replica: int = 0,
) -> None:
    """Open a page on this machine to walk through one run's latent space, or through several side by side.

    Args:
        runs: the run folders.
        port: where the page is; another free port is taken if this one is not free.
        host: the address to listen at. Any other than 127.0.0.1 lets other machines in.
        open: open the page in the browser.
        save: write everything into this one .html file instead, to hand to others: it needs no server and no network.
        save_epochs: epochs of each run that go into that file, spread evenly, the newest among them.
        replica: which of a run's replicas goes into that file, counted from 0.
    """
    if not runs:
        raise UserError("Which run? Try `ayneh explore runs/NAME`.")
    if not 0 <= port < 65536:
        raise UserError(f"--port is {port}; a port is a number from 0 to 65535.")
    library, watch = Library(runs), Watch()
    try:
        import onnx  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(MISSING) from error
    if save is not None:
        from ayneh.explorer.single import write_page

        write_page(save, library, replica, save_epochs)
        print(f"{save}: {save.stat().st_size / 1e6:.1f} MB")
        return
    listening, taken = listen(host, port)
    if taken:
        watch.say(f"Port {port} is taken; the page is at another one.")
    serve(library, host, listening, open, watch)


def serve(library: Library, host: str, listening: socket.socket, open: bool, watch: Watch) -> None:
    """Answer the page until Ctrl-C."""
    import torch
    import uvicorn

    from ayneh.explorer.server import is_loopback, make_app

    torch.set_num_threads(1)  # the nets are small, and a training may need the other cores
    port: int = listening.getsockname()[1]
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/"
    if not is_loopback(host):
        watch.say(f"Listening at {host}: whoever reaches this machine can see these runs. There is no password.")
    print(url, flush=True)
    watch.say("Press Ctrl-C to end it.")
    app = make_app(library, host, port)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=1
    )
    threading.Thread(target=library.warm, daemon=True).start()
    if open:
        webbrowser.open(url)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has closed everything, and passes it on
        watch.say("")
    finally:
        listening.close()


def listen(host: str, port: int) -> tuple[socket.socket, bool]:
    """A socket at this address, and whether another port had to be taken. UserError where there is no such address."""
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
        return place, number != port
    raise UserError(f"--port is {port}: no port is free.")
