"""What came of each class that was asked for: a row for each, and the matrix of classes asked for and found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ayneh.api.scores import written

if TYPE_CHECKING:
    from ayneh.judge.asked import ByClass

NUMBERS = ("accuracy", "accuracy_floor", "fd", "fd_floor", "spread", "spread_floor")
TITLES = (
    "class",
    "asked for",
    "right",
    "floor",
    "distance within",
    "floor",
    "spread within",
    "floor",
    "else most often",
)
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def of_each(found: ByClass) -> dict[str, dict[str, Any]]:
    """{name: {"asked", "accuracy", "accuracy_floor", "fd", ...}}, None for a number that a class does not have."""
    numbers = {name: getattr(found, name) for name in NUMBERS}
    return {
        name: {"asked": found.asked[k]} | {what: None if of is None else of[k] for what, of in numbers.items()}
        for k, name in enumerate(found.names)
    }


def table_of(found: ByClass) -> Table:
    """(columns, rows): a row for each class that was asked for."""
    rows = []
    for k, (name, numbers) in enumerate(of_each(found).items()):
        if found.asked[k]:
            shown = [written(numbers[what]) for what in NUMBERS]
            rows.append((name, f"{found.asked[k]:,}", *shown, _taken_for(found, k)))
    return TITLES, rows


def confusion_of(found: ByClass) -> Table:
    """(columns, rows) of the matrix: a row for each class that was asked for, a column for each that was found."""
    table = found.confusion or ()
    rows = [(name, *map(str, row)) for name, row in zip(found.names, table, strict=True) if sum(row)]
    return ("", *found.names), rows


def _taken_for(found: ByClass, k: int) -> str:
    """The class that is found most often where class k was asked for and did not come, with its share."""
    if found.confusion is None:
        return ""
    row = [0 if other == k else n for other, n in enumerate(found.confusion[k])]
    return f"{found.names[row.index(max(row))]} ({max(row) / found.asked[k]:.1%})" if any(row) else ""
