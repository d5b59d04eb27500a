"""The inputs of metrics: features, counts and distances of a data set (cached) and of fakes, computed on first use."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ayneh.files.sealed import fingerprint_of
from ayneh.judge import classes, neighbours, within
from ayneh.judge.features import FeatureNet, Seen, see
from ayneh.judge.scores import Score, shuffled
from ayneh.judge.shelf import Shelf
from ayneh.judge.within import Labelled, OfClasses

VERSION = 7  # of the cache: raise it when the meaning of a metric or the form of a floor changes
BINNED = 10_000  # training images behind NDB's bins
NEAREST = 2_000  # images whose nearest training image is looked for


class Reference:
    """A data set and the nets of its panel, the leading one first; pixels uint8 (N, C, S, S).

    labels: of the training images and of the test images, int64 (N,); names: of the classes.
    """

    def __init__(
        self,
        nets: dict[str, FeatureNet],
        train: Tensor,
        test: Tensor,
        cache: Path | None,
        labels: tuple[Tensor | None, Tensor | None] = (None, None),
        names: tuple[str, ...] | None = None,
    ) -> None:
        self.nets, self.train, self.test = nets, train, test
        (self.train_labels, self.test_labels), self.names = labels, names
        self.lead = next(iter(nets))
        self.fingerprint = fingerprint_of(train)  # as runs keep it of their images
        self.shelf = Shelf(cache, _key(nets, self.fingerprint + fingerprint_of(test)))

    def features(self, net: str) -> Tensor:
        """Features of the test images, (N, F) in float64."""
        return self.shelf.tensor(net, lambda: see(self.nets[net], self.test).features).double()

    def classes(self, net: str) -> Tensor:
        """The class that the net predicts for each test image, (N,)."""
        head = self.nets[net].head
        if head is None:
            raise ValueError(f"{net} has no classes.")
        with torch.inference_mode():
            return head(self.features(net).float()).argmax(1)

    def confusion(self, net: str) -> Tensor | None:
        """Test images by their label and by the class that the net predicts (K, K); None without labels."""
        if self.test_labels is None or self.names is None:
            return None
        return classes.confusion(self.test_labels, self.classes(net), len(self.names))

    def counts(self, net: str) -> Tensor:
        """Test images by the class that the net predicts (K,): its errors then affect fakes and data alike."""
        return torch.bincount(self.classes(net), minlength=self.nets[net].classes)

    @cached_property
    def shuffled_train(self) -> Tensor:
        """The training images in a fixed random order."""
        return shuffled(self.train, 4)

    @cached_property
    def binned(self) -> Tensor:
        """Features of the training images behind NDB's bins, (B, F): none of those in `play_fakes`."""
        chosen = self.shuffled_train[: min(BINNED, len(self.train) // 2)]
        return self.shelf.tensor("binned", lambda: see(self.nets[self.lead], chosen).features).double()

    def play_fakes(self, n: int) -> Tensor:
        """``n`` training images, at most half of them, which stand for the fakes of a perfect generator."""
        return self.shuffled_train[len(self.train) - min(n, len(self.train) // 2) :]

    def play_labels(self, n: int) -> Tensor | None:
        """The labels of `play_fakes`."""
        labels = self.train_labels
        return None if labels is None else shuffled(labels, 4)[len(labels) - len(self.play_fakes(n)) :]

    @cached_property
    def held_out(self) -> Tensor:
        """Distances of up to 2,000 test images to the nearest training image, by pixels."""
        return self.shelf.tensor("held-out", lambda: self.nearest(self.test)).double()

    def nearest(self, images: Tensor) -> Tensor:
        """Distances of up to 2,000 images to the nearest training image, by pixels in [0, 1]."""
        return neighbours.nearest(*(x.flatten(1).float() / 255 for x in (shuffled(images, 3)[:NEAREST], self.train)))


class Inputs:
    """The inputs of `METRICS`, for fakes uint8 (M, C, S, S) and one net; those of classes may be None.

    asked: the class that was asked for of each fake, int64 (M,); None where none was.
    """

    def __init__(self, reference: Reference, net: str, fakes: Tensor, asked: Tensor | None = None) -> None:
        self.reference, self.net, self.fakes, self.test = reference, net, fakes, reference.test
        self.asked = asked

    @cached_property
    def _seen(self) -> Seen:
        return see(self.reference.nets[self.net], self.fakes)

    @cached_property
    def real(self) -> Tensor:
        """Features of the test images, (N, F)."""
        return self.reference.features(self.net)

    @property
    def fake(self) -> Tensor:
        """Features of the fakes, (M, F)."""
        return self._seen.features

    @property
    def binned(self) -> Tensor:
        """Features of training images, (B, F)."""
        return self.reference.binned

    @property
    def probabilities(self) -> Tensor | None:
        """The probability of each class for each fake, (M, K)."""
        return self._seen.probabilities

    @property
    def labels(self) -> Tensor | None:
        """The most probable class of each fake, (M,)."""
        return None if self.probabilities is None else self.probabilities.argmax(1)

    @property
    def counts(self) -> Tensor | None:
        """Fakes by most probable class, (K,)."""
        return None if self.probabilities is None else classes.histogram(self.probabilities)

    @property
    def data_counts(self) -> Tensor | None:
        """Test images by most probable class, (K,)."""
        return None if self.probabilities is None else self.reference.counts(self.net)

    @property
    def confusion(self) -> Tensor | None:
        """Fakes by the class asked for and by their most probable class (K, K); None where these are others."""
        found, names = self.labels, self.reference.names
        if self.asked is None or found is None or names is None or len(names) != self.reference.nets[self.net].classes:
            return None
        return classes.confusion(self.asked, found, len(names))

    @cached_property
    def fd_of_classes(self) -> OfClasses | None:
        """The Fréchet distance of each class that was asked for from its test images."""
        of, names = self.reference, self.reference.names
        if self.asked is None or of.test_labels is None or names is None:
            return None
        most = None if of.train_labels is None else torch.bincount(of.train_labels, minlength=len(names))
        return within.frechet_of_classes(
            Labelled(self.real, of.test_labels), Labelled(self.fake, self.asked), names, most
        )

    @cached_property
    def spread_of_classes(self) -> OfClasses | None:
        """The spread of each class that was asked for as a share of that of its test images."""
        labels, names = self.reference.test_labels, self.reference.names
        if self.asked is None or labels is None or names is None:
            return None
        return within.spread_of_classes(Labelled(self.test, labels), Labelled(self.fakes, self.asked), names)

    @cached_property
    def manifold(self) -> dict[str, Score]:
        """The four scores of `neighbours.manifold_scores`, which share their distances."""
        return neighbours.manifold_scores(self.real, self.fake)

    @cached_property
    def nearest(self) -> Tensor:
        """Distances of up to 2,000 fakes to the nearest training image, by pixels."""
        return self.reference.nearest(self.fakes)

    @property
    def held_out(self) -> Tensor:
        """The same for test images."""
        return self.reference.held_out


def _key(nets: dict[str, FeatureNet], images: str) -> str:
    """The name of these nets and images (by fingerprints) in the cache: a hash of all of them and VERSION."""
    digest = hashlib.sha256(str(VERSION).encode())
    for value in (value for net in nets.values() for value in net.state_dict().values()):
        digest.update(value.contiguous().numpy().tobytes())
    digest.update(images.encode())
    return digest.hexdigest()[:16]
