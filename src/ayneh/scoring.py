"""The judge's reports on runs and on images from anywhere, and which of them may be compared."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.alike import as_the_data
from ayneh.config import Data
from ayneh.dataset import AsRead
from ayneh.engine.cores import among_others
from ayneh.errors import UserError
from ayneh.evaluation import changed, judge_of, origin_of, read_images, training_command
from ayneh.fakes import Fakes, asked_for
from ayneh.files.home import at_home
from ayneh.files.whole import cache_folder, not_kept
from ayneh.record.record import Record
from ayneh.terminal.text import Say, silent, warn
from ayneh.version import __version__

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.data.images import Images
    from ayneh.judge.report import Report
    from ayneh.judge.verdict import Judge
    from ayneh.record.checkpoint import Checkpoint

Judges = dict[Data, "Judge"]  # by what they judge


@among_others()
def evaluate(
    record: Record,
    epoch: int | None = None,
    replica: int = 0,
    n: int | None = None,
    inception: bool = False,
    judges: Judges | None = None,
    say: Say = silent,
    moved: str | None = None,
    cas: bool = False,
) -> Report:
    """The judge's report on images of a run's checkpoint, drawn from the run's prior, without their frame.

    It is written into the run folder as evaluation.json; where that cannot be, a line on stderr states it. epoch: None
    for the newest checkpoint; n: images (10,000; of stacked-mnist 26,000); inception: also FID; judges: by data, those
    made before; a new one is added; moved: where the run's images are now; cas: also the classification accuracy score,
    of a run with labels.

    In a run with labels the fakes are of the classes that the run itself draws, and the report has what came of them.
    """
    import torch

    from ayneh.engine.sampler import sampler_of
    from ayneh.judge.stacked import PLUG_IN, STACKED
    from ayneh.record.checkpoint import drawn_from

    if n is not None and n < 1:
        raise UserError(f"--n is {n:,}; it must be at least 1.")
    record.parts.need("data")
    lost = not_kept(record.report_path("evaluation", epoch, replica))
    checkpoint = drawn_from(record.checkpoints, record.generators, epoch)
    data = _found_again(checkpoint, moved) if moved else checkpoint.config.data
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica, checkpoint.labels)
    fakes = Fakes(sampler)

    if cas:
        fakes.refuse_cas(str(record.folder), data.name)
    if data.name == STACKED:
        report = _stacked(fakes, n or PLUG_IN, data.resize)
    else:
        judge = _judge(data, judges, say, None if moved else record.folder)
        total, other = min(n or 10_000, len(judge.reference.test)), fakes.other_classes(judge)
        say(f"{record.folder}: drawing {total} images")
        drawn = judge.unframed(torch.cat(list(fakes.draw(0, total))))
        report = _judged(judge, drawn, inception, say, None if other else fakes.asked(0, total))
        more = fakes.cas(judge, say) if cas and not other else {}
        there = judge.reference
        note = changed(checkpoint, there.fingerprint, len(there.train), there.train_labels)
        notes = (*([note] if note else ()), *other)
        report = _advised(replace(report, scores=report.scores | more, notes=notes), data)
    report = replace(report, run=str(record.folder), step=checkpoint.step, replica=replica)
    if lost:
        warn(lost)
    else:
        record.write_report("evaluation", plain(report), epoch, replica)
    return report


def plain(report: Report) -> dict[str, Any]:
    """A report as JSON has it, with this version's number."""
    return {"ayneh": __version__} | report.as_dict()


def _found_again(checkpoint: Checkpoint, moved: str) -> Data:
    """The run's data at another place. Raises UserError unless the images there are those that it was trained on."""
    before = checkpoint.config.data
    if moved == before.name:
        return before
    data = before.at(Path(moved))
    if checkpoint.data:
        images = read_images(data, run=checkpoint.run)
        checkpoint.data.refuse_others(origin_of(replace(checkpoint.config, data=data), images), checkpoint.run)
    return data


@among_others()
def evaluate_images(
    images: Tensor,
    data: Data,
    inception: bool = False,
    judges: Judges | None = None,
    say: Say = silent,
    middle: int | None = None,
    labels: tuple[Tensor, tuple[str, ...]] | None = None,
) -> Report:
    """The judge's report on images uint8 (N, C, H, W) from anywhere; data: what they imitate.

    They are made like the data's, and the report's notes show how. middle: take so many pixels in the middle of each;
    labels: the class of each, int64 (N,), and the classes' names, which are taken as asked for if the data have them.
    """
    judge = _judge(data, judges, say, flag="--")
    alike = as_the_data(images, judge, middle)
    asked, said = asked_for(*labels, judge) if labels else (None, ())
    report = _judged(judge, alike.pixels, inception, say, asked)
    reading = judge.reading(alike.scaled_from, alike.again) if alike.scaled_from else report.reading
    resize = alike.scaled_from or data.resize
    return _advised(replace(report, notes=(*alike.notes, *said), reading=reading), replace(data, resize=resize))


def images_at(place: str, read: AsRead = AsRead(), say: Say = silent) -> Images:  # noqa: B008 - it is frozen
    """The images in a folder or a file. ``say`` gets the line of what was understood."""
    name = f"{'folder' if at_home(place).is_dir() else 'file'}:{place}"
    whole = replace(read, test=None, split=Data.split)  # these divide the data that are imitated
    return read_images(whole.of(name), "all", say=say, flag="--")


# -- comparisons -------------------------------------------------------------------------------------------------------


def refuse_twice(folders: Iterable[str | os.PathLike[str]]) -> None:
    """Raise UserError for one run under two paths, as of a link: it would be compared with itself."""
    seen: dict[Path, str] = {}
    for folder in map(str, folders):
        place = Path(folder).resolve()
        if place in seen:
            what = "is given twice" if folder == seen[place] else f"and {folder} are the same run"
            raise UserError(f"{seen[place]} {what}, and a run cannot be compared with itself: leave one out.")
        seen[place] = folder


def groups(reports: Mapping[str, Report]) -> list[dict[str, Report]]:
    """The reports that may be compared, together: of one judge, the same real images, the same number of images."""
    found: dict[tuple[str | None, int], dict[str, Report]] = {}
    for label, report in reports.items():
        found.setdefault((report.judge, report.n), {})[label] = report
    return list(found.values())


def compare(reports: Mapping[str, Report]) -> list[str]:
    """Sentences on several reports: what may not be compared and why; for each group of those that may be, their order.

    The order is by Fréchet distance, and a sentence states whether every net gives the same one.
    """
    alike = groups(reports)
    orders = [words for group in alike for words in _order(group)]
    if len(alike) < 2:
        return orders
    kinds = "; ".join(f"{', '.join(group)}: {_kind(next(iter(group.values())))}" for group in alike)
    return [f"Not compared, since they were judged in different ways: {kinds}.", *orders]


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
    advice = f"`{training_command(data)}` trains a judge for images of {size}x{size} pixels."
    return replace(report, notes=(*report.notes, advice))


def _judged(judge: Judge, fakes: Tensor, inception: bool, say: Say, asked: Tensor | None = None) -> Report:
    report = judge.evaluate(fakes, say, asked)
    if not inception:
        return report
    from ayneh.judge.inception import inception_fid
    from ayneh.judge.scores import protocol

    say("measuring FID with Inception, which takes long on a CPU")
    score = inception_fid(judge.reference.test, judge.chosen(fakes), cache_folder() / "inception")
    score = replace(score, protocol=protocol("inception_fid", score.n, judge.data))
    return replace(report, scores=report.scores | {"inception_fid": score})


def _stacked(fakes: Fakes, n: int, resize: int | None) -> Report:
    import torch

    from ayneh.data.sources import load
    from ayneh.game.frame import take
    from ayneh.judge import stacked
    from ayneh.judge.features import shipped
    from ayneh.judge.report import Reading

    train, test = load("mnist", "train"), load("mnist", "test", resize=resize)
    if train.labels is None or test.labels is None:
        raise UserError("The files of MNIST have no labels; stacked-mnist needs them.")
    side, net, at = test.pixels.shape[-1], shipped(stacked.LEAD), min(n, stacked.PLUG_IN)

    def unframed(first: int, last: int) -> Iterator[Tensor]:
        return map(partial(take, side=side), fakes.draw(first, last))

    drawn = [asked for asked in (fakes.asked(0, at), fakes.asked(at, n)) if asked is not None]  # as they are drawn
    numbers = torch.cat(drawn) if drawn else None
    report = stacked.evaluate(net, unframed, n, train.labels, (test.pixels, test.labels), numbers)
    accuracy = (1 - (report.classifier_error_of_a_triple or 0)) ** (1 / 3)
    reading = Reading(stacked.LEAD, side, accuracy, net.size, net.accuracy)
    return replace(report, judge=f"{side} {stacked.LEAD}", size=side, reading=reading)
