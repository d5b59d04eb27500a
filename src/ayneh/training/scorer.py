"""A run's scores in training: the judge, what is printed on failures and on the time that scores take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.game.frame import levels, put
from ayneh.judge.metrics import METRICS
from ayneh.judge.scores import Score
from ayneh.judge.verdict import Judge
from ayneh.terminal.progress import Clock
from ayneh.terminal.text import Say

Scores = dict[str, list[dict[str, Any] | None]]  # by name, a score for each replica


class Scorer:
    """The judge's quick scores of each replica."""

    SHARE, LONG_S = 0.05, 10.0  # of the time of training, and seconds: above both a line names what scores have taken
    TRIED = 100  # images by which the judge is tried before the first step

    def __init__(self, judge: Judge, images: int, say: Say | None = None) -> None:
        """images: behind each score; say: gets a failure, whose score is left out (None: the failure is raised)."""
        self.judge, self.images, self.say = judge, images, say
        self.spent_s, self.warned = 0.0, False
        self.said: set[str] = set()  # of metrics of one's own that failed

    def rehearse(self, pixels: Tensor, size: int) -> None:
        """Score real images in a frame of ``size``, as samples are later. Raises what the judge raises.

        A line warns of a classifier that cannot read real images of this size.
        """
        self._say_failed(self.judge.quick(put(pixels[: self.TRIED].cpu(), size)))
        reading = self.judge.reading()
        if self.say and reading and not reading.trusted:
            self.say(reading.words())

    def attempt(self, samplers: Sequence[Sampler], seconds: float) -> Scores | None:
        """`score`; None, and a sentence, if it fails. seconds: of training so far, for a word on what scores cost."""
        if self.say is None:
            return self.score(samplers)
        begin, scores = Clock(), None
        try:
            scores = self.score(samplers)
        except Exception as error:  # the judge, its cache, memory: none of them may end a training of hours
            self.say(f"No scores after this epoch, and training goes on: {reason_of(error)}")
        self.spent_s += begin.seconds()
        if self.spent_s > max(self.LONG_S, self.SHARE * seconds) and not self.warned:
            self.warned = True
            self.say(
                f"Scores have taken {self.spent_s:.0f} s of {seconds:.0f} s so far; a new run spends less on them with "
                "a larger --keep.score-epochs or a smaller --keep.score-images."
            )
        return scores

    def score(self, samplers: Sequence[Sampler]) -> Scores:
        """A few scores of each replica's averaged generator; None of images that are not finite."""
        found = []
        for sampler in samplers:
            images = sampler.images("scores", self.images)
            asked = sampler.classes("scores", self.images) if sampler.labels else None
            found.append(self.judge.quick(levels(images), asked) if bool(images.isfinite().all()) else {})
            self._say_failed(found[-1])
        names = dict.fromkeys(name for scores in found for name in scores)
        return {name: [one[name].as_dict() if name in one else None for one in found] for name in names}

    def _say_failed(self, scores: Mapping[str, Score]) -> None:
        """Print which metrics of one's own have no value, and why, each sentence once."""
        for name, score in scores.items():
            if name not in METRICS and score.value is None and score.warning and score.warning not in self.said:
                self.said.add(score.warning)
                if self.say:
                    self.say(f"{score.warning} Training goes on without this score.")


def total(scores: Scores | None) -> float:
    """The replicas' mean Fréchet distance, which chooses the best; infinite where a replica has none."""
    found = [score["value"] if score else None for score in (scores or {}).get("fd", [None])]
    return sum(float("inf") if distance is None else distance for distance in found) / len(found)


def reason_of(error: Exception) -> str:
    """An error in a sentence; of one that is not ours with its type."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
