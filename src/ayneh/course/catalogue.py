"""The sentences of the report's page in one language, and its numbers to three figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ayneh.errors import UserError
from ayneh.pages.language import Sentences, languages
from ayneh.studies.intervals import Interval
from ayneh.studies.numbers import number, p_words

ROOM = Path(__file__).parent
LANGUAGES = languages(ROOM)


class Catalogue(Sentences):
    """The sentences of one language.

    >>> Catalogue("en")("page.title")
    'The report, played again'
    """

    def __init__(self, language: str) -> None:
        """language: en or fa. Raises UserError for another."""
        if language not in LANGUAGES:
            raise UserError(f"--lang is {language!r}; the report is written in {' and '.join(LANGUAGES)}.")
        super().__init__(ROOM, language)

    def get(self, key: str, otherwise: str) -> str:
        """The sentence of this key, or another one where the catalogue has none."""
        return self.sentences.get(key, otherwise)

    def shown(self, value: Any) -> str:
        """A value as the page shows it: numbers to three figures, counts whole, words as they are."""
        if isinstance(value, Interval):
            low, high = value.low, value.high
            if low is None or high is None:
                return self.shown(value.value)
            ends = {"value": number(value.value), "low": number(low), "high": number(high)}
            return self("number.interval", **{name: self.digits(end) for name, end in ends.items()})
        if value is None:
            return self.sentences["number.none"]
        if isinstance(value, bool | str):
            return str(value)
        return self.digits(f"{value:,}" if isinstance(value, int) else number(value))

    def p(self, value: float) -> str:
        """A p value."""
        return self.digits(p_words(value))
