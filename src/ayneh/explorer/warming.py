"""The parts that the page requests first, made in advance in a thread that ends before Python does."""

from __future__ import annotations

import threading

from ayneh.explorer.library import Library


class Warming:
    """Makes them from now on; `end` stops it after the part that is being made."""

    def __init__(self, library: Library) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=library.warm, args=(self._ended.is_set,), name="explorer's first parts", daemon=True
        )
        self._thread.start()

    def end(self, seconds: float | None = None) -> bool:
        """Wait until its thread is done (None: as long as that takes); whether it is.

        A thread that is inside PyTorch when Python ends aborts the process: "terminate called".
        """
        self._ended.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()
