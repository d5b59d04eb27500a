"""The judge's reports on runs and on images from anywhere, and which of them may be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ayneh.config import Data
from ayneh.dataset import AsRead
from ayneh.errors import UserError
from ayneh.evaluation import Say, cache_folder, judge_of, silent, training_command
from ayneh.record import Record

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.judge.report import Report
    from ayneh.judge.verdict import Judge

CHUNK = 10_000  # images drawn at a time
Judges = dict[Data, "Judge"]  # by what they judge


def evaluate(
    record: Record,
    epoch: int | None = None,
    replica: int = 0,
    n: int | None = None,
    inception: bool = False,
    judges: Judges | None = None,
    say: Say = silent,
) -> Report:
    """The judge's report on images of a run's checkpoint, drawn from the run's prior, without their frame.

    epoch: None for the newest checkpoint; n: images (10,000; of stacked-mnist 26,000); inception: also FID; judges:
    by data, those made before; a new one is added.
    """
    import torch

    from ayneh.engine.sampler import sampler_of
    from ayneh.judge.stacked import PLUG_IN, STACKED

    if n is not None and n < 1:
        raise UserError(f"--n is {n:,}; it must be at least 1.")
    checkpoint = record.checkpoints.at_epoch(epoch)
    data = checkpoint.config.data
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)

    def draw(first: int, last: int) -> Iterator[Tensor]:
        """The run's images from number ``first`` to ``last`` - 1, a chunk at a time."""
        for start in range(first, last, CHUNK):
            yield sampler.draw(f"evaluate {start}", min(CHUNK, last - start))

    if data.name == STACKED:
        report = _stacked(draw, n or PLUG_IN, data.resize)
    else:
        judge = _judge(data, judges, say, record.folder)
        total = min(n or 10_000, len(judge.reference.test))
        say(f"{record.folder}: drawing {total} images")
        report = _advised(_judged(judge, judge.unframed(torch.cat(list(draw(0, total)))), inception, say), data)
    return replace(report, run=str(record.folder), step=checkpoint.step, replica=replica)


def evaluate_images(
    images: Tensor,
    data: Data,
    inception: bool = False,
    judges: Judges | None = None,
    say: Say = silent,
    middle: int | None = None,
) -> Report:
    """The judge's report on images uint8 (N, C, H, W) from anywhere; data: what they imitate.

    They are made like the data's, and the report's notes say how. middle: take so many pixels in the middle of each.
    """
    judge = _judge(data, judges, say, flag="--")
    alike = as_the_data(images, judge, middle)
    report = _judged(judge, alike.pixels, inception, say)
    reading = judge.reading(alike.scaled_from, alike.again) if alike.scaled_from else report.reading
    resize = alike.scaled_from or data.resize
    return _advised(replace(report, notes=alike.notes, reading=reading), replace(data, resize=resize))


def images_at(place: str, read: AsRead = AsRead(), say: Say = silent) -> Tensor:  # noqa: B008 - it is frozen
    """The images in a folder or a file: uint8 (N, C, H, W). ``say`` gets the line of what was understood."""
    from ayneh.data.sources import load

    found = load(
        f"{'folder' if Path(place).expanduser().is_dir() else 'file'}:{place}",
        "all",
        resize=read.resize,
        range=read.range,
        skip_broken=read.skip_broken,
        background=read.background,
        flag="--",
    )
    say(found.understood)
    return found.pixels


# -- images from anywhere ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alike:
    """Images made like those of a data set: uint8 (N, C, S, S)."""

    pixels: Tensor
    notes: tuple[str, ...] = ()  # what was done, a sentence each
    scaled_from: int | None = None  # pixels a side before they were scaled to the data's size
    again: Callable[[Tensor], Tensor] | None = None  # brings images of the data to that size and back


def as_the_data(images: Tensor, judge: Judge, middle: int | None = None) -> Alike:
    """Images uint8 (N, C, H, W) with the channels and the size of the judge's data.

    A frame is taken off where ``middle`` says so or it is black in every image; else images of another size are scaled
    as a whole, and never both. Raises UserError for images that are not square, or have colours that the data lack.
    """
    from ayneh.data.resize import resized
    from ayneh.game.frame import take

    images, notes = _channels(images, judge)
    height, width, side = *images.shape[2:], judge.side
    if height != width:
        raise UserError(
            f"The images are {height}x{width} pixels and the judge of {judge.data} reads squares: --resize {side} "
            "takes the central square of each and scales it."
        )
    if middle is not None:
        images = take(images, middle)
        notes += (f"The middle {middle}x{middle} of {height}x{height} pixels are judged.",)
    elif height > side and _black_around(images, side):
        images = take(images, side)
        notes += (
            f"The border of {height - side} pixels, black in every image, is cut: {height}x{height} to {side}x{side}. "
            f"(--resize {side} scales the images instead.)",
        )
    size = images.shape[-1]
    if size == side:
        return Alike(images, notes)
    framed = f" Where they are framed, --middle {side} cuts the frame." if size > side else ""
    notes += (
        f"The images are scaled from {size}x{size} pixels to the {side}x{side} of {judge.data}: --resize {size} "
        f"compares them with real images of their own size instead.{framed}",
    )
    return Alike(resized(images, side), notes, size, lambda real: resized(resized(real, size), side))


def _black_around(images: Tensor, side: int) -> bool:
    """Whether everything but the middle is black in all images."""
    from ayneh.game.frame import put, take

    return bool((images.amax(0) == put(take(images, side).amax(0), images.shape[-1])).all())


def _channels(images: Tensor, judge: Judge) -> tuple[Tensor, tuple[str, ...]]:
    """The images with the data's channels, if nothing is lost by it, and a sentence where they had others."""
    theirs, ours = images.shape[1], judge.reference.test.shape[1]
    if theirs == 3 and ours == 1 and bool((images == images[:, :1]).all()):
        return images[:, :1], (f"The three channels of the images are equal: one is judged, as {judge.data} is grey.",)
    if theirs == 1 and ours == 3:
        words = f"The images are grey and {judge.data} has colours: their channel is taken three times."
        return images.expand(-1, 3, -1, -1), (words,)
    if theirs != ours:
        kinds = ["grey" if n == 1 else "in colour" if n == 3 else f"of {n} channels" for n in (theirs, ours)]
        raise UserError(
            f"The images are {kinds[0]} and those of {judge.data} are {kinds[1]}: convert them, or name the data that "
            "they imitate with --data."
        )
    return images, ()


# -- comparisons -------------------------------------------------------------------------------------------------------


def groups(reports: Mapping[str, Report]) -> list[dict[str, Report]]:
    """The reports that may be compared, together: of one judge, the same real images, the same number of images."""
    found: dict[tuple[str | None, int], dict[str, Report]] = {}
    for label, report in reports.items():
        found.setdefault((report.judge, report.n), {})[label] = report
    return list(found.values())


def compare(reports: Mapping[str, Report]) -> list[str]:
    """Sentences on several reports: what may not be compared and why; for each group of those that may be, their order.

    The order is by Fréchet distance, and whether every net gives the same one is said.
    """
    alike = groups(reports)
    orders = [words for group in alike for words in _order(group)]
    if len(alike) < 2:
        return orders
    kinds = "; ".join(f"{', '.join(group)}: {_kind(next(iter(group.values())))}" for group in alike)
    return [f"Not compared, since they were not judged alike: {kinds}.", *orders]


def _kind(report: Report) -> str:
    size = "" if report.size is None else f" of {report.size}x{report.size} pixels"
    return f"{report.n:,} images{size} against {report.data} (judge {(report.judge or 'unknown')[:6]})"


def _order(reports: Mapping[str, Report]) -> list[str]:
    """The order of reports of one group by Fréchet distance, and where nets disagree on it."""
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


# -- a judge at work ---------------------------------------------------------------------------------------------------


def _judge(data: Data, judges: Judges | None, say: Say, run: Path | None = None, flag: str = "--data.") -> Judge:
    judges = {} if judges is None else judges
    if data not in judges:
        judges[data] = judge_of(data, run, say, flag)
    return judges[data]


def _advised(report: Report, data: Data) -> Report:
    """The report with advice where its classifier is not to be trusted."""
    if report.reading is None or report.reading.trusted:
        return report
    size = report.reading.size
    advice = f"`{training_command(data)}` trains a judge that reads images of {size}x{size} pixels."
    return replace(report, notes=(*report.notes, advice))


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


def _stacked(draw: Callable[[int, int], Iterator[Tensor]], n: int, resize: int | None) -> Report:
    from ayneh.data.sources import load
    from ayneh.game.frame import take
    from ayneh.judge import stacked
    from ayneh.judge.features import shipped
    from ayneh.judge.report import Reading

    train, test = load("mnist", "train"), load("mnist", "test", resize=resize)
    if train.labels is None or test.labels is None:
        raise UserError("The files of MNIST have no labels; stacked-mnist needs them.")
    side, net = test.pixels.shape[-1], shipped(stacked.LEAD)

    def unframed(first: int, last: int) -> Iterator[Tensor]:
        return map(partial(take, side=side), draw(first, last))

    report = stacked.evaluate(net, unframed, n, train.labels, (test.pixels, test.labels))
    accuracy = (1 - (report.classifier_error_of_a_triple or 0)) ** (1 / 3)
    reading = Reading(stacked.LEAD, side, accuracy, net.size, net.accuracy)
    return replace(report, judge=f"{side} {stacked.LEAD}", size=side, reading=reading)
