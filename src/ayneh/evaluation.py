"""The images and the judge of a run's data, and training of judges.

`data` and `judge` do not import one another; this file imports both.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ayneh.config import Config, Data
from ayneh.dataset import MEMORY
from ayneh.engine.cores import among_others
from ayneh.errors import UserError, typed_as
from ayneh.files.sealed import fingerprint_of
from ayneh.files.whole import cache_folder
from ayneh.labels import Labels, same_classes
from ayneh.parts.registry import own
from ayneh.parts.used import flag_of
from ayneh.record.head import Origin
from ayneh.terminal.text import Say, counted, few, silent

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.data.images import Images
    from ayneh.judge.features import FeatureNet
    from ayneh.judge.verdict import Judge
    from ayneh.record.checkpoint import Checkpoint

MOST_EPOCHS = 10_000  # of a judge's training
SHOWN = 20  # names of classes in a message, at most


def read_images(
    data: Data, split: str = "train", run: Path | None = None, say: Say = silent, flag: str = "--data."
) -> Images:
    """The images of a run: of the training split at most ``limit``, or all of another split.

    run: its folder, for the error message; say: gets the line of what was understood; flag: what begins the flags
    of these data in messages. Raises UserError if the images are missing or damaged.
    """
    from ayneh.data.sources import load

    path = data.path()
    if run and not is_here(data):
        raise UserError(
            f"{run} was trained on images that were given from Python ({data.name}), and no file holds them: give them "
            'to `ayneh.images` there again, or save them by `images.save("images.npz")`, and `ayneh resume '
            f"{typed_as(run)} --data images.npz` finds them."
        )
    if run and path and not path.exists():
        lost, advice = f"{run} was trained on {data.name}, which does not exist", "put the images back"
        if not path.is_absolute():  # as earlier versions wrote it
            lost, advice = f"{lost} in {Path.cwd()}", "run the command in the folder where the training was started"
        raise UserError(
            f"{lost}: {advice}, or name where the images are now: `ayneh resume {typed_as(run)} --data PATH`."
        )
    test = data.test_path()
    if run and test and not test.exists():
        raise UserError(
            f"{run} has its test images in {test}, which does not exist: put them back, or write their path into "
            f"data.test in {run}/config.json."
        )
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
        flag=flag,
    )
    say(images.understood)
    return images


def is_here(data: Data) -> bool:
    """Whether images that were given from Python are held by this process; True of all others."""
    from ayneh.data.held import held

    return not data.name.startswith(f"{MEMORY}:") or held(data.name) is not None


def about(data: Data, images: Images) -> dict[str, str] | None:
    """What config.json notes of images that were given from Python; None of others, which can be read again."""
    if not data.name.startswith(f"{MEMORY}:"):
        return None
    return {"fingerprint": images.fingerprint, "understood": images.understood}


def origin_of(config: Config, images: Images) -> Origin:
    """What a run's checkpoints keep of its training images; of a labelled run also of their classes."""
    path = config.data.anchored().path()
    labels = fingerprint_of(images.labels) if config.rules.labelled and images.labels is not None else None
    return Origin(images.fingerprint, len(images.pixels), None if path is None else str(path), labels)


def refuse_other_classes(run: Path, before: Labels | None, images: Images) -> None:
    """Raise UserError unless the images have the classes of a run that was trained before; None: it has none."""
    if before is None or same_classes(before.names, images.called):
        return
    then, now = (
        f"{len(names):,} classes ({few(names, SHOWN)})" if names else "no classes"
        for names in (before.names, images.called)
    )
    raise UserError(
        f"{run} was trained on {then}, and {images.name} has {now} now: bring the former ones back, under the same "
        "names, or start a new run."
    )


def changed(checkpoint: Checkpoint, fingerprint: str, images: int, labels: Tensor | None) -> str:
    """A sentence if the training images are others now than those that the run was trained on, or have other labels.

    fingerprint, images, labels: of those that are there now. Empty if they are the same, or if the run has no record.
    """
    then, name = checkpoint.data, checkpoint.config.data.name
    if then is None:
        return ""
    if then.fingerprint != fingerprint:
        return (
            f"Warning: {name} has changed: the run was trained on {then.images:,} images, and is compared with the "
            f"{images:,} that are there now."
        )
    if then.labels and labels is not None and then.labels != fingerprint_of(labels):
        return f"Warning: labels of {name} have changed since the run was trained on them."
    return ""


def as_trained(checkpoint: Checkpoint, images: Images) -> str:
    """`changed`, of training images that go through the run's nets. Raises UserError if they do not fit these."""
    channels, size, _ = checkpoint.image_shape
    now, height, width = images.pixels.shape[1:]
    if now != channels or max(height, width) > size:
        raise UserError(
            f"{checkpoint.run} has nets for images of {size}x{size} pixels with {counted(channels, 'channel')}, and "
            f"those of {images.name} have {width}x{height} with {counted(now, 'channel')} now: put the former ones "
            "back."
        )
    return changed(checkpoint, images.fingerprint, len(images.pixels), images.labels)


def labelled(config: Config, images: Images) -> tuple[Tensor, Labels] | None:
    """The images' classes and what they are, for a labelled game; None for another one.

    Raises UserError where the images of a labelled game have no labels.
    """
    if not config.rules.labelled:
        return None
    labels = images.described()
    assert images.labels is not None
    return images.labels, labels


def judge_of(data: Data, run: Path | None = None, say: Say = silent, flag: str = "--data.") -> Judge:
    """The judge of a run's data; ``say`` and ``flag`` are those of `read_images`.

    Raises UserError if there is none yet, or if files are missing or damaged.
    """
    from ayneh.judge.verdict import Judge

    train, test = read_images(data, "train", run, say, flag), read_images(data, "test", run, flag=flag)
    nets = nets_of(data, train, len(test.pixels), run)
    place = cache_folder() / "floors"
    return Judge(data.name, nets, train.pixels, test.pixels, place, test.labels, train.labels, train.called)


def nets_of(data: Data, train: Images, tests: int, run: Path | None = None) -> dict[str, FeatureNet]:
    """The panel shipped for this data set, or the one that `ayneh judge train` made from all of its training images.

    Of a data set with a panel, one that was trained for images resized as here comes first. tests: number of test
    images. Raises UserError if there is none, with the command that trains it, or why there cannot be one.
    """
    from ayneh.judge import trained
    from ayneh.judge.features import PANELS, shipped

    if data.name in PANELS and data.resize is None:
        return {net: shipped(net) for net in PANELS[data.name].names}
    whole = train if data.limit is None else read_images(replace(data, limit=None), "train", run)
    if nets := trained.find(trained_folder(whole.fingerprint), whole.classes, _known_by(whole.labels)):
        return nets
    if data.name in PANELS:
        return {net: shipped(net) for net in PANELS[data.name].names}
    if words := trained.too_few(len(whole.pixels), tests):
        raise UserError(f"There is no judge for {data.name}, and none can be trained: {words}")
    raise UserError(
        f"There is no judge for {data.name} as it is now, or its training was cut short: train one with "
        f"`{training_command(data, run)}`."
    )


def _known_by(labels: Tensor | None) -> str | None:
    """The fingerprint of labels, if there are any."""
    return None if labels is None else fingerprint_of(labels)


def has_judge(data: Data, run: Path, fingerprint: str) -> bool:
    """Whether there is a judge for a run's images. fingerprint: theirs; of a part of a set the whole is read."""
    from ayneh.judge import trained
    from ayneh.judge.features import PANELS
    from ayneh.judge.stacked import STACKED

    if data.name in (*PANELS, STACKED):
        return True
    try:
        if data.limit is None and trained.find(trained_folder(fingerprint), None) is None:
            return False
        whole = read_images(replace(data, limit=None), "train", run)
        return trained.find(trained_folder(whole.fingerprint), whole.classes, _known_by(whole.labels)) is not None
    except UserError:
        return False


def why_no_judge(data: Data, run: Path, images: int) -> str:
    """Why no judge can be trained for a run's images, and what to do; empty if one can. images: their number."""
    from ayneh.judge import trained

    whole = replace(data, limit=None)
    try:
        train = images if data.limit is None else len(read_images(whole, "train", run).pixels)
        return trained.too_few(train, len(read_images(whole, "test", run).pixels))
    except UserError as error:
        return str(error)


def training_command(data: Data, run: Path | None = None) -> str:
    """The command that trains the judge of these data. run: a run on them, if its folder is there."""
    if data.name.startswith(f"{MEMORY}:"):
        return "images.train_judge()"
    part = own("data", data.name)
    parts = ["--parts", flag] if part and (flag := flag_of(part)) else []
    if part and not parts and not part.source.package:  # of a script or a notebook
        return f"ayneh.images({data.name!r}).train_judge()"
    if run is not None and run.is_dir():
        return " ".join([f"ayneh judge train {typed_as(run)}", *map(shlex.quote, parts)])
    words = ["ayneh", "judge", "train", "--data", data.name]
    words += [] if data.resize is None else ["--resize", str(data.resize)]
    words += [] if data.test is None else ["--test", data.test]
    words += [] if data.range is None else ["--range", *(f"{end:g}" for end in data.range)]
    words += ["--skip-broken"] if data.skip_broken else []
    words += [] if data.background == Data.background else ["--background", data.background]
    words += [] if data.split == Data.split or (data.path() is None and not part) else ["--split", data.split]
    return shlex.join([*words, *parts])


def trained_folder(fingerprint: str) -> Path:
    """The folder of the nets for the training images of this fingerprint: files at a path may change."""
    return cache_folder() / "judges" / fingerprint[:16]


@dataclass(frozen=True)
class Trained:
    """A judge that was trained: its folder, and by net the accuracy on the test split (None: no classes or labels)."""

    folder: Path
    accuracy: dict[str, float | None]


@among_others()
def train_judge(data: Data, run: Path | None = None, epochs: int | None = None, say: Say = silent) -> Trained:
    """Train the judge of a data set on all of its training split, and keep it in the cache.

    run: a run on these data, for messages; epochs: None for 600,000 images, at most 150 epochs.
    """
    from ayneh.judge import trained
    from ayneh.judge.features import PANELS

    if epochs is not None and not 1 <= epochs <= MOST_EPOCHS:
        raise UserError(f"--epochs is {epochs}; it must lie between 1 and {MOST_EPOCHS:,}.")
    if data.name in PANELS and data.resize is None:
        raise UserError(f"The judge of {data.name} comes with ayneh: `ayneh evaluate RUN` uses it, without training.")
    data, flag = replace(data, limit=None), "--" if run is None else "--data."
    train, test = read_images(data, "train", run, say, flag), read_images(data, "test", run, flag=flag)
    height, width = train.pixels.shape[2:]
    if height != width or height < 4:
        raise UserError(
            f"The images of {data.name} are {width}x{height} (width x height); a judge needs squares of 4 or more: "
            "resize them with --resize N, here and (as --data.resize N) in training."
        )
    epochs = epochs or min(150, math.ceil(600_000 / len(train.pixels)))
    folder = trained_folder(train.fingerprint)
    sets = train.pixels, train.labels, train.classes, (test.pixels, test.labels)
    return Trained(folder, trained.train(folder, *sets, epochs, data.name, say))
