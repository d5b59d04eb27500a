"""A split of a data set in memory: pixels, labels, the classes' names, and the line with all this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ayneh.data.found import Found
from ayneh.data.words import LONGEST_PATH, printable
from ayneh.dataset import FILES, MEMORY
from ayneh.errors import UserError
from ayneh.files.sealed import fingerprint_of
from ayneh.labels import Labels
from ayneh.terminal.text import counted, few

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
    names: tuple[str, ...] | None = None
    """The classes' names, in the order of the labels; None where they have none."""
    found: Found | None = None
    """What a reader of files found; None for a named data set."""
    whole: int | None = None
    """Images of the split before a limit; None: as many as there are."""
    notes: tuple[str, ...] = ()
    """Further parts of the line, of a named data set."""
    parts: tuple[int, ...] = ()
    """(10, 10, 10) where a class is a combination, as of three digits; empty where it is none."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over shape and pixels, in hexadecimal digits."""
        return fingerprint_of(self.pixels)

    @property
    def called(self) -> tuple[str, ...] | None:
        """What the classes are called: their names, else their numbers ("000" to "999" of three digits)."""
        if not self.classes:
            return None
        digits = len(self.parts) or 1
        return self.names or tuple(f"{number:0{digits}}" for number in range(self.classes))

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
            names = self.called or ()
            shown = ", ".join(names[:SHOWN] + ("...",) * (len(names) > SHOWN))
            words.append(f"{self.classes:,} {'class' if self.classes == 1 else 'classes'} ({shown}){self._each()}")
        elif self.found:
            words.append("no labels")
        return "; ".join([*words, *(self.found.notes if self.found else ()), *self.notes])

    def described(self) -> Labels:
        """The classes that a labelled run learns: their names, and their shares of these images, its training split.

        Raises UserError where there are no labels, where labels do not fit, and unless there are two classes or more
        with an image each.
        """
        labels, names, called = self.labels, self.called, printable(self.name, LONGEST_PATH)
        if labels is None or names is None:
            raise UserError(
                f"{called} has no labels, which a labelled game learns from{self._why()}: {self._advice()}, or train "
                "with --rules.labels none."
            )
        n, count = len(self.pixels), len(names)
        if not all(names):
            raise UserError(
                f"{int((labels == names.index('')).sum()):,} training images of {called} have an empty text as their "
                "label, as labels that are missing do: give them a class, leave them out, or train with --rules.labels "
                "none."
            )
        if len(set(names)) < count:
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"Two classes of {called} are called {twice!r}: give each a name of its own.")
        if count == 1:
            raise UserError(
                f"All images of {called} are of one class ({names[0]}), and a labelled game needs two or more: add "
                "another class, or train with --rules.labels none."
            )
        counts = labels.bincount(minlength=count)
        if lacking := [name for name, images in zip(names, counts.tolist(), strict=True) if not images]:
            limited = f"raise --data.limit {n}, " if self.whole is not None and n < self.whole else ""
            raise UserError(
                f"{len(lacking):,} of the {count:,} classes of {called} {'has' if len(lacking) == 1 else 'have'} no "
                f"image to train on ({few(lacking)}), and a labelled game needs one of each: {limited}add images of "
                f"{'it' if len(lacking) == 1 else 'them'}, or leave {'it' if len(lacking) == 1 else 'them'} out."
            )
        return Labels(names, tuple((counts.double() / n).tolist()), self.parts)

    def rare(self, batch: int) -> str:
        """A sentence on the classes of which a batch has less than one image on average; empty if there are none."""
        labels = self.described()
        rare = [k for k, share in enumerate(labels.shares) if share * batch < 1]
        if not rare:
            return ""
        smallest = min(rare, key=lambda k: labels.shares[k])
        images = counted(round(labels.shares[smallest] * len(self.pixels)), "image")
        have = "has" if len(rare) == 1 else "have"
        return (
            f"{len(rare):,} of the {labels.count:,} classes {have} less than one image on average in a batch of "
            f"{batch} ({few([labels.names[k] for k in rare])}), so that D sees them rarely; the smallest, "
            f"{labels.names[smallest]}, has {images} in all."
        )

    def _why(self) -> str:
        """The reader's note on labels that it left out, in brackets."""
        notes = [*(self.found.notes if self.found else ()), *self.notes]
        said = [note for note in notes if "label" in note or " is not used" in note]
        return f" ({'; '.join(said)})" if said else ""

    def _advice(self) -> str:
        kind = self.name.partition(":")[0]
        if kind == "folder":
            return "put the pictures of each class into a folder of its own within it"
        if kind in FILES:
            return "add an array (in a table: a column) called labels, with the class of each image"
        if kind == MEMORY:
            return "give them as a pair, ayneh.images((images, labels))"
        return "take a data set that has them" if self.found is None else "let its function give (images, labels)"

    def _each(self) -> str:
        """ " of 12 to 31 images": the smallest and the largest class, where a limit has changed them."""
        if self.labels is None or self.whole is None:
            return ""
        counts = self.labels.bincount(minlength=self.classes or 0)
        return f" of {int(counts.min()):,} to {int(counts.max()):,} images"
