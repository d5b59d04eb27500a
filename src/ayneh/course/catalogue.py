"""The sentences of the report's page in one language, whole ones by key; numbers as people there write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ayneh.errors import UserError
from ayneh.files.reading import toml_in
from ayneh.studies.intervals import Interval
from ayneh.studies.numbers import number, p_words

PERSIAN = str.maketrans("0123456789.,", "۰۱۲۳۴۵۶۷۸۹٫٬")
MINUS = re.compile("(?<![\\w۰-۹])[-\u2212](?=[۰-۹])")  # of a number
LANGUAGES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("??.toml")))


class Catalogue:
    """The sentences of one language.

    >>> Catalogue("en")("page.title")
    'The report, played again'
    """

    def __init__(self, language: str) -> None:
        """language: en or fa. Raises UserError for another."""
        if language not in LANGUAGES:
            raise UserError(f"--lang is {language!r}; the report is written in {' and '.join(LANGUAGES)}.")
        self.language = language
        self.rightward = language != "fa"
        self.sentences = _flat(toml_in(Path(__file__).parent / f"{language}.toml"))

    def __call__(self, key: str, **values: Any) -> str:
        """The sentence of this key with its values: numbers to three figures, counts whole, words as they are.

        Raises KeyError for a key or a value that is missing.
        """
        return self.sentences[key].format(**{name: self.shown(value) for name, value in values.items()})

    def get(self, key: str, otherwise: str) -> str:
        """The sentence of this key, or another one where the catalogue has none."""
        return self.sentences.get(key, otherwise)

    def shown(self, value: Any) -> str:
        """A value as the page shows it."""
        if isinstance(value, Interval):
            low, high = value.low, value.high
            if low is None or high is None:
                return self.shown(value.value)
            ends = {"value": number(value.value), "low": number(low), "high": number(high)}
            return self.sentences["number.interval"].format(**{k: self.digits(v) for k, v in ends.items()})
        if value is None:
            return self.sentences["number.none"]
        if isinstance(value, bool | str):
            return str(value)
        return self.digits(f"{value:,}" if isinstance(value, int) else number(value))

    def p(self, value: float) -> str:
        """A p value."""
        return self.digits(p_words(value))

    def digits(self, words: str) -> str:
        """Digits, points and commas of a number in this language."""
        return words if self.rightward else words.translate(PERSIAN)

    def laid_out(self, page: str) -> str:
        """A whole page with each minus on the left of its number, where lines run to the left: U+200E before it.

        On the whole page, since what is put into a page has such signs written out.
        """
        return page if self.rightward else MINUS.sub("\u200e\\g<0>", page)


def _flat(table: dict[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value.strip()}
    return flat
