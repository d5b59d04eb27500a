"""The images and the judge of a run's data, and training of judges.

`data` and `judge` do not import one another; this file imports both.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ayneh.config import Data
from ayneh.errors import UserError

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.data.sources import Images
    from ayneh.judge.features import FeatureNet
    from ayneh.judge.verdict import Judge

Say = Callable[[str], None]


def silent(_words: str) -> None:
    """Say nothing."""


def cache_folder() -> Path:
    """$AYNEH_CACHE, or the user's cache folder: judges trained here, floors, Inception's weights."""
    return Path(os.environ.get("AYNEH_CACHE") or platformdirs.user_cache_dir("ayneh"))


def read_images(data: Data, split: str = "train", run: Path | None = None, say: Say = silent) -> Images:
    """The images of a run: of the training split at most ``limit``, or all of another split.

    run: its folder, for the error message; say: gets the line of what was understood.
    Raises UserError if the images are missing or damaged.
    """
    from ayneh.data.sources import load

    path = data.path()
    if run and path and not path.exists():
        lost, advice = f"{run} was trained on {data.name}, which does not exist", "put the images back"
        if not path.is_absolute():  # as earlier versions wrote it
            lost, advice = f"{lost} in {Path.cwd()}", "run the command in the folder where the training was started"
        raise UserError(f"{lost}: {advice}, or write the images' path into data.name in {run}/config.json.")
    images = load(
        data.name,
        split,
        resize=data.resize,
        limit=data.limit if split == "train" else None,
        test=data.test,
        range=data.range,
        skip_broken=data.skip_broken,
        background=data.background,
        divide=data.split,
    )
    say(images.understood)
    return images


def judge_of(data: Data, run: Path | None = None) -> Judge:
    """The judge of a run's data. Raises UserError if there is none yet, or if files are missing or damaged."""
    from ayneh.judge.verdict import Judge

    train, test = read_images(data, "train", run).pixels, read_images(data, "test", run)
    nets = nets_of(data, train, run)
    return Judge(data.name, nets, train, test.pixels, cache_folder() / "floors", test.labels)


def nets_of(data: Data, train: Tensor, run: Path | None = None) -> dict[str, FeatureNet]:
    """The panel shipped for this data set, or the one that `ayneh judge train` made from all of its training images."""
    from ayneh.judge.features import PANELS, load, shipped

    if data.name in PANELS:
        return {net: shipped(net) for net in PANELS[data.name].names}
    whole = train if data.limit is None else read_images(replace(data, limit=None), "train", run).pixels
    files = sorted(trained_folder(whole).glob("*.safetensors"))
    if not files:
        resize = "" if data.resize is None else f" --resize {data.resize}"
        raise UserError(
            f"There is no judge for {data.name} yet: train one with `ayneh judge train --data {data.name}{resize}`."
        )
    return {file.stem.partition("-")[2]: load(file)[0] for file in files}


def trained_folder(train: Tensor) -> Path:
    """The folder of the nets for these training images, named by the images' checksum: files at a path may change."""
    from ayneh.judge.features import fingerprint

    return cache_folder() / "judges" / fingerprint(train)[:16]


# -- training a judge --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trained:
    """A judge that was trained: its folder, and by net the accuracy on the test split (None: no classes or labels)."""

    folder: Path
    accuracy: dict[str, float | None]


def train_judge(data: str, resize: int | None = None, epochs: int | None = None, say: Say = silent) -> Trained:
    """Train the judge of a data set on its training split, and keep it in the cache.

    data: also folder:PATH and file:PATH; epochs: None for 600,000 images, at most 150 epochs.
    """
    from ayneh.data.sources import load
    from ayneh.judge.features import save
    from ayneh.judge.training import accuracy, panel

    if epochs is not None and epochs < 1:
        raise UserError(f"epochs is {epochs}; a judge is trained for at least one.")
    train, test = load(data, "train", resize=resize, flag="--"), load(data, "test", resize=resize, flag="--")
    say(train.understood)
    height, width = train.pixels.shape[2:]
    if height != width or height < 4:
        raise UserError(f"The images of {data} are {height}x{width}; a judge needs squares of 4 or more: --resize N.")
    epochs = epochs or min(150, math.ceil(600_000 / len(train.pixels)))
    folder, measured = trained_folder(train.pixels), {}
    for index, (name, net) in enumerate(panel(train.pixels, train.labels, train.classes, epochs, say)):
        notes: dict[str, float] = {}
        if net.classes and test.labels is not None:
            notes["accuracy_test"] = accuracy(net, test.pixels, test.labels)
        save(folder / f"{index}-{name}.safetensors", net, data=data, epochs=epochs, **notes)
        measured[name] = notes.get("accuracy_test")
    return Trained(folder, measured)
