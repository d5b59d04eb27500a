"""The classes of a labelled run: their names, in the order of their numbers, and their shares of the images."""

from __future__ import annotations

import math
import operator
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from ayneh.errors import UserError, nearest

SHOWN = 20  # names in a message, at most
LONGEST = 20  # digits of a class's number


@dataclass(frozen=True)
class Labels:
    """The classes 0..K-1 of the images that a run learns from. UserError for what does not fit together.

    >>> labels = Labels(("cat", "dog"), (0.25, 0.75))
    >>> labels.count, labels.number("dog"), labels.asked([1, "cat"])
    (2, 1, [1, 0])
    """

    names: tuple[str, ...]
    """In the order of the classes' numbers."""
    shares: tuple[float, ...]
    """Of the training images; 0 where a class has none of them."""
    parts: tuple[int, ...] = ()
    """(10, 10, 10) where a class is a combination, whose last part changes fastest, as digits do; else (K,)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", self.parts or (len(self.names),))
        whole = min(self.parts) >= 1 and math.prod(self.parts) == len(self.names)
        if not self.names or len(self.shares) != len(self.names) or not whole:
            raise UserError(
                f"The labels have {len(self.names)} names, {len(self.shares)} shares and the parts {self.parts}; there "
                "must be a share for each name, and as many names as the parts have combinations."
            )
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise UserError(f"Two classes are called {twice[:60]!r}; each must have a name of its own.")
        if not all(0 <= share <= 1 for share in self.shares) or abs(sum(self.shares) - 1) > 1e-6:
            raise UserError(
                f"The shares of the classes sum to {sum(self.shares):g}; they must be numbers that sum to 1."
            )

    @property
    def count(self) -> int:
        """K, the number of classes."""
        return len(self.names)

    def number(self, text: str) -> int:
        """The number of the class that ``text`` names, or whose number it is; a name comes first.

        A name that is a number is meant by every way of writing it: 7, 007 and ۷ are one class. Where all names are
        numbers, as of labels 0, 1 and 5, they alone show which class is meant: there is no class 2.
        Raises UserError for a class that does not exist, with the nearest name and all of them.
        """
        if (found := self._named.get(str(text))) is not None:
            return found
        text = _plain(str(text))
        if (found := self._named.get(text)) is not None:
            return found
        called = self._called
        if _is_number(text) and (value := int(text)) in called:
            return called[value]
        if _is_number(text) and value < self.count and len(called) < self.count:
            return value
        raise self._absent(repr(text[:60]), nearest(text, self.names), len(called) < self.count)

    @cached_property
    def _named(self) -> dict[str, int]:
        """The classes by their names, and by these without outer spaces and in one form, where no other has that."""
        plain = {_plain(name): k for k, name in reversed(list(enumerate(self.names)))}
        return plain | {name: k for k, name in enumerate(self.names)}

    @cached_property
    def _called(self) -> dict[int, int]:
        """The classes whose names are numbers, by these."""
        return {int(name): k for k, name in enumerate(self.names) if _is_number(name)}

    def _absent(self, shown: str, hint: str, numbered: bool) -> UserError:
        names = ", ".join(self.names[:SHOWN]) + (", ..." if self.count > SHOWN else "")
        numbers = f" (numbers 0 to {self.count - 1})" if numbered else ""
        return UserError(f"There is no class {shown}.{hint} There are {self.count}{numbers}: {names}.")

    def asked(self, classes: Any, n: int | None = None, spread: bool = True) -> list[int]:
        """The class of each of n images (None: as many as there are), of what a person asks for in Python.

        classes: one for all, several, or an array with one for each image. A class is a text, as for `number`, or its
        number from 0; spread: several come equally often, in their order, else there is one for each image.
        Raises UserError for what is no class, for a number that is another class's name (but in an array, which is as
        ``images.labels``), and where there are too few or too many.
        """
        array = bool(getattr(classes, "shape", ()))  # of NumPy, PyTorch or pandas
        given = classes.tolist() if hasattr(classes, "tolist") else classes
        alone = isinstance(given, str | bytes) or not isinstance(given, Iterable)
        found = [self._one(one, array) for one in ([given] if alone else given)]
        if n is None or len(found) == n:
            return found
        if alone or (spread and not array and 0 < len(found) < n):
            return spread_over(found, n)
        advice = (
            f"ask for {len(found):,} or more"
            if spread and len(found) > n and not array
            else "give one class for all, or one for each image"
        )
        raise UserError(f"There are {len(found):,} classes for {n:,} images: {advice}.")

    def _one(self, one: Any, array: bool) -> int:
        if isinstance(one, str):
            return self.number(one)
        try:
            if isinstance(one, bool):
                raise TypeError
            k = operator.index(one)
        except TypeError:
            raise UserError(
                f"A class is {one!r} ({type(one).__name__}); it must be a whole number from 0 to {self.count - 1:,}, "
                "or a name."
            ) from None
        called = self._called.get(k, k)
        if not 0 <= k < self.count:
            but = f" Write {self.names[called]!r} for the one of this name." if called != k else ""
            raise self._absent(f"number {k}", but, True)
        if called != k and not array:
            raise UserError(
                f"{k} is the number of the class {self.names[k]} and the name of another: write "
                f"{self.names[called]!r} for the class of this name, or {self.names[k]!r}."
            )
        return k

    def weights(self, classes: str) -> tuple[float, ...]:
        """How often each class is drawn for fakes, as weights. classes: "data", or "even" among those with images."""
        return self.shares if classes == "data" else tuple(float(share > 0) for share in self.shares)

    def line(self, way: str, classes: str, most: int = 4) -> str:
        """A line on the labels of a run. way, classes: `rules.labels` and `rules.classes`; most: names in it.

        >>> Labels(("cat", "dog"), (0.25, 0.75)).line("projection", "data")
        'projection; 2 classes (cat, dog), drawn for fakes in the shares of the training images'
        """
        names = ", ".join(self.names[:most]) + (", ..." if self.count > most else "")
        shares = "equally often" if classes == "even" else "in the shares of the training images"
        return f"{way}; {self.count:,} classes ({names}), drawn for fakes {shares}"


def spread_over(classes: Sequence[int], n: int) -> list[int]:
    """n classes, these one after another, each as often as the others; the first ones once more if n does not divide.

    >>> spread_over([7, 0], 5)
    [7, 7, 7, 0, 0]
    """
    each, more = divmod(n, len(classes))
    return [k for place, k in enumerate(classes) for _ in range(each + (place < more))]


def same_classes(before: Sequence[str] | None, now: Sequence[str] | None) -> bool:
    """Whether a run's classes, by the names that it recorded, are those of its data as they are called now.

    A run of an earlier version recorded the numbers of labels that have a name in their file, in ascending order, and
    these are as many classes in the same order.

    >>> same_classes(("0", "1"), ("cat", "dog")), same_classes(("0", "1"), ("1", "2"))
    (True, False)
    """
    if before is None or now is None:
        return before is now
    if tuple(before) == tuple(now):
        return True
    if len(before) != len(now) or not all(map(_is_number, before)) or all(map(_is_number, now)):
        return False
    return all(a < b for a, b in pairwise([int(name) for name in before]))


def _plain(text: str) -> str:
    """As it is compared: a letter with its accent is one sign, however it was typed, and spaces around it are none."""
    return unicodedata.normalize("NFC", text).strip()


def _is_number(text: str) -> bool:
    """Whether int() takes it: digits of any script, and no more than a label has."""
    return text.isdecimal() and len(text) <= LONGEST
