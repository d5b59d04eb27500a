"""A run's scores in training: the judge, the time that scores may take, and the best so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ayneh.engine.sampler import Sampler
from ayneh.game.frame import levels
from ayneh.judge.verdict import Judge
from ayneh.terminal import Clock

Scores = dict[str, list[dict[str, Any] | None]]  # by name, a score for each replica


class Scorer:
    """The judge's quick scores of each replica, and whether they are the best so far."""

    SHARE = 0.05  # of the time that training takes, at most

    def __init__(self, judge: Judge, images: int, always: bool = True, lines: Iterable[dict[str, Any]] = ()) -> None:
        """images: behind each score; always: also when that takes more than its share; lines: metrics so far."""
        self.judge, self.images, self.always = judge, images, always
        self.best = min((self.total(line["scores"]) for line in lines if "scores" in line), default=float("inf"))
        self.latest, self.spent_s = float("inf"), 0.0

    def affordable(self, seconds: float) -> bool:
        """Whether the scores so far took less than their share of these seconds of training."""
        return self.always or self.spent_s <= self.SHARE * seconds

    def score(self, samplers: Sequence[Sampler]) -> Scores:
        """A few scores of each replica's averaged generator; None of images that are not finite."""
        begin, found = Clock(), []
        for sampler in samplers:
            images = sampler.images("scores", self.images)
            found.append(self.judge.quick(levels(images)) if bool(images.isfinite().all()) else {})
        names = dict.fromkeys(name for scores in found for name in scores)
        scores = {name: [one[name].as_dict() if name in one else None for one in found] for name in names}
        self.latest = self.total(scores)
        self.spent_s += begin.seconds()
        return scores

    def improved(self) -> bool:
        """Whether the latest score is lower than all before it; to be called once after each epoch."""
        better = self.latest < self.best
        self.best, self.latest = min(self.best, self.latest), float("inf")
        return better

    @staticmethod
    def total(scores: Scores) -> float:
        """The replicas' mean Fréchet distance, which chooses the best; infinite where a replica has none."""
        found = [score["value"] if score else None for score in scores.get("fd", [None])]
        return sum(float("inf") if distance is None else distance for distance in found) / len(found)
