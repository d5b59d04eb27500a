"""The data sets: ``load(name, split)`` returns uint8 images in memory, with labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ayneh.bounds import MANY
from ayneh.data import own as own_set
from ayneh.data.arrays import Reading, read_arrays
from ayneh.data.bounded import check_pixels
from ayneh.data.download import locate
from ayneh.data.folder import read_folder
from ayneh.data.found import Found
from ayneh.data.held import part_of
from ayneh.data.hoda import read_hoda
from ayneh.data.idx import read_pair
from ayneh.data.images import Images
from ayneh.data.resize import resized
from ayneh.data.split import DIVISIONS, SPLITS, limited, shuffled
from ayneh.data.words import printable
from ayneh.dataset import FILES, MEMORY, MOST_SIDE, share_of
from ayneh.errors import UserError, unknown
from ayneh.files.home import at_home
from ayneh.parts.registry import Part, table

TRAINS = "--data."  # what begins the flags of the verbs that read one set


def load(
    name: str,
    split: str = "train",
    resize: int | None = None,
    limit: int | None = None,
    *,
    test: str | None = None,
    range: tuple[float, float] | None = None,
    skip_broken: bool = False,
    background: str = "black",
    divide: str = "content",
    flag: str = "--data.",
) -> Images:
    """A data set of SOURCES, or "folder:PATH" of image files, or "file:PATH" ("npz:PATH") of arrays.

    ``split`` is train, test or all. ``resize`` crops each image to its central square and scales it (Lanczos)
    to so many pixels a side. ``limit`` keeps at most so many images: a fixed random choice, in the set's order;
    a smaller limit keeps a part of what a larger one keeps. Of folders and arrays ``test`` is where their test images
    are, or their share; ``divide`` how they are chosen where nothing shows which they are: "content" (a hash of it) or
    "position"; ``range`` the values of an array that are black and white; ``skip_broken`` leaves out files of a folder
    that cannot be read; ``background`` is what transparent pixels lie on; ``flag`` begins a flag in messages.
    Raises UserError for an unknown name or split, and for files that are missing or damaged.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    for what, number, most in (("resize", resize, MOST_SIDE), ("limit", limit, MANY)):
        if number is not None and not 1 <= number <= most:
            raise UserError(f"{flag}{what} is {number:,}; it must lie between 1 and {most:,.0f}.")
    if divide not in DIVISIONS:
        raise unknown(f"{flag}split", divide, DIVISIONS)
    images = _read(
        name,
        split,
        resize,
        limit,
        test,
        range,
        skip_broken=skip_broken,
        background=background,
        divide=divide,
        flag=flag,
    )
    if limit is not None and limit < len(images.pixels):
        images = replace(_select(images, limited(len(images.pixels), limit)), whole=len(images.pixels))
    if resize is None:
        return images
    check_pixels(len(images.pixels), images.pixels.shape[1], resize, resize, flag)
    return replace(images, pixels=resized(images.pixels, resize))


def _read(
    name: str,
    split: str,
    resize: int | None,
    limit: int | None,
    test: str | None,
    range: tuple[float, float] | None,
    skip_broken: bool,
    background: str,
    divide: str,
    flag: str,
) -> Images:
    """As `load`, before a limit and a new size where the reader does not need them."""
    kind, _, path = name.partition(":")
    share = None if test is None else share_of(test)
    elsewhere = None if test is None or share is not None else at_home(test)
    if share is not None and not 0 < share < 1:
        raise UserError(f"{flag}test is {test}; a share of the images lies between 0 and 1 (0.2 is a fifth).")

    def own(part: Part) -> Callable[[str], Images]:
        place, by_position = own_set.where(part), divide == "position"
        how = Reading(place, elsewhere, resize, share, range, background, by_position, flag)
        return lambda split: _found(name, split, own_set.part_of(part, split, how))

    sources = table("data", SOURCES, own)
    named = not path and name in sources
    if range is not None and flag == TRAINS and (name in SOURCES if named else kind not in FILES):
        raise UserError(  # other verbs read two sets with the same flags
            f"{flag}range is {range[0]:g} {range[1]:g}, but {printable(name)} is no file of arrays (file:PATH) and no "
            "set of your own, which alone have a range to choose: leave it out."
        )
    if named:
        if test is not None and name in SOURCES:
            raise UserError(f"{flag}test is {test}, but {name} has test images of its own: leave it out.")
        return sources[name](split)
    how: dict[str, Any] = {"share": share, "test": elsewhere, "background": background, "flag": flag}
    if kind == "folder" and path:
        where = at_home(path)
        found = read_folder(where, split, resize, limit, skip_broken=skip_broken, divide=divide, **how)
        return _found(name, split, found)
    if kind in FILES and path:
        where = at_home(path)
        return _found(
            name, split, read_arrays(where, split, resize, range=range, by_position=divide == "position", **how)
        )
    if kind == MEMORY and path:
        return _found(name, split, part_of(name, split))
    if at_home(name).exists():
        meant = f"{'folder' if at_home(name).is_dir() else 'file'}:{name}"
        raise UserError(f"There is no data set called {name!r}, but there is such a path: name it {meant}.")
    choice = unknown("data set", name, [*sources, "folder:PATH", *(f"{kind}:PATH" for kind in FILES)])
    raise UserError(f"{choice}{sources.missing}")


def _found(name: str, split: str, found: Found) -> Images:
    """What a reader found, as Images."""
    labels = None if found.labels is None else torch.from_numpy(found.labels)
    classes = None if found.names is None else len(found.names)
    whole = {"train": found.train, "test": found.test, "all": found.train + found.test}[split]
    before = whole if len(found.pixels) < whole else None
    return Images(torch.from_numpy(found.pixels), labels, name, split, classes, found.names, found, before)


def _select(images: Images, chosen: np.ndarray) -> Images:
    index = torch.from_numpy(chosen)
    labels = None if images.labels is None else images.labels[index]
    return replace(images, pixels=images.pixels[index], labels=labels)


def digits(split: str) -> Images:
    """scikit-learn's 1,797 handwritten digits (Alpaydin & Kaynak 1998), 8x8, 17 grey levels spread to 0..255.

    They are installed with scikit-learn, so they work offline. They have no published split: a fixed choice of 500,
    each class in proportion, is for testing, and the other 1,297 for training.
    """
    pixels, labels, is_test = _digits()
    chosen = {"train": ~is_test, "test": is_test, "all": is_test | ~is_test}[split]
    images = Images(torch.from_numpy(pixels), torch.from_numpy(labels), "digits", split, 10)
    return _select(images, np.flatnonzero(chosen))


@cache
def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (1797, 1, 8, 8), labels and whether each is for testing; read once: scikit-learn has text."""
    rows = _rows_of_digits()
    pixels = np.round(rows[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = rows[:, 64].astype(np.int64)
    order = shuffled(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # class by class: every class in proportion
    is_test = np.zeros(len(labels), bool)
    is_test[order[np.arange(500) * len(labels) // 500]] = True
    return pixels, labels, is_test


def _rows_of_digits() -> np.ndarray:
    """64 grey levels from 0 to 16 and the digit, (1797, 65), from the file that is installed with scikit-learn.

    The package is not imported for it: that takes a second, most of it for pandas and SciPy's statistics.
    """
    spec = find_spec("sklearn")
    places = spec.submodule_search_locations if spec else None
    file = Path(places[0], "datasets", "data", "digits.csv.gz") if places else Path()
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # where it may have moved

    images, digits = load_digits(return_X_y=True)
    return np.column_stack([images, digits])


IDX_SETS = (  # sets of 60,000 + 10,000 images, 28x28, in ten classes; locate() downloads and checks them
    "mnist",  # MNIST: handwritten digits (LeCun, Cortes & Burges 1998)
    "fashion-mnist",  # Fashion-MNIST: clothing (Xiao, Rasul & Vollgraf 2017)
    "kmnist",  # Kuzushiji-MNIST: hiragana in cursive script (Clanuwat et al. 2018)
)


def idx_set(name: str, split: str) -> Images:
    """One of the sets in IDX files."""
    return Images(*_from_idx(name, split), name, split, 10)


def stacked_mnist(split: str) -> Images:
    """Stacked MNIST (Metz et al. 2017): MNIST digits a, b, c in three channels, label 100a + 10b + c.

    60,000 fixed triples of training digits for training and 10,000 of test digits for testing, drawn with
    replacement by a seeded generator. The 1,000 classes are as uneven as MNIST's ten make them.
    """
    parts = []
    for half in PARTS_OF[split]:
        pixels, labels = _from_idx("mnist", half)
        n = len(pixels)
        triples = torch.from_numpy(np.random.RandomState(0).randint(0, n, (n, 3), np.int64))
        parts.append((pixels[:, 0][triples], labels[triples] @ torch.tensor([100, 10, 1])))
    pixels, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))  # (N, 3, 28, 28), (N,)
    return Images(pixels, labels, "stacked-mnist", split, 1000, parts=(10, 10, 10))


def hoda(split: str) -> Images:
    """Handwritten Persian digits, 28x28 (Khosravi & Kabir 2007): 20,000 to test, 60,000 or 22,352 to train."""
    halves = [read_hoda(half) for half in PARTS_OF[split]]
    pixels, labels = (torch.from_numpy(np.concatenate([half[k] for half in halves])) for k in (0, 1))
    notes = tuple(note for half in halves for note in half[2])
    return Images(pixels, labels, "hoda", split, 10, notes=notes)


PARTS_OF = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
IDX_PREFIX = {"train": "train", "test": "t10k"}


def _from_idx(name: str, split: str) -> tuple[Tensor, Tensor]:
    """Pixels uint8 (N, 1, H, W) and labels int64 (N,) of a set in the four IDX files of MNIST."""
    prefixes = [IDX_PREFIX[half] for half in PARTS_OF[split]]
    pairs = [
        read_pair(locate(name, f"{p}-images-idx3-ubyte"), locate(name, f"{p}-labels-idx1-ubyte"), classes=10)
        for p in prefixes
    ]
    pixels, labels = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    return torch.from_numpy(pixels[:, None]), torch.from_numpy(labels.astype(np.int64))


SOURCES: dict[str, Callable[[str], Images]] = {  # split -> Images
    "digits": digits,
    **{name: partial(idx_set, name) for name in IDX_SETS},
    "stacked-mnist": stacked_mnist,
    "hoda": hoda,
}
