"""A few runs of one group of a study, played as one stack, each into its run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ayneh.byclass import sheet_of
from ayneh.config import Config, Data, differences, flatten
from ayneh.data.images import Images
from ayneh.engine.device import choose_device
from ayneh.engine.match import Match, prior_of
from ayneh.engine.sampler import sampler_in
from ayneh.errors import Stopped, UserError
from ayneh.evaluation import judge_of, labelled, origin_of, read_images
from ayneh.game import priors
from ayneh.game.step import State
from ayneh.judge.metrics import METRICS, metrics
from ayneh.judge.verdict import Judge
from ayneh.parts.shipped import Shipped, pack
from ayneh.pictures import save_png
from ayneh.record.checkpoint import Damaged
from ayneh.record.head import Origin
from ayneh.record.names import INTERRUPTED, epoch_name
from ayneh.record.record import Record
from ayneh.studies.design import Changes, Run, Study, swapped
from ayneh.studies.ledger import Ledger
from ayneh.studies.names import file_name
from ayneh.studies.unplayed import as_played
from ayneh.terminal.progress import Clock
from ayneh.training.callbacks import Callbacks, chosen
from ayneh.training.journal import Habits, Journal, Now
from ayneh.training.play import Play
from ayneh.training.scorer import Scorer

CHECKPOINT_S = 30.0  # between two checkpoints of a run: what a kill can cost
PICTURED = 36  # images of the fixed noise in a picture


def parts_of(shares: Sequence[Sequence[Run]], study: Study, far: bool = False) -> Shipped:
    """The parts of one's own that another process needs for these shares. UserError for one that cannot be sent."""
    configs = [run.config for share in shares for run in share]
    swaps = [swapped(study.config(), changes, f"swaps.{name}") for name, changes in study.swaps.items()]
    return pack((flatten(config) for config in [*configs, *swaps]), far)


def habits_of(study: Study, epochs: int) -> Habits:
    """A run of so many epochs is scored and pictured at its looks; checkpoints are due by time (`CHECKPOINT_S`)."""
    looks = study.looks_of(epochs)
    return Habits(
        scored=lambda moment: moment.epoch_ended and moment.epoch in looks,
        pictured=lambda epoch: epoch in looks,
        saved=lambda epoch: False,
        sample_images=PICTURED,
        captions=False,
        best=False,
    )


def play(
    runs: Sequence[Run], folder: Path, study: Study, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> bool:
    """Play these runs of one group to their ends, from their last checkpoints; False if ``stop()`` became true before.

    A run whose numbers stop being finite ends there, and its outcome notes it; the others go on.
    """
    runs = [run for run in runs if not _ended(Record(folder / run.place))]  # a share comes again if its worker died
    if not runs:
        return True
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(Record(folder / run.place).locked())
        return _play(runs, folder, study, device, stop)


def _ended(record: Record) -> bool:
    try:
        return record.outcome() is not None
    except UserError:  # damaged: it is ended again
        return False


def _play(runs: Sequence[Run], folder: Path, study: Study, device: str, stop: Callable[[], bool]) -> bool:
    """`play`, while the runs' locks are held."""
    configs = [run.config for run in runs]
    images = images_of(configs[0].data)
    match = match_of(configs, device)
    origin = origin_of(configs[0], images)
    records = [_record(folder / run.place, run.config, str(match.device)) for run in runs]
    for config in {config.data: config for config in configs}.values():
        _refuse_broken(study.outcomes, config)
    step, tensors, meter_steps = _restored(match, records, origin)
    habits = habits_of(study, configs[0].epochs)
    journals = [
        Journal(record, config, range(r, r + 1), habits, match.steps_per_epoch, step,
                scorer=Scorer(judge(config.data), study.images), origin=origin,
                labels=match.classes)
        for r, (record, config) in enumerate(zip(records, configs, strict=True))
    ]  # fmt: skip
    calls = [Callbacks(journal.record, chosen(journal.config), step) for journal in journals]
    for journal, one in zip(journals, calls, strict=True):
        journal.callbacks = one
    try:
        clock = Clock(sum(journal.seconds for journal in journals))
        game = Play(match, journals, clock, step, tensors, meter_steps, tolerant=True)
        return _to_its_end(runs, game, study, stop)
    finally:
        for one in calls:
            one.close()


def _to_its_end(runs: Sequence[Run], game: Play, study: Study, stop: Callable[[], bool]) -> bool:
    """`play` from a step on. Raises Stopped, once the epoch is saved, if a callback raised."""
    match, saved = game.match, Clock()
    now: Now | None = None
    total = match.replicas[0].epochs * match.steps_per_epoch
    playing = list(zip(runs, game.journals, strict=True))
    for now in game.run(match.replicas[0], lambda: stop() or not playing):
        failure = _failure(game.journals)
        for run, journal in [pair for pair in playing if pair[1].fallen]:  # at once: it has no checkpoint to go on from
            playing.remove((run, journal))
            _end(run, journal, match, game.stack.state, study, game.clock.seconds() / len(runs))
        if now.moment.epoch_ended and (saved.seconds() > CHECKPOINT_S or now.moment.step == total or failure):
            _save(playing, now)
            saved = Clock()
            if failure:
                raise Stopped(f"{failure} What was played is saved: mend it, and the same command goes on.")
    if game.stack.step < total and playing:
        if now:  # else there is nothing new to save
            _save(playing, game.now(now.moment))
        return False
    took = game.clock.seconds() / len(runs)  # of each: what follows is done for a run after the other
    for run, journal in playing:
        _end(run, journal, match, game.stack.state, study, took)
    for _, journal in playing:  # all outcomes are written
        if journal.callbacks:
            journal.callbacks.end(total)
    if failure := _failure(game.journals):
        raise Stopped(failure)
    return True


def _refuse_broken(outcomes: Sequence[str], config: Config) -> None:
    """Raise UserError if a metric of one's own that is an outcome fails on real images: not after hours."""
    names = [name for name in outcomes if name not in METRICS and name in metrics()]
    real = judge(config.data).reference
    asked = None if real.test_labels is None or not config.rules.labelled else real.test_labels[:200]
    for score in judge(config.data).scores(real.test[:200], names, asked).values() if names else ():
        if score.value is None:
            raise UserError(f"{score.warning} It is an outcome of this study: correct it, or leave it out.")


def _failure(journals: Sequence[Journal]) -> str:
    """The sentence on a callback that raised; empty if none did."""
    return next((one.callbacks.failure for one in journals if one.callbacks and one.callbacks.failure), "")


def _record(folder: Path, config: Config, device: str) -> Record:
    """The run's folder, made if there is none; a config that is damaged is written anew."""
    if Record(folder).exists():
        record = Record.open(folder)
        try:
            record.config()
            return record
        except UserError:  # the ledger has reported it
            pass
    return Record.create(folder, config, {"device": device, "threads": 1, "workers": 0})


def _end(run: Run, journal: Journal, match: Match, state: State, study: Study, wall_s: float) -> None:
    """Write the outcome: a run with an outcome is done and never played again."""
    fallen, record, config = journal.fallen, journal.record, run.config
    swaps: dict[str, Any] = {}
    for name, changes in study.swaps.items() if not fallen else ():
        sampler = sampler_in(match, state, journal.rows[0])  # with the batch statistics of the training's prior
        sampler.prior = swapped_prior(config, name, changes)
        scores = Scorer(judge(config.data), study.images).score([sampler])
        swaps[name] = {metric: score for metric, (score,) in scores.items()}
        save_png(record.swap_path(file_name(name)), sheet_of(sampler, PICTURED).picture)
    outcome: dict[str, Any] = {"arm": run.arm, "seed": run.seed, "diverged": None, "swaps": swaps}
    if fallen:
        epoch = fallen.step // match.steps_per_epoch
        outcome["diverged"] = {"step": fallen.step, "epoch": epoch, "words": f"{fallen.measure} was not finite"}
    record.write_outcome(outcome | {"wall_s": round(wall_s, 3), "classes": judge(config.data).classes})


def swapped_prior(config: Config, name: str, changes: Changes) -> priors.Prior:
    """The prior of a swap of this name. UserError if there is none of these settings."""
    return prior_of(swapped(config, changes, f"swaps.{name}"))


def _save(playing: Sequence[tuple[Run, Journal]], now: Now) -> None:
    for _, journal in playing:
        if now.moment.epoch_ended:
            journal.save(epoch_name(now.moment.epoch), now)
            journal.record.checkpoints.thin_out(10**9, now.moment.epoch)
        else:
            journal.save(INTERRUPTED, now)


def _restored(match: Match, records: Sequence[Record], origin: Origin) -> tuple[int, dict[str, Tensor], int]:
    """The last step of which every run has an undamaged checkpoint, the tensors of all rows, and the steps since the
    last line of metrics; (0, {}, 0): there is none.

    Raises UserError where the images, or their labels in labelled runs, are others than those trained on so far.
    """
    names = [record.checkpoints.by_step() for record in records]
    for step in sorted(set.intersection(*(set(one) for one in names)), reverse=True):
        try:
            found = [record.checkpoints.called(one[step]) for record, one in zip(records, names, strict=True)]
        except Damaged:
            continue
        pairs = zip(found, match.replicas, strict=True)
        if not any(differences(as_played(one.config), as_played(config)) for one, config in pairs):
            for one in found:
                if one.data:
                    one.data.refuse_others(origin, one.run, elsewhere=" and run the study again")
            rows = [checkpoint.tensors for checkpoint in found]
            whole = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
            return step, whole, found[0].meter_steps
    return 0, {}, 0


def refuse_other_images(ledger: Ledger) -> None:
    """Raise UserError where runs of this study were trained on other images, or other labels, than those of now.

    Also where those runs are finished: the others would be compared with them.
    """
    known: dict[tuple[Data, bool], tuple[Origin, Path]] = {}
    for run in ledger.runs:
        record, key = Record(ledger.path(run)), (run.config.data, run.config.rules.labelled)
        if key not in known and record.exists() and (before := record.checkpoints.origin()):
            known[key] = before, record.folder
    for run in ledger.unfinished() if known else ():
        if found := known.pop((run.config.data, run.config.rules.labelled), None):
            now = origin_of(run.config, images_of(run.config.data))
            found[0].refuse_others(now, found[1], elsewhere=" and run the study again")


def match_of(configs: Sequence[Config], device: str) -> Match:
    """The game of these configs of one group on their images, read once in each process."""
    images = images_of(configs[0].data)
    return Match(configs, images.pixels, choose_device(device), labelled=labelled(configs[0], images))


@cache
def images_of(data: Data) -> Images:
    """The training images with what was understood of them, read once in each process."""
    return read_images(data)


@cache
def judge(data: Data) -> Judge:
    """The judge of these images, made once in each process."""
    return judge_of(data)
