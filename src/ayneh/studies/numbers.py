"""Numbers as a page shows them."""

from __future__ import annotations

import math

from ayneh.studies.intervals import Interval


def number(value: float | None) -> str:
    """Three figures, without powers of ten if that is readable."""
    if value is None:
        return "none"
    if math.isinf(value):
        return "broke down"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        places = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:,.{places}f}"
    return f"{value:.2e}"


def interval(found: Interval | None) -> str:
    """ "5.93 (5.71 to 6.20)"; a single run has no interval."""
    if found is None:
        return "none"
    if found.low is None or found.high is None:
        return number(found.value)
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"


def p_words(p: float | None) -> str:
    """A p value to two figures."""
    return "none" if p is None else f"{p:.2g}" if p >= 1e-3 else f"{p:.1e}"
