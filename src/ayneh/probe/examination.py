"""The probe of a run's checkpoints: numbers as plain JSON values; a list has one entry for each look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ayneh.data.images import Images
from ayneh.engine.cores import among_others
from ayneh.engine.sampler import Sampler, sampler_of
from ayneh.errors import UserError
from ayneh.evaluation import as_trained, read_images, refuse_other_classes
from ayneh.files.whole import not_kept, without_nan
from ayneh.game.frame import scale
from ayneh.labels import Labels
from ayneh.probe.arms import ARMS, Look, Plan
from ayneh.probe.dimension import dimensions
from ayneh.probe.jacobian import condition, directions, effective_rank, singular_values
from ayneh.probe.overlap import calibrated, divergence, error, loss
from ayneh.probe.support import Probe
from ayneh.record.record import Record
from ayneh.terminal.text import Say, silent, warn
from ayneh.version import __version__

SLOPES = 8  # latents at which G's slope is taken
POINTS, QUERIES = 10_000, 1_000  # images for a dimension; of these, those whose neighbours are measured
NAME = "probe"
Values = dict[str, Any]


def default_epochs(record: Record) -> list[int]:
    """The first, the middle and the last of the epochs (from 0) whose checkpoints are kept."""
    kept = record.checkpoints.epochs()
    return sorted({kept[0], kept[len(kept) // 2], kept[-1]}) if kept else []


@among_others()
def probe(
    record: Record,
    epochs: Sequence[int] | None = None,
    replica: int = 0,
    plan: Plan | None = None,
    say: Say = silent,
) -> Values:
    """Probe one replica at these epochs (from 0; None: `default_epochs`), write it as probe.json, and return it.

    Raises UserError where there is no such checkpoint or replica, or too few images.
    """
    plan = plan or Plan()
    if not 1 <= plan.steps <= 100_000:
        raise UserError(f"--probe-steps is {plan.steps}; choose 1 to 100,000.")
    chosen = sorted(set(default_epochs(record) if epochs is None else epochs))
    if not chosen:
        raise UserError(f"{record.folder} has no checkpoint of an epoch yet to probe: train an epoch first.")
    lost = not_kept(record.report_path(NAME, replica=replica))
    checkpoints = {epoch: record.checkpoints.at_epoch(epoch) for epoch in chosen}
    config = record.config()
    images = read_images(config.data, "train", record.folder, say), read_images(config.data, "test", record.folder)
    train, test = (split.pixels for split in images)
    values: Values = {"ayneh": __version__, "replica": replica, "data": config.data.name, "epochs": []}
    null: dict[str, Values] = {}
    for epoch, checkpoint in checkpoints.items():
        place = checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica
        sampler = sampler_of(*place, checkpoint.labels)
        if note := as_trained(checkpoint, images[0]):
            values["note"] = note
        one: Values = {"epoch": epoch, "step": checkpoint.step}
        values["epochs"].append(one)
        if not bool(sampler.images("probe finite", 64).isfinite().all()):
            one["cannot tell"] = "G's images are not finite"
            continue
        # Real against real does not depend on G: it is played once.
        arms = tuple(name for name in plan.arms if not (null and ARMS[name].null))
        labels = _labels_of(record, checkpoint.labels, images) if checkpoint.labels else None
        examiner = Probe(sampler, train, test, replace(plan, arms=arms), labels)
        say(f"epoch {epoch}: {plan.steps} steps of {len(examiner.arms)} fresh discriminators")
        looks = list(examiner.play())
        one["arms"] = {name: _course([look[name] for look in looks]) for name in looks[0]} | null
        null = {name: course for name, course in one["arms"].items() if ARMS[name].null}
        one |= {"n": examiner.n, "jacobian": _slopes(sampler)}
        one["dimension"] = _dimension(sampler.images("probe dimension", min(len(train), POINTS)))
        values["protocol"] = _protocol(plan, examiner, one, min(len(train), POINTS))
    say("intrinsic dimension of the data")
    values["dimension"] = _dimension(_some(train))
    if lost:
        warn(lost)
    else:
        record.write_report(NAME, values, replica=replica)
    return values


def _protocol(plan: Plan, examiner: Probe, one: Values, points: int) -> Values:
    """How it was measured; one: the values of an epoch; points: images behind the intrinsic dimension."""
    sampler = examiner.sampler
    config = sampler.config
    return {
        **asdict(plan),
        "arms": {name: ARMS[name].shows for name in one["arms"]},
        "reads_batches": examiner.reads_batches,
        "takes_class": examiner.takes_class,
        "learning_rate": float(examiner.match.hyper(0)["lr_dis"][0, 0]),
        "loss_of_run": config.rules.loss,
        "prior": sampler.prior.describe(),
        "latents": config.prior.dim,
        "pixels": math.prod(examiner.match.image_shape),
        "dimension_points": points,
        "net": config.net.name,
    }


def _labels_of(record: Record, before: Labels, images: tuple[Images, Images]) -> tuple[Tensor, Tensor]:
    """Those of both splits. UserError where one has none, or other classes than the run."""
    for split in images:
        refuse_other_classes(record.folder, before, split)
    first, second = (split.labels for split in images)
    assert first is not None
    assert second is not None
    return first, second


# -- courses -----------------------------------------------------------------------------------------------------------


def _course(looks: Sequence[Look]) -> Values:
    """An arm's numbers, look by look."""
    rows = []
    for look in looks:
        train, held, raw = (
            tuple(side.double().numpy() for side in part) for part in (look.train, look.held_out, look.single)
        )
        single = calibrated(*raw)
        alone, bound = error(*single), divergence(*single)
        rows.append(
            {
                "step": look.step,
                "loss_train": loss(*train),
                "loss_held_out": loss(*held),
                "error_train": error(*train).value,
                "error_held_out": error(*held).value,
                "error_single": alone.value,
                "error_single_interval": alone.interval,
                "bound": bound.value,
                "bound_interval": bound.interval,
                "bound_as_it_stands": divergence(*raw).value,
                **{f"gradient {words}": norm for words, norm in look.gradients.items()},
            }
        )
    return {name: [without_nan(row[name]) for row in rows] for name in rows[0]}


# -- dimensions --------------------------------------------------------------------------------------------------------


def _some(pixels: Tensor) -> Tensor:
    """The same random choice of the training images each time, as numbers in [-1, 1]."""
    chosen = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:POINTS]
    return scale(pixels[chosen])


def _dimension(images: Tensor) -> Values:
    found = dimensions(images.flatten(1).numpy(), queries=QUERIES)
    return {name: without_nan(score.as_dict()) for name, score in found.items()}


def _slopes(sampler: Sampler) -> Values:
    """Singular values of dG/dz, each the median over some latents; rank, directions and condition at each latent.

    Of a labelled run each latent has a class of its own, which stays.
    """
    classes = sampler.classes("probe slope", SLOPES) if sampler.labels else None
    found = singular_values(sampler.gen, sampler.latents("probe slope", SLOPES), classes)  # (SLOPES, min(Z, pixels))
    return {
        "latents": SLOPES,
        "singular_values": np.median(found, 0).tolist(),
        "effective_rank": [effective_rank(one) for one in found],
        "directions_90": [directions(one) for one in found],
        "condition": [condition(one) for one in found],
    }
