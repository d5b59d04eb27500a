"""A split of a data set in memory: pixels, labels, the classes' names, the licence, and the line that says all this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ayneh.data.found import Found
from ayneh.data.words import LONGEST_PATH, counted, printable
from ayneh.files.sealed import fingerprint_of

SHOWN = 4  # names of classes in the line
WHAT_FOR = {"train": "to train", "test": "to test", "all": "in all"}


@dataclass(frozen=True)
class Images:
    """A split of a data set: pixels uint8 (N, C, H, W); labels int64 (N,) in 0..classes-1, or None."""

    pixels: Tensor
    labels: Tensor | None
    name: str
    split: str
    classes: int | None
    licence: str
    names: tuple[str, ...] | None = None
    """The classes' names, in the order of the labels; None where they have none."""
    found: Found | None = None
    """What a reader of files found; None for a named data set."""
    whole: int | None = None
    """Images of the split before a limit; None: as many as there are."""
    notes: tuple[str, ...] = ()
    """Further parts of the line, of a named data set."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over shape and pixels, in hexadecimal digits."""
        return fingerprint_of(self.pixels)

    @property
    def understood(self) -> str:
        """The set in one line: how many images are for what, their size, their classes, what was left out."""
        n, channels, height, width = self.pixels.shape
        whole = n if self.whole is None else self.whole
        divided = self.found is not None and self.split != "all"
        counts = self.found.counts() if self.found and divided else f"{whole:,} {WHAT_FOR[self.split]}"
        words = [f"{printable(self.name, LONGEST_PATH)}: {counts}"]
        if n < whole:
            words.append(f"a random {n:,} of the {whole:,} are taken")
        words.append(f"{width}x{height}, {counted(channels, 'channel')}")
        if self.classes:
            names = self.names or tuple(map(str, range(self.classes)))
            shown = ", ".join(names[:SHOWN] + ("...",) * (len(names) > SHOWN))
            words.append(f"{self.classes:,} {'class' if self.classes == 1 else 'classes'} ({shown}){self._each()}")
        elif self.found:
            words.append("no labels")
        return "; ".join([*words, *(self.found.notes if self.found else ()), *self.notes])

    def _each(self) -> str:
        """ " of 12 to 31 images": the smallest and the largest class, where a limit has changed them."""
        if self.labels is None or self.whole is None:
            return ""
        counts = self.labels.bincount(minlength=self.classes or 0)
        return f" of {int(counts.min()):,} to {int(counts.max()):,} images"
