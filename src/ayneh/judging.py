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

    from ayneh.judge.features import FeatureNet
    from ayneh.judge.verdict import Judge


def cache_folder() -> Path:
    """$AYNEH_CACHE, or the user's cache folder: judges trained here, floors, Inception's weights."""
    return Path(os.environ.get("AYNEH_CACHE") or platformdirs.user_cache_dir("ayneh"))


def judge_of(data: Data) -> Judge:
    """The judge of a run's data. Raises UserError if no judge knows it yet, or its files are missing or damaged."""
    from ayneh.data.sources import load
    from ayneh.judge.verdict import Judge

    train = load(data.name, "train", resize=data.resize, limit=data.limit).pixels
    test = load(data.name, "test", resize=data.resize).pixels
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
