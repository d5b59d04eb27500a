"""The judge of a data set: the images of `data` meet the nets of `judge`, which do not know one another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ayneh.config import Data
from ayneh.errors import UserError

if TYPE_CHECKING:  # torch takes seconds to import: only once a verb really works
    from torch import Tensor

    from ayneh.data.sources import Images
    from ayneh.judge.features import FeatureNet
    from ayneh.judge.verdict import Judge


def cache_folder() -> Path:
    """$AYNEH_CACHE, or the user's cache folder: judges trained here, floors, Inception's weights."""
    return Path(os.environ.get("AYNEH_CACHE") or platformdirs.user_cache_dir("ayneh"))


def read_images(data: Data, split: str = "train", run: Path | None = None) -> Images:
    """The images of a run: those it learns from, of which ``limit`` are taken, or all of another split.

    run: its folder, which the refusal names. Raises UserError if the images are missing or damaged.
    """
    from ayneh.data.sources import load

    path = data.path()
    if run and path and not path.exists():
        lost, advice = f"{run} was trained on {data.name}, which does not exist", "put the images back"
        if not path.is_absolute():  # as earlier versions wrote it
            lost, advice = f"{lost} in {Path.cwd()}", "run the command in the folder where the training was started"
        raise UserError(f"{lost}: {advice}, or write the images' path into data.name in {run}/config.json.")
    return load(data.name, split, resize=data.resize, limit=data.limit if split == "train" else None)


def judge_of(data: Data, run: Path | None = None) -> Judge:
    """The judge of a run's data. Raises UserError if no judge knows it yet, or its files are missing or damaged."""
    from ayneh.judge.verdict import Judge

    train, test = read_images(data, "train", run).pixels, read_images(data, "test", run).pixels
    return Judge(data.name, nets_of(data.name, train), train, test, cache_folder() / "floors")


def nets_of(name: str, train: Tensor) -> dict[str, FeatureNet]:
    """The panel that ships for this data set, or the one that `ayneh judge train` made from these images."""
    from ayneh.judge.features import PANELS, load, shipped

    if name in PANELS:
        return {net: shipped(net) for net in PANELS[name].names}
    folder = trained_folder(train)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"No judge knows {name} yet: train one with `ayneh judge train --data {name}`.")
    return {file.stem.partition("-")[2]: load(file)[0] for file in files}


def trained_folder(train: Tensor) -> Path:
    """Where the nets for these training images are kept, by the images' own checksum: a path may change its content."""
    from ayneh.judge.features import fingerprint

    return cache_folder() / "judges" / fingerprint(train)[:16]
