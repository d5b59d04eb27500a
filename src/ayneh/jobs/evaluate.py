"""The verb `evaluate`: how good the images of a run, or of any folder or array, are."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ayneh import scoring
from ayneh.config import Data
from ayneh.dataset import AsRead
from ayneh.errors import UserError
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import Rows, say, show
from ayneh.terminal.text import Say

MOST_CLASSES = 20  # of a matrix that is printed

if TYPE_CHECKING:
    from ayneh.judge.report import Report


def evaluate(
    runs: tyro.conf.Positional[tuple[Path, ...]] = (),
    images: str | None = None,
    data: str | None = None,
    read: Annotated[AsRead, tyro.conf.arg(name="")] = AsRead(),  # noqa: B008 - it is frozen
    middle: int | None = None,
    n: int | None = None,
    epoch: int | None = None,
    replica: int = 0,
    inception: bool = False,
    cas: bool = False,
    by_class: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Score runs, or images from anywhere, against the test split; compare several in one table.

    Every score is shown with its protocol and its floor: the same score of as many real training images. A run's
    report is also written to its folder, as evaluation.json. A run that cannot be scored is named after the others'
    scores, with the reason, and the exit status is 2.

    Args:
        runs: run folders.
        images: also score the images in this folder or file of arrays. Their labels, if they have any, are taken as
            the classes that were asked for.
        data: with --images, what these imitate (default: the data of the first run); else where the images that the
            runs were trained on are now, if they were moved.
        read: how these images, and the data that they imitate, are read.
        middle: cut the frame of these images: judge this many pixels a side in the middle of each.
        n: number of images to draw from a run: 10,000, at most as many as the test split has; stacked-mnist: any
            number, 26,000.
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        replica: which of a run's replicas, counted from 0.
        inception: also measure FID with Inception (needs torch-fidelity and its weights; slow on a CPU).
        cas: also the classification accuracy score of runs with labels: small classifiers learn from fakes alone and
            are tested on real images (minutes).
        by_class: also print a row for each class of runs with labels, and how often each is taken for which.
        json: print the reports as JSON instead of tables.
        quiet: print the result only.
    """
    _refuse(runs, images is not None, cas, files=read != AsRead() or middle is not None)
    terminal = Terminal(quiet)
    judges: scoring.Judges = {}
    how = inception, judges, terminal.say
    todo = {
        str(run): partial(
            scoring.evaluate, Record.open(run), epoch, replica, n, *how, data if images is None else None, cas
        )
        for run in runs
    }
    if images is not None:
        todo[images] = partial(_of_images, images, runs, data, read, middle, *how)
    reports, failed = _each(todo)
    if json:
        print(json_format.dumps({label: scoring.plain(report) for label, report in reports.items()}, indent=2))
    else:
        _show(reports, by_class)
    if failed:
        raise UserError(" ".join(f"{label} has no scores: {words}" for label, words in failed.items()))


def _of_images(
    images: str, runs: tuple[Path, ...], data: str | None, read: AsRead, middle: int | None, inception: bool,
    judges: scoring.Judges, say: Say,
) -> Report:  # fmt: skip
    """The report on images from anywhere, as `evaluate` takes them."""
    source = read.of(data) if data else _data_of_first(runs)
    if read.resize is not None:
        source = replace(source, resize=read.resize)
    found = scoring.images_at(images, read, say)
    labels = None if found.labels is None or found.called is None else (found.labels, found.called)
    return scoring.evaluate_images(found.pixels, source, inception, judges, say, middle, labels)


def _each(todo: Mapping[str, Callable[[], Report]]) -> tuple[dict[str, Report], dict[str, str]]:
    """The reports, and the sentences on what has none beside them. Raises UserError where all fail for one reason."""
    reports: dict[str, Report] = {}
    failed: dict[str, str] = {}
    for label, make in todo.items():
        try:
            reports[label] = make()
        except UserError as error:
            failed[label] = str(error)
            if len(failed) == len(todo) and len(set(failed.values())) == 1:
                raise
    return reports, failed


def _refuse(runs: tuple[Path, ...], images: bool, cas: bool, files: bool) -> None:
    """Raise UserError for what does not go together. images: whether some are given; files: settings that read them."""
    scoring.refuse_twice(runs)
    if not runs and not images:
        raise UserError(
            "There is nothing to evaluate: give a run folder, or --images with a folder or a file of arrays."
        )
    if cas and not runs:
        raise UserError("--cas draws images of a run with labels: give a run folder, or leave --cas out.")
    if files and not images:
        raise UserError(
            "--resize, --middle and the other settings for reading files apply to --images alone: leave them out. The "
            "images of a run have the size that it was trained on."
        )


def _data_of_first(runs: tuple[Path, ...]) -> Data:
    if not runs:
        raise UserError("Say what the images imitate: --data mnist, digits, folder:PATH or file:PATH.")
    return Record.open(runs[0]).config().data


def _show(reports: dict[str, Report], by_class: bool) -> None:
    """The tables, and what they mean in words."""
    from ayneh.api.compare import tables_of, words_of
    from ayneh.api.per_class import confusion_of, table_of

    for columns, rows in tables_of(reports):
        show(Rows(columns, rows))
    for label, report in reports.items() if by_class else ():
        if (found := report.by_class) is None:
            say(f"{label}: no classes were asked for.")
            continue
        show(Rows(*table_of(found), title=label))
        if found.confusion is not None and len(found.names) <= MOST_CLASSES:
            show(Rows(*confusion_of(found), title=f"{label}: {found.of} asked for (rows) and found (columns)"))
    for words in words_of(reports):
        say(words)
