"""The verb `explore`: a page that runs the generators of runs in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import tyro

from ayneh.errors import UserError, extra, unknown
from ayneh.explorer.library import Library
from ayneh.loading.pretrained import FOLDER, PRETRAINED, folders
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import say


def explore(
    runs: tyro.conf.Positional[list[Path]],
    port: int = 8765,
    host: str = "127.0.0.1",
    open: bool = True,
    save: Path | None = None,
    save_epochs: int = 8,
    replica: int = 0,
    pretrained: bool = False,
) -> None:
    """Open a page in the browser to walk through the latent space of one run, or of several side by side.

    Args:
        runs: the run folders, or folders of exported models (`ayneh export`).
        port: of the page; if it is taken, a free one is chosen.
        host: the address to listen at. With any other than 127.0.0.1, other machines can open the page.
        open: open the page in the browser.
        save: write all of it into this .html file instead, which needs no server and no network.
        save_epochs: epochs of each run in that file, spread evenly, the newest among them.
        replica: which of a run's replicas is in that file, counted from 0.
        pretrained: the trained generators that come with ayneh, after the runs; or those alone that are named among
            them: `ayneh explore --pretrained fast`.
    """
    runs = _with_generators(runs, pretrained)
    if not runs:
        raise UserError("No run is named: try `ayneh explore runs/NAME`, or `ayneh explore --pretrained`.")
    if not 0 <= port < 65536:
        raise UserError(f"--port is {port}; a port is a number from 0 to 65535.")
    library, terminal = Library(runs), Terminal()
    with extra("explore", "`ayneh explore`"):
        import onnx  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    if save is not None:
        from ayneh.explorer.single import write_page

        write_page(save, library, replica, save_epochs)
        say(f"{save}: {save.stat().st_size / 1e6:.1f} MB", whole=True)
        return
    from ayneh.explorer.server import is_loopback, listen, serve, url_of

    listening = listen(host, port)
    asked, port = port, listening.getsockname()[1]
    if asked not in (0, port):
        terminal.say(f"Port {asked} is taken; the page is at another one.")
    if not is_loopback(host):
        terminal.say(
            f"Listening at {host}: everyone who can reach this machine can see these runs. There is no password."
        )
    url = url_of(host, port)
    print(url, flush=True)
    terminal.say("Press Ctrl-C to end it.")
    if open:
        webbrowser.open(url)
    serve(library, host, listening)
    terminal.say("")


def _with_generators(runs: list[Path], pretrained: bool) -> list[Path]:
    """The folders of runs and of the package's generators. A name of `PRETRAINED` that is no path is a generator's."""
    named = [run for run in runs if str(run) in PRETRAINED and not run.exists()]
    if not pretrained:
        if named:
            raise UserError(
                f"There is no run in {named[0]}; `ayneh explore --pretrained {named[0]}` opens the generator of this "
                "name that comes with ayneh."
            )
        return runs
    for run in runs:
        if run not in named and not run.exists() and len(run.parts) == 1:
            raise unknown("run folder or pretrained generator", str(run), PRETRAINED)
    return [FOLDER / run if run in named else run for run in runs] + ([] if named else folders())
