"""Metrics of classes: the classifier's counts beside the data's, its confidence, and the classes asked for."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import special
from torch import Tensor

from ayneh.judge.scores import Score, cannot_tell
from ayneh.judge.statistics import wilson

CONFIDENT = 0.9  # about one real test digit in a hundred has a lower probability, which is the floor of the score
COVERED = 0.1  # share of the data's share from which a class counts: errors put some images into an empty class


def histogram(probabilities: Tensor) -> Tensor:
    """Images per most probable class: (N, K) -> (K,) int64."""
    return torch.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])


def class_kl(counts: Tensor, data: Tensor) -> Score:
    """KL(fakes || data) = sum q log(q/p) of class shares, in nats; counts of both (K,).

    The plug-in estimate: a perfect sampler scores (K-1)/2 (1/N + 1/M) on average, for M images of the data. The
    interval is the percentile interval of 1,000 multinomial draws from the fakes' own shares.
    """
    n = int(counts.sum())
    q, p, refusal = _shares(counts, data)
    if refusal is not None:
        return refusal
    draws = np.random.default_rng(0).multinomial(n, q, size=1000) / n
    low, high = np.quantile([kl(row, p) for row in draws], [0.025, 0.975])
    value = kl(q, p)
    # Resampling adds the plug-in bias a second time: the interval is shifted back by it, and never below 0.
    bias = (np.count_nonzero(q) - 1) / (2 * n)
    return Score(value, n, (max(0.0, float(low - bias)), float(high - bias)))


def class_chi2(counts: Tensor, data: Tensor) -> Score:
    """Pearson's chi-square of class counts against the data's shares, over its K-1 degrees of freedom.

    The data's M images are a sample, too: a perfect sampler of N images scores 1 + N/M on average, 2 where both are as
    many. p is of the null hypothesis that both have the same shares: of the statistic over 1 + N/M.
    """
    n = int(counts.sum())
    q, p, refusal = _shares(counts, data)
    if refusal is not None:
        return refusal
    kept = p > 0
    statistic = n * float(((q - p)[kept] ** 2 / p[kept]).sum())
    freedom = int(kept.sum()) - 1
    rare = n * float(p[kept].min())
    warning = f"The rarest class expects {rare:.1f} of {n} images; chi-square needs 5." if rare < 5 else None
    p_value = float(special.chdtrc(freedom, statistic / (1 + n / int(data.sum()))))
    return Score(statistic / freedom, n, p=p_value, warning=warning)


def modes_covered(counts: Tensor, data: Tensor) -> Score:
    """Number of classes to which the fakes give at least a tenth of their share in the data; counts (K,)."""
    n, total = int(counts.sum()), int(data.sum())
    if n == 0 or total == 0:
        return cannot_tell(n, "There are no images to count.")
    present = data > 0
    needed = (data.double() / total * n * COVERED).clamp_min(1)
    covered = int(((counts >= needed) & present).sum())
    absent = int((~present).sum())
    warning = f"{absent} of {len(data)} classes never appear in the data and were not counted." if absent else None
    if n * COVERED < int(present.sum()):
        warning = f"{n} images are too few to cover {int(present.sum())} classes reliably."
    return Score(float(covered), n, warning=warning)


def low_confidence(probabilities: Tensor) -> Score:
    """Share of images whose most probable class has a probability below 0.9, from probabilities (N, K)."""
    n = len(probabilities)
    if n == 0:
        return cannot_tell(0, "There are no images to classify.")
    unsure = int((probabilities.amax(1) < CONFIDENT).sum())
    return Score(unsure / n, n, wilson(unsure, n))


def confusion(asked: Tensor, found: Tensor, classes: int) -> Tensor:
    """Images by the class asked for and the class found in them: two int64 (N,) -> (K, K), a row for each asked."""
    return torch.bincount(asked * classes + found, minlength=classes**2).view(classes, classes)


def class_accuracy(table: Tensor) -> Score:
    """Share of images in which the classifier finds the class that was asked for, from `confusion` (K, K)."""
    n, right = int(table.sum()), int(table.trace())
    if n == 0:
        return cannot_tell(0, "There are no images to classify.")
    return Score(right / n, n, wilson(right, n))


def accuracy_of_real(asked: Tensor, table: Tensor) -> Score | None:
    """What `class_accuracy` is for real images of the classes asked for, in their shares; asked: images of each (K,).

    table: `confusion` of real images by their labels. Its interval is Wilson's for as many images as give a mean with
    these shares the same variance. None where a class that was asked for has no real image.
    """
    real, wanted = table.sum(1).double(), asked > 0
    if not bool(wanted.any()) or bool((real[wanted] == 0).any()):
        return None
    shares = asked[wanted].double() / asked.sum()
    right = table.diagonal()[wanted].double() / real[wanted]
    value, n = float((shares * right).sum()), round(float(1 / (shares.square() / real[wanted]).sum()))
    return Score(value, n, wilson(round(value * n), n))


def share_right(table: Tensor) -> float:
    """The share on the diagonal of `confusion` (K, K)."""
    return int(table.trace()) / int(table.sum())


def right(table: Tensor | None) -> tuple[float | None, ...] | None:
    """The same of each row, None for one without images; None of no table."""
    if table is None:
        return None
    return tuple(int(row[k]) / int(row.sum()) if int(row.sum()) else None for k, row in enumerate(table))


def rows(table: Tensor | None) -> tuple[tuple[int, ...], ...] | None:
    """A table as plain numbers; None of none."""
    return None if table is None else tuple(tuple(row) for row in table.tolist())


def by_chance(table: Tensor) -> float:
    """What `class_accuracy` would be if the images had nothing to do with the classes asked for; table (K, K)."""
    shares = table.double() / table.sum()
    return float((shares.sum(0) * shares.sum(1)).sum())


def kl(q: np.ndarray, p: np.ndarray) -> float:
    """KL(q || p) of shares (K,), in nats, never below 0 by rounding."""
    kept = q > 0
    return max(0.0, float((q[kept] * np.log(q[kept] / p[kept])).sum()))


def _shares(counts: Tensor, data: Tensor) -> tuple[np.ndarray, np.ndarray, Score | None]:
    """(shares of the fakes, shares of the data, "cannot tell" where these cannot be compared, else None)."""
    q, p = counts.double().numpy(), data.double().numpy()
    n, total = int(q.sum()), int(p.sum())
    if n == 0 or total == 0:
        return q, p, cannot_tell(n, "There are no images to count.")
    if np.count_nonzero(p) < 2:
        return q, p, cannot_tell(n, "The data has fewer than two classes, so shares cannot be compared.")
    new = q[p == 0]
    if new.any():
        classes = np.count_nonzero(new)
        why = f"{math.fsum(new):.0f} fakes fall in {classes} classes that never appear in the data."
        return q, p, cannot_tell(n, why)
    return q / n, p / total, None
