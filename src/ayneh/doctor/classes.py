"""Vital signs of a labelled game: whether the samples of a class differ, vary and look as its training images do.

Each look draws the same few latents under every class. A small classifier of pixels, fitted once on the run's own
training images, reads which class each of these samples looks like; real images that it was not fitted on are its
yardstick. Nothing here depends on a run's seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ayneh.doctor.class_measures import MOST
from ayneh.engine.match import Match
from ayneh.engine.noise import FIXED, generator
from ayneh.evenly import evenly
from ayneh.game.frame import put, scale

LISTED = 20  # up to so many classes, a line has numbers of each
SAMPLES = 160  # of a look, about: latents times classes
LATENTS = (4, 16)  # of a look, at least and at most
FITTED, HELD = 1200, 600  # real images that the classifier is fitted on, and that it is tried on, about
FEWEST = 4  # training images of a class that is looked at
SIDE = 16  # pixels a side of the images that the classifier reads
RIDGE = 1e-2  # added to the diagonal of the kernel's matrix
FLAT = 0.1  # of the mean variance within classes: a class whose images vary less counts as varying so much
APART = 0.02  # share of the real images' variance that lies between classes, from which on samples are compared with it
FIXED_SIGNS = ("data_", "class_chance")  # that do not depend on samples
NATURAL = 0.15  # of real images of one class read as another, at most so much is taken for the nature of the data


class Classes:
    """The fixed part of the looks at a labelled game: classes, the variance of their training images, a classifier."""

    @classmethod
    def of(cls, match: Match) -> Classes | None:
        """Those of a match; None of an unlabelled game, and where fewer than two classes have four images."""
        if match.labels is None or match.classes is None:
            return None
        found = cls(match.pixels, match.labels, match.classes.count, match.size)
        return found if len(found.numbers) > 1 else None

    @torch.no_grad()
    def __init__(self, pixels: Tensor, labels: Tensor, count: int, size: int) -> None:
        """pixels: uint8 (N, C, h, w), the training images; labels: (N,), from 0 to count - 1; size: of G's images."""
        order = torch.randperm(len(labels), generator=generator(0, FIXED, "vitals classes"))
        found = labels.cpu()[order]
        places = {k: order[found == k] for k in evenly(range(count), MOST)}
        self.numbers = [k for k, where in places.items() if len(where) >= FEWEST]  # of the classes looked at, K
        if len(self.numbers) < 2:
            return
        each = -(-(FITTED + HELD) // len(self.numbers))
        images = [
            scale(put(pixels[places[k][:each].to(pixels.device)], size), torch.float64).flatten(1).cpu()
            for k in self.numbers
        ]
        self.shape = (pixels.shape[1], size, size)
        means = torch.stack([x.mean(0) for x in images])  # (K, D)
        self.variance = torch.stack([x.var(0).sum() for x in images])  # (K,), in units of [-1, 1] squared
        noise = torch.stack([x.var(0).sum() / len(x) for x in images]).mean()  # of the mean of a class
        self.share = _share(means.var(0).sum() - noise, self.variance.mean())
        self.latents = min(max(SAMPLES // len(self.numbers), LATENTS[0]), LATENTS[1])
        self._fit([small(x.unflatten(1, self.shape)) for x in images])

    def _fit(self, images: Sequence[Tensor]) -> None:
        """Fit the classifier on two thirds of each class's images, (n, F) each, and read the last third."""
        cuts = [max(1, len(x) * HELD // (FITTED + HELD)) for x in images]
        fitted = [x[cut:] for x, cut in zip(images, cuts, strict=True)]
        self.reader = Reader(fitted)
        read = [self.reader(x[:cut]) for x, cut in zip(images, cuts, strict=True)]
        self.confusion = torch.stack([shares(one, len(images)) for one in read])  # (K, K): class -> read as

    def asked(self) -> Tensor:
        """The class of each sample of a look, int64 (latents * K,): every class under one latent after another."""
        return torch.tensor(self.numbers).repeat(self.latents)

    @torch.no_grad()
    def signs(self, fake: Tensor) -> dict[str, float]:
        """The signs by name (docs/doctor.md) of the samples of `asked`, (latents * K, C, S, S) in [-1, 1].

        NaN for what is not known.
        """
        k = len(self.numbers)
        x = fake.detach().cpu().double().nan_to_num(math.nan).reshape(self.latents, k, -1)  # (M, K, D)
        spread = x.var(0).sum(1) / self.variance.maximum(FLAT * self.variance.mean())  # (K,)
        signs = {
            "label_effect": float(effect(x) / self.share) if self.share >= APART else math.nan,
            "data_label_share": float(self.share),
            "class_spread": float(spread.min()),
            "class_spread_median": float(spread.median()),
            "class_spread_of": float(self.numbers[int(spread.argmin())]),
            "class_spread_data": float(self.variance[spread.argmin()] / self.variance.mean()),
        }
        signs |= self._read(x)
        if k <= LISTED:
            signs |= {f"class_spread_{n}": float(value) for n, value in zip(self.numbers, spread, strict=True)}
        return signs

    def _read(self, x: Tensor) -> dict[str, float]:
        """What the classifier reads of the samples, (M, K, D)."""
        k, finite = len(self.numbers), bool(x.isfinite().all())
        read = self.reader(small(x.reshape(-1, *self.shape).nan_to_num(0.0))).reshape(self.latents, k)
        found = torch.stack([shares(one, k) for one in read.T])  # (K, K): asked -> read as
        beyond = (found - self.confusion.clamp(max=NATURAL)).fill_diagonal_(-1.0)
        a, b = divmod(int(beyond.argmax()), k)
        signs = {
            "class_chance": 1 / k,
            "class_read": float(found.trace() / k),
            "data_class_read": float(self.confusion.trace() / k),
            "class_swap": float(beyond[a, b]),
            "class_swap_from": float(self.numbers[a]),
            "class_swap_to": float(self.numbers[b]),
            "class_swap_share": float(found[a, b]),
            "data_class_swap": float(self.confusion[a, b]),
        }
        if k <= LISTED:
            signs |= {f"class_read_{n}": float(found[j, j]) for j, n in enumerate(self.numbers)}
        return {name: value if finite or name.startswith(FIXED_SIGNS) else math.nan for name, value in signs.items()}


class Reader:
    """Kernel ridge regression on the classes, with a Gaussian kernel as wide as the images' median distance."""

    def __init__(self, images: Sequence[Tensor]) -> None:
        """images: for each of K classes (n, F)."""
        self.images = torch.cat(list(images))  # (N, F)
        apart = torch.cdist(self.images, self.images).square()
        self.width = apart.median().clamp(min=1e-12)
        targets = torch.block_diag(*[torch.ones(len(x), 1, dtype=x.dtype) for x in images])  # (N, K)
        kernel = (-apart / self.width).exp()
        weigh = len(images) * targets.sum(0)[targets.argmax(1)] / len(kernel)  # 1 where classes are of one size
        kernel.diagonal().add_(RIDGE * weigh)  # each class counts alike, however many images it has
        self.images, self.width = self.images.float(), self.width.float()  # exact enough to read by, and fast
        self.weights = torch.linalg.solve(kernel, targets - 1 / len(images)).float()  # (N, K)

    def __call__(self, x: Tensor) -> Tensor:
        """The class that each image looks like most, (n, F) -> (n,), from 0."""
        kernel = (-torch.cdist(x.float(), self.images).square() / self.width).exp()
        return (kernel @ self.weights).argmax(1)


def small(x: Tensor) -> Tensor:
    """Images as the classifier reads them, (N, C, S, S) -> (N, F), at most 16 pixels a side."""
    return nn.functional.adaptive_avg_pool2d(x, min(SIDE, x.shape[-1])).flatten(1)


def shares(read: Tensor, count: int) -> Tensor:
    """The share of each class among these, (n,) -> (K,)."""
    return read.bincount(minlength=count).double() / len(read)


def effect(x: Tensor) -> Tensor:
    """The share of the variance of G(z, y) that lies between classes, (M latents, K classes, D) -> ().

    An analysis of variance in two ways: what z and y do together is taken off what the means of classes differ by, so
    a G to which the class is one more piece of noise has about 0, and one that ignores the class has 0.
    """
    latents, classes, _ = x.shape
    of_class, of_latent = x.mean(0, keepdim=True), x.mean(1, keepdim=True)
    together = (x - of_class - of_latent + x.mean((0, 1), keepdim=True)).square().sum()
    noise = together / ((latents - 1) * (classes - 1)) / latents
    return _share(of_class[0].var(0).sum() - noise, x.var(0).sum(1).mean())


def _share(between: Tensor, within: Tensor) -> Tensor:
    between = between.clamp(min=0)
    return between / (between + within)
