"""The doctor's findings on labels measured: ``python bench/classes.py``; it resumes.

Plays labelled games on the embedded digits over seeds, healthy ones and ones made ill on purpose. What a run *is* the
judge's classifier decides, whatever the arm: 100 samples of each class of the averaged G, read at the end. Thresholds
were set on the even seeds; the reported numbers are of the odd ones. The result is bench/classes.json and the table in
docs/doctor.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor

from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data, changed
from ayneh.data.sources import load
from ayneh.doctor.class_symptoms import LABELLED
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.vitals import Vitals
from ayneh.engine.match import Match
from ayneh.engine.sampler import Sampler
from ayneh.evaluation import judge_of
from ayneh.files.whole import atomically
from ayneh.game.frame import levels
from ayneh.judge.features import see
from ayneh.labels import Labels
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from ayneh.terminal.progress import Clock
from ayneh.training.journal import Journal, usual
from ayneh.training.play import Play
from detector import auc, sustained

RESULT = Path(__file__).with_suffix(".json")
DATA = Data("digits", resize=16)
EPOCHS = 25  # of 20 steps
ASKED = 100  # samples of each class that the judge reads
NAMES = tuple("0123456789")
A, B = 3, 8  # the classes that are spoiled
# What a run is, by the judge: ill at or beyond the first number, healthy at or within the second, else between.
IGNORED, HEEDED = 0.5, 0.8  # share of samples that are of the class asked for
COLLAPSED, VARIED = 0.1, 0.4  # variance of the features of the least varied class, over that of its test images
SWAPPED, APART = 0.35, 0.15  # share of a class's samples that are of another one

Spoil = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Arm:
    """Changes to the preset; ``spoil``: of images and labels; ``given``: what G gets in place of the class."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    spoil: Spoil = lambda pixels, labels: (pixels, labels)
    hidden: bool = False  # whether the doctor's references are made from what was not spoiled
    given: str = ""  # "zero": always the class 0; "random": another one at each step


def copies(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """All images of one class are the same."""
    pixels = pixels.clone()
    pixels[labels == A] = pixels[labels == A][:1].clone()
    return pixels, labels


def swapped(share: float) -> Spoil:
    """The labels of two classes are swapped for a share of the images."""

    def spoil(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.rand(len(labels), generator=torch.Generator().manual_seed(1)) < share
        return pixels, torch.where(chosen & (labels == A), B, torch.where(chosen & (labels == B), A, labels))

    return spoil


def shuffled(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels in any order."""
    return pixels, labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]


MLP: Mapping[str, Any] = {"net.name": "mlp", "net.width": 64, "optimizer.lr": 2e-3}
MIRROR: Mapping[str, Any] = {"net.name": "mirror", "net.width": 16}
WAYS = ("concat", "projection", "auxiliary")


def way(net: Mapping[str, Any], labels: str, **others: Any) -> dict[str, Any]:
    return dict(net) | {"rules.labels": labels} | {name.replace("__", "."): value for name, value in others.items()}


HEALTHY = {f"{net['net.name']}, {labels}": Arm(way(net, labels)) for net in (MLP, MIRROR) for labels in WAYS}
HEALTHY |= {
    "mirror, projection, norm": Arm(way(MIRROR, "projection", net__gen_labels="norm")),
    "mlp, projection, hinge": Arm(way(MLP, "projection", rules__loss="hinge")),
    "mlp, concat, r1": Arm(way(MLP, "concat", rules__penalty="r1", rules__gamma=0.1)),
}
ILL = {
    "mlp, concat, G gets no class": Arm(way(MLP, "concat"), given="zero"),
    "mirror, projection, G gets no class": Arm(way(MIRROR, "projection"), given="zero"),
    "mlp, projection, G gets random classes": Arm(way(MLP, "projection"), given="random"),
    "mirror, concat, G gets random classes": Arm(way(MIRROR, "concat"), given="random"),
    "mlp, auxiliary of no weight": Arm(way(MLP, "auxiliary", rules__label_weight=1e-6)),
    "mlp, projection, labels shuffled": Arm(way(MLP, "projection"), shuffled),
    "mirror, projection, one class of copies": Arm(way(MIRROR, "projection"), copies),
    "mlp, projection, one class collapses": Arm(way(MLP, "projection"), copies, hidden=True),
    "mirror, auxiliary, one class collapses": Arm(way(MIRROR, "auxiliary"), copies, hidden=True),
    "mlp, projection, half of two classes swapped": Arm(way(MLP, "projection"), swapped(0.5), hidden=True),
    "mirror, concat, two classes swapped": Arm(way(MIRROR, "concat"), swapped(1.0), hidden=True),
    "mlp, auxiliary, two fifths swapped in the data": Arm(way(MLP, "auxiliary"), swapped(0.4)),
    "mlp, concat, lr 1e-2": Arm(way(MLP, "concat", optimizer__lr=1e-2)),
}
ARMS = HEALTHY | ILL


def config_of(arm: Arm, seed: int) -> Config:
    """The preset ``digits``, shorter, with the arm's changes."""
    start = replace(PRESETS["digits"].config, device="cpu", epochs=EPOCHS, seed=seed)
    start = replace(start, keep=replace(start.keep, vitals_steps=20, tick_steps=20))
    return changed(start, arm.changes, "arm")


@cache
def images() -> Any:
    """The training images."""
    return load(DATA.name, resize=DATA.resize)


@cache
def judge() -> Any:
    """The judge of the digits."""
    return judge_of(DATA)


def play(name: str, seed: int, folder: Path) -> None:
    """One run into its folder, with what the judge reads at its end."""
    torch.set_num_threads(1)
    arm = ARMS[name]
    config, clean = config_of(arm, seed), images()
    pixels, labels = arm.spoil(clean.pixels, clean.labels)
    shares = (labels.bincount(minlength=10).double() / len(labels)).tolist()
    described = Labels(NAMES, tuple(shares))
    device = torch.device("cpu")
    match = Match([config], pixels, device, labelled=(labels, described))
    if arm.given:
        misinform(match, arm.given)
    record = Record.create(folder, config, {"device": "cpu", "threads": 1, "workers": 0})
    habits = replace(usual(config), scored=lambda moment: False, pictured=lambda epoch: False,
                     saved=lambda epoch: False, captions=False, best=False)  # fmt: skip
    journal = Journal(record, config, range(1), habits, match.steps_per_epoch, labels=described)
    game = Play(match, [journal], Clock(), tolerant=True)
    if arm.hidden:
        game.vitals = Vitals(Match([config], clean.pixels, device, labelled=(clean.labels, described)), {})
    for _ in game.run(config, lambda: journal.fallen is not None):
        pass
    fallen = None if journal.fallen is None else game.stack.step
    outcome: dict[str, Any] = {"arm": name, "seed": seed, "fallen": fallen}
    if fallen is None:
        outcome |= read(Sampler(match.gen, game.stack.state["ema"][0], config, labels=described), arm.given)
    with atomically(folder / "outcome.json") as file:
        file.write(json.dumps(outcome).encode())


def misinform(match: Match, how: str) -> None:
    """G gets the class 0, or in training a random one, whatever it was asked for."""
    forward, draw = match.gen.forward, torch.Generator().manual_seed(0)

    def misinformed(row: Tensor, x: Tensor, y: Any = None, **options: Any) -> Tensor:
        if y is not None:
            y = torch.zeros_like(y) if how == "zero" else y
            if how == "random" and torch.is_grad_enabled():
                y = torch.randint(10, y.shape, generator=draw)
        return forward(row, x, y, **options)

    match.gen.forward = misinformed  # type: ignore[method-assign]


def read(sampler: Sampler, given: str) -> dict[str, Any]:
    """By the judge's classifier: its confusion matrix of samples, and each class's variance of features over its own.

    Real test images of each class are the yardstick of the variance.
    """
    net, test = judge().reference.nets[judge().lead], judge()
    asked = torch.arange(10).repeat_interleave(ASKED)
    seen = see(
        net, judge().unframed(levels(sampler.images("truth", len(asked), 0 * asked if given == "zero" else asked)))
    )
    real = see(net, test.reference.test)
    found = seen.probabilities.argmax(1).reshape(10, ASKED)
    confusion = torch.stack([row.bincount(minlength=10) for row in found]).double() / ASKED
    spread = []
    for k in range(10):
        own = real.features[test.reference.test_labels == k].double().var(0).sum()
        spread.append(float(seen.features[asked == k].double().var(0).sum() / own))
    return {"confusion": confusion.tolist(), "spread": spread}


LAST = (  # of the doctor's numbers, those of the last look are kept
    "label_effect", "data_label_share", "class_spread", "class_spread_median", "class_spread_of", "class_spread_data",
    "class_read", "data_class_read", "class_swap", "class_swap_from", "class_swap_to", "class_swap_share",
    "data_class_swap",
)  # fmt: skip

# -- agreement ---------------------------------------------------------------------------------------------------------

CONDITIONS = {
    "labels ignored": "ignored",
    "one class collapsed": "collapsed",
    "one class drawn for another": "swapped",
    "labels at random": "shuffled",
}


def states(outcome: Mapping[str, Any]) -> dict[str, str]:
    """For each condition "ill", "healthy" or "between", by the judge's numbers alone (shuffled: by the arm)."""
    found = {"shuffled": "ill" if "shuffled" in outcome["arm"] else "healthy"}
    if outcome["fallen"] is not None:
        return found | dict.fromkeys(("ignored", "collapsed", "swapped"), "between")
    confusion = np.array(outcome["confusion"])
    right, others = float(confusion.trace() / 10), confusion - np.diag(confusion.diagonal())
    least, most = min(outcome["spread"]), float(others.max())
    found["ignored"] = "ill" if right <= IGNORED else "healthy" if right >= HEEDED else "between"
    found["collapsed"] = "ill" if least <= COLLAPSED else "healthy" if least >= VARIED else "between"
    found["swapped"] = "ill" if most >= SWAPPED else "healthy" if most <= APART else "between"
    if found["ignored"] == "ill":  # then it is not one class
        found["swapped"] = "between"
    if found["shuffled"] == "ill":  # a class is a mixture of all then: that is the finding
        found["collapsed"] = found["ignored"] = "between"
    return found


def case_of(folder: Path) -> dict[str, Any]:
    """A run as a line of the result: what it is, what the doctor finds in it, and the symptoms' worst numbers."""
    record = Record.open(folder)
    outcome = json.loads((folder / "outcome.json").read_text())
    doctor = Doctor(record.config(), record.lines(), Labels(NAMES, (0.1,) * 10))
    course = doctor.course()
    told = {f.name: f.found_step for f in doctor.findings()}
    lasting = sorted({f.name for f in doctor.findings() if f.until_step is None})
    numbers = {}
    for name, symptom in LABELLED.items():
        margin = sustained(symptom, course)
        worst = symptom.threshold * np.exp(-margin if symptom.below else margin)
        numbers[name] = round(float(worst), 4) if margin > -9 else None
    case = {"arm": outcome["arm"], "seed": outcome["seed"], "states": states(outcome), "told": told}
    if outcome["fallen"] is None:
        confusion = np.array(outcome["confusion"])
        others = confusion - np.diag(confusion.diagonal())
        case["judge"] = {"right": round(float(confusion.trace() / 10), 3), "least": round(min(outcome["spread"]), 3),
                         "least_of": int(np.argmin(outcome["spread"])), "swap": round(float(others.max()), 3),
                         "swap_of": [int(n) for n in np.unravel_index(others.argmax(), others.shape)]}  # fmt: skip
    case["last"] = {name: float(values[-1]) for name in LAST
                    if len(values := course.get(name)[np.isfinite(course.get(name))])}  # fmt: skip
    return case | {"worst": numbers, "lasting": lasting}


def agreement(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each finding: hits among the runs that have the condition, and false alarms among those that do not."""
    rows = {}
    for name, condition in CONDITIONS.items():
        ill = [case for case in cases if case["states"][condition] == "ill"]
        well = [case for case in cases if case["states"][condition] == "healthy"]
        symptom = LABELLED[name]

        def score(case: dict[str, Any], name: str = name, below: bool = symptom.below) -> float:
            value = case["worst"][name]
            return -9.0 if value is None else float(-value if below else value)

        rows[name] = {
            "ill": len(ill),
            "hits": sum(name in case["told"] for case in ill),
            "healthy": len(well),
            "false_alarms": sum(name in case["told"] for case in well),
            "auc": auc([score(case) for case in ill], [score(case) for case in well]),
            "worst_of_ill": sorted(v for case in ill if (v := case["worst"][name]) is not None),
            "worst_of_healthy": sorted(v for case in well if (v := case["worst"][name]) is not None),
        }
    return rows


def table(rows: Mapping[str, Any]) -> list[str]:
    """The findings of one half as a table in Markdown."""
    lines = ["| finding | found in ill runs | found in healthy runs | area under the curve |", "|---|---|---|---|"]
    for name, row in rows.items():
        area = "-" if row["auc"] is None else f"{row['auc']:.3f}"
        lines.append(f"| {name} | {row['hits']} of {row['ill']} | {row['false_alarms']} of {row['healthy']} | {area} |")
    return lines


def main(out: Path = Path("runs/classes"), seeds: int = 2, arms: str = "", result: Path = RESULT) -> None:
    """Play what has not been played; then measure.

    Args:
        out: where the runs go.
        seeds: of each arm.
        arms: only those whose names hold one of these words (swapped|copies).
        result: the file to write.
    """
    for seed in range(seeds):
        for name in ARMS:
            folder = out / name.replace(", ", "--").replace(" ", "-") / f"seed-{seed}"
            if any(part in name for part in arms.split("|")) and not (folder / "outcome.json").is_file():
                play(name, seed, folder)
                print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
    cases = [case_of(folder.parent) for folder in sorted(out.glob("*/*/outcome.json"))]
    halves = {half: [c for c in cases if c["seed"] % 2 == odd] for odd, half in enumerate(("even", "odd"))}
    found = {half: agreement(chosen) for half, chosen in halves.items()}
    with atomically(result) as file:
        file.write(json.dumps({"halves": found, "runs": cases}, indent=0).encode())
    print("\n".join(table(found["odd"] if halves["odd"] else found["even"])))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
