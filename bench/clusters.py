"""Labels that nobody gave: k-means groups MNIST's digits, and the game of `best` takes the groups for its classes.

    python bench/clusters.py trials runs [--groups 10 50 200]    # 250,000 images each; docs/findings/best/clusters.csv
    python bench/clusters.py full runs --groups 50 [--seeds 0 1 2]

No label is read but for the table's purity. Groups: k-means of the training images' 50 first principal components,
seed 0; in a trial of the 50,000 images that it sees. They are drawn in their shares, so that the result is a game
without labels (Liu et al. 2020, "Diverse Image Generation via Self-Conditioned GANs", who group D's features and do so
again while it trains). A trial is that of bench/best.py. `full` judges 10,000 images against the test split.
Stopped or killed, the same command goes on where it was. docs/findings/best.md has the predictions.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor

import best
from asked import at_least
from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data
from ayneh.data.split import limited
from ayneh.evaluation import read_images
from ayneh.files.whole import atomically, refuse_unwritable

TABLE = best.TRIALS.with_name("clusters.csv")
COMPONENTS = 50


def grouped(out: Path, groups: int, trial: bool) -> tuple[Path, float]:
    """A file of MNIST with groups for labels, made if it is not there, and their purity."""
    path = out / f"mnist-{'trial' if trial else 'full'}-{groups}-groups.npz"
    train, test = read_images(Data("mnist")), read_images(Data("mnist"), "test")
    assert train.labels is not None
    if trial:
        seen = limited(len(train.pixels), best.KEPT)
        unseen = np.setdiff1d(np.arange(len(train.pixels)), seen)
        pixels, digits, others = train.pixels[seen], train.labels[seen], train.pixels[unseen]
    else:
        pixels, digits, others = train.pixels, train.labels, test.pixels
    if not is_zipfile(path):  # also one that an earlier version was killed at
        cut_into_groups(path, pixels, others, groups)
    found = np.load(path)["y_train"]
    return path, purity(found, np.asarray(digits).reshape(-1), groups)


def cut_into_groups(path: Path, pixels: Tensor, others: Tensor, groups: int) -> None:
    """Write the file, whole or not at all: these images for training with their groups, and others with theirs."""
    flat = [images.reshape(len(images), -1).numpy().astype(np.float32) / 255 for images in (pixels, others)]
    axes = PCA(COMPONENTS, random_state=0).fit(flat[0])
    means = KMeans(groups, n_init=3, random_state=0).fit(axes.transform(flat[0]))
    with atomically(path) as file:
        np.savez(
            file, x_train=pixels[:, 0].numpy(), y_train=means.labels_, x_test=others[:, 0].numpy(),
            y_test=means.predict(axes.transform(flat[1])),
        )  # fmt: skip


def purity(found: np.ndarray, digits: np.ndarray, groups: int) -> float:
    """The share of images that are of their group's commonest digit."""
    counts = np.zeros((groups, 10), int)
    np.add.at(counts, (found, digits), 1)
    return float(counts.max(1).sum() / counts.sum())


def config(file: Path, trial: bool) -> Config:
    """The settings of `steady-labels-lazy` on this file."""
    own = {"data.name": f"file:{file.absolute()}", "data.limit": None}
    return best.CANDIDATES["steady-labels-lazy"].config(trial).changed(own)


def trials(out: Path, numbers: list[int], path: Path) -> None:
    """Play the trials that are not in the table yet, one after another."""
    refuse_unwritable(path)
    played = best.read_trials(path)
    for groups in numbers:
        name = f"{groups} groups"
        if name in played:
            continue
        file, pure = grouped(out, groups, trial=True)
        folder = out / f"clusters-trial-{groups}"
        ended = best.train(config(file, trial=True), best.TRIAL_SEED, folder)
        scores = best.scores_of(folder) if ended else dict.fromkeys(best.SCORES)
        row = {"name": name, "purity": round(pure, 4)} | scores
        best.note(path, row)


def full(out: Path, groups: int, seeds: list[int]) -> None:
    """Train at full length, draw 10,000 images and judge them against the test split."""
    file, pure = grouped(out, groups, trial=False)
    print(f"purity {pure:.4f}", flush=True)
    for seed in seeds:
        folder = out / f"clusters-{groups}-{seed}"
        if not best.train(config(file, trial=False), seed, folder):
            print(f"{folder} broke down: it counts as a failure", flush=True)
            continue
        drawn = folder / "drawn.npy"  # without the groups, which the judge would take for digits
        if not drawn.exists():
            best.ayneh("sample", str(folder), "--n", str(best.SCORED), "--out", str(drawn))
        best.ayneh("evaluate", "--images", str(drawn), "--data", "mnist")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("trials")
    one.add_argument("out", type=Path)
    one.add_argument("--groups", nargs="+", type=int, default=[10, 50, 200])
    one.add_argument("--table", type=Path, default=TABLE)
    one = verbs.add_parser("full")
    one.add_argument("out", type=Path)
    one.add_argument("--groups", type=int, required=True)
    one.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    args = parser.parse_args()
    at_least(1, groups=args.groups)
    if args.verb == "trials":
        trials(args.out, args.groups, args.table)
    else:
        full(args.out, args.groups, args.seeds)


if __name__ == "__main__":
    in_sentences(main)
