"""The doctor measured as a detector: ``python bench/doctor.py``; it resumes.

Plays the arms of bench/ills.py over seeds, each run into its folder, scores them in training, labels them healthy or
ill by the judge's scores alone (bench/detector.py), and compares the doctor's findings with these labels. Thresholds
were set on the even seeds; the reported numbers are of the odd ones. The result is bench/doctor.json and the table in
docs/doctor.md. The runs on MNIST need ``AYNEH_DATA`` or a network; ``--arms`` chooses among the arms.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data, changed
from ayneh.data.sources import load
from ayneh.engine.loop import Moment
from ayneh.engine.match import Match
from ayneh.engine.sampler import Sampler
from ayneh.evaluation import judge_of
from ayneh.files.whole import atomically
from ayneh.game.frame import levels
from ayneh.judge.verdict import Judge
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from ayneh.terminal.progress import Clock
from ayneh.training.journal import Journal, usual
from ayneh.training.play import Play
from ayneh.training.scorer import Scorer
from detector import agreement, case_of, label, short, table
from detector import usual as usual_cases
from ills import ARMS, HEALTHY, Arm

RESULT = Path(__file__).with_suffix(".json")
EPOCHS = 60
SCORED = 500  # images behind a score
LOOKS = 30  # scores of a run


def config_of(arm: Arm, seed: int) -> Config:
    """The preset ``digits``, shorter, with the arm's changes."""
    start = replace(PRESETS["digits"].config, device="cpu", epochs=EPOCHS, seed=seed)
    return changed(start, arm.changes, "arm")


@cache
def images(data: Data) -> Tensor:
    """The training images, read once in each process."""
    return load(data.name, resize=data.resize, limit=data.limit).pixels


@cache
def judge(data: Data) -> Judge:
    """The judge of this data; with a limit, its training images for copies are these few alone."""
    usual = judge_of(replace(data, limit=None))
    return usual if data.limit is None else Judge(usual.data, usual.reference.nets, images(data), usual.reference.test)


def play(
    name: str, seed: int, folder: Path, arms: Mapping[str, Arm] = ARMS, also: Sequence[str] = (), looks: int = LOOKS
) -> None:
    """One run into its folder, with its outcome; ``also``: metrics of its last images beside copies."""
    torch.set_num_threads(1)
    arm = arms[name]
    config = config_of(arm, seed)
    pixels = arm.spoil(images(config.data))
    record = Record.create(folder, config, {"device": "cpu", "threads": 1, "workers": 0})
    match = Match([config], pixels, torch.device("cpu"))
    later = Match([changed(config, arm.later, "later")], pixels, torch.device("cpu"))
    total = config.epochs * match.steps_per_epoch
    due = [round(total * (k + 1) / looks) for k in range(looks)]  # each at the next end of an epoch

    def scored(moment: Moment) -> bool:
        passed = [look for look in due if look <= moment.step]
        del due[: len(passed)]
        return bool(passed)

    habits = replace(usual(config), scored=scored, pictured=lambda epoch: epoch == config.epochs - 1,
                     saved=lambda epoch: False, captions=False, best=False)  # fmt: skip
    scorer = Scorer(judge(replace(config.data, limit=None)), SCORED)
    journal = Journal(record, config, range(1), habits, match.steps_per_epoch, scorer=scorer)
    game = Play(match, [journal], Clock(), tolerant=True)
    for now in game.run(config, lambda: journal.fallen is not None):
        if now.moment.step >= total // 2 and arm.later:
            game.stack.match = later
    fallen = None if journal.fallen is None else game.stack.step
    outcome: dict[str, Any] = {"arm": name, "seed": seed, "steps": total, "fallen": fallen}
    if fallen is None:
        sampler = Sampler(match.gen, game.stack.state["ema"][0], config)
        outcome["copying"] = of_last_images(sampler, config, "copies")
        outcome |= {metric: of_last_images(sampler, config, metric) for metric in also}
    with atomically(folder / "outcome.json") as file:
        file.write(json.dumps(outcome).encode())


def of_last_images(sampler: Sampler, config: Config, metric: str) -> float | None:
    """A metric of the last images; of copies the share nearer to a training image than nearly all test images."""
    drawn = sampler.images("scores", SCORED)
    if not bool(drawn.isfinite().all()):
        return None
    known = judge(config.data)
    return known.scores(known.unframed(levels(drawn)), [metric])[metric].value


def folder_of(out: Path, name: str, seed: int) -> Path:
    """The folder of a run of this arm."""
    return out / name.replace(", ", "--").replace(" ", "-") / f"seed-{seed}"


def play_all(out: Path, seeds: int, arms: str, workers: int) -> None:
    """Play what has not been played, the healthy arms with twice as many seeds."""
    jobs = [
        (name, seed, folder_of(out, name, seed))
        for seed in range(2 * seeds)
        for name in ARMS
        if any(part in name for part in arms.split("|")) and (seed < seeds or name in HEALTHY)
    ]
    todo = [job for job in jobs if not (job[2] / "outcome.json").is_file()]
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(play, *job): job for job in todo}
        for k, future in enumerate(as_completed(futures), 1):
            future.result()
            print(f"{k} of {len(todo)}: {futures[future][0]}, seed {futures[future][1]}", file=sys.stderr, flush=True)


def main(
    out: Path = Path("runs/doctor"),
    seeds: int = 2,
    arms: str = "",
    workers: int = 2,
    result: Path = RESULT,
) -> None:
    """Play what has not been played; then measure.

    Args:
        out: where the runs go.
        seeds: of each arm; healthy ones have twice as many.
        arms: only those whose names hold one of these words (lr|u01).
        workers: processes, of one thread each.
        result: the file to write.
    """
    play_all(out, seeds, arms, workers)
    cases = [case_of(folder.parent) for folder in sorted(out.glob("*/*/outcome.json"))]
    reference = usual_cases(cases)
    known = [case for case in cases if case.net in reference]
    for case in known:
        label(case, reference)
    halves = {"even": [c for c in known if c.seed % 2 == 0], "odd": [c for c in known if c.seed % 2]}
    found = {half: agreement(chosen) for half, chosen in halves.items()}
    with atomically(result) as file:
        file.write((json.dumps({"halves": found, "runs": [short(case) for case in known]}, indent=0)).encode())
    print("\n".join(table(found["odd"] if halves["odd"] else found["even"])))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
