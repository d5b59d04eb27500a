"""Threads take turns at what the process has one of."""

from __future__ import annotations

import os
import threading


class Turn:
    """``with turn:`` one thread at a time, which may take it again within.

    In a forked child it is free: the thread that had it is not there to give it back.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
