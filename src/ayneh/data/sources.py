"""What can be learned from: ``load(name, split)`` gives uint8 images at rest, with their labels and licence."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ayneh.data import idx
from ayneh.errors import UserError, pick


@dataclass(frozen=True)
class Images:
    """A data set in memory: pixels uint8 (N, C, H, W), labels int64 (N,) in 0..classes-1 or None."""

    pixels: Tensor
    labels: Tensor | None
    name: str
    split: str
    classes: int | None
    licence: str


SPLITS = ("train", "test", "all")
Arrays = tuple[np.ndarray, np.ndarray | None]  # pixels uint8 (N, C, H, W), labels (N,)


def load(name: str, split: str = "train", resize: int | None = None, limit: int | None = None) -> Images:
    """The data set ``name``: pixels uint8 (N, C, H, W), resized to ``resize`` pixels a side, at most ``limit`` images.

    A limit keeps a fixed random choice, and the choice for a smaller limit is part of that for a larger one.
    Raises UserError for an unknown name or split, and for files that are missing or damaged.
    """
    if split not in SPLITS:
        raise UserError(f"There is no split called {split!r}. Choose one of: {', '.join(SPLITS)}.")
    if limit is not None and limit < 1:
        raise UserError(f"A limit of {limit} images leaves nothing to learn from: choose at least 1, or none.")
    images = pick(SOURCES, name, "data set")(split)
    if limit is not None and limit < len(images.pixels):
        chosen = np.sort(_permutation(len(images.pixels))[:limit])
        images = _select(images, chosen)
    if resize is not None:
        images = replace(images, pixels=_resized(images.pixels, resize))
    return images


def _permutation(n: int) -> np.ndarray:
    """A fixed shuffle of 0..n-1. RandomState's streams are frozen, so it is the same with every NumPy."""
    return np.random.RandomState(0).permutation(n)


def _select(images: Images, chosen: np.ndarray) -> Images:
    index = torch.from_numpy(chosen)
    labels = None if images.labels is None else images.labels[index]
    return replace(images, pixels=images.pixels[index], labels=labels)


def _resized(pixels: Tensor, size: int) -> Tensor:
    if size < 1:
        raise UserError(f"Images cannot be resized to {size} pixels: choose at least 1.")
    planes = pixels.flatten(0, 1).numpy()
    fitted = [np.array(ImageOps.fit(Image.fromarray(p), (size, size), Image.Resampling.LANCZOS)) for p in planes]
    return torch.from_numpy(np.stack(fitted)).view(*pixels.shape[:2], size, size)


def digits(split: str) -> Images:
    """scikit-learn's 1,797 handwritten digits (Alpaydin & Kaynak 1998), 8x8, 17 grey levels spread over 0..255.

    Needs no download. The split is ours: per class a fixed shuffle, 1,297 to train and 500 to test.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    train, test = train_test_split(np.arange(len(labels)), test_size=500, random_state=0, stratify=labels)
    chosen = {"train": np.sort(train), "test": np.sort(test), "all": np.arange(len(labels))}[split]
    return Images(
        torch.from_numpy(pixels[chosen]), torch.from_numpy(labels[chosen]), "digits", split, 10, "CC BY 4.0"
    )


def mnist(split: str) -> Images:
    """MNIST (LeCun, Cortes & Burges 1998): 60,000 + 10,000 digits, 28x28."""
    parts = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}[split]
    folder = Path(os.environ.get("AYNEH_DATA", ".")) / "mnist"
    pairs = [
        idx.read_pair(folder / f"{part}-images-idx3-ubyte.gz", folder / f"{part}-labels-idx1-ubyte.gz")
        for part in parts
    ]
    pixels = torch.from_numpy(np.concatenate([p for p, _ in pairs]))[:, None]
    labels = torch.from_numpy(np.concatenate([c for _, c in pairs]).astype(np.int64))
    return Images(pixels, labels, "mnist", split, 10, "CC BY-SA 3.0")


SOURCES: dict[str, Callable[[str], Images]] = {"digits": digits, "mnist": mnist}
