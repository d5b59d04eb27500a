"""The judge's scores of a run, for Python."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ayneh.api.named import ByName, Named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ayneh.judge.report import Report
    from ayneh.judge.scores import Score as Measured


@dataclass(frozen=True)
class Score:
    """One measured number, its 95 % interval, and what real images score by the same protocol (``floor``).

    ``value`` is None where the metric is not defined for these images; ``warning`` then has the reason.

    >>> import ayneh
    >>> score = ayneh.open("runs/mine").evaluate(n=100)["fd"]
    >>> score.protocol, score.n, score.low < score.value < score.high, score.floor < score.value
    ('fd_100_digits_test', 100, True, True)
    """

    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    protocol: str
    """What was measured on how many images against what: "fd_500_digits_test"."""
    p: float | None
    """Of the metric's null hypothesis; None where it has none."""
    n: int
    """Images that were judged."""
    warning: str | None = None
    of_class: str | None = None
    """The class whose number it is, of a score of the worst class."""

    def __float__(self) -> float:
        return float("nan") if self.value is None else self.value

    def __repr__(self) -> str:
        given = [f"{name}={one!r}" for name, one in vars(self).items() if one is not None or name == "value"]
        return f"Score({', '.join(given)})"


class Scores(Named[Score]):
    """Scores by short names: ``scores["fd"]``, by another net than the leading one ``scores["fd@cnn-1"]``.

    In a notebook it is shown as a table. An unknown name raises UserError with the nearest one.
    """

    _what = "score of this report"

    def __init__(self, report: Report) -> None:
        """report: the judge's."""
        super().__init__({name: _score(score) for name, score in report.scores.items()})
        self._report = report

    @property
    def words(self) -> list[str]:
        """Sentences: how the images were read, what looks like collapse, and warnings."""
        return self._report.words()

    @property
    def n(self) -> int:
        """Images that were judged."""
        return self._report.n

    @property
    def step(self) -> int | None:
        """The step of the checkpoint that was judged."""
        return self._report.step

    @property
    def by_class(self) -> dict[str, dict[str, Any]]:
        """What came of each class that was asked for, in a run with labels; of another one empty.

        By the class's name: how many images were ``asked``, the share ``accuracy`` in which the classifier finds it,
        the Fréchet distance ``fd`` and the ``spread`` within it, each with its ``..._floor``; None where there is none.
        An unknown name raises UserError with the nearest one. ``pandas.DataFrame(scores.by_class).T`` makes a table
        of it.
        """
        from ayneh.api.per_class import of_each

        found = of_each(self._report.by_class) if self._report.by_class else {}
        return ByName(found, "class of this report", "This report has no classes: its run was trained without labels.")

    @property
    def confusion(self) -> NDArray[np.int64] | None:
        """Images by the class asked for and the class found in them, (K, K), a row for each that was asked for.

        None in a run without labels, without a classifier of these classes, and above 200 classes.
        """
        import numpy as np

        found = self._report.by_class
        return None if found is None or found.confusion is None else np.array(found.confusion, np.int64)

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain values, as evaluation.json has it."""
        return self._report.as_dict()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={written(one.value)}" for name, one in self.items())
        return f"Scores(n={self.n}, {shown})"

    def _repr_html_(self) -> str:
        from ayneh.api.per_class import table_of

        rows = [(one.protocol, written(one.value), _span(one), written(one.floor)) for one in self.values()]
        parts = [table(("score", "value", "95 %", "floor"), rows)]
        parts += [table(*table_of(self._report.by_class))] if self._report.by_class else []
        return "".join([*parts, *(f"<p>{html.escape(words)}</p>" for words in self.words)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in HTML, every cell escaped."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def written(value: float | None) -> str:
    """A score's number in a table; empty if it has none."""
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _score(score: Measured) -> Score:
    low, high = score.interval or (None, None)
    return Score(
        score.value, low, high, score.floor, str(score.protocol), score.p, score.n, score.warning, score.of_class
    )


def _span(score: Score) -> str:
    span = "" if score.low is None or score.high is None else f"{written(score.low)} to {written(score.high)}"
    return span if score.of_class is None else f"{span} (class {score.of_class})".strip()
