"""Courses: one replica's record as arrays, made from lines of metrics.jsonl, and the facts that its config states."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ayneh.config import Config, flatten
from ayneh.labels import Labels
from ayneh.record.forms import of_replicas

SCORES = ("fd", "class_kl", "modes")  # the scores that symptoms read
Line = Mapping[str, Any]
Facts = Mapping[str, Any]  # settings by their dotted names, and what follows from them; None: not known


@dataclass(frozen=True)
class Course:
    """One replica's record: ``steps`` (T,), ascending, and by name a number for each of them, NaN where there is none.

    A measure at a look reads that look and earlier ones only, so findings during training and afterwards are the same.
    """

    steps: np.ndarray
    series: Mapping[str, np.ndarray]
    facts: Facts

    def get(self, name: str) -> np.ndarray:
        """The series of this name, (T,); all NaN where the record has none."""
        found = self.series.get(name)
        return np.full(len(self.steps), np.nan) if found is None else found

    def last(self, name: str, looks: int | None = None) -> float | None:
        """The last number of the series, of so many looks (default: all); None where there is none."""
        known = self.get(name)[:looks]
        known = known[np.isfinite(known)]
        return float(known[-1]) if len(known) else None

    def epochs(self) -> dict[int, int]:
        """Step -> the epoch that it is of."""
        return {int(step): int(epoch) for step, epoch in zip(self.steps, self.get("epoch"), strict=True)}


class Columns:
    """Rows of numbers by name, kept as arrays that grow."""

    def __init__(self) -> None:
        self.n = 0
        self.room = np.full((0, 64), np.nan)
        self.names: dict[str, int] = {}

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; names that it lacks get NaN."""
        for name in row.keys() - self.names.keys():
            self.names[name] = len(self.names)
            self.room = np.concatenate([self.room, np.full((1, self.room.shape[1]), np.nan)])
        if self.n == self.room.shape[1]:
            self.room = np.concatenate([self.room, np.full_like(self.room, np.nan)], axis=1)
        for name, value in row.items():
            self.room[self.names[name], self.n] = value
        self.n += 1

    def course(self, facts: Facts) -> Course:
        """The rows so far as a course; no number is copied."""
        series = {name: self.room[k, : self.n] for name, k in self.names.items()}
        return Course(series.get("step", np.zeros(0)), series, facts)


def row_of(line: Line, replica: int, images: float) -> dict[str, float]:
    """The numbers of one replica in a line of metrics.jsonl, by name; NaN for null. images: the training images."""
    row: dict[str, float] = {"step": line["step"], "epoch": line["epoch"]}
    own = of_replicas(line, range(replica, replica + 1))
    row |= {name: _number(values[0]) for name, values in own.items() if values and name.startswith("mean_")}
    row["broken"] = float(not all(math.isfinite(value) for value in row.values()))
    row |= {name: _number(values[0]) for name, values in own.get("vitals", {}).items()}
    scores = own.get("scores", {})
    row |= {name: _number(scores[name][0]["value"]) for name in SCORES if scores.get(name, [None])[0]}
    others = {name: score for name, (score,) in scores.items() if name not in SCORES and score}
    row |= {f"score_{name}": _number(score["value"]) for name, score in others.items()}
    row["data_images"] = images
    return row


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def facts_of(config: Config, labels: Labels | None = None) -> Facts:
    """The settings by their dotted names, defaults filled in, and ``parallel``: the mean cosine of two draws of z.

    labels: the classes of a labelled run: ``class_names`` and ``class_shares`` are theirs.

    A net outside NETS has defaults that are not known: its norms are None unless the settings give them.
    """
    from ayneh.engine.match import prior_of
    from ayneh.game.nets import NETS, Pair

    facts = flatten(config) | {"rules.gamma": config.rules.weight}
    if isinstance(pair := NETS.get(config.net.name), Pair):
        facts["net.gen_norm"] = config.net.gen_norm or pair.gen_norm
        facts["net.dis_norm"] = config.net.dis_norm or pair.dis_norm
    mean, variance = prior_of(config).moments(config.prior.dim)
    square = mean**2 + variance  # |z|^2 / dim; the part mean^2 is common to all draws
    facts["parallel"] = mean**2 / square if math.isfinite(square) and square > 0 else 0.0
    if labels:
        facts |= {"class_names": labels.names, "class_shares": labels.shares}
    return facts
