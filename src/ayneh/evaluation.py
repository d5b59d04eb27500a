"""Evaluation of runs and of other images by the judge of their data set, and training of judges.

`data` and `judge` do not import one another; this file imports both.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ayneh.config import Data
from ayneh.errors import UserError
from ayneh.record import Record

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.data.sources import Images
    from ayneh.judge.features import FeatureNet
    from ayneh.judge.report import Report
    from ayneh.judge.verdict import Judge

CHUNK = 10_000  # images drawn at a time
Judges = dict[Data, "Judge"]  # by what they judge
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

    train, test = read_images(data, "train", run).pixels, read_images(data, "test", run).pixels
    return Judge(data.name, nets_of(data, train, run), train, test, cache_folder() / "floors")


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


# -- reports -----------------------------------------------------------------------------------------------------------


def evaluate(
    record: Record,
    epoch: int | None = None,
    replica: int = 0,
    n: int | None = None,
    inception: bool = False,
    judges: Judges | None = None,
    say: Say = silent,
) -> Report:
    """The judge's report on images of a run's checkpoint, drawn from the run's prior.

    epoch: None for the newest checkpoint; n: images (10,000; of stacked-mnist 26,000); inception: also FID; judges:
    by data, those made before; a new one is added.
    """
    import torch

    from ayneh.engine.sampler import sampler_of
    from ayneh.judge.stacked import PLUG_IN, STACKED

    if n is not None and n < 1:
        raise UserError(f"n is {n}; it must be at least 1.")
    checkpoint = record.checkpoints.at_epoch(epoch)
    data = checkpoint.config.data
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)

    def draw(first: int, last: int) -> Iterator[Tensor]:
        """The run's images from number ``first`` to ``last`` - 1, a chunk at a time."""
        for start in range(first, last, CHUNK):
            yield sampler.draw(f"evaluate {start}", min(CHUNK, last - start))

    if data.name == STACKED:
        report = _stacked(draw, n or PLUG_IN)
    else:
        judge = _judge(data, judges, record.folder)
        total = min(n or 10_000, len(judge.reference.test))
        say(f"{record.folder}: drawing {total} images")
        report = _judged(judge, torch.cat(list(draw(0, total))), inception, say)
    return replace(report, run=str(record.folder), step=checkpoint.step, replica=replica)


def evaluate_images(
    images: Tensor, data: Data, inception: bool = False, judges: Judges | None = None, say: Say = silent
) -> Report:
    """The judge's report on images uint8 (N, C, H, W) from anywhere; data: what they imitate."""
    return _judged(_judge(data, judges), images, inception, say)


def images_at(place: str) -> Tensor:
    """The images in a folder, .npz or .npy file: uint8 (N, C, H, W)."""
    from ayneh.data.sources import load

    kind = "folder" if Path(place).expanduser().is_dir() else "npz"
    return load(f"{kind}:{place}", "all").pixels


def compare(reports: Mapping[str, Report]) -> list[str]:
    """The order of several reports by Fréchet distance, and whether every net gives the same one, in sentences."""
    from ayneh.judge.scores import metric_of

    orders: dict[str, list[str]] = {}
    for name, score in next(iter(reports.values())).scores.items():
        alike = [one for r in reports.values() if (one := r.scores.get(name)) and one.protocol == score.protocol]
        values = [one.value for one in alike if one.value is not None]
        if metric_of(name) == "fd" and len(values) == len(reports):
            orders[str(score.protocol)] = [label for _, label in sorted(zip(values, reports, strict=True))]
    if len(reports) < 2 or not orders:
        return []
    first, *others = orders
    words = [f"By {first}, best first: {', '.join(orders[first])}."]
    for name in others:
        if orders[name] != orders[first]:
            words.append(f"{name} orders them differently: {', '.join(orders[name])}.")
    return [*words, "All nets agree on this order."] if len(words) == 1 and others else words


def _judge(data: Data, judges: Judges | None, run: Path | None = None) -> Judge:
    judges = {} if judges is None else judges
    if data not in judges:
        judges[data] = judge_of(data, run)
    return judges[data]


def _judged(judge: Judge, fakes: Tensor, inception: bool, say: Say) -> Report:
    report = judge.evaluate(fakes, say)
    if not inception:
        return report
    from ayneh.judge.inception import inception_fid
    from ayneh.judge.scores import protocol

    say("measuring FID with Inception, which takes long on a CPU")
    score = inception_fid(judge.reference.test, judge.chosen(fakes), cache_folder() / "inception")
    score = replace(score, protocol=protocol("inception_fid", score.n, judge.data))
    return replace(report, scores=report.scores | {"inception_fid": score})


def _stacked(draw: Callable[[int, int], Iterator[Tensor]], n: int) -> Report:
    from ayneh.data.sources import load
    from ayneh.judge import stacked
    from ayneh.judge.features import shipped

    train, test = load("mnist", "train"), load("mnist", "test")
    if train.labels is None or test.labels is None:
        raise UserError("The files of MNIST have no labels; stacked-mnist needs them.")
    return stacked.evaluate(shipped(stacked.LEAD), draw, n, train.labels, (test.pixels, test.labels))


# -- training a judge --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trained:
    """A judge that was trained: its folder, and by net the accuracy on the test split (None: no classes or labels)."""

    folder: Path
    accuracy: dict[str, float | None]


def train_judge(data: str, resize: int | None = None, epochs: int | None = None, say: Say = silent) -> Trained:
    """Train the judge of a data set on its training split, and keep it in the cache.

    data: also folder:PATH and npz:PATH; epochs: None for 600,000 images, at most 150 epochs.
    """
    from ayneh.data.sources import load
    from ayneh.judge.features import save
    from ayneh.judge.training import accuracy, panel

    if epochs is not None and epochs < 1:
        raise UserError(f"epochs is {epochs}; a judge is trained for at least one.")
    train, test = load(data, "train", resize=resize), load(data, "test", resize=resize)
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
