"""The judge of a data set: images in, scores with their floors out.

The protocol ``fd_10k_mnist_test`` compares 10,000 fakes with MNIST's test split by features of the panel's first net;
the name of another net is at the end. The floor is the same metric between as many training images and the test
split: the score of a perfect generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.game.frame import take
from ayneh.judge import asked as asked_for
from ayneh.judge.features import FeatureNet, see
from ayneh.judge.inputs import Inputs, Reference
from ayneh.judge.metrics import LABELLED, METRICS, metrics
from ayneh.judge.report import Reading, Report, collapse
from ayneh.judge.scores import Plain, Score, named, protocol, shuffled
from ayneh.judge.shelf import key_of
from ayneh.parts.registry import Part, own
from ayneh.terminal.text import Say, silent

LEAST = 20  # images, of which a score says something
MEASURED = [name for name, m in METRICS.items() if m.floor is None and name not in LABELLED]  # floors for all images


class Judge:
    """Scores images against a data set. ``nets``: by name, the leading classifier first; pixels uint8 (N, C, S, S)."""

    def __init__(
        self,
        data: str,
        nets: dict[str, FeatureNet],
        train: Tensor,
        test: Tensor,
        cache: Path | None = None,
        labels: Tensor | None = None,
        train_labels: Tensor | None = None,
        names: tuple[str, ...] | None = None,
    ) -> None:
        """labels: of the test images, (N,), and of the training images; names: of the classes, by their numbers."""
        if min(len(train), len(test)) < LEAST:
            raise UserError(
                f"{data} has {len(train)} training and {len(test)} test images, as it is read here; a judge needs "
                f"{LEAST} of each: take a larger --data.limit, hold out more with --data.test, or add images."
            )
        self.data = data
        self.reference = Reference(nets, train, test, cache, (train_labels, labels), names)
        self._floors_of: dict[tuple[int, str, bool], tuple[Part | None, dict[str, Plain]]] = {}
        self.lead, *others = nets
        self.short = {self.lead: ""} | {net: net.removeprefix(f"{data}-") for net in others}  # as scores name them

    @property
    def classes(self) -> int:
        """Classes of the leading net; 0 for an encoder."""
        return self.reference.nets[self.lead].classes

    @property
    def side(self) -> int:
        """Pixels a side of the data's images, and of those that are judged."""
        return self.reference.test.shape[-1]

    def unframed(self, images: Tensor) -> Tensor:
        """The images of a run on these data, (N, C, S, S): the frame that training put around them is taken off."""
        return take(images, self.side)

    def chosen(self, images: Tensor) -> Tensor:
        """At most as many images as the test split has, a fixed random choice: uint8.

        Raises UserError for images of another kind than the data's: none, of other channels, of another size.
        """
        test = self.reference.test
        if len(images) == 0:
            raise UserError("There are no images to judge.")
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise UserError(f"The judge takes uint8 images (N, C, H, W); got {images.dtype} {tuple(images.shape)}.")
        if images.shape[1] != test.shape[1]:
            raise UserError(
                f"The images have {images.shape[1]} channels and {self.data} has {test.shape[1]}: convert them, or "
                "choose other --data."
            )
        if images.shape[2:] != test.shape[2:]:
            sizes = ["x".join(map(str, x.shape[2:])) for x in (images, test)]
            raise UserError(f"The images are {sizes[0]} pixels and those of {self.data} {sizes[1]}: resize them.")
        return shuffled(images, 2)[: len(test)]

    def reading(self, size: int | None = None, again: Callable[[Tensor], Tensor] | None = None) -> Reading | None:
        """How many real test images the leading classifier classifies correctly; None without classes or labels.

        size: of images that are scaled to the data's size before they are judged; again: does the same to real ones.
        """
        net, labels = self.reference.nets[self.lead], self.reference.test_labels
        if not net.classes or labels is None:
            return None

        def measure() -> Plain:
            if again is None:
                read = self.reference.classes(self.lead)
            else:
                probabilities = see(net, again(self.reference.test)).probabilities
                assert probabilities is not None  # it has classes
                read = probabilities.argmax(1)
            return {"accuracy": float((read == labels).double().mean())}

        size = size or self.side
        found = self.reference.shelf.table(f"reading-{size}-{key_of(labels)}", measure)["accuracy"]
        own = found if net.accuracy is None and net.size == size else net.accuracy
        return Reading(self.lead, size, found, net.size, own)

    def evaluate(self, images: Tensor, say: Say = silent, asked: Tensor | None = None) -> Report:
        """Every metric of images uint8 (N, C, S, S) with its floor, and sentences on them.

        Of more images than the test split has, a fixed random choice of that number is judged. They are of the data's
        size, without a frame. asked: the class that was asked for of each, int64 (N,); None for an unlabelled run.
        """
        fakes = self.chosen(images)
        say(f"judging {len(fakes)} images against {len(self.reference.test)} test images of {self.data}")
        inputs = self._inputs(images, asked)
        floors, by_class = self._floors(len(fakes), say) | self._own_floors(len(fakes), asked is not None), None
        if asked is not None:
            real = asked_for.floors(inputs, self.short)
            floors, by_class = floors | real.scores, asked_for.by_class(inputs[self.lead], real)
        scores = {name: _beside(score, floors.get(name, {})) for name, score in self._scores(inputs).items()}
        counts, data = inputs[self.lead].counts, inputs[self.lead].data_counts
        return Report(
            data=self.data,
            n=len(fakes),
            nets=tuple(self.short),
            scores=scores,
            collapse=collapse(scores),
            disagreements=tuple(self._disagreements(scores)),
            judge=self.reference.shelf.key,
            size=self.side,
            reading=self.reading(),
            histogram=None if counts is None or data is None else {"fakes": counts.tolist(), "test": data.tolist()},
            by_class=by_class,
        )

    def scores(
        self, images: Tensor, names: Iterable[str] | None = None, asked: Tensor | None = None
    ) -> dict[str, Score]:
        """These metrics (None: all), without floors; ``asked`` is that of `evaluate`."""
        return self._scores(self._inputs(images, asked), names)

    def quick(self, images: Tensor, asked: Tensor | None = None) -> dict[str, Score]:
        """The scores of the leading net that are cheap enough to follow a training run, of the run's framed images."""
        quick = [name for name, metric in metrics().items() if metric.quick]
        return self._scores(self._inputs(self.unframed(images), asked, [self.lead]), quick)

    def _inputs(
        self, images: Tensor, asked: Tensor | None = None, nets: Iterable[str] | None = None
    ) -> dict[str, Inputs]:
        """The inputs of metrics by each of these nets (None: all), for the images that are judged."""
        fakes = self.chosen(images)
        if asked is not None:
            asked = shuffled(asked_for.checked(asked, len(images), self.reference), 2)[: len(fakes)]  # as `chosen` does
        return {net: Inputs(self.reference, net, fakes, asked) for net in (self.short if nets is None else nets)}

    def _scores(self, inputs: Mapping[str, Inputs], names: Iterable[str] | None = None) -> dict[str, Score]:
        """By short name; metrics of classes are left out for a net that has none. names: None for all metrics."""
        scores, table = {}, metrics()
        names = list(table if names is None else names)
        for net, given in inputs.items():
            for name in names:
                metric, at = table[name], self.short[net]
                if at and not metric.every_net:
                    continue
                values = [getattr(given, need) for need in metric.needs]
                if all(value is not None for value in values):
                    score = metric.function(*values)
                    scores[named(name, at)] = replace(
                        score, protocol=protocol(name, score.n, self.data, metric.against, at)
                    )
        return scores

    def _floors(self, n: int, say: Say) -> dict[str, Plain]:
        """The scores of ``n`` training images (at most half of them) in the place of fakes."""

        def make() -> dict[str, Plain]:
            say("measuring the floors, once for this data set and sample size")
            played = self.reference.play_fakes(n)
            scores = self._scores({net: Inputs(self.reference, net, played) for net in self.short}, MEASURED)
            fixed: dict[str, Plain] = {name: {"value": m.floor} for name, m in METRICS.items() if m.floor is not None}
            return {name: score.as_dict() for name, score in scores.items()} | fixed

        return self.reference.shelf.table(f"floors-{n}", make)

    def _own_floors(self, n: int, labelled: bool) -> dict[str, Plain]:
        """The same of metrics of one's own. They are kept in memory alone, since a function may change.

        labelled: the labels of the training images stand for the classes asked for.
        """
        found: dict[str, Plain] = {}
        inputs: dict[str, Inputs] = {}
        for name in (name for name in metrics() if name not in METRICS):
            part, key = own("metric", name), (n, name, labelled)
            if key not in self._floors_of or self._floors_of[key][0] is not part:
                played, labels = self.reference.play_fakes(n), self.reference.play_labels(n) if labelled else None
                inputs = inputs or {self.lead: Inputs(self.reference, self.lead, played, labels)}
                self._floors_of[key] = part, {k: score.as_dict() for k, score in self._scores(inputs, [name]).items()}
            found |= self._floors_of[key][1]
        return found

    def _disagreements(self, scores: dict[str, Score]) -> list[str]:
        """Where the classifiers of different seeds contradict one another, in sentences."""
        found = []
        classifiers = {net: at for net, at in self.short.items() if self.reference.nets[net].classes}
        modes = {net: scores[named("modes", at)].value for net, at in classifiers.items()}
        if len(set(modes.values())) > 1:
            found.append(f"The classifiers see different numbers of classes: {_listed(modes)}.")
        ratios = {net: _over_floor(scores[named("fd", at)]) for net, at in classifiers.items()}
        known = [ratio for ratio in ratios.values() if ratio is not None]
        if known and max(known) > 2 * min(known):
            found.append(f"Their Fréchet distances are different multiples of their floors: {_listed(ratios)}.")
        return found


def _beside(score: Score, floor: Plain) -> Score:
    """The score with its floor, which is the score of real images."""
    ends = (floor["low"], floor["high"]) if "low" in floor else None
    return replace(score, floor=floor.get("value"), floor_interval=ends)


def _over_floor(score: Score) -> float | None:
    return None if score.value is None or score.floor is None or score.floor <= 0 else score.value / score.floor


def _listed(values: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items() if value is not None)
