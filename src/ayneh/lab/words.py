"""The language of the lab, chosen once, and an answer's sentence in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ayneh.errors import unknown
from ayneh.pages.language import Sentences, coded, languages, numbers_rightward

ROOM = Path(__file__).parent
LANGUAGES = languages(ROOM)
_chosen = Sentences(ROOM, "en")


def language(name: str) -> None:
    """From now on the checks give their sentences in this language: "en", as at first, or "fa", Persian.

    Raises UserError for another.

    >>> from ayneh import lab
    >>> lab.language("fa")
    >>> lab.check_mended(lambda z: z)
    `mended` هنوز چیزی را عوض نمی‌کند: میانگین را کم کنید و سپس تقسیم کنید.
    >>> lab.language("en")
    """
    global _chosen
    if name not in LANGUAGES:
        raise unknown("language of the lab", name, LANGUAGES)
    _chosen = Sentences(ROOM, name)


class Checked(NamedTuple):
    """Whether an answer is right, and one sentence about it, which a notebook shows."""

    right: bool
    words: str

    def __str__(self) -> str:
        return self.words

    def __repr__(self) -> str:
        return self.words

    def __bool__(self) -> bool:
        return self.right


class Leftward(Checked):
    """The same with a sentence that runs to the left: a notebook shows texts to the right, unless it gets HTML."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f'<div dir="rtl">{numbers_rightward(coded(self.words))}</div>'


def checked(right: bool, key: str, /, **values: Any) -> Checked:
    """An answer with the sentence of this key in the chosen language."""
    if _chosen.rightward:
        return Checked(right, _chosen(key, **values))
    # there what others wrote stands between backticks
    bare = {name: value.replace("`", "'") if isinstance(value, str) else value for name, value in values.items()}
    return Leftward(right, _chosen(key, **bare))


def yes(key: str) -> Checked:
    """An answer that is right."""
    return checked(True, key)


def no(key: str, /, **values: Any) -> Checked:
    """An answer that is not right, and why."""
    return checked(False, key, **values)
