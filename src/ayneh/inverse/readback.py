"""Are D's features an inverse of G? Features, latents and images in, scores and sentences out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge.neighbours import distances
from ayneh.judge.scores import Score, cannot_tell, shuffled
from ayneh.judge.statistics import mean_interval, normal_interval, wilson

PROBED = 10_000  # labelled images behind a linear probe, at most
UNITS = 256  # hidden units of the small perceptron
PENALTIES = tuple(10.0**k for k in range(-4, 5))  # of ridge: the best by leave-one-out


def probe(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> Score:
    """Test accuracy of a softmax regression on standardised features (N, F), (M, F), fitted to 10,000 of them."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, tol=1e-3))
    some = shuffled(torch.arange(len(train)), 7)[:PROBED]  # folders have their classes one after another
    if len(train_labels[some].unique()) < 2:
        return cannot_tell(len(test), f"Of {len(some):,} training images at random all have one label.")
    fitted.fit(train[some].numpy(), train_labels[some].numpy())
    hits = int((fitted.predict(test.numpy()) == test_labels.numpy()).sum())
    return Score(hits / len(test), len(test), wilson(hits, len(test)))


def nearest_label(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> Score:
    """Test accuracy of the label of the nearest training row, Euclidean: (N, F), (N,), (M, F), (M,)."""
    found = torch.cat([block.argmin(1) for _, block in distances(test.float(), train.float())])
    hits = int((train_labels[found] == test_labels).sum())
    return Score(hits / len(test), len(test), wilson(hits, len(test)))


def principal(train: Tensor, test: Tensor, directions: int) -> tuple[Tensor, Tensor]:
    """Both sets in the training set's leading principal directions: (N, F), (M, F) -> (N, K), (M, K)."""
    k = min(directions, *train.shape)
    fitted = PCA(k, svd_solver="covariance_eigh", random_state=0).fit(train.numpy())
    return torch.from_numpy(fitted.transform(train.numpy())), torch.from_numpy(fitted.transform(test.numpy()))


@dataclass(frozen=True)
class ReadBack:
    """A map features (N, F) -> latents (N, Z), and the share of each coordinate's variance that it explains.

    r2[j] = 1 - E(z_j - read_j)^2 / Var(z_j) on held-out rows: 1 if z_j is read exactly, 0 if the mean is as good; NaN
    if z_j is the same in all of them.
    """

    read: Callable[[Tensor], Tensor]
    r2: Tensor  # (Z,) float64
    n: int  # held-out rows

    def score(self) -> Score:
        """The mean over the coordinates that vary; the interval takes them as a sample."""
        r2 = self.r2[~self.r2.isnan()]
        if not len(r2):
            return cannot_tell(self.n, "Every coordinate of z is the same in all held-out images.")
        spread = float(r2.std()) / len(r2) ** 0.5 if len(r2) > 1 else 0.0
        mean = float(r2.mean())
        return Score(mean, self.n, normal_interval(mean, spread))


def read_by_ridge(features: Tensor, z: Tensor, fitted: int) -> ReadBack:
    """Ridge regression of z (N, Z) on standardised features (N, F): the first rows fit it, the others measure it."""
    return _read_back(RidgeCV(alphas=PENALTIES), features, z, fitted)


def read_by_perceptron(features: Tensor, z: Tensor, fitted: int) -> ReadBack:
    """The same by a perceptron with one hidden layer of 256 rectified units, stopped early on a tenth of the rows."""
    net = MLPRegressor(
        hidden_layer_sizes=(UNITS,), early_stopping=True, n_iter_no_change=5, max_iter=60, random_state=0
    )
    return _read_back(net, features, z, fitted)


def _read_back(regressor: RidgeCV | MLPRegressor, features: Tensor, z: Tensor, fitted: int) -> ReadBack:
    if not 20 <= fitted < len(z):
        raise UserError(f"Reading z back needs 20 rows to fit and one to measure; there are {fitted} of {len(z)}.")
    scales = StandardScaler().fit(z[:fitted].numpy())
    model = make_pipeline(StandardScaler(), regressor)
    targets = scales.transform(z[:fitted].numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its epochs are bounded on purpose
        model.fit(features[:fitted].numpy(), targets[:, 0] if z.shape[1] == 1 else targets)

    def read(rows: Tensor) -> Tensor:
        found = np.asarray(model.predict(rows.numpy())).reshape(len(rows), -1)
        return torch.from_numpy(scales.inverse_transform(found)).to(z.dtype)

    return ReadBack(read, explained(read(features[fitted:]), z[fitted:]), len(z) - fitted)


def explained(read: Tensor, z: Tensor) -> Tensor:
    """R^2 of each coordinate: 1 - E(z - read)^2 / Var z, (N, Z), (N, Z) -> (Z,) float64; NaN where z does not vary."""
    read, z = read.double(), z.double()
    found = 1 - (z - read).square().mean(0) / z.var(0, unbiased=False)
    return found.masked_fill((z == z[0]).all(0), torch.nan)


def relative_error(x: Tensor, own: Tensor) -> Score:
    """E||x - G(E(x))|| / E||x - G(E(x'))||, x' another image of the set (Donahue et al. 2017, BiGAN); L2 norms.

    x, own: (N, ...), images and their own reconstructions. 0: exact; 1: as far away as another image's. Each x' is used
    once. The interval is by the delta method, with pairs taken as independent.
    """
    if len(x) < 2:
        raise UserError("The relative error compares an image with another's reconstruction: it needs two images.")
    turned = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    other = torch.empty_like(turned)
    other[turned] = turned.roll(1)  # one cycle through all: no image is its own x'
    near = (x - own).flatten(1).double().norm(dim=1)
    far = (x - own[other]).flatten(1).double().norm(dim=1)
    if not float(far.mean()):
        return cannot_tell(len(x), "All images are the same, and so are their reconstructions.")
    ratio = float(near.mean() / far.mean())
    spread = float((near - ratio * far).std() / far.mean()) / len(x) ** 0.5
    return Score(ratio, len(x), normal_interval(ratio, spread))


def squared_error(x: Tensor, y: Tensor) -> Score:
    """Mean over images of the mean squared difference per pixel, both (N, ...) in [-1, 1]."""
    errors = (x - y).double().square().flatten(1).mean(1).numpy()
    low, high = mean_interval(errors) or (0.0, float("inf"))
    return Score(float(errors.mean()), len(errors), (max(0.0, low), high) if len(errors) > 1 else None)


READER = "reader"  # the name of D's own as a map
READS, READS_PARTLY = 0.9, 0.5  # mean R^2: an inverse from the first, in part from the second
RETURNS, RETURNS_ROUGHLY = 0.5, 0.8  # relative error of real images: close up to the first, roughly up to the second


def verdict(by: str, read: Score, real: Score, generated: Score, nearest: dict[str, Score]) -> list[str]:
    """Is this D an inverse of this G? Sentences that name their thresholds.

    by, read: the map that reads z best, and its mean R^2; real, generated: relative errors; nearest: accuracies of
    `nearest_label` by space, among them features, pixels and untrained (empty: no labels).
    """
    if unknown := [score.warning for score in (read, real, generated) if score.value is None]:
        return [f"Whether D is an inverse of this G cannot be told: {unknown[0]}"]
    r2, back, again = (cast(float, score.value) for score in (read, real, generated))
    what = "an inverse" if r2 >= READS else "in part an inverse" if r2 >= READS_PARTLY else "not an inverse"
    how = "come back closely" if back <= RETURNS else "come back roughly"
    how = how if back <= RETURNS_ROUGHLY else "hardly come back"
    way = "its own reader reads z from G(z)" if by == READER else f"a {by} reads z from D's features of G(z)"
    words = [
        f"D is {what} of this G: {way} with a mean R^2 of {r2:.3f} on {read.n:,} "
        f"held-out images ({READS:g} and more: an inverse; {READS_PARTLY:g}: in part).",
        f"Real images {how} from the round trip: their relative error is {back:.2f}, that of generated ones "
        f"{again:.2f} (up to {RETURNS:g}: closely; {RETURNS_ROUGHLY:g}: roughly; 1: as near as another image's).",
    ]
    if nearest:
        others = ", ".join(_against(nearest["features"], nearest[other], name) for other, name in CONTROLS.items())
        words.append(f"By nearest neighbours D's features tell the classes apart {others}.")
    return words


CONTROLS = {"pixels": "raw pixels", "untrained": "an untrained D"}


def _against(ours: Score, theirs: Score, name: str) -> str:
    """ "better than raw pixels (98.1 % against 96.9 %)", where the intervals do not overlap."""
    if ours.value is None or theirs.value is None or not ours.interval or not theirs.interval:
        return f"not comparably to {name}"
    relation = "better than" if ours.interval[0] > theirs.interval[1] else "no better than"
    relation = "worse than" if ours.interval[1] < theirs.interval[0] else relation
    return f"{relation} {name} ({100 * ours.value:.1f} % against {100 * theirs.value:.1f} %)"
