"""Classification accuracy score: a classifier that has learned from fakes alone, tested on real images.

Ravuri & Vinyals 2019 train a ResNet; here it is the judge's own small net. It is low where classes do not come out,
where fakes look unlike real images, and where a class has little variety.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge import training
from ayneh.judge.inputs import Reference
from ayneh.judge.scores import Plain, Score, cannot_tell, protocol, shuffled
from ayneh.judge.shelf import key_of
from ayneh.judge.statistics import normal_interval
from ayneh.terminal.text import Say, silent

SEEDS = 3  # classifiers that are trained on fakes, and as many on real images
IMAGES = 10_000  # that each learns from, at most
SEEN = 60_000  # images that each sees in all, with those that it sees again
MOST_EPOCHS = 50


def images_of(reference: Reference, data: str) -> int:
    """How many images a classifier learns from: as many as there are training images, up to 10,000.

    Raises UserError for data that have no classes, or too few images.
    """
    n, of = min(len(reference.train), IMAGES), reference
    if of.names is None or of.train_labels is None or of.test_labels is None:
        raise UserError(f"{data} has no labels, and the classification accuracy score needs them: leave --cas out.")
    if n < training.BATCH:
        raise UserError(
            f"The classification accuracy score needs {training.BATCH} training images and {data} has {n}: leave --cas "
            "out, or add images."
        )
    return n


def score(reference: Reference, data: str, fakes: Tensor, asked: Tensor, say: Say) -> Score:
    """The mean accuracy on real test images of classifiers that were trained on fakes uint8 (N, C, S, S).

    asked: the class that was asked for of each, int64 (N,). The floor is the same of as many real training images; it
    is measured once. The classifiers begin from the seeds 0, 1 and 2, of fakes and of real images alike. The interval
    has both the variance between them and that of the test images.
    """
    n = len(fakes)
    if len(asked.unique()) < 2:
        return cannot_tell(n, "A classifier cannot learn from images that were all asked for as one class.")
    labels, tests = reference.train_labels, reference.test_labels
    assert labels is not None  # `images_of` has seen them
    assert tests is not None
    begin = time.perf_counter()

    def real() -> Plain:
        order = shuffled(torch.arange(len(labels)), 6)[:n]
        return {"values": _accuracies(reference, reference.train[order], labels[order], "real images", say)}

    found = _accuracies(reference, fakes, asked, "fakes", say)
    floor = reference.shelf.table(f"cas-{n}-{SEEDS}-{key_of(labels, tests)}", real)["values"]
    say(f"the classification accuracy score took {time.perf_counter() - begin:.0f} s")
    made, beside = (_score(values, n, len(tests)) for values in (found, floor))
    return Score(
        made.value, n, made.interval, protocol=protocol("cas", n, data), floor=beside.value,
        floor_interval=beside.interval,
    )  # fmt: skip


def _accuracies(reference: Reference, images: Tensor, labels: Tensor, what: str, say: Say) -> list[float]:
    """The accuracies on the test images of classifiers of all seeds, trained on these images."""
    names, tests = reference.names, reference.test_labels
    assert names is not None  # `images_of` has seen them
    assert tests is not None
    epochs, size = min(MOST_EPOCHS, math.ceil(SEEN / len(images))), images.shape[-1]
    found = []
    for seed in range(SEEDS):
        begin = time.perf_counter()
        net = training.train_classifier(images, labels, len(names), size, seed=seed, epochs=epochs, report=silent)
        found.append(training.accuracy(net, reference.test, tests))
        left = (SEEDS - 1 - seed) * (time.perf_counter() - begin)
        say(
            f"classifier {seed + 1} of {SEEDS} learned from {len(images):,} {what}: {found[-1]:.2%} of the real test "
            f"images right" + (f"; about {left:.0f} s more" if left else "")
        )
    return found


def _score(values: list[float], n: int, tests: int) -> Score:
    """The mean of accuracies on so many test images, with its interval."""
    x = torch.tensor(values, dtype=torch.float64)
    value = float(x.mean())
    error = math.sqrt(float(x.var()) / len(x) + value * (1 - value) / tests)
    low, high = normal_interval(value, error)
    return Score(value, n, (max(0.0, low), min(1.0, high)))
