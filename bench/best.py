"""Digits that pass for real: compares recipes in short trainings, and trains the best of them at full length.

    python bench/best.py trials runs            # each candidate for 250,000 images; docs/findings/best/trials.csv
    python bench/best.py full runs [--seeds 0 1 2] [--names wide-labels]
    python bench/best.py full runs --device cuda --workers 2    # the seeds are the replicas of one run
    python bench/best.py command wide-labels    # the `ayneh train` command of the full length

Trials train on 50,000 training images and are judged by the shipped net against the other 10,000, so that the test
split chooses nothing. In a trial all that fades does so within it. `full` trains, without --names, the candidate of
the smallest distance without labels and the one with labels, one seed after another, and runs `ayneh evaluate`. With
--device cuda it trains the seeds as the replicas of one run, and each run writes fewer lines, pictures and checkpoints.
--workers: candidates at a time, each in a process of its own.
A training that breaks down is a failure and counts: its trial has a row without scores, and the others go on.
Stopped or killed, the same command goes on where it was. docs/findings/best.md has the plan and its predictions.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asked import at_least
from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data, differences
from ayneh.data.split import limited
from ayneh.engine.sampler import sampler_of
from ayneh.errors import UserError
from ayneh.evaluation import nets_of, read_images
from ayneh.files.whole import refuse_unwritable
from ayneh.game.frame import take
from ayneh.judge.verdict import Judge
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from each import each

TRIALS = Path(__file__).parent.parent / "docs" / "findings" / "best" / "trials.csv"
KEPT, ALL, TRIAL_EPOCHS, TRIAL_SEED, SCORED = 50_000, 60_000, 5, 100, 10_000
SCORES = ("fd", "low_confidence", "precision", "recall", "density", "coverage")
LABELS = {"rules.labels": "projection"}
LAZY = {"rules.penalty_every": 4}
QUICK = {"optimizer.lr": 4e-3}
R3GAN = {
    "rules.loss": "relativistic", "rules.penalty": "r1+r2", "rules.gamma": 0.3, "net.dis_norm": "none",
    "net.init": "he", "optimizer.beta1": 0.0, "optimizer.beta2": 0.99, "optimizer.lr": 1e-3,
}  # fmt: skip
AVERAGE = {"rules.ema_halflife_images": 0.04}  # settings that are shares of all images
FADES = AVERAGE | {"optimizer.decay_images": 1.0}
FALLS = {"optimizer.schedule": "cosine", "optimizer.end_factor": 0.02}
GAMMA = {"rules.gamma_images": 1.0}
RARELY = {"keep.tick_steps": 1000, "keep.sample_epochs": 10, "keep.checkpoint_epochs": 20}  # on a GPU


@dataclass(frozen=True)
class Candidate:
    """`fast` with changes; ``epochs``: its full length, at most two hours on two quiet cores."""

    changes: Mapping[str, Any]
    epochs: int
    shares: Mapping[str, float] = field(default_factory=lambda: FADES)

    def config(self, trial: bool) -> Config:
        """Its settings, of a trial or of the full length."""
        epochs, each = (TRIAL_EPOCHS, KEPT) if trial else (self.epochs, ALL)
        fading = {name: int(share * epochs * each) for name, share in self.shares.items()}
        common = {"net.width": 32, "epochs": epochs} | (FALLS if "optimizer.decay_images" in self.shares else {})
        own = {"data.limit": KEPT, "keep.keep_epochs": 1} if trial else {}
        return PRESETS["fast"].config.changed(common | fading | own | dict(self.changes))


CANDIDATES = {
    "wide": Candidate({}, 80),
    "wide-labels": Candidate(LABELS, 80),
    "wide-gamma": Candidate({"rules.gamma_end": 0.02}, 80, FADES | GAMMA),
    "wide-shift": Candidate({"rules.translation": 0.0625}, 80),  # two pixels of 32
    "wide-rate": Candidate({"optimizer.lr": 1e-3}, 80),
    "wide-bfloat16": Candidate({"precision": "bfloat16"}, 110),
    "wider": Candidate({"net.width": 48, "optimizer.lr": 1e-3}, 44),
    "r3gan": Candidate(R3GAN | {"rules.gamma_end": 0.03}, 70, FADES | GAMMA),
    "r3gan-labels": Candidate(R3GAN | LABELS | {"rules.gamma_end": 0.03}, 70, FADES | GAMMA),
    "steady": Candidate({}, 80, AVERAGE),
    "steady-labels": Candidate(LABELS, 80, AVERAGE),
    "steady-labels-rate": Candidate(LABELS | QUICK, 80, AVERAGE),
    "steady-labels-lazy": Candidate(LABELS | LAZY, 50, AVERAGE),
    "steady-labels-rate-lazy": Candidate(LABELS | LAZY | QUICK, 50, AVERAGE),
    "steady-labels-rate-lazy-gamma": Candidate(LABELS | LAZY | QUICK | {"rules.gamma": 0.1}, 50, AVERAGE),
}


def placed(config: Config, device: str, seeds: int = 1) -> Config:
    """These settings on this device, for so many replicas. The game is the same."""
    if device == "cpu":
        return config.changed({"device": device})
    return config.changed(RARELY | {"keep.keep_epochs": config.epochs, "device": device, "seeds": seeds})


def command(config: Config, seed: int, folder: Path) -> list[str]:
    """The `ayneh train` command of these settings."""
    base = PRESETS["fast"].config
    flags = []
    for change in differences(base, config).split(", "):
        name, _, values = change.partition(": ")
        flags += [f"--{name.replace('_', '-')}", values.partition(" -> ")[2]]
    return ["train", "fast", *flags, "--seed", str(seed), "--out", str(folder)]


def ayneh(*words: str) -> None:
    """The verb in a process of its own. Raises SystemExit where it fails."""
    print("ayneh", shlex.join(words), flush=True)
    if code := subprocess.run([sys.executable, "-m", "ayneh", *words], check=False).returncode:
        raise SystemExit(code)


def train(config: Config, seed: int, folder: Path) -> bool:
    """Begin the training, or go on with it; a finished one stays as it is. False: it broke down, which is a result."""
    if broken(folder):
        return False
    try:
        if (folder / "config.json").exists():
            ayneh("resume", str(folder))
        else:
            ayneh(*command(config, seed, folder))
    except SystemExit:
        if not broken(folder):
            raise
        return False
    return True


def broken(folder: Path) -> bool:
    """Whether the run in this folder broke down: its numbers stopped being finite."""
    return any(event["name"] == "not finite" and event["appeared"] for event in Record(folder).events())


def scores_of(folder: Path) -> dict[str, float | None]:
    """The scores of a finished trial against the training images that it has not seen."""
    checkpoint = Record.open(folder).checkpoints.at_epoch(None)
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0, checkpoint.labels)
    images = read_images(Data("mnist"))
    seen = torch.from_numpy(limited(len(images.pixels), KEPT))
    unseen = torch.from_numpy(np.setdiff1d(np.arange(len(images.pixels)), seen.numpy()))
    lead, net = next(iter(nets_of(Data("mnist"), images, len(unseen)).items()))
    assert images.labels is not None
    judge = Judge(
        "mnist-held-out", {lead: net}, images.pixels[seen], images.pixels[unseen], None, images.labels[unseen],
        images.labels[seen],
    )  # fmt: skip
    found = judge.scores(take(sampler.draw("evaluate 0", SCORED), 28), SCORES)
    return {name: found[name].value for name in SCORES}


def trial(out: Path, device: str, name: str) -> dict[str, Any]:
    """The row of one trial, which is played if it is not at its end."""
    folder = out / f"best-trial-{name}"
    ended = train(placed(CANDIDATES[name].config(trial=True), device), TRIAL_SEED, folder)
    seconds = max((line["wall_s"] for line in Record.open(folder).lines()), default=0)
    scores = scores_of(folder) if ended else dict.fromkeys(SCORES)
    return {"name": name, "seconds": round(seconds)} | scores | {"device": device}


def trials(out: Path, names: list[str], device: str, workers: int, path: Path) -> None:
    """Play the trials that are not in the table yet, so many at a time."""
    refuse_unwritable(path)
    rows = read_trials(path)
    missing = [name for name in names if name not in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    for _, row in each(partial(trial, out, device), missing, workers):
        note(path, row)


def note(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a table, which gets its header first."""
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, list(row), lineterminator="\n")
        if not file.tell():
            table.writeheader()
        table.writerow(row)
    print(row, flush=True)


def read_trials(path: Path) -> dict[str, dict[str, str]]:
    """{candidate: its row}."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def chosen(path: Path) -> list[str]:
    """The candidate of the smallest distance with labels, and the one without. UserError if trials are missing."""
    rows = read_trials(path)
    if missing := [name for name in CANDIDATES if name not in rows]:
        raise UserError(f"There are no trials of {', '.join(missing)}: run them first, or name a candidate.")
    best = []
    for labels in (True, False):
        names = [name for name, one in CANDIDATES.items() if one.config(trial=True).rules.labelled == labels]
        best.append(min(names, key=lambda name: float(rows[name]["fd"] or "inf")))
    return best


def run_of(out: Path, name: str, seeds: Sequence[int], device: str) -> Path:
    """The run of this candidate with these seeds as its replicas, trained and, unless it broke down, evaluated."""
    folder = out / f"best-{name}-{'-'.join(map(str, seeds))}"
    if not train(placed(CANDIDATES[name].config(trial=False), device, len(seeds)), seeds[0], folder):
        print(f"{folder} broke down: it counts as a failure", flush=True)
        return folder

    def judge(replica: int) -> None:
        if not Record.open(folder).report_path("evaluation", replica=replica).exists():
            ayneh("evaluate", str(folder), "--replica", str(replica))

    with ThreadPoolExecutor(len(seeds)) as pool:
        list(pool.map(judge, range(len(seeds))))
    return folder


def full(out: Path, names: list[str], seeds: list[int], device: str, workers: int) -> None:
    """Train at full length, and evaluate: on a CPU seed by seed, so that each candidate soon has one."""
    if device != "cpu" and seeds != list(range(seeds[0], seeds[0] + len(seeds))):
        raise UserError(f"The replicas of one run have seeds that follow one another; --seeds is {seeds}.")
    stacks = [[seed] for seed in seeds] if device == "cpu" else [seeds]
    jobs = [(name, stack) for stack in stacks for name in names]
    with ThreadPoolExecutor(workers) as pool:  # what computes is the verbs' own processes
        along = map if workers == 1 else pool.map
        for folder in along(lambda job: run_of(out, *job, device), jobs):
            print(folder, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("trials", "full"):
        one = verbs.add_parser(verb)
        one.add_argument("out", type=Path)
        one.add_argument("--names", nargs="+", choices=CANDIDATES)
        one.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
        one.add_argument("--workers", type=int, default=1, help="candidates at a time")
        one.add_argument("--table", type=Path, default=TRIALS, help="of the trials")
    one.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    verbs.add_parser("command").add_argument("name", choices=CANDIDATES)
    args = parser.parse_args()
    at_least(1, workers=getattr(args, "workers", 1))
    if args.verb == "trials":
        trials(args.out, args.names or list(CANDIDATES), args.device, args.workers, args.table)
    elif args.verb == "full":
        full(args.out, args.names or chosen(args.table), args.seeds, args.device, args.workers)
    else:
        config = CANDIDATES[args.name].config(trial=False)
        print("ayneh", shlex.join(command(config, 0, Path(f"runs/best-{args.name}-0"))))


if __name__ == "__main__":
    in_sentences(main)
