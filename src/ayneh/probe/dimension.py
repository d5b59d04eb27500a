"""Intrinsic dimension: the number of directions in which points vary locally, from distances to their neighbours.

Both estimators assume that the density is even within the distance of k neighbours. The number of points that this
needs grows exponentially with the dimension d: both underestimate a large d, so compare sets of the same size only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ayneh.errors import UserError
from ayneh.judge.scores import Score, cannot_tell
from ayneh.judge.statistics import mean_interval

KS = (3, 5, 10, 20)  # neighbours in a maximum-likelihood estimate
KEPT = 0.9  # share of the ratios that TwoNN fits its line to, as its authors do: the largest are the noisiest
LEAST = 20  # points with neighbours that an estimate needs


@dataclass(frozen=True)
class Near:
    """Distances of some points to their nearest others."""

    distances: np.ndarray  # (Q, k) ascending, all above 0
    points: int  # distinct ones, among which the neighbours were looked for
    copies: int  # rows left out because they equal another one


def near(x: np.ndarray, k: int, queries: int | None = None) -> Near:
    """Euclidean distances to the k nearest others among the distinct rows of x (N, d), in float64.

    A copy would be a neighbour at distance 0, which has no logarithm: of equal rows one is kept. queries: only for so
    many rows, chosen at random (None: all). Fewer neighbours are found where there are fewer points. Raises UserError
    for anything but a finite matrix.
    """
    from sklearn.neighbors import NearestNeighbors

    x = np.asarray(x)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise UserError(f"Dimensions are estimated from a finite matrix (N, d); got shape {x.shape}, or not finite.")
    distinct = _distinct(x).astype(np.float64)
    n = len(distinct)
    k = min(k, n - 1)
    if k < 1:
        return Near(np.empty((0, 0)), n, len(x) - n)
    rows = np.arange(n)
    if queries is not None and queries < n:
        rows = np.sort(np.random.default_rng(0).choice(n, queries, replace=False))
    found, _ = NearestNeighbors(n_neighbors=k + 1).fit(distinct).kneighbors(distinct[rows])
    found = found[:, 1:]  # the first is the point itself
    return Near(found[found[:, 0] > 0], n, len(x) - n)  # a distance that float64 rounds to 0: a copy as well


def _distinct(x: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(x + 0)  # + 0: -0.0 is 0.0
    _, first = np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))), return_index=True)
    return rows[np.sort(first.ravel())]


def likelihood(found: Near, k: int) -> Score:
    """m = [mean over points and j < k of ln(T_k / T_j)]^-1, T_j the distance to the j-th neighbour.

    Levina & Bickel 2004, with the inverses averaged: the maximum of the likelihood by MacKay & Ghahramani 2005. The
    interval takes the points as independent.
    """
    if k < 2:
        raise UserError(f"The likelihood compares the k-th neighbour with nearer ones: k is {k}, choose at least 2.")
    if (refusal := _refusal(found, k)) is not None:
        return refusal
    logs = np.log(found.distances[:, k - 1 : k] / found.distances[:, : k - 1]).mean(1)  # (Q,)
    mean = float(logs.mean())
    if mean == 0:
        return cannot_tell(len(logs), f"All {k} neighbours lie equally far: there is no estimate.")
    low, high = mean_interval(logs) or (mean, mean)
    return Score(1 / mean, len(logs), (1 / high, 1 / low if low > 0 else math.inf))


def two_nn(found: Near) -> Score:
    """d of F(mu) = 1 - mu^-d, mu = T_2 / T_1: the slope of -ln(1 - F) over ln mu through 0 (Facco et al. 2017).

    F is the share of points with a smaller ratio; the largest tenth of the ratios is left out.
    """
    if (refusal := _refusal(found, 2)) is not None:
        return refusal
    logs = np.sort(np.log(found.distances[:, 1] / found.distances[:, 0]))
    n = len(logs)
    kept = int(KEPT * n)
    x, y = logs[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    if not x.any():
        return cannot_tell(n, "The second neighbour lies as far as the first everywhere: there is no estimate.")
    return Score(float(x @ y / (x @ x)), n)


def dimensions(x: np.ndarray, queries: int | None = None) -> dict[str, Score]:
    """Both estimates of the rows of x (N, d): "mle_K" for each of `KS`, and "two_nn"; see `near` for the others."""
    found = near(x, max(KS), queries)
    return {f"mle_{k}": likelihood(found, k) for k in KS} | {"two_nn": two_nn(found)}


def _refusal(found: Near, k: int) -> Score | None:
    """A score without a value where there are too few points, else None."""
    n = len(found.distances)
    if n >= LEAST and found.distances.shape[1] >= k:
        return None
    copies = f" ({found.copies:,} rows were copies of others)" if found.copies else ""
    return cannot_tell(n, f"{found.points:,} distinct points are too few to estimate a dimension at k = {k}{copies}.")
