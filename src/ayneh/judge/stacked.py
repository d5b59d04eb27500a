"""Metrics of Stacked MNIST: three digits in three channels, 1000 modes, the KL of their shares, digits asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge.asked import ByClass
from ayneh.judge.classes import class_accuracy, confusion, kl, right, rows, share_right
from ayneh.judge.features import FeatureNet, see
from ayneh.judge.report import Report
from ayneh.judge.scores import Score, cannot_tell, protocol
from ayneh.judge.statistics import normal_interval, wilson
from ayneh.judge.training import accuracy

STACKED = "stacked-mnist"
DRAWS = 200  # of a perfect sampler
PLUG_IN = 26_000  # images behind the KL in the literature
LEAD = "mnist-cnn-0"  # the net that reads the digits
Digits = tuple[Tensor, Tensor]  # pixels (N, 1, H, W) uint8, labels (N,)


def evaluate(
    net: FeatureNet,
    draw: Callable[[int, int], Iterable[Tensor]],
    n: int,
    train: Tensor,
    test: Digits,
    asked: Tensor | None = None,
) -> Report:
    """Modes and plug-in KL at 26,000 images, KL without bias at all ``n``, in memory that hardly grows with n.

    draw(first, last): the images from number ``first`` to ``last`` - 1 in batches; train: MNIST's training labels;
    asked: the numbers 0..999 that were asked for, int64 (n,), of a labelled run: the report then has the share of
    triples that are those asked for, and of digits.
    """
    truth = product_shares(torch.bincount(train, minlength=10))
    at, came = min(n, PLUG_IN), None if asked is None else Came(asked)
    each = None if came is None else came.add
    first = count_modes(net, draw(0, at), each)
    counts = first + count_modes(net, draw(at, n), each)
    mean, deviation = perfect_sampler(truth, UNIFORM, at)
    scores = {
        "modes": replace(mode_count(first), protocol=protocol("modes", at, STACKED, "")),
        "kl": replace(
            mode_kl(first, UNIFORM), protocol=protocol("kl", at, STACKED, "uniform"),
            floor=mean, floor_interval=normal_interval(mean, deviation),
        ),
        "kl_corrected": replace(
            mode_kl_corrected(counts, truth), protocol=protocol("kl_corrected", n, STACKED, "train"), floor=0.0
        ),
    }  # fmt: skip
    report = Report(STACKED, n, (LEAD,), scores, classifier_error_of_a_triple=1 - accuracy(net, *test) ** 3)
    return report if came is None else came.reported(report, confusion(test[1], read(net, test[0]), 10))


def read(net: FeatureNet, images: Tensor) -> Tensor:
    """The digit that ``net`` reads in each image: (N, 1, H, W) uint8 -> (N,) int64."""
    probabilities = see(net, images).probabilities
    assert probabilities is not None  # it is a classifier
    return probabilities.argmax(1)


class Came:
    """Which digits came of those that were asked for, over a stream of images."""

    def __init__(self, asked: Tensor) -> None:
        """asked: the numbers 0..999 of all images of the stream, in its order."""
        self.asked, self.n, self.triples = asked, 0, 0  # images so far, and those with all three digits right
        self.places = torch.zeros(3, 10, 10, dtype=torch.int64)  # by channel, digit asked for, digit found

    def add(self, found: Tensor) -> None:
        """found: the numbers of the next images (N,)."""
        asked = self.asked[self.n : self.n + len(found)]
        self.n += len(found)
        self.triples += int((asked == found).sum())
        for place, unit in enumerate((100, 10, 1)):
            self.places[place] += confusion(asked // unit % 10, found // unit % 10, 10)

    def reported(self, report: Report, real: Tensor) -> Report:
        """The report with what came of the digits that were asked for; real: `confusion` of real digits."""
        table = self.places.sum(0)
        each = ", ".join(f"{share_right(place):.2%}" for place in self.places)
        by_class = ByClass(
            tuple(map(str, range(10))), tuple(table.sum(1).tolist()), LEAD, rows(table), rows(real), right(table),
            right(real), of="digits", notes=(f"Digits that are those asked for, by channel: {each}.",),
        )  # fmt: skip
        return replace(report, scores=report.scores | self.scores(real), by_class=by_class)

    def scores(self, real: Tensor) -> dict[str, Score]:
        """The shares of triples, and of digits, that are those asked for."""
        read, ends = share_right(real), class_accuracy(real).interval
        scores = {
            "class_accuracy": replace(
                Score(self.triples / self.n, self.n, wilson(self.triples, self.n)),
                floor=read**3, floor_interval=ends and (ends[0] ** 3, ends[1] ** 3),
            ),
            "digit_accuracy": replace(
                class_accuracy(self.places.sum(0)), n=self.n, floor=read, floor_interval=ends
            ),
        }  # fmt: skip
        return {name: replace(one, protocol=protocol(name, one.n, STACKED)) for name, one in scores.items()}


def modes_of(net: FeatureNet, images: Tensor) -> Tensor:
    """100 a + 10 b + c of the digits that ``net`` reads in each channel: (N, 3, H, W) uint8 -> (N,) int64."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise UserError(f"Stacked digits have three channels (N, 3, H, W); got {tuple(images.shape)}.")
    if net.classes != 10:
        raise UserError(f"Stacked digits are read by a classifier of ten digits; this one has {net.classes} classes.")
    return read(net, images.reshape(-1, 1, *images.shape[2:])).view(-1, 3) @ torch.tensor([100, 10, 1])


def count_modes(net: FeatureNet, batches: Iterable[Tensor], each: Callable[[Tensor], None] | None = None) -> Tensor:
    """Images per mode over a stream of batches, in memory that does not grow: -> (1000,) int64.

    each: gets the modes (N,) of each batch.
    """
    counts = torch.zeros(1000, dtype=torch.int64)
    for images in batches:
        found = modes_of(net, images)
        counts += torch.bincount(found, minlength=1000)
        if each is not None:
            each(found)
    return counts


def product_shares(digits: Tensor) -> np.ndarray:
    """The true shares of the 1000 modes, p_a p_b p_c, from the digit counts of the data (10,) -> (1000,)."""
    p = digits.double().numpy() / float(digits.sum())
    return np.einsum("a,b,c->abc", p, p, p).ravel()


UNIFORM = np.full(1000, 1e-3)  # as in the literature, although MNIST's classes are not balanced


def mode_count(counts: Tensor) -> Score:
    """Number of the 1000 modes with at least one image, the usual count; counts (1000,)."""
    return Score(float((counts > 0).sum()), int(counts.sum()))


def mode_kl(counts: Tensor, shares: np.ndarray) -> Score:
    """Plug-in KL(fakes || shares) in nats; its bias is about 999/(2N) for a perfect sampler."""
    n = int(counts.sum())
    if n == 0:
        return cannot_tell(0, "There are no images to count.")
    return Score(kl(counts.numpy() / n, shares), n)


def mode_kl_corrected(counts: Tensor, shares: np.ndarray) -> Score:
    """KL with the bias of (modes seen - 1)/(2N) subtracted (Miller 1955), for N >> 1000.

    Sets from the true shares score about zero, on either side of it. The interval is the percentile
    interval of 1,000 multinomial draws around the fakes' own shares.
    """
    n = int(counts.sum())
    if n == 0:
        return cannot_tell(0, "There are no images to count.")
    found = counts.numpy()
    bias = (np.count_nonzero(found) - 1) / (2 * n)
    draws = np.random.default_rng(0).multinomial(n, found / n, size=1000) / n
    low, high = np.quantile([kl(row, shares) for row in draws], [0.025, 0.975]) - 2 * bias
    warning = f"{n} images are few for 1000 modes; use 100,000 or more." if n < 100_000 else None
    return Score(kl(found / n, shares) - bias, n, (float(low), float(high)), warning=warning)


def perfect_sampler(truth: np.ndarray, shares: np.ndarray, n: int) -> tuple[float, float]:
    """(mean, standard deviation) of the plug-in KL against ``shares`` of ``n`` draws from ``truth``."""
    sampled = np.random.default_rng(0).multinomial(n, truth, size=DRAWS) / n
    scores = [kl(row, shares) for row in sampled]
    return float(np.mean(scores)), float(np.std(scores))
