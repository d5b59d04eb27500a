"""The minutes that a study takes on this machine, from the times of a few steps of each group."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch

from ayneh.engine.cores import cores
from ayneh.engine.device import choose_device
from ayneh.errors import UserError
from ayneh.parts.calling import threads_kept
from ayneh.studies.design import Run, Study
from ayneh.studies.ledger import group_names
from ayneh.studies.results import check_outcomes
from ayneh.studies.schedule import Measured, measure, quickest
from ayneh.studies.stack import images_of, swapped_prior
from ayneh.terminal.text import Say, counted, silent


@dataclass(frozen=True)
class Part:
    """Runs that may share a stack, and their cost."""

    name: str
    runs: list[Run]
    cost: Measured
    minutes: float


@dataclass(frozen=True)
class Forecast:
    """The cost of a study's groups on so many workers."""

    parts: list[Part]
    workers: int
    device: str
    threads: int = 1  # of what the CPU computes, in each process

    @property
    def runs(self) -> int:
        """Trainings in all."""
        return sum(len(part.runs) for part in self.parts)

    @property
    def images(self) -> int:
        """Real images that D sees, over all runs."""
        return sum(len(part.runs) * part.cost.images for part in self.parts)

    @property
    def minutes(self) -> float:
        """Minutes of the whole study."""
        return sum(part.minutes for part in self.parts)


COLUMNS = ("group", "runs", "in a stack", "ms a step", "images a run", "minutes")


def rows_of(cost: Forecast) -> list[tuple[str, ...]]:
    """A row for each group, with the cells of `COLUMNS`."""
    rows: list[tuple[str, ...]] = []
    for part in cost.parts:
        stack, step_ms, images = part.cost.stack, part.cost.step_s * 1e3, part.cost.images
        numbers = (str(len(part.runs)), str(stack), f"{step_ms:.1f}", f"{images:,}", f"{part.minutes:.1f}")
        rows.append((part.name, *numbers))
    return rows


def words_of(study: Study, cost: Forecast) -> str:
    """All groups together in a sentence."""
    processes = "process" if cost.workers == 1 else "processes"
    arms, groups = counted(len(study.cells()), "arm"), counted(len(cost.parts), "group")
    return (
        f"{arms}, {counted(cost.runs, 'run')} in {groups}, {cost.images:,} images: about {cost.minutes:.0f} minutes "
        f"with {cost.workers} {processes} on {cost.device}"
    )


def chosen(device: str) -> str:
    """The device that is meant by "auto", by the name that the plans and shares of studies have: "cpu" for a CPU.

    Raises UserError for one that is not there, before images are read.
    """
    found = choose_device(device)
    return found.type if found.type == "cpu" else str(found)


MOST_WORKERS = 4096  # processes


def workers_for(device: str, workers: int | None) -> int:
    """The number of processes that play a study: by default one for each core, or one for an accelerator."""
    if workers is not None and not isinstance(workers, int):
        raise UserError(f"--workers is {workers!r}; it must be a whole number.")
    if workers is not None and workers < 1:
        raise UserError(f"--workers is {workers}; it must be at least 1.")
    if workers is not None and workers > MOST_WORKERS:
        raise UserError(f"--workers is {workers:,}; it must be at most {MOST_WORKERS:,}.")
    return workers or (cores() if device == "cpu" else 1)


def refuse_unplayable(study: Study) -> None:
    """Raise UserError for outcomes that cannot be measured, and for swaps to a prior that there is not."""
    check_outcomes(study.outcomes, list(study.swaps))
    for name, changes in study.swaps.items():
        swapped_prior(study.config(), name, changes)


def cost_of(study: Study, workers: int | None, device: str, say: Say = silent) -> Forecast:
    """The `forecast` of a whole study, once it is known that its outcomes can be measured."""
    refuse_unplayable(study)
    device = chosen(device)
    return forecast(study, workers_for(device, workers), device, say=say)


def forecast(
    study: Study, workers: int, device: str, left: Collection[Run] | None = None, say: Say = silent
) -> Forecast:
    """Time a few steps of each group on this device. left: the runs that count (default: all); say: what was read.

    Raises UserError for runs that cannot be played.
    """
    for data in dict.fromkeys(run.config.data for run in study.runs()):
        say(images_of(data).understood)
    groups, looks = study.groups(), len(study.look_epochs())
    places = {run.place for run in (study.runs() if left is None else left)}
    parts = []
    with threads_kept():
        threads = 1 if device == "cpu" or workers > 1 else quickest(study, groups[0][0].config)
        torch.set_num_threads(threads)  # as in the workers
        for name, group in zip(group_names(groups), groups, strict=True):
            cost, runs = measure(study, group, device), [run for run in group if run.place in places]
            steps_s, looks_s = len(runs) * cost.steps * cost.step_s, len(runs) * looks * cost.look_s
            parts.append(
                Part(name, runs, cost, (steps_s / (workers if device == "cpu" else 1) + looks_s / workers) / 60)
            )
    return Forecast(parts, workers, device, threads)


def refuse_over_budget(study: Study, cost: Forecast) -> None:
    """Raise UserError if this is more than the study's budget."""
    if study.budget_minutes is not None and cost.minutes > study.budget_minutes:
        raise UserError(
            f"{study.name} would take about {cost.minutes:.0f} minutes on {cost.workers} processes, and its budget is "
            f"{study.budget_minutes:g}: fewer --seeds, epochs or arms, more --workers, --engine ray, or a larger "
            "--budget-minutes."
        )
