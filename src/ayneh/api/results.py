"""The results of a study, for Python: verdicts as sentences with their figures, tables, the page, the runs."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ayneh.api.table import Table
from ayneh.arguments import checked
from ayneh.errors import UserError, unknown
from ayneh.files.home import Place
from ayneh.studies.ledger import Ledger
from ayneh.studies.progress import tell
from ayneh.terminal.text import warn

if TYPE_CHECKING:
    from ayneh.api.pictures import Page
    from ayneh.api.run import Run
    from ayneh.studies.comparisons import Compared
    from ayneh.studies.results import Result


class Verdict(str):
    """A comparison decided, as the report's sentence; its figures are attributes.

    ``arm`` against ``reference`` on ``outcome``: ``verdict`` is better, worse, equivalent, "cannot tell", higher or
    lower, and "" while runs are missing. ``ratio`` is arm / reference (NaN on an outcome that is compared by its
    ``difference``), ``interval`` its 95 % ends (NaN where there is none), ``p`` that of the test after Holm's
    correction, ``p_equivalence`` that of equivalence (None where it cannot be tested), ``n`` the pairs of seeds, or the
    seeds of the smaller side where the test takes no pairs (``paired``), ``seeds`` how many would show the difference
    that was seen.
    """

    arm: str
    reference: str
    outcome: str
    question: str
    verdict: str
    ratio: float
    difference: float
    interval: tuple[float, float]
    p: float
    p_equivalence: float | None
    n: int
    paired: bool
    seeds: int | None

    @classmethod
    def of(cls, one: Compared) -> Verdict:
        """The verdict of a comparison."""
        self, found = cls(one.words), one.contrast
        self.arm, self.reference, self.question = one.ask.arm, one.ask.reference, one.ask.question
        self.outcome, self.verdict = one.outcome, one.verdict
        self.ratio = self.difference = self.p = float("nan")
        self.interval, self.p_equivalence, self.n, self.paired, self.seeds = (self.p, self.p), None, 0, False, None
        if found is None:
            return self
        if found.scale == "ratio":
            self.ratio = found.effect.value
        else:
            self.difference = found.effect.value
        low, high = found.effect.low, found.effect.high
        self.interval = (self.p if low is None else low, self.p if high is None else high)
        self.p, self.p_equivalence, self.paired, self.seeds = found.p_holm, found.alike_holm, found.paired, found.seeds
        self.n = found.n if found.paired else min(found.n_a, found.n_b)
        return self


class Verdicts(list[Verdict]):
    """Verdicts, shown in a notebook as a list of sentences."""

    def __repr__(self) -> str:
        return "\n".join(self) or "no comparison"

    def _repr_html_(self) -> str:
        return "<ul>" + "".join(f"<li>{html.escape(words)}</li>" for words in self) + "</ul>"


class Results:
    """The results of a study's finished runs: `Study.run` and `ayneh.open_study` give them.

    They are read from the folder when first asked for; `open_study` reads them again. In a notebook they are shown as
    the verdicts and a table of the arms.
    """

    @checked
    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """folder: of the study. Raises UserError if there is none."""
        self._place = Place(folder, Ledger.open)

    @property
    def folder(self) -> Path:
        """The study's folder, as it was given as long as that leads there."""
        return self._place.folder

    @property
    def _ledger(self) -> Ledger:
        return self._place.opened

    @property
    def arms(self) -> list[str]:
        """The names of the arms."""
        return list(self._ledger.study.cells())

    @property
    def planned(self) -> int:
        """Runs that the study has in all."""
        return len(self._ledger.runs)

    @property
    def finished(self) -> int:
        """Runs that are finished."""
        return len(self._results)

    @property
    def verdicts(self) -> Verdicts:
        """The comparisons on the main outcome, in the study's order; each is a sentence with its figures."""
        return self.verdicts_on(self._ledger.study.outcomes[0])

    @checked
    def verdicts_on(self, outcome: str) -> Verdicts:
        """The comparisons on this outcome. Raises UserError for one that the study does not have."""
        if outcome not in self._ledger.study.outcomes:
            raise unknown("outcome of this study", outcome, self._ledger.study.outcomes)
        return Verdicts(Verdict.of(one) for one in self._compared.get(outcome, ()))

    @cached_property
    def outcomes(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """{"fd": {"usual": array (n,), ...}, ...}: each outcome's values by arm, by seed in order.

        NaN of a run without a value, such as one that broke down.
        """
        from ayneh.studies.comparisons import arms_of

        by_arm = arms_of(self._results)
        return {
            outcome: {
                arm: np.array([np.nan if (one := r.value(outcome)) is None else one for r in by_arm.get(arm, ())])
                for arm in self.arms
            }
            for outcome in self._ledger.study.outcomes
        }

    @checked
    def table(self, of: Literal["runs", "arms", "looks"] = "runs") -> Table:
        """A row for each finished run, as in results.csv; for each arm, with medians; or for each look at a run."""
        if of == "runs":
            from ayneh.studies.results import rows

            return Table(rows(self._results))
        if of == "looks":
            return Table({"arm": r.run.arm, "seed": r.run.seed} | look for r in self._results for look in r.looks)
        if of == "arms":
            return Table(self._arm_rows())
        raise UserError(f"of is {of!r}; a study has tables of its runs, arms and looks.")

    @checked
    def page(self) -> Page:
        """The report, one page of HTML with its figures, which is also written into the folder, with its tables.

        ``.show()`` shows it in a notebook, or opens a browser; ``.save("x.html")``. Raises UserError if no run is
        finished, and where ayneh[study] is not installed.
        """
        from ayneh.api.pictures import Page
        from ayneh.studies.report import write_report

        written = write_report(self._ledger)
        tell(self._ledger)
        if written.path is None:
            warn(written.lines[-1])
        return Page(written.page, written.path)

    @cached_property
    def runs(self) -> list[Run]:
        """The runs that have begun, in the study's order: every one is a run folder, as `ayneh.open` opens it."""
        from ayneh.api.run import Run
        from ayneh.record.record import Record

        paths = [self._ledger.path(run) for run in self._ledger.runs]
        return [Run(path) for path in paths if Record(path).exists()]

    def __repr__(self) -> str:
        name, counts = self._ledger.study.name, f"{self.finished} of {self.planned} runs finished"
        return "\n".join(
            [f"Results({name!r} in {self._place.given}: {counts})", *(f"  {one}" for one in self.verdicts)]
        )

    def _repr_html_(self) -> str:
        study = self._ledger.study
        counts = f"{self.finished} of {self.planned} runs finished" if self.finished < self.planned else ""
        heads = [study.question, counts]
        said = "".join(f"<p>{html.escape(words)}</p>" for words in heads if words)
        return said + self.verdicts._repr_html_() + self.table("arms")._repr_html_()

    @cached_property
    def _results(self) -> list[Result]:
        from ayneh.studies.results import results

        found = results(self._ledger)
        tell(self._ledger)
        return found

    @cached_property
    def _compared(self) -> dict[str, list[Compared]]:
        from ayneh.studies.comparisons import compare

        return compare(self._ledger.study, self._results)

    def _arm_rows(self) -> Iterable[Mapping[str, object]]:
        from ayneh.studies.comparisons import arms_of, compared_on
        from ayneh.studies.report import arm_rows

        shown = compared_on(self._ledger.study, self._results)
        for row in arm_rows(self._ledger.study, arms_of(self._results), shown):
            cells = {"arm": row["arm"], "runs": row["n"], "planned": row["planned"], "failed": row["failed"]}
            for name, centre in row["centres"].items():
                cells |= {name: centre and centre.value}
                cells |= {f"{name} low": centre and centre.low, f"{name} high": centre and centre.high}
            yield cells


@checked
def open_study(folder: str | os.PathLike[str]) -> Results:
    """The results of the study in this folder, of Python or of the command line; it may be in play.

    Raises UserError if there is none.
    """
    return Results(folder)
