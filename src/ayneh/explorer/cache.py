"""A cache that makes each value once, and several at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class Cache:
    """The values used last. Who asks for one that is being made waits for it; others are made and read meanwhile."""

    def __init__(self, size: int) -> None:
        self._size, self._kept = size, OrderedDict[Any, Any]()
        self._lock, self._making = threading.Lock(), dict[Any, threading.Lock]()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The value of ``key``, made if it is missing. After an error the next call tries again."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:  # another thread made it while this one waited
                    return self._kept[key]
            try:
                value = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                self._making.pop(key, None)
                self._kept[key] = value
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return value
