"""The verdicts of a published study by today's rules, from its results.csv.

python bench/verdicts.py prior docs/findings/studies/prior/results.csv
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayneh.__main__ import in_sentences
from ayneh.studies.comparisons import MARKS, compare, tally
from ayneh.studies.design import Run
from ayneh.studies.plan import read


@dataclass(frozen=True)
class Row:
    """A row of results.csv, as comparisons take a run's result."""

    run: Run
    row: dict[str, str]

    def value(self, outcome: str) -> float | None:
        """The run's value; None if there is none."""
        return float(self.row[outcome]) if self.row.get(outcome) else None

    def failure(self) -> str | None:
        """diverged, jumped, collapsed, or None."""
        return self.row["failure"] or None


def main() -> None:
    """Print every verdict of a study in words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", help="its file, or the name of a built-in one")
    parser.add_argument("results", type=Path, help="its results.csv")
    asked = parser.parse_args()
    study = read(asked.study)
    runs = {(run.arm, run.seed): run for run in study.runs()}
    with asked.results.open(newline="") as file:
        found: list[Any] = [Row(runs[row["arm"], int(row["seed"])], row) for row in csv.DictReader(file)]
    for outcome, group in compare(study, found).items():
        print(f"# {outcome}: {', '.join(f'{n} {verdict}' for verdict, n in tally(group).items())}")
        for one in group:
            print(f"{MARKS[one.verdict]} {one.words}")


if __name__ == "__main__":
    in_sentences(main)
