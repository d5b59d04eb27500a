"""The detectors of bench/strangers_ills.py: the doctor as shipped, thresholds set anew, and two trend models.

``python bench/strangers.py`` measures them on the runs that are there: 35 minutes of processor time for 392 runs.

Thresholds and models never saw the kind of run that they are measured on: each kind, on all data and nets together, is
left out in turn. They read vital signs, losses and gradients, and no score of the judge, by which a run's label is
decided.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import detector
import strangers_csv
from ayneh.__main__ import in_sentences
from ayneh.doctor.doctor import Doctor
from ayneh.files.whole import atomically, refuse_unwritable
from ayneh.judge.known import STRANGE
from ayneh.record.record import Record
from signs import GRADED, IN_A_ROW, signs
from strangers_table import Detector, table, worth

AHEAD = 600  # steps before the first visible damage from which on a look at an ill run counts as ill
FALSE = 0.01  # share of healthy runs on which a threshold may alarm
MODELS = ("logistic", "boosting")
OFTEN = 10  # runs between two savings
Scores = list[np.ndarray]  # of each run, (looks,)


@dataclass
class Stranger:
    """A run: its label by the judge, and what a detector may read, look by look."""

    case: detector.Case
    unlike: float | None
    steps: np.ndarray  # (T,), of the looks
    table: np.ndarray  # (T, F)
    names: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The same words on all data and nets; the plain runs are a kind."""
        return self.case.arm.partition(", ")[2] or "plain"

    @property
    def ill(self) -> bool:
        return self.case.label == "ill"

    def ended(self) -> str:
        """By the judge: collapsed, no such images, poor, or nothing of these."""
        tail = self.case.looks[-detector.LAST :]
        if not tail or self.case.fell is not None:
            return "not finite" if self.case.fell is not None else ""
        if float(np.median([look["spread"] for look in tail])) <= detector.SPREAD:
            return "collapsed"
        if self.unlike is not None and self.unlike >= STRANGE:
            return "no such images"
        return "poor" if float(np.median([look["modes"] for look in tail])) <= detector.CLASSES else ""


def stranger_of(folder: Path) -> Stranger:
    """A run, read as the doctor reads it."""
    record = Record.open(folder)
    doctor = Doctor(record.config(), record.lines())
    course, case = doctor.course(), detector.case_of(folder)
    found = signs(course)
    table = strangers_csv.rounded(np.stack(list(found.values()), 1))
    looks = np.isfinite(course.get("spread")) | (course.get("broken") > 0)
    end = record.outcome() or {}
    return Stranger(case, end.get("unlike"), course.steps[looks], table[looks], tuple(found))


# -- detectors: a number for each look of each run, by models that did not see its kind --------------------------------


def model(kind: str) -> Any:
    """A trend model, unfitted."""
    if kind == "logistic":
        filled = SimpleImputer(strategy="median", keep_empty_features=True)
        return make_pipeline(filled, StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return HistGradientBoostingClassifier(max_depth=3, max_iter=80, learning_rate=0.1, random_state=0)


def taught(kind: str, runs: Sequence[Stranger]) -> Any:
    """The model of these runs, each of the same weight, healthy and ill ones half each; None where one is missing."""
    tables, labels, weights = [], [], []
    for run in runs:
        if not run.ill and run.case.label != "healthy":
            continue
        kept = np.ones(len(run.steps), bool)
        if run.ill and run.case.onset is not None:
            kept = run.steps >= run.case.onset - AHEAD
        if kept.any():
            tables.append(run.table[kept])
            labels.append(np.full(int(kept.sum()), run.ill))
            weights.append(np.full(int(kept.sum()), 1 / kept.sum()))
    if len({bool(one[0]) for one in labels}) < 2:  # of few runs: there is nothing to learn
        return None
    x, y, w = np.concatenate(tables), np.concatenate(labels), np.concatenate(weights)
    for side in (True, False):
        w[y == side] /= w[y == side].sum()
    x[:, ~np.isfinite(x).any(0)] = 0.0  # a sign that none of these runs has
    fitted = model(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(x, y, **{"logisticregression__sample_weight" if kind == "logistic" else "sample_weight": w * len(y)})
    return fitted


def scored(fitted: Any, run: Stranger) -> np.ndarray:
    """The log odds of illness at each look, the least of `IN_A_ROW`, (T,); -inf at the first looks."""
    found = np.full(len(run.steps), -math.inf)
    if fitted is not None and len(run.steps) >= IN_A_ROW:
        odds = fitted.decision_function(run.table)
        found[IN_A_ROW - 1 :] = np.lib.stride_tricks.sliding_window_view(odds, IN_A_ROW).min(1)
    return found


def threshold(values: Sequence[float]) -> float:
    """Such that at most `FALSE` of these healthy runs alarm."""
    ordered = sorted(values)
    return ordered[len(ordered) - 1 - int(FALSE * len(ordered))] + 1e-9 if ordered else 0.0


def limit(kind: str, runs: Sequence[Stranger]) -> float:
    """The log odds from which on a look is ill, by healthy runs of kinds left out in turn, a fifth at a time."""
    groups = [run.kind for run in runs]
    most: list[float] = []
    for fit, test in GroupKFold(min(5, len(set(groups)))).split(runs, groups=groups):
        fitted = taught(kind, [runs[k] for k in fit])
        most += [float(scored(fitted, runs[k]).max(initial=-99)) for k in test if runs[k].case.label == "healthy"]
    return threshold(most)


def trend(kind: str, runs: Sequence[Stranger]) -> tuple[Scores, list[float]]:
    """Scores at each look less the threshold, with each kind left out; the threshold is set on kinds left out, too."""
    found: dict[int, np.ndarray] = {}
    for left in sorted({run.kind for run in runs}):
        train = [run for run in runs if run.kind != left]
        fitted, least = taught(kind, train), limit(kind, train)
        for k, run in enumerate(runs):
            if run.kind == left:
                found[k] = scored(fitted, run) - least
    scores = [found[k] for k in range(len(runs))]
    fell = [9.0 if run.case.fell is not None else -99.0 for run in runs]  # numbers that are not finite need no model
    return scores, [float(score.max(initial=least)) for score, least in zip(scores, fell, strict=True)]


def thresholds(runs: Sequence[Stranger]) -> list[float]:
    """How far any symptom went beyond all healthy runs of the other kinds: above 0 alarms."""
    found = []
    for run in runs:
        others = [r for r in runs if r.kind != run.kind and r.case.label == "healthy"]
        limits = {name: threshold([r.case.margins[name] for r in others]) for name in GRADED}
        found.append(
            9.0 if run.case.fell is not None else max(run.case.margins[name] - limits[name] for name in GRADED)
        )
    return found


# -- results -----------------------------------------------------------------------------------------------------------


class Ward:
    """The runs so far, those of its CSVs among them; both CSVs are written after each `OFTEN` runs and in the end."""

    def __init__(self, out: Path) -> None:
        refuse_unwritable(out / strangers_csv.RUNS, out / "table.md")
        self.out = out
        self.all = [Stranger(*values) for values in strangers_csv.read(out)]
        self.new = 0

    def has(self, arm: str, seed: int) -> bool:
        """Whether it has this run."""
        return any(run.case.arm == arm and run.case.seed == seed for run in self.all)

    def take(self, folders: Sequence[Path], again: bool = False) -> None:
        """Read some more finished runs. again: also those that are there already, which else stay as they are."""
        read = [stranger_of(folder) for folder in folders]
        if again:
            anew = {(run.case.arm, run.case.seed): run for run in read}
            self.all = [anew.get((run.case.arm, run.case.seed), run) for run in self.all]
        self.all += [run for run in read if not self.has(run.case.arm, run.case.seed)]
        self.new += len(read)
        if self.new >= OFTEN:
            self.save()

    def save(self, columns: Callable[[int], Mapping[str, Any]] = lambda k: {}) -> None:
        """Write runs.csv, with more columns of each labelled run, and looks.csv.gz."""
        more = {id(run): columns(k) for k, run in enumerate(self.labelled())}
        empty = dict.fromkeys(next(iter(more.values()), {}))
        strangers_csv.write(
            self.out / strangers_csv.LOOKS, (row for run in self.all for row in strangers_csv.looks(run))
        )
        strangers_csv.write(
            self.out / strangers_csv.RUNS, ({**strangers_csv.row(run), **more.get(id(run), empty)} for run in self.all)
        )
        self.new = 0

    def labelled(self) -> list[Stranger]:
        """Those of a net whose plain run is there, too, with their labels."""
        reference = detector.usual([run.case for run in self.all])
        runs = [run for run in self.all if run.case.net in reference]
        for run in runs:
            run.case.kinds, run.case.onset = set(), None
            detector.label(run.case, reference)
        return runs

    def measured(self, models: bool = True) -> list[str]:
        """Write runs.csv with each detector's scores, looks.csv.gz and table.md.

        models: measure thresholds set anew and the trend models, too.
        """
        runs = self.labelled()
        if not runs:
            return ["no runs of a net whose plain runs are there, too"]
        found = {"shipped": Detector([detector.score(run.case) for run in runs], [_first_told(run) for run in runs])}
        sides = [{run.kind for run in runs if run.case.label == label} for label in ("ill", "healthy")]
        if models and min(map(len, sides)) >= 3:
            found["thresholds"] = Detector(thresholds(runs), None)
            for kind in MODELS:
                scores, most = trend(kind, runs)
                found[kind] = Detector(most, [_first(run, score) for run, score in zip(runs, scores, strict=True)])
        self.save(lambda k: _scores(found, k))
        lines = table(found, runs)
        better = [kind for kind in MODELS if kind in found and worth(found[kind], found["shipped"], runs)]
        lines += ["", f"better than the doctor: {', '.join(better) or 'none'}"] if "logistic" in found else []
        with atomically(self.out / "table.md") as file:
            file.write(("\n".join(lines) + "\n").encode())
        return lines


def _first_told(run: Stranger) -> int | None:
    return min((run.case.told[name] for name in detector.COUNTED if name in run.case.told), default=None)


def _first(run: Stranger, score: np.ndarray) -> int | None:
    above = np.flatnonzero(score > 0)
    return int(run.steps[above[0]]) if len(above) else run.case.fell


def _scores(found: Mapping[str, Detector], k: int) -> dict[str, Any]:
    """The columns of each detector in the row of a run."""
    row: dict[str, Any] = {f"score_{name}": f"{one.values[k]:.6g}" for name, one in found.items()}
    return row | {f"alarm_{name}": one.first[k] for name, one in found.items() if one.first is not None}


def main(
    runs: Path = Path("runs/strangers"),
    csv: Path = Path("docs/findings/studies/strangers"),
    again: bool = False,
    models: bool = True,
) -> None:
    """Measure the runs that are there.

    Args:
        runs: where `strangers_ills.py` has put them.
        csv: the folder of the CSVs and the table.
        again: read those runs again that the CSVs have, too, after a change of the doctor.
        models: measure thresholds set anew and trend models, too; the doctor alone takes a few minutes.
    """
    ward = Ward(csv)
    ward.take([place.parent for place in sorted(runs.glob("*/*/outcome.json"))], again)
    print("\n".join(ward.measured(models)))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
