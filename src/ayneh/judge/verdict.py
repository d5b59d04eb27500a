"""One evaluation: a panel of nets and a data set, then images in, named scores with their floors out.

The protocol ``fd_10k_mnist_test`` compares 10,000 fakes with MNIST's test split through the features of the panel's
first net; another net's name follows at the end. The floor is the same metric between as many training images and the
test split: what a perfect generator would score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge import classes, diversity, neighbours
from ayneh.judge.features import FeatureNet, Seen, at_size, fingerprint, see
from ayneh.judge.frechet import frechet, frechet_infinite
from ayneh.judge.kernel import kid
from ayneh.judge.scores import Plain, Score, protocol, shuffled
from ayneh.judge.shelf import Shelf

VERSION = 3  # of the cached floors: raise it when a metric changes its meaning
BINNED = 10_000  # training images behind NDB's bins
NEAREST = 2_000  # images whose nearest training image is looked for
Verdict = dict[str, object]


class Judge:
    """Scores images against a data set. ``nets``: by name, the leading classifier first; pixels uint8 (N, C, S, S)."""

    def __init__(
        self,
        data: str,
        nets: dict[str, FeatureNet],
        train: Tensor,
        test: Tensor,
        cache: Path | None = None,
    ) -> None:
        if min(len(train), len(test)) < 20:
            raise UserError(f"{data} has {len(train)} training and {len(test)} test images; a judge needs 20 of each.")
        self.data, self.nets, self.train, self.test = data, nets, train, test
        self.lead = next(iter(nets))
        self.shelf = Shelf(cache, _key(nets, train, test))

    def chosen(self, images: Tensor) -> Tensor:
        """At most as many images as the test split has, a fixed random choice, at the data's own size: uint8."""
        if len(images) == 0:
            raise UserError("There are no images to judge.")
        if images.ndim == 4 and images.shape[1] != self.test.shape[1]:
            raise UserError(
                f"The images have {images.shape[1]} channels and {self.data} has {self.test.shape[1]}; "
                "compare like with like."
            )
        return at_size(shuffled(images, 2)[: len(self.test)], self.test.shape[-1]).round().to(torch.uint8)

    def evaluate(self, images: Tensor, say: Callable[[str], None] = lambda _: None) -> Verdict:
        """Every metric of images uint8 (N, C, S, S), each with n, interval, floor and warning, and words on them.

        At most as many images as the test split has are judged: a fixed random choice of them.
        """
        fakes = self.chosen(images)
        say(f"judging {len(fakes)} images against {len(self.test)} test images of {self.data}")
        seen = self._seen(fakes)
        scores = self._scores(fakes, seen) | self._copying(fakes)
        floors = self._floors(len(fakes), say)
        named = {
            self._short(key): replace(self._named(key, score), **_floor(floors.get(key, {}))).as_dict()
            for key, score in scores.items()
        }
        report: Verdict = {"data": self.data, "n": len(fakes), "nets": list(self.nets), "scores": named}
        if (probabilities := seen[self.lead].probabilities) is not None:
            counts, data = classes.histogram(probabilities), self._data_counts(self.lead)
            report["histogram"] = {"fakes": counts.tolist(), "test": data.tolist()}
        report["collapse"] = collapse(scores, floors)
        report["disagreements"] = self._disagreements(scores, floors)
        return report

    def scores(self, images: Tensor) -> dict[str, Score]:
        """Every metric by its bare name; ``@net`` marks those of another net than the leading one."""
        fakes = self.chosen(images)
        return self._scores(fakes, self._seen(fakes)) | self._copying(fakes)

    def quick(self, images: Tensor) -> dict[str, Score]:
        """A few scores by the leading net alone, cheap enough to follow a training run."""
        fakes = self.chosen(images)
        seen, reference = see(self.nets[self.lead], fakes), self._test_features(self.lead)
        scores = {"fd": frechet(reference, seen.features), "spread": diversity.spread(fakes, self.test)}
        scores |= self._class_scores(seen, self.lead)
        return {key: self._named(key, score) for key, score in scores.items()}

    # -- the metrics -----------------------------------------------------------------------------------------------

    def _seen(self, images: Tensor) -> dict[str, Seen]:
        return {name: see(net, images) for name, net in self.nets.items()}

    def _scores(self, fakes: Tensor, seen: dict[str, Seen]) -> dict[str, Score]:
        """All but memorisation, which training images themselves cannot be asked about."""
        real, fake = self._test_features(self.lead), seen[self.lead].features
        scores = {"fd": frechet(real, fake), "fd_infinite": frechet_infinite(real, fake), "kid": kid(real, fake)}
        scores |= neighbours.manifold_scores(real, fake)
        scores |= self._class_scores(seen[self.lead], self.lead)
        scores["ndb"] = diversity.ndb(self._binned(), fake)
        scores["support"] = diversity.birthday(real, fake)
        scores["ms_ssim"] = diversity.pairwise_ms_ssim(fakes)
        scores["spread"] = diversity.spread(fakes, self.test)
        scores["distance"] = diversity.pairwise_distance(fake)
        if (probabilities := seen[self.lead].probabilities) is not None:
            labels = probabilities.argmax(1)
            scores["ms_ssim_within_class"] = diversity.pairwise_ms_ssim(fakes, labels)
            scores["distance_within_class"] = diversity.pairwise_distance(fake, labels)
        for name in list(self.nets)[1:]:
            others = {"fd": frechet(self._test_features(name), seen[name].features)}
            others |= self._class_scores(seen[name], name)
            scores |= {f"{key}@{name}": score for key, score in others.items()}
        return scores

    def _class_scores(self, seen: Seen, name: str) -> dict[str, Score]:
        """Of a classifier; an encoder has none."""
        if seen.probabilities is None:
            return {}
        counts, data = classes.histogram(seen.probabilities), self._data_counts(name)
        return {
            "class_kl": classes.class_kl(counts, data),
            "class_chi2": classes.class_chi2(counts, data),
            "modes": classes.modes_covered(counts, data),
            "low_confidence": classes.low_confidence(seen.probabilities),
        }

    def _copying(self, fakes: Tensor) -> dict[str, Score]:
        """By pixels in [0, 1], of up to 2,000 fakes and as many test images, to all training images."""
        found, held_out = self._nearest(fakes), self.shelf.tensor("held-out", lambda: self._nearest(self.test)).double()
        return {
            "memorisation": neighbours.memorisation(found, held_out),
            "copies": neighbours.copies(found, held_out),
        }

    def _nearest(self, images: Tensor) -> Tensor:
        flat = [x.flatten(1).float() / 255 for x in (shuffled(images, 3)[:NEAREST], self.train)]
        return neighbours.nearest(*flat)

    # -- what is known of the data ---------------------------------------------------------------------------------

    @cached_property
    def _shuffled_train(self) -> Tensor:
        return shuffled(self.train, 4)

    def _binned(self) -> Tensor:
        """Features of the training images that make NDB's bins: none of those that make the floor (the last ones)."""
        chosen = self._shuffled_train[: min(BINNED, len(self.train) // 2)]
        return self.shelf.tensor("binned", lambda: see(self.nets[self.lead], chosen).features).double()

    def _test_features(self, name: str) -> Tensor:
        return self.shelf.tensor(name, lambda: see(self.nets[name], self.test).features).double()

    def _data_counts(self, name: str) -> Tensor:
        """The classifier's own counts of the test split, so that its errors are on both sides."""
        head = self.nets[name].head
        assert head is not None  # only classifiers are asked
        with torch.inference_mode():
            logits = head(self._test_features(name).float())
        return torch.bincount(logits.argmax(1), minlength=logits.shape[1])

    def _floors(self, n: int, say: Callable[[str], None]) -> dict[str, Plain]:
        """The scores of ``n`` training images (at most half of them) as if they were fakes; memorisation's is 1/2."""

        def make() -> dict[str, Plain]:
            say("measuring the floors, once for this data set and sample size")
            real = self._shuffled_train[len(self.train) - min(n, len(self.train) // 2) :]
            floors = {key: score.as_dict() for key, score in self._scores(real, self._seen(real)).items()}
            return floors | {"memorisation": {"value": 0.5}, "copies": {"value": 0.001}}  # by their construction

        return self.shelf.table(f"floors-{n}", make)

    # -- words -----------------------------------------------------------------------------------------------------

    def _named(self, key: str, score: Score) -> Score:
        metric, _, net = self._short(key).partition("@")
        return replace(score, protocol=protocol(metric, score.n, self.data, net=net))

    def _short(self, key: str) -> str:
        """ "fd@mnist-cnn-1" -> "fd@cnn-1": nets without the name of the data they belong to."""
        metric, _, net = key.partition("@")
        return f"{metric}@{net.removeprefix(f'{self.data}-')}" if net else metric

    def _disagreements(self, scores: dict[str, Score], floors: dict[str, Plain]) -> list[str]:
        """Where the classifiers' seeds would say different things about the same images."""
        others = [name for name in list(self.nets)[1:] if self.nets[name].classes]
        found = []
        keys = {self.lead: ""} | {name: f"@{name}" for name in others}
        modes = {name: scores[f"modes{at}"].value for name, at in keys.items() if f"modes{at}" in scores}
        if len(set(modes.values())) > 1:
            found.append(f"The classifiers see different numbers of classes: {_listed(modes)}.")
        ratios = {name: _over(scores[f"fd{at}"], floors[f"fd{at}"]) for name, at in keys.items()}
        known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if known and max(known.values()) > 2 * min(known.values()):
            found.append(f"Their Fréchet distances are different multiples of their floors: {_listed(known)}.")
        return found


def _key(nets: dict[str, FeatureNet], train: Tensor, test: Tensor) -> str:
    """A name for these nets on these images: what is cached under it is theirs."""
    digest = hashlib.sha256(str(VERSION).encode())
    for value in (value for net in nets.values() for value in net.state_dict().values()):
        digest.update(value.contiguous().numpy().tobytes())
    digest.update((fingerprint(train) + fingerprint(test)).encode())
    return digest.hexdigest()[:16]


def _floor(floor: Plain) -> dict[str, Any]:
    """The floor's fields of a score, from the score of real images."""
    found: dict[str, Any] = {"floor": floor.get("value")}
    return found | ({"floor_interval": (floor["low"], floor["high"])} if "low" in floor else {})


def collapse(scores: dict[str, Score], floors: dict[str, Plain]) -> list[str]:
    """Which metrics call the images collapsed, each in a sentence with its numbers; an empty list is good news."""

    def fell(key: str, share: float) -> str | None:
        """The score beside its floor, where it is at most ``share`` of it."""
        value, floor = _value(scores, key), _value(floors, key)
        if value is None or not floor or value > share * floor:
            return None
        return f"{value:,.4g}, where real images have {floor:,.4g}"

    signs = []
    if modes := fell("modes", 0.5):
        signs.append(f"histogram: {modes} classes")
    # Poor images cover little too, but they surround the data: only a collapsed set loses recall as well.
    if (coverage := fell("coverage", 0.5)) and fell("recall", 0.5):
        signs.append(f"coverage: {coverage}, with as little recall")
    support = scores.get("support")
    if support and support.interval and (few := fell("support", 0.2)):
        signs.append(f"birthday test: a support of {few}")
    return signs


def _value(table: dict[str, Score] | dict[str, Plain], key: str) -> float | None:
    entry = table.get(key)
    value = entry.value if isinstance(entry, Score) else (entry or {}).get("value")
    return value if isinstance(value, int | float) else None


def _over(score: Score, floor: Plain) -> float | None:
    value = floor["value"]
    if score.value is None or not isinstance(value, int | float) or value <= 0:
        return None
    return score.value / value


def _listed(values: dict[str, float] | dict[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items() if value is not None)
