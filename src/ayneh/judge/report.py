"""A report on one set of images: scores with their floors, and sentences on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ayneh.judge.asked import ByClass
from ayneh.judge.known import STRANGE, USUAL
from ayneh.judge.scores import Score, metric_of

TRUSTED = 0.98  # of a classifier's own accuracy; below it, the classes that it gives to images are doubtful


@dataclass(frozen=True)
class Reading:
    """The share of real test images that the leading classifier gets right, at the size at which images are judged."""

    net: str
    size: int  # pixels a side
    accuracy: float
    own_size: int  # of the images that it was trained on
    own: float | None  # its accuracy on those; None: it was not measured

    @property
    def trusted(self) -> bool:
        """Whether the classifier is nearly as accurate at this size as at its own."""
        return self.own is None or self.accuracy >= TRUSTED * self.own

    def words(self) -> str:
        """A sentence, with a warning where the classifier is not to be trusted."""
        at = (
            f"{self.net} classifies {self.accuracy:.1%} of real test images correctly at {self.size}x{self.size} pixels"
        )
        if self.size != self.own_size and self.own is not None:
            at += f", and {self.own:.1%} at its own {self.own_size}x{self.own_size}"
        if self.trusted:
            return f"{at}."
        return f"Warning: {at}. Scores at this size are unreliable, above all those that use classes."


@dataclass(frozen=True)
class Report:
    """Scores by short name (``fd``; by another net than the leading one ``fd@cnn-1``), and their origin."""

    data: str  # what the images imitate
    n: int
    nets: tuple[str, ...]  # the leading one first
    scores: dict[str, Score]
    collapse: tuple[str, ...] = ()  # which metrics call the images collapsed
    disagreements: tuple[str, ...] = ()  # of the classifiers
    histogram: dict[str, list[int]] | None = None  # images per class: "fakes" and "test"
    by_class: ByClass | None = None  # of a labelled run: what came of each class that was asked for
    classifier_error_of_a_triple: float | None = None  # of stacked digits
    judge: str | None = None  # a hash of the nets and real images: reports with another are not comparable
    size: int | None = None  # pixels a side of the images as they were judged
    reading: Reading | None = None
    notes: tuple[str, ...] = ()  # what was done to the images before they were judged
    run: str | None = None
    step: int | None = None
    replica: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the fields that are set."""
        fields = asdict(self) | {"scores": {name: score.as_dict() for name, score in self.scores.items()}}
        fields["by_class"] = self.by_class and self.by_class.as_dict()
        order = dict.fromkeys(("run", "step", "replica", *fields))
        return {name: fields[name] for name in order if fields[name] is not None}

    def words(self) -> list[str]:
        """Sentences: how the images were read, collapse, disagreements, and each warning with its scores."""
        said = [*self.notes, *([self.reading.words()] if self.reading else [])]
        said += filter(None, [strange(self.scores)])
        said += [f"collapsed by {sign}" for sign in self.collapse]
        said += [f"poor by {sign}" for sign in lacking(self.scores)]
        said += self.by_class.words() if self.by_class else []
        if self.classifier_error_of_a_triple is not None:
            said.append(f"the classifier misreads {self.classifier_error_of_a_triple:.2%} of triples")
        warned: dict[str, list[str]] = {}
        for score in self.scores.values():
            if score.warning:
                warned.setdefault(score.warning, []).append(str(score.protocol))
        return [*said, *self.disagreements, *(f"{words} ({', '.join(names)})" for words, names in warned.items())]


def _fell(scores: dict[str, Score], name: str, share: float) -> str | None:
    """The score beside its floor, where it is at most ``share`` of it."""
    score = scores.get(name)
    if score is None or score.value is None or not score.floor or score.value > share * score.floor:
        return None
    return f"{score.value:,.4g}, where real images have {score.floor:,.4g}"


def _repeated(scores: dict[str, Score], name: str) -> bool:
    """Whether there are fewer different images than were drawn; only pixels may be unknown, in reports of before."""
    score = scores.get(name)
    if score is None:
        return name == "support_pixels"
    return score.value is not None and score.value < score.n


def _of_one_shape(scores: dict[str, Score]) -> bool:
    """Whether pairs are as similar as if half of them were equal; also where images are too small to measure this."""
    similar = scores.get("ms_ssim")
    if similar is None or similar.value is None or similar.floor is None:
        return True
    return 1 - similar.value <= (1 - similar.floor) / 2


def collapse(scores: dict[str, Score]) -> tuple[str, ...]:
    """Which metrics call the images collapsed, each in a sentence with its numbers: they have little variety.

    Their pixels have a fifth of the data's spread, and pairs look alike; or there are fewer different images than were
    drawn, by the net and by pixels; or spread, distances and support are all low. Pale images of all classes have a
    low spread, too, but unlike shapes. The net's numbers mean little for images unlike its data, and few classes mean
    nothing for variety: a classifier gives a class to noise, too.
    """
    support, little = scores.get("support"), []
    if support is not None and support.interval and (few := _fell(scores, "support", 0.2)):
        little.append(f"birthday test: a support of {few}")
    for name, title in (("spread", "spread"), ("distance", "distance of pairs")):
        if low := _fell(scores, name, 0.5):
            little.append(f"{title}: {low}")
    repeated = bool(little) and all(_repeated(scores, name) for name in ("support", "support_pixels"))
    alike = _fell(scores, "spread", 0.2) is not None and _of_one_shape(scores)
    signs = little if repeated or alike or (len(little) == 3 and not strange(scores)) else []
    if worst := _fell(scores, "spread_worst_class", 0.5):
        signs.append(f"variety within class {scores['spread_worst_class'].of_class}: {worst} in their worst class")
    return tuple(signs)


def lacking(scores: dict[str, Score]) -> tuple[str, ...]:
    """What part of the data the images lack, each in a sentence with its numbers."""
    signs = []
    if modes := _fell(scores, "modes", 0.5):
        signs.append(f"histogram: {modes} classes")
    # Poor images have a low coverage, too, but a high recall; those that lack a part of the data have neither.
    if (coverage := _fell(scores, "coverage", 0.5)) and _fell(scores, "recall", 0.5):
        signs.append(f"coverage: {coverage}, with as little recall")
    return tuple(signs)


def strange(scores: dict[str, Score]) -> str:
    """A sentence where most images are unlike all real ones, whatever class they get; "" else."""
    found = [score for name, score in scores.items() if metric_of(name) in ("unlike", "unlike_pixels")]
    most = max(found, key=lambda one: one.value or 0.0, default=None)
    if most is None or most.value is None or most.value < STRANGE:
        return ""
    return (
        f"{most.value:.0%} of the images are unlike the data ({most.protocol}), where {1 - USUAL:.0%} of real images "
        "are: their classes mean nothing"
    )
