"""Runs scored by the same judge, side by side: the tables of `ayneh evaluate A B`, in a terminal and for Python."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from ayneh import scoring
from ayneh.api.named import Named
from ayneh.api.run import Run
from ayneh.api.scores import Scores, written
from ayneh.api.scores import table as table_html
from ayneh.arguments import checked
from ayneh.errors import UserError
from ayneh.files.home import at_home
from ayneh.terminal.progress import Terminal

if TYPE_CHECKING:
    from ayneh.judge.report import Report
    from ayneh.judge.scores import Score


BY_ALL = ("fd", "class_accuracy")  # scores that are shown by every net of the panel, others by the leading one


class Comparison(Named[Scores]):
    """Scores by run: ``comparison["runs/a"]["fd"]``; ``words`` names the best, and what cannot be compared.

    A run is named by its folder, as a `Run`, or by its place in the order in which they were given, from 0. In a
    notebook it is a table with a row for each score and a column for each run, of each judge one. An unknown run raises
    UserError with the nearest one.
    """

    _what = "run of this comparison"

    def __init__(self, reports: Mapping[str, Report]) -> None:
        """reports: by the runs' folders."""
        super().__init__({label: Scores(report) for label, report in reports.items()})
        self._reports = dict(reports)

    @property
    def words(self) -> list[str]:
        """Sentences: on each run, the order of the runs, and runs that were judged in different ways."""
        return words_of(self._reports)

    def __getitem__(self, run: Run | str | os.PathLike[str] | int) -> Scores:
        labels, label = list(self), self._label(run)
        if label is None and isinstance(run, SupportsIndex):
            raise UserError(f"{run} names no run of this comparison: they are counted from 0 to {len(labels) - 1}.")
        return super().__getitem__(label or str(run.folder if isinstance(run, Run) else run))

    def __contains__(self, run: object) -> bool:
        return self._label(run) is not None

    def _label(self, run: object) -> str | None:
        """The folder, as it was given, of a run that is named in any way; None if it is none of these."""
        labels = list(self)
        if isinstance(run, SupportsIndex):  # also a number of NumPy's
            place = run.__index__()
            return labels[place] if 0 <= place < len(labels) and not isinstance(run, bool) else None
        folder = run.folder if isinstance(run, Run) else run
        if not isinstance(folder, str | os.PathLike):
            return None
        if (exact := os.fspath(folder)) in labels or "\0" in exact:  # which no path may have
            return exact if exact in labels else None
        return next((label for label in labels if Path(label).resolve() == at_home(folder).resolve()), None)

    def __repr__(self) -> str:
        return "\n".join([f"Comparison({', '.join(self)})", *(f"  {words}" for words in self.words)])

    def _repr_html_(self) -> str:
        tables = [table_html(columns, rows) for columns, rows in tables_of(self._reports)]
        return "".join([*tables, *(f"<p>{html.escape(words)}</p>" for words in self.words)])


@checked
def compare(
    runs: Iterable[Run | str | os.PathLike[str]],
    n: int | None = None,
    epoch: int | None = None,
    replica: int = 0,
    inception: bool = False,
    quiet: bool = True,
    cas: bool = False,
) -> Comparison:
    """Score runs by the judge of their data, side by side; what `ayneh evaluate A B` prints.

    runs: of `ayneh.open` or their folders, two or more; n: images drawn from each (None: 10,000, at most as many as
    there are test images); epoch: of the checkpoint (None: the newest); cas: also the classification
    accuracy score, of runs with labels (minutes). Scores by different judges, or of different
    numbers of images, stand in tables of their own, and ``words`` states it. Every report is also written into its run
    folder, as evaluation.json. Raises UserError for fewer than two runs, for one that is named twice, and where a run
    cannot be scored.

    >>> import ayneh
    >>> comparison = ayneh.compare(["runs/mine", "runs/other"], n=100)
    >>> comparison["runs/mine"]["fd"].protocol
    'fd_100_digits_test'
    """
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    labels = [str(run.folder) for run in opened]
    if len(labels) < 2:
        raise UserError(f"A comparison needs two runs or more; given: {', '.join(labels) or 'none'}.")
    scoring.refuse_twice(labels)
    judges: scoring.Judges = {}
    say = Terminal(quiet).say
    reports = {}
    for label, run in zip(labels, opened, strict=True):
        record = run.with_its_nets()  # two runs may have different nets of one name
        reports[label] = scoring.evaluate(record, epoch, replica, n, inception, judges, say, cas=cas)
    return Comparison(reports)


def tables_of(reports: Mapping[str, Report]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """(columns, rows) for each group that may be compared: a row for each score, a column for each report, floors."""
    from ayneh.judge.scores import metric_of

    tables = []
    for group in scoring.groups(reports):  # each with its own floor
        table: list[tuple[str, ...]] = []
        rows: dict[str, dict[str, Score]] = {}
        for label, report in group.items():
            for name, score in report.scores.items():
                if metric_of(name) in (name, *BY_ALL):  # evaluation.json has all
                    rows.setdefault(str(score.protocol), {})[label] = score
        for protocol, scores in rows.items():
            floors = [score.floor for score in scores.values() if score.floor is not None]
            cells = [_cell(scores[label]) if label in scores else "" for label in group]
            table.append((protocol, *cells, written(floors[0]) if floors else ""))
        tables.append((("score", *group, "floor"), table))
    return tables


def words_of(reports: Mapping[str, Report]) -> list[str]:
    """What the scores mean, in sentences."""
    said = [f"{label}: {words}" for label, report in reports.items() for words in report.words()]
    return [*said, *scoring.compare(reports)]


def _cell(score: Score) -> str:
    ends = f" [{', '.join(map(written, score.interval))}]" if score.interval else ""
    ends += f" class {score.of_class}" if score.of_class is not None else ""
    return (written(score.value) or "cannot tell") + ends + (f" p={score.p:.2g}" if score.p is not None else "")
