"""The support probe under four priors (report, R4): ``python bench/support_priors.py``; it resumes.

Does the overlap of supports differ at all between U(0, 1), the same noise centred, and normal noise with the mean and
variance of either? Each run is trained on the embedded digits and probed at three checkpoints (docs/probe.md). The raw
numbers go into a CSV, a row for each look of each fresh discriminator; docs/findings/preregistered.md has what was
predicted. A run that was probed is read, and one that was stopped is trained again (half a minute at most).
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro
from scipy.stats import mannwhitneyu, spearmanr

import ayneh
from ayneh.__main__ import in_sentences
from ayneh.config import Config, Net, Prior
from ayneh.files.whole import atomically
from ayneh.presets import PRESETS
from ayneh.probe import NAME, probe
from ayneh.probe.arms import Plan
from ayneh.record.record import Record

STD = 0.28867513  # of U(0, 1)
PRIORS = {
    "u01": Prior("uniform", low=0.0, high=1.0),
    "centred": Prior("uniform", low=-0.5, high=0.5),
    "normal-like-u01": Prior("normal", mean=0.5, std=STD),
    "normal-like-centred": Prior("normal", mean=0.0, std=STD),
}
NETS = {"mirror": 16, "mlp": 64}
EVERY = 5  # epochs between two checkpoints, all of which are kept, and between two scores
CONTRASTS = (("u01", "centred"), ("u01", "normal-like-u01"), ("centred", "normal-like-centred"))
MAIN = "u01", "centred"
Row = dict[str, Any]


def config_of(net: str, noise: str, seed: int, epochs: int) -> Config:
    """A run of the study `prior`, with its checkpoints kept."""
    base = PRESETS["digits"].config
    keep = replace(base.keep, checkpoint_epochs=EVERY, keep_epochs=EVERY, score_epochs=EVERY, score_images=500)
    return replace(
        base,
        epochs=epochs,
        seed=seed,
        net=Net(net, width=NETS[net]),
        prior=PRIORS[noise],
        keep=replace(keep, sample_epochs=epochs),
        device="cpu",
    )


def examined(folder: Path, config: Config, probed: tuple[int, ...], steps: int) -> None:
    """Train this run if it is not, and probe it after these epochs (from 0)."""
    if not (folder / "outcome.json").exists() or not set(probed) <= set(Record(folder).checkpoints.epochs()):
        ayneh.train(config, out=folder, overwrite=True, quiet=True)
    probe(Record.open(folder), probed, plan=Plan(steps=steps))


def rows_of(folder: Path, about: Row) -> Iterator[Row]:
    """A row for each look of each arm of the probe."""
    record = Record.open(folder)
    values, scores = record.report(NAME), {}
    for line in record.lines():
        if found := line.get("scores"):
            scores[line["epoch"]] = {name: found[name][0]["value"] for name in ("fd", "spread") if found.get(name)}
    for epoch in (values or {"epochs": []})["epochs"]:
        for arm, course in epoch.get("arms", {}).items():
            for k in range(len(course["step"])):
                look = {name.replace(" ", "_"): v[k] for name, v in course.items() if name != "error_single_interval"}
                look.pop("bound_interval", None)
                yield about | {"epoch": epoch["epoch"], "arm": arm} | scores.get(epoch["epoch"], {}) | look


def write(rows: list[Row], out: Path) -> None:
    """All rows as one CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    with atomically(out) as file:
        file.write(text.getvalue().encode())


def ends(rows: list[Row]) -> list[Row]:
    """For each probed checkpoint and arm: the last look, and by what factor G's gradient fell from its largest."""
    courses: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        courses.setdefault(tuple(row[k] for k in ("net", "noise", "seed", "epoch", "arm")), []).append(row)
    found = []
    for course in courses.values():
        course = sorted(course, key=lambda row: row["step"])
        last = dict(course[-1])
        for game in ("log(1-D)", "-log_D"):
            norms = [row[f"gradient_{game}"] for row in course if row.get(f"gradient_{game}")]
            last[f"fall_{game}"] = max(norms) / norms[-1] if norms else None
        found.append(last)
    return found


def summary(found: list[Row]) -> str:
    """Medians over seeds, the main family of tests, and how closely the bound follows the distance of the images."""
    shown = ("error_single", "bound", "fall_log(1-D)", "fall_-log_D")
    lines = [f"| net | epoch | arm | noise | runs | fd | {' | '.join(shown)} |", "|" + "---|" * (6 + len(shown))]
    places = dict.fromkeys((row["net"], row["epoch"], row["arm"]) for row in found if row["arm"] != "null")
    for net, epoch, arm in places:
        for noise in PRIORS:
            few = _at(found, net, epoch, arm, noise)
            if few:
                cells = [_middle([row.get(name) for row in few]) for name in ("fd", *shown)]
                lines.append(f"| {net} | {epoch} | {arm} | {noise} | {len(few)} | {' | '.join(cells)} |")
    tests = list(_tests(found))
    for k, (p, words, main) in enumerate(sorted(tests, key=lambda one: (not one[2], one[0]))):
        family = sum(main for _, _, main in tests)
        lines.append(
            f"{words}: p = {p:.2g}" + (f", Holm {min(1.0, p * (family - k)):.2g}" if main else ", not corrected")
        )
    for net in NETS:
        pairs = [(r["fd"], r["bound"]) for r in found if r["net"] == net and r["arm"] == "noised" and r.get("fd")]
        if len(pairs) > 5:
            rho = spearmanr(*np.array(pairs).T).statistic
            lines.append(f"{net}: rank correlation of fd and bound (noised), {len(pairs)} checkpoints: {rho:.2f}")
    return "\n".join(lines)


def _tests(found: list[Row]) -> Iterator[tuple[float, str, bool]]:
    """Mann-Whitney on the fall of G's gradient under log(1 - D), arm plain; the main family is of MAIN alone."""
    for net, epoch in dict.fromkeys((row["net"], row["epoch"]) for row in found):
        for pair in CONTRASTS:
            sides = [[r["fall_log(1-D)"] for r in _at(found, net, epoch, "plain", noise)] for noise in pair]
            if min(map(len, sides)) > 1 and all(v is not None for side in sides for v in side):
                p = float(mannwhitneyu(*sides).pvalue)
                yield p, f"{net}, epoch {epoch}: fall of G's gradient, {pair[0]} against {pair[1]}", pair == MAIN


def _at(found: list[Row], net: str, epoch: int, arm: str, noise: str) -> list[Row]:
    wanted: Mapping[str, Any] = {"net": net, "epoch": epoch, "arm": arm, "noise": noise}
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


def _middle(values: list[Any]) -> str:
    known = [v for v in values if v is not None]
    return f"{median(known):.3g}" if known else "-"


def main(
    out: Path = Path("runs/support-priors"),
    result: Path = Path("docs/findings/studies/support-priors.csv"),
    seeds: int = 5,
    nets: tuple[str, ...] = ("mirror", "mlp"),
    epochs: int = 60,
    probed: tuple[int, ...] = (4, 29, 59),
    steps: int = 500,
) -> None:
    """Train and probe what is missing, then write the CSV and print the summary.

    Args:
        out: where the runs go.
        result: the CSV.
        seeds: of each net and noise.
        nets: mirror, mlp.
        epochs: of each run.
        probed: after which epochs, from 0: with 1 added, multiples of 5, or the last.
        steps: of each fresh discriminator.
    """
    torch.set_num_threads(1)
    rows: list[Row] = []
    for net in nets:
        for seed in range(seeds):
            for noise in PRIORS:
                folder = out / f"{net}-{noise}-{seed}"
                if not (folder / f"{NAME}.json").exists():
                    examined(folder, config_of(net, noise, seed, epochs), probed, steps)
                    print(f"{net}, {noise}, seed {seed}", file=sys.stderr, flush=True)
                rows += rows_of(folder, {"net": net, "noise": noise, "seed": seed})
                write(rows, result)
    print(summary(ends(rows)))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
