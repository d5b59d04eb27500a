"""Stacked MNIST: three digits in three channels, 1000 modes, and how far their shares are from the truth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge.features import FeatureNet, see
from ayneh.judge.scores import Score, cannot_tell


def modes_of(net: FeatureNet, images: Tensor) -> Tensor:
    """100 a + 10 b + c of the digits that ``net`` reads in each channel: (N, 3, H, W) uint8 -> (N,) int64."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise UserError(f"Stacked digits have three channels (N, 3, H, W); got {tuple(images.shape)}.")
    if net.classes != 10:
        raise UserError(f"Stacked digits are read by a classifier of ten digits; this one has {net.classes} classes.")
    probabilities = see(net, images.reshape(-1, 1, *images.shape[2:])).probabilities
    assert probabilities is not None  # ten classes were checked above
    return probabilities.argmax(1).view(-1, 3) @ torch.tensor([100, 10, 1])


def count_modes(net: FeatureNet, batches: Iterable[Tensor]) -> Tensor:
    """Images per mode over a stream of batches, in memory that does not grow: -> (1000,) int64."""
    counts = torch.zeros(1000, dtype=torch.int64)
    for images in batches:
        counts += torch.bincount(modes_of(net, images), minlength=1000)
    return counts


def product_shares(digits: Tensor) -> np.ndarray:
    """The true shares of the 1000 modes, p_a p_b p_c, from the digit counts of the data (10,) -> (1000,)."""
    p = digits.double().numpy() / float(digits.sum())
    return np.einsum("a,b,c->abc", p, p, p).ravel()


UNIFORM = np.full(1000, 1e-3)  # what the literature's KL compares with, although MNIST's classes are not balanced


def mode_count(counts: Tensor) -> Score:
    """Number of the 1000 modes with at least one image, the usual count; counts (1000,)."""
    return Score(float((counts > 0).sum()), int(counts.sum()))


def mode_kl(counts: Tensor, shares: np.ndarray) -> Score:
    """Plug-in KL(fakes || shares) in nats; its bias, about 999/(2N) for a perfect sampler, stays in."""
    n = int(counts.sum())
    if n == 0:
        return cannot_tell(0, "There are no images to count.")
    return Score(_kl(counts.numpy(), shares), n)


def mode_kl_corrected(counts: Tensor, shares: np.ndarray) -> Score:
    """KL with the bias of (modes seen - 1)/(2N) taken away (Miller 1955), which is good when N >> 1000.

    Sets from the true shares score about zero, on either side of it. The interval is the percentile
    interval of 1,000 multinomial draws around the fakes' own shares.
    """
    n = int(counts.sum())
    if n == 0:
        return cannot_tell(0, "There are no images to count.")
    found = counts.numpy()
    bias = (np.count_nonzero(found) - 1) / (2 * n)
    draws = np.random.default_rng(0).multinomial(n, found / n, size=1000)
    low, high = np.quantile([_kl(row, shares) for row in draws], [0.025, 0.975]) - 2 * bias
    warning = f"{n} images are few for 1000 modes; use 100,000 or more." if n < 100_000 else None
    return Score(float(_kl(found, shares) - bias), n, (float(low), float(high)), warning=warning)


def perfect_sampler(truth: np.ndarray, shares: np.ndarray, n: int, draws: int = 200) -> tuple[float, float]:
    """(mean, standard deviation) of the plug-in KL against ``shares`` of ``n`` draws from ``truth``."""
    sampled = np.random.default_rng(0).multinomial(n, truth, size=draws)
    scores = [_kl(row, shares) for row in sampled]
    return float(np.mean(scores)), float(np.std(scores))


def _kl(counts: np.ndarray, shares: np.ndarray) -> float:
    kept = counts > 0
    q = counts[kept] / counts.sum()
    return float((q * np.log(q / shares[kept])).sum())
