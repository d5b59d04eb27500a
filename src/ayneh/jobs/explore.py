"""The verb `explore`: walk through what runs have learnt, in a browser that draws the images itself."""

from __future__ import annotations

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
    from ayneh.explorer.server import is_loopback, listen, serve, url_of

    listening = listen(host, port)
    asked, port = port, listening.getsockname()[1]
    if asked not in (0, port):
        watch.say(f"Port {asked} is taken; the page is at another one.")
    if not is_loopback(host):
        watch.say(f"Listening at {host}: whoever reaches this machine can see these runs. There is no password.")
    url = url_of(host, port)
    print(url, flush=True)
    watch.say("Press Ctrl-C to end it.")
    if open:
        webbrowser.open(url)
    serve(library, host, listening)
    watch.say("")
