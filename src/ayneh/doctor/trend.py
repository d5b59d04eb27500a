"""A finding that was learnt: a model weighs all vital signs and their trends together. Its numbers are in trend.json.

`bench/strangers.py` makes that file, once kinds of runs that the model never saw show that it is better than single
thresholds. Without the file there is no such finding. No judge's score is read, by which the model's labels were made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.doctor.class_symptoms import LABELLED, labelled
from ayneh.doctor.courses import Course, Facts
from ayneh.doctor.findings import Cure, Symptom
from ayneh.doctor.measures import recent
from ayneh.doctor.symptoms import SYMPTOMS, measured

NAME, FILE = "unlike healthy runs", Path(__file__).with_name("trend.json")
SIGNS = ("spread", "alike", "coverage", "memory", "drift", "dead_gen", "dead_dis", "separation")
NORMS = ("mean_grad_d", "mean_grad_g")
ENDS = (("low", "data_low"), ("high", "data_high"), ("mean", "data_mean"))
WITHOUT = ("parallel prior", "small batch", "few images", "data range", "classes missing", "sudden jump", "not finite")
GRADED = tuple(name for name in SYMPTOMS if name not in WITHOUT and name not in LABELLED)
BACK = 5  # looks over which a trend is taken
IN_A_ROW = 3  # looks at which the odds must be above the limit
CHANGE = "change_"  # begins the name of a trend


def signs(course: Course) -> dict[str, np.ndarray]:
    """What a model reads at each line, (T,) each: signs, and their change over `BACK` looks; NaN where not known."""
    now = {name: course.get(name) for name in SIGNS}
    with np.errstate(divide="ignore", invalid="ignore"):
        now |= {f"log_{name}": np.log(np.maximum(course.get(name), 1e-9)) for name in NORMS}
        now["log_spread"] = np.log(np.maximum(course.get("spread"), 1e-6))
    now |= {f"off_{a}": course.get(a) - course.get(b) for a, b in ENDS}
    now["dis_error"] = (1 - course.get("mean_p_real") + course.get("mean_p_fake")) / 2
    for name in GRADED:
        margin = SYMPTOMS[name].margin(measured(SYMPTOMS[name], course)).clip(-9, 9)
        now[name.replace(" ", "_")] = margin
    found: dict[str, np.ndarray] = {}
    for name, values in now.items():
        smooth = recent(np.where(np.isfinite(values), values, np.nan), 3)
        have = np.flatnonzero(np.isfinite(smooth))
        change = np.full(len(smooth), np.nan)
        change[have[BACK:]] = smooth[have[BACK:]] - smooth[have[:-BACK]] if len(have) > BACK else []
        found |= {name: smooth, f"{CHANGE}{name}": change}
    return found


@dataclass(frozen=True)
class Model:
    """Logistic regression (``weights``) or boosted trees (``roots``), as plain numbers."""

    names: Sequence[str]  # of the columns of a table, F
    usual: np.ndarray  # (F,): their medians in healthy runs
    limit: float  # log odds from which on a look is ill
    source: str  # where the limit comes from
    bias: float
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (F,), of (value - centre) / scale
    fill: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (F,): what stands for NaN
    centre: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scale: np.ndarray = field(default_factory=lambda: np.zeros(0))
    roots: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (trees,), each a node
    feature: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (nodes,): its column
    split: np.ndarray = field(default_factory=lambda: np.zeros(0))  # to the left up to here
    left: np.ndarray = field(default_factory=lambda: np.zeros(0))  # the next node; a leaf's is itself
    right: np.ndarray = field(default_factory=lambda: np.zeros(0))
    unknown_left: np.ndarray = field(default_factory=lambda: np.zeros(0))  # whether NaN goes to the left
    value: np.ndarray = field(default_factory=lambda: np.zeros(0))  # of a leaf

    def log_odds(self, table: np.ndarray) -> np.ndarray:
        """The log odds of illness, (T, F) -> (T,), as scikit-learn's ``decision_function``."""
        if len(self.weights):
            known = np.where(np.isnan(table), self.fill, table)
            return (known - self.centre) / self.scale @ self.weights + self.bias
        node = np.broadcast_to(self.roots, (len(table), len(self.roots)))
        while True:
            values = np.take_along_axis(table, self.feature[node], 1)
            to_left = np.where(np.isnan(values), self.unknown_left[node], values <= self.split[node])
            next_node = np.where(to_left, self.left[node], self.right[node])
            if (next_node == node).all():
                return self.value[node].sum(1) + self.bias
            node = next_node

    def table(self, course: Course) -> np.ndarray:
        """The model's signs at each line of a course, (T, F)."""
        found = signs(course)
        return np.stack([found[name] for name in self.names], 1)

    @cached_property
    def groups(self) -> Mapping[str, list[int]]:
        """The columns of each sign: itself and its change."""
        found: dict[str, list[int]] = {}
        for k, name in enumerate(self.names):
            found.setdefault(name.removeprefix(CHANGE), []).append(k)
        return found

    def pushes(self, row: np.ndarray) -> dict[str, float]:
        """By how much each known sign of a look, (F,), raises the log odds above those of its usual value."""
        known = {name: columns for name, columns in self.groups.items() if np.isfinite(row[columns]).any()}
        others = np.tile(row, (len(known), 1))
        for k, columns in enumerate(known.values()):
            others[k, columns] = self.usual[columns]
        gain = self.log_odds(row[None]) - self.log_odds(others) if known else []
        return dict(sorted(zip(known, map(float, gain), strict=True), key=lambda one: -one[1]))


def of_dict(values: Mapping[str, Any]) -> Model:
    """The model of a file's JSON object; null is NaN."""
    plain = ("names", "limit", "source", "bias")
    whole = ("roots", "feature", "left", "right")
    kept: dict[str, Any] = {
        name: value if name in plain else np.array(value, int if name in whole else float)
        for name, value in values.items()
    }
    return Model(**kept)


@cache
def model(file: Path) -> Model | None:
    """The model of a file; None where there is no file."""
    return of_dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def shipped() -> dict[str, Symptom]:
    """The finding by its name; empty where no model is shipped."""
    found = model(FILE)
    return {} if found is None else {NAME: _symptom(found)}


def _symptom(model: Model) -> Symptom:
    return Symptom(
        title="the run is unlike healthy ones",
        severity="warning",
        needs=SIGNS,
        measure=_measure(model, slice(None)),
        latest=lambda course: float(_measure(model, slice(-1, None))(course)[-1]),
        threshold=math.exp(model.limit),
        patience=IN_A_ROW,
        evidence="Such signs and trends are {value:.3g} times as frequent in ill runs as in healthy ones. {because}",
        because=lambda course, t: _because(model, model.table(course)[t]),
        source=model.source,
        cure=lambda facts: Cure("Look at the pictures, and at the curves of the signs that are named.", {}),
        applies=_unlabelled,
    )


def _unlabelled(facts: Facts) -> str:
    return "it was learnt from games without labels alone" if labelled(facts) else ""


def _measure(model: Model, lines: slice) -> Callable[[Course], np.ndarray]:
    """The odds of illness at some lines of a course; NaN at lines without vital signs."""

    def measure(course: Course) -> np.ndarray:
        odds = np.exp(np.clip(model.log_odds(model.table(course)[lines]), -50, 50))
        return np.where(np.isfinite(course.get("spread")[lines]), odds, np.nan)

    return measure


def _because(model: Model, row: np.ndarray) -> str:
    """The three signs that count most, each with what is usual."""
    most = [name for name, push in model.pushes(row).items() if push > 0][:3]
    shown = [_sign(model, row, name) for name in most]
    return f"What counts most: {'; '.join(shown)}." if shown else ""


def _sign(model: Model, row: np.ndarray, name: str) -> str:
    said = []
    for k in model.groups[name]:
        if math.isfinite(row[k]):
            what = "changed by " if model.names[k].startswith(CHANGE) else ""
            usual = "" if math.isnan(model.usual[k]) else f" (usual {model.usual[k]:.2g})"
            said.append(f"{what}{row[k]:.2g}{usual}")
    return f"{name.replace('_', ' ')} {', '.join(said)}"
