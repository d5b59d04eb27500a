"""The classes of a labelled run: their names, in the order of their numbers, and their shares of the images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ayneh.errors import UserError, nearest

SHOWN = 20  # names in a message, at most
LONGEST = 20  # digits of a class's number


@dataclass(frozen=True)
class Labels:
    """The classes 0..K-1 of the images that a run learns from. UserError for what does not fit together.

    >>> labels = Labels(("cat", "dog"), (0.25, 0.75))
    >>> labels.count, labels.number("dog"), labels.number("1")
    (2, 1, 1)
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
        numbers, as of labels 0, 1 and 5, they alone say which class is meant: there is no class 2.
        Raises UserError for a class that does not exist, with the nearest name and all of them.
        """
        text = str(text).strip()
        if text in self.names:
            return self.names.index(text)
        called = {int(name): k for k, name in enumerate(self.names) if _is_number(name)}
        if _is_number(text) and (value := int(text)) in called:
            return called[value]
        if _is_number(text) and value < self.count and len(called) < self.count:
            return value
        hint = nearest(text, self.names)
        shown = ", ".join(self.names[:SHOWN]) + (", ..." if self.count > SHOWN else "")
        numbers = "" if len(called) == self.count else f" (numbers 0 to {self.count - 1})"
        raise UserError(f"There is no class {text[:60]!r}.{hint} There are {self.count}{numbers}: {shown}.")

    def weights(self, classes: str) -> tuple[float, ...]:
        """How often each class is drawn for fakes, as weights. classes: "data", or "even" among those with images."""
        return self.shares if classes == "data" else tuple(float(share > 0) for share in self.shares)

    def read_by(self, head: int) -> tuple[int, ...]:
        """The lengths of the parts that a class head of so many numbers reads; of one's own it may be (K,) always."""
        return self.parts if head == sum(self.parts) else (self.count,)

    def line(self, way: str, classes: str, most: int = 4) -> str:
        """A line on the labels of a run. way, classes: `rules.labels` and `rules.classes`; most: names in it.

        >>> Labels(("cat", "dog"), (0.25, 0.75)).line("projection", "data")
        'projection; 2 classes (cat, dog), drawn for fakes in the shares of the training images'
        """
        names = ", ".join(self.names[:most]) + (", ..." if self.count > most else "")
        shares = "equally often" if classes == "even" else "in the shares of the training images"
        return f"{way}; {self.count:,} classes ({names}), drawn for fakes {shares}"


def _is_number(text: str) -> bool:
    """Whether int() takes it: digits of any script, and no more than a label has."""
    return text.isdecimal() and len(text) <= LONGEST
