"""The explorer's page, from Python: its server in a thread, its page in a frame of the notebook."""

from __future__ import annotations

import atexit
import html
import importlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ayneh.errors import Stopped, UserError, extra
from ayneh.terminal import notebook

HEIGHT = 820  # pixels of the frame
START_S = 20.0  # until the server answers
STOP_S = 1.0  # that `stop` waits for each thread; the end of Python waits until they are done


class Window:
    """The explorer at ``url``: shown in a notebook in a frame, elsewhere opened in a browser. ``stop()`` ends it.

    The server listens at this machine alone, reads the run folders, and ends with the Python process.
    """

    def __init__(self, folders: Sequence[str | os.PathLike[str]], port: int = 0) -> None:
        """folders: of the runs, side by side; port: 0 for a free one.

        Raises UserError without a run, and where ayneh[explore] is not installed.
        """
        if not 0 <= port < 65536:
            raise UserError(f"port is {port}; a port is a number from 0 to 65535.")
        with extra("explore", "The explorer"):
            import onnx  # noqa: F401
            import starlette  # noqa: F401
            import uvicorn  # noqa: F401
        from ayneh.explorer.library import Library
        from ayneh.explorer.server import COLAB, listen, server_of, url_of
        from ayneh.explorer.warming import Warming

        library = Library([Path(folder).absolute() for folder in folders])  # the working directory may change
        self._colab = _colab()
        self._socket = listen("127.0.0.1", port)
        self.port: int = self._socket.getsockname()[1]
        self.url = url_of("127.0.0.1", self.port)
        framed, behind = notebook.in_kernel(), COLAB if self._colab else ()
        self._server = server_of(library, "127.0.0.1", self._socket, framed=framed, behind=behind)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"explorer {self.port}", daemon=True
        )
        self._thread.start()
        self._begun()
        self._warming = Warming(library)
        atexit.register(self._end)  # a thread inside PyTorch when Python ends would abort the process

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive() and not self._server.should_exit

    def stop(self) -> None:
        """End the server; the page goes blank at its next question.

        What is being computed is finished meanwhile; Python waits for it when it ends.
        """
        self._end(STOP_S)

    def _end(self, seconds: float | None = None) -> None:
        """End both threads, and wait so long for each (None: until it is done)."""
        self._server.should_exit = True
        self._warming.end(0.0)  # both end at the same time
        self._thread.join(seconds)
        self._socket.close()
        if self._warming.end(seconds) and not self._thread.is_alive():
            atexit.unregister(self._end)

    def _begun(self) -> None:
        """Wait until it answers. Raises Stopped if it does not."""
        waited = threading.Event()
        for _ in range(round(START_S / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.02)
        if not self._server.started:
            self._server.should_exit = True
            raise Stopped(f"The explorer's server did not start within {START_S:.0f} s at port {self.port}: try again.")

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self._colab and self.running:  # the browser reaches the kernel's ports through Colab alone
            self._colab.serve_kernel_port_as_iframe(self.port, height=str(HEIGHT))
        else:
            display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)

    def _repr_html_(self) -> str:
        if not self.running:
            return f"<p>{html.escape(repr(self))}</p>"
        return f'<iframe src="{self.url}" style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Window({self.url})" if self.running else f"Window({self.url}, which has ended)"


def _colab() -> Any:
    """Colab's module for output; None elsewhere."""
    try:
        return importlib.import_module("google.colab.output")
    except ImportError:
        return None
