"""The detectors of bench/strangers_ills.py: the doctor as shipped, thresholds set anew, and two trend models.

Thresholds and models never saw the kind of run that they are measured on: each kind, on all data and nets together, is
left out in turn. They read vital signs, losses and gradients, and no score of the judge, by which a run's label is
decided.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import detector
from ayneh.doctor.class_symptoms import LABELLED
from ayneh.doctor.courses import Course
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.measures import recent
from ayneh.doctor.symptoms import SYMPTOMS, measured
from ayneh.files.whole import atomically
from ayneh.judge.known import STRANGE
from ayneh.record.record import Record

SIGNS = ("spread", "alike", "coverage", "memory", "drift", "dead_gen", "dead_dis", "separation")
NORMS = ("mean_grad_d", "mean_grad_g")
ENDS = (("low", "data_low"), ("high", "data_high"), ("mean", "data_mean"))
BACK = 5  # looks over which a trend is taken
IN_A_ROW = 3  # looks at which a detector must be above its threshold
AHEAD = 600  # steps before the first visible damage from which on a look at an ill run counts as ill
FALSE = 0.01  # share of healthy runs on which a threshold may alarm
LEAD = 500  # steps
WITHOUT = ("parallel prior", "small batch", "few images", "data range", "classes missing", "sudden jump", "not finite")
GRADED = tuple(name for name in SYMPTOMS if name not in WITHOUT and name not in LABELLED)
Scores = list[np.ndarray]  # of each run, (looks,)


@dataclass
class Stranger:
    """A run: its label by the judge, and what a detector may read, look by look."""

    case: detector.Case
    unlike: float | None
    steps: np.ndarray  # (T,), of the looks
    table: np.ndarray  # (T, F)
    names: tuple[str, ...]
    margins: dict[str, float] = field(default_factory=dict)  # of GRADED: the most that was held for its patience

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
    names, table = signs(course)
    looks = np.isfinite(course.get("spread")) | (course.get("broken") > 0)
    margins = {name: detector.sustained(SYMPTOMS[name], course) for name in GRADED}
    end = record.outcome() or {}
    return Stranger(case, end.get("unlike"), course.steps[looks], table[looks], names, margins)


def signs(course: Course) -> tuple[tuple[str, ...], np.ndarray]:
    """What a model reads at each line, (T, F): signs, and their change over `BACK` looks; NaN where not known."""
    now = {name: course.get(name) for name in SIGNS}
    with np.errstate(divide="ignore", invalid="ignore"):
        now |= {f"log_{name}": np.log(np.maximum(course.get(name), 1e-9)) for name in NORMS}
        now["log_spread"] = np.log(np.maximum(course.get("spread"), 1e-6))
    now |= {f"off_{a}": course.get(a) - course.get(b) for a, b in ENDS}
    now["dis_error"] = (1 - course.get("mean_p_real") + course.get("mean_p_fake")) / 2
    now |= {
        name.replace(" ", "_"): SYMPTOMS[name].margin(measured(SYMPTOMS[name], course)).clip(-9, 9) for name in GRADED
    }
    found = {}
    for name, values in now.items():
        smooth = recent(np.where(np.isfinite(values), values, np.nan), 3)
        found[name] = smooth
        have = np.flatnonzero(np.isfinite(smooth))
        change = np.full(len(smooth), np.nan)
        change[have[BACK:]] = smooth[have[BACK:]] - smooth[have[:-BACK]] if len(have) > BACK else []
        found[f"change_{name}"] = change
    return tuple(found), np.stack(list(found.values()), 1)


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


def trend(kind: str, runs: Sequence[Stranger]) -> tuple[Scores, list[float]]:
    """Scores at each look less the threshold, with each kind left out; the threshold is set on kinds left out, too."""
    kinds = sorted({run.kind for run in runs})
    found: dict[int, np.ndarray] = {}
    for left in kinds:
        train = [run for run in runs if run.kind != left]
        groups = [run.kind for run in train]
        inner: list[float] = []
        for fit, test in GroupKFold(min(5, len(set(groups)))).split(train, groups=groups):
            fitted = taught(kind, [train[k] for k in fit])
            inner += [
                float(scored(fitted, train[k]).max(initial=-99)) for k in test if train[k].case.label == "healthy"
            ]
        fitted, limit = taught(kind, train), threshold(inner)
        for k, run in enumerate(runs):
            if run.kind == left:
                found[k] = scored(fitted, run) - limit
    scores = [found[k] for k in range(len(runs))]
    fell = [9.0 if run.case.fell is not None else -99.0 for run in runs]  # numbers that are not finite need no model
    return scores, [float(score.max(initial=least)) for score, least in zip(scores, fell, strict=True)]


def thresholds(runs: Sequence[Stranger]) -> list[float]:
    """How far any symptom went beyond all healthy runs of the other kinds: above 0 alarms."""
    found = []
    for run in runs:
        others = [r for r in runs if r.kind != run.kind and r.case.label == "healthy"]
        limits = {name: threshold([r.margins[name] for r in others]) for name in GRADED}
        found.append(9.0 if run.case.fell is not None else max(run.margins[name] - limits[name] for name in GRADED))
    return found


# -- results -----------------------------------------------------------------------------------------------------------


def measure(folders: Sequence[Path], out: Path) -> list[str]:
    """Write runs.csv and looks.csv; lines on each detector."""
    runs = [stranger_of(folder) for folder in folders]
    reference = detector.usual([run.case for run in runs])
    runs = [run for run in runs if run.case.net in reference]
    if not runs:
        return ["no runs of a net whose plain runs are there, too"]
    for run in runs:
        detector.label(run.case, reference)
    well, ill = [r for r in runs if r.case.label == "healthy"], [r for r in runs if r.ill]
    heads = [f"{len(runs)} runs of {len({r.kind for r in runs})} kinds: {len(well)} healthy, {len(ill)} ill, "
             f"{len(runs) - len(well) - len(ill)} between"]  # fmt: skip
    columns: dict[str, list[float]] = {"shipped": [detector.score(run.case) for run in runs]}
    alarms = {"shipped": [_first_told(run) for run in runs]}
    if min(len({r.kind for r in well}), len({r.kind for r in ill})) >= 2:
        columns["thresholds"] = thresholds(runs)
        for kind in ("logistic", "boosting"):
            scores, columns[kind] = trend(kind, runs)
            alarms[kind] = [_first(run, score) for run, score in zip(runs, scores, strict=True)]
    lines = [words(name, values, alarms.get(name), runs) for name, values in columns.items()]
    _write(out / "runs.csv", (_row(run, columns, alarms, k) for k, run in enumerate(runs)))
    _write(out / "looks.csv", (row for run in runs for row in _looks(run)))
    return heads + lines


def words(name: str, values: list[float], first: list[int | None] | None, runs: Sequence[Stranger]) -> str:
    """Area with its interval over kinds, hits, false alarms with their upper bound, and leads."""
    ill, well = ([k for k, run in enumerate(runs) if run.case.label == label] for label in ("ill", "healthy"))
    rang = [v > 0 for v in values] if first is None or name != "shipped" else [step is not None for step in first]
    false = sum(rang[k] for k in well)
    area = detector.auc([values[k] for k in ill], [values[k] for k in well])
    said = [f"{name}: area {'-' if area is None else f'{area:.3f}'}{_interval(values, runs)}"]
    said.append(f"{sum(rang[k] for k in ill)} of {len(ill)} ill runs told")
    if well:
        high = binomtest(false, len(well), alternative="less").proportion_ci(0.95, "exact").high
        said.append(f"{false} of {len(well)} healthy ones falsely (at most {high:.1%})")
    if first is not None:
        lead = [run.case.onset - step for k in ill if (run := runs[k]).case.onset is not None
                and (step := first[k]) is not None]  # fmt: skip
        damaged = sum(runs[k].case.onset is not None for k in ill)
        early = sum(one >= LEAD for one in lead)
        middle = f", median {np.median(lead):.0f}" if lead else ""
        said.append(f"{LEAD} steps ahead of the damage in {early} of {damaged}{middle}")
    return "; ".join(said)


def _interval(values: list[float], runs: Sequence[Stranger]) -> str:
    """95 %, by kinds resampled with their runs."""
    kinds = sorted({run.kind for run in runs})
    chance, areas = np.random.default_rng(0), []
    sides = {kind: [[v for v, r in zip(values, runs, strict=True) if r.kind == kind and r.case.label == label]
                    for label in ("ill", "healthy")] for kind in kinds}  # fmt: skip
    for _ in range(1000):
        drawn = [sides[kinds[k]] for k in chance.integers(len(kinds), size=len(kinds))]
        area = detector.auc([v for ill, _ in drawn for v in ill], [v for _, well in drawn for v in well])
        areas += [] if area is None else [area]
    if not areas:
        return ""
    low, high = np.quantile(areas, [0.025, 0.975])
    return f" (95 % {low:.3f} to {high:.3f})"


def _first_told(run: Stranger) -> int | None:
    return min((run.case.told[name] for name in detector.COUNTED if name in run.case.told), default=None)


def _first(run: Stranger, score: np.ndarray) -> int | None:
    above = np.flatnonzero(score > 0)
    return int(run.steps[above[0]]) if len(above) else run.case.fell


def _row(run: Stranger, columns: dict[str, list[float]], alarms: dict[str, list[int | None]], k: int) -> dict[str, Any]:
    case = run.case
    data, _, net = case.net.partition(" ")
    row: dict[str, Any] = {"data": data, "net": net, "kind": run.kind, "seed": case.seed, "label": case.label}
    row |= {"conditions": " + ".join(sorted(case.kinds)), "ended": run.ended(), "onset": case.onset, "fell": case.fell}
    row |= {name: case.looks[-1][name] if case.looks else None for name in ("fd", "spread", "modes")}
    row |= {"unlike": run.unlike, "copies": case.copies, "told": " + ".join(case.told)}
    row |= {f"score_{name}": values[k] for name, values in columns.items()}
    return row | {f"alarm_{name}": steps[k] for name, steps in alarms.items()}


def _looks(run: Stranger) -> Iterator[dict[str, Any]]:
    for step, values in zip(run.steps, run.table, strict=True):
        about = {"arm": run.case.arm, "seed": run.case.seed, "step": int(step)}
        yield about | {n: f"{v:.5g}" if np.isfinite(v) else "" for n, v in zip(run.names, values, strict=True)}


def _write(place: Path, rows: Iterator[dict[str, Any]]) -> None:
    found = list(rows)
    if not found:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    table = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(found)
    with atomically(place) as file:
        file.write(text.getvalue().encode())
