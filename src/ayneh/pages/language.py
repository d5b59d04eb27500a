"""The sentences of one language, whole ones by key, with numbers as people there write them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from string import Formatter
from typing import Any

from ayneh.files.reading import toml_in
from ayneh.terminal.text import plain

PERSIAN = str.maketrans("0123456789.,", "۰۱۲۳۴۵۶۷۸۹٫٬")
NUMBER = "[۰-۹]+(?:[٫٬][۰-۹]+)*"
SIGNED = re.compile(f"(?<!\\w)[-\u2212]{NUMBER}|{NUMBER}(?: ?× ?{NUMBER})+")  # below 0, or a product


def languages(room: Path) -> tuple[str, ...]:
    """The languages that a room has sentences in: of files such as en.toml."""
    return tuple(sorted(path.stem for path in room.glob("??.toml")))


class Sentences(Formatter):
    """The sentences of a room in one language; what stands between backticks is code."""

    def __init__(self, room: Path, language: str) -> None:
        """room: a folder with a file for each language; language: one of `languages`."""
        self.language = language
        self.rightward = language != "fa"
        self.sentences = _flat(toml_in(room / f"{language}.toml"))

    def __call__(self, key: str, /, **values: Any) -> str:
        """The sentence of this key with its values. Raises KeyError for a key or a value that is missing."""
        return self.vformat(self.sentences[key], (), values)

    def format_field(self, value: Any, format_spec: str) -> str:
        """A value of a sentence: a number as Python writes it by a format such as ``.4f``, others as `shown`."""
        return self.digits(format(value, format_spec)) if format_spec else self.shown(value)

    def shown(self, value: Any) -> str:
        """A value without a format: counts with their thousands apart, all else as it is."""
        return self.digits(f"{value:,}") if type(value) is int else str(value)

    def digits(self, words: str) -> str:
        """Digits, points and commas of a number in this language."""
        return words if self.rightward else words.translate(PERSIAN)

    def laid_out(self, page: str) -> str:
        """A whole page, on which numbers run to the right where lines run to the left.

        On the whole page, since what is put into a page has the sign of this written out.
        """
        return page if self.rightward else numbers_rightward(page)


def numbers_rightward(page: str) -> str:
    """A page that runs to the left, with each minus on the left of its Persian number and the first factor of a product
    left of the second: between U+2066 and U+2069, which leave what is around them in its order."""
    return SIGNED.sub("\u2066\\g<0>\u2069", page)


def coded(words: str) -> str:
    """Escaped words, in which what stands between backticks is code, from left to right in every language."""
    return re.sub(r"`([^`]*)`", r'<code dir="ltr">\1</code>', html.escape(plain(words)))


def _flat(table: dict[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value.strip()}
    return flat
