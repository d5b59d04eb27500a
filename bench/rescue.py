"""How often does --rescue bring a run back? Games on the embedded digits that were healthy, harmed on purpose.

    python bench/rescue.py --nets mirror --seeds 13 --out docs/findings/studies/rescue-mirror     # it resumes

Each harmed game is played three times: without rescue, to see that the harm does damage (the distance at the end is at
least twice that before the harm), with ``--rescue 3``, which slows D, and with ``--rescue-slows gen``. *Brought back*
means that the median distance of the last three scores is within 10 % of that of the last three before the harm, or
better. Each harm has seeds of its own: with the same seed, different harms would lead back to one checkpoint, and from
there to one game. Writes rescue.csv, a row for each run, and courses.csv, all distances.

bench/rescue.json is of an earlier protocol: two ways, the same seeds for all harms.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import tyro
from scipy.stats import binomtest

from ayneh.__main__ import in_sentences
from ayneh.doctor.rescue import BROKEN
from ayneh.files.whole import atomically

EPOCHS, HARMED_EPOCH = 60, 36
RESCUES = 3
WAYS = ("without", "dis", "gen")  # no rescue; whom a rescue slows
Run = dict[str, Any]


@dataclass(frozen=True)
class Harm:
    """A change to a game from the harmed epoch on, for so many steps (None: to the end, also after rescues)."""

    steps: int | None
    before: Callable[[Any, str], None]
    """(stack, net) -> None, before each harmed step."""


def hurry(times: Mapping[str, float], *rates: str) -> Callable[[Any, str], None]:
    """The rates of the players are so many times what they should be, by net."""

    def before(stack: Any, net: str) -> None:
        for rate in rates:
            stack.match._hyper[rate] = stack.match._hyper[rate] * times[net]

    return before


def one_image(stack: Any, net: str) -> None:
    """D gets only the first image of the data."""
    stack.match.pixels = stack.match.pixels[:1].expand(len(stack.match.pixels), -1, -1, -1)


SPELL = 40  # about as long as the doctor takes to report a finding
MUCH, LASTING = {"mlp": 30.0, "mirror": 300.0}, {"mlp": 10.0, "mirror": 50.0}  # mirror nets recover from less
HARMS = {
    "a spell of high rates": Harm(SPELL, hurry(MUCH, "lr_gen", "lr_dis")),
    "a spell of a fast D": Harm(SPELL, hurry(MUCH, "lr_dis")),
    "a spell of a fast G": Harm(SPELL, hurry(MUCH, "lr_gen")),
    "high rates for good": Harm(None, hurry(LASTING, "lr_gen", "lr_dis")),
    "one image": Harm(SPELL, one_image),
}
NETS = {"mlp": 64, "mirror": 16}


def play(name: str, net: str, seed: int, way: str, folder: Path) -> Run:
    """One run with this harm: its scores by epoch, and its rescues."""
    import torch

    from ayneh.config import Net
    from ayneh.engine.inline import Inline
    from ayneh.errors import Interrupted, Stopped
    from ayneh.presets import PRESETS
    from ayneh.record.record import RESCUES as RESCUES_FILE
    from ayneh.record.record import Record
    from ayneh.terminal.progress import Terminal
    from ayneh.training import begin
    from ayneh.training.fit import Fit
    from ayneh.training.scorer import Scorer

    torch.set_num_threads(1)
    Scorer.SHARE = 1.0  # every epoch is scored
    base = PRESETS["digits"].config
    keep = replace(base.keep, score_epochs=1, score_images=500, vitals_steps=20, sample_epochs=EPOCHS)
    config = replace(base, epochs=EPOCHS, seed=seed, net=Net(net, width=NETS[net]), keep=keep, device="cpu")
    if way != "without":
        config = replace(config, rescue=RESCUES, rescue_slows=way)
    harm, advance, left = HARMS[name], Inline.advance, HARMS[name].steps
    match, origin, _ = begin.lay_out(config, "cpu", 1)
    start, pixels = HARMED_EPOCH * match.steps_per_epoch, match.pixels

    def harmed(stack: Inline, n: int) -> Any:
        nonlocal left
        measures = []
        for _ in range(n):
            rates = dict(stack.match._hyper)
            if stack.step >= start and left != 0:
                harm.before(stack, net)
                left = None if left is None else left - 1
            measures.append(advance(stack, 1))
            stack.match._hyper, stack.match.pixels = rates, pixels
        return {key: torch.cat([m[key] for m in measures]) for key in measures[0]}

    Inline.advance = harmed
    try:
        record = Record.create(folder, config, {"device": "cpu", "threads": 1, "workers": 0})
        broke = ""
        try:
            Fit(record, config, match, None, Terminal(quiet=True), origin).to_its_end()
        except Interrupted:
            raise
        except Stopped as error:
            broke = str(error)
    finally:
        Inline.advance = advance
    fds = {line["epoch"]: line["scores"]["fd"][0]["value"] for line in record.lines() if line.get("scores")}
    report = record.report(RESCUES_FILE) or {"rescues": []}
    return {"fd": fds, "broke": broke, "rescues": report["rescues"]}


def game(name: str, net: str, seed: int, folder: Path) -> list[Run]:
    """The game played in each way, once: a run that was finished is read, one that was cut short is played again."""
    runs: list[Run] = []
    for way in WAYS:
        place = folder / f"{name.replace(' ', '-')}-{net}-{seed}-{way}"
        done = place / "played.json"
        if way == "gen" and alike(runs[-1]):
            runs.append(runs[-1] | {"way": way, "same": True, "cpu_s": 0.0})
            continue
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)
            began = time.process_time()
            found = {"harm": name, "net": net, "seed": seed, "way": way, "same": False}
            found |= play(name, net, seed, way, place) | {"cpu_s": round(time.process_time() - began, 1)}
            with atomically(done) as file:
                file.write(json.dumps(found).encode())
        runs.append(json.loads(done.read_text()))
    return runs


def alike(run: Run) -> bool:
    """Whether slowing G would give the same bits: rates were not lowered, or both were and would be."""
    lowering = run["rescues"][1::2]  # the second, and each second one after it
    return all(one["finding"] == BROKEN for one in lowering)


# -- results -----------------------------------------------------------------------------------------------------------


def judged(runs: list[Run]) -> list[Run]:
    """A row for each way of one game: distances before and at the end, whether it collapsed alone, and came back."""
    alone = runs[0]
    before = median(alone["fd"][str(epoch)] for epoch in range(HARMED_EPOCH - 3, HARMED_EPOCH))
    collapsed = end_of(alone) >= 2 * before
    return [
        {name: run[name] for name in ("harm", "net", "seed", "way")}
        | {"before": before, "end": end_of(run), "collapsed_alone": collapsed, "back": end_of(run) <= 1.1 * before}
        | {"broke": bool(run["broke"]), "rescues": len(run["rescues"])}
        | {
            f"{name}s": " + ".join(str(one[name]) for one in run["rescues"])
            for name in ("finding", "at_step", "to_step", "change")
        }
        | {"images_given_up": sum(one["images"] for one in run["rescues"])}
        | {"same_as_dis": run["same"], "cpu_s": run["cpu_s"]}
        for run in runs
    ]


def end_of(run: Run) -> float:
    """The median distance of the last three scores; infinite if the run broke down."""
    return inf if run["broke"] else median([inf if v is None else v for v in list(run["fd"].values())[-3:]])


def summary(rows: list[Run]) -> list[str]:
    """How many collapsed alone and were brought back, by harm and in all, and a test of D slowed against G slowed."""
    lines = []
    for name in [*dict.fromkeys(row["harm"] for row in rows), "all"]:
        some = [row for row in rows if name in ("all", row["harm"])]
        ill = [row for row in some if row["collapsed_alone"]]
        said = [f"{name}: {share(sum(row['way'] == 'without' for row in ill), len(some) // len(WAYS))} collapsed alone"]
        for way in WAYS[1:]:
            back = [row["back"] for row in ill if row["way"] == way]
            said.append(f"{share(sum(back), len(back))} brought back with {way} slowed")
        lines.append("; ".join(said))
    pairs = [[row for row in rows if row["way"] == way] for way in WAYS[1:]]
    differ = [
        (d["back"], g["back"]) for d, g in zip(*pairs, strict=True) if d["collapsed_alone"] and not g["same_as_dis"]
    ]
    apart = [d for d, g in differ if d != g]
    p = binomtest(sum(apart), len(apart)).pvalue if apart else 1.0
    only = f"{sum(apart)} brought back with D slowed alone, {len(apart) - sum(apart)} with G slowed alone"
    return [*lines, f"{len(differ)} collapsed games differ by who is slowed: {only}; McNemar's exact test p = {p:.2g}"]


def share(k: int, n: int) -> str:
    """ "3 of 4 (95 % 19 % to 99 %)", Clopper and Pearson's interval."""
    if not n:
        return "0 of 0"
    ends = binomtest(k, n).proportion_ci(0.95, "exact")
    return f"{k} of {n} (95 % {ends.low:.0%} to {ends.high:.0%})"


def write(rows: list[Run], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    with atomically(place) as file:
        file.write(text.getvalue().encode())


def main(
    out: Path,
    runs: Path = Path("runs/rescue-ways"),
    seeds: int = 10,
    first: int = 0,
    nets: tuple[str, ...] = tuple(NETS),
    harms: tuple[str, ...] = tuple(HARMS)[:4],
    workers: int = 1,
) -> None:
    """Play what has not been played; the CSVs are written anew after each game.

    Args:
        out: the folder of rescue.csv and courses.csv.
        runs: where the runs go.
        seeds: games of each harm and net.
        first: the first seed.
        nets: mirror, mlp.
        harms: those to be done; one image alone for a while ruins no run, and is left out.
        workers: processes, of one thread each.
    """
    games = [
        (harm, net, first + 10_000 * (k // 10) + 10 * list(HARMS).index(harm) + k % 10)
        for k in range(seeds)
        for harm in harms
        for net in nets
    ]
    played: dict[tuple[str, str, int], list[Run]] = {}
    for one, found in _each(games, runs, workers):
        played[one] = found
        every = [run for one in games if one in played for run in played[one]]
        write([row for one in games if one in played for row in judged(played[one])], out / "rescue.csv")
        write(
            [{name: run[name] for name in ("harm", "net", "seed", "way")} | {"epoch": epoch, "fd": fd}
             for run in every if not run["same"] for epoch, fd in run["fd"].items()],
            out / "courses.csv",
        )  # fmt: skip
        print(f"{len(played)} of {len(games)}: {', '.join(map(str, one))}", file=sys.stderr, flush=True)
    print("\n".join(summary([row for one in games for row in judged(played[one])])))


def _each(
    games: list[tuple[str, str, int]], runs: Path, workers: int
) -> Iterable[tuple[tuple[str, str, int], list[Run]]]:
    """Each game with its runs, as they end; one worker is this process, so that a kill leaves no other behind."""
    if workers == 1:
        yield from ((one, game(*one, runs)) for one in games)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(game, *one, runs): one for one in games}
        yield from ((futures[future], future.result()) for future in as_completed(futures))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
