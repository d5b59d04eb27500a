"""How often does --rescue bring a run back? Games on the embedded digits that were healthy, harmed on purpose.

    python bench/rescue.py [--seeds 5] [--workers 2] [--out runs/rescue]     # it resumes; rescue.json beside this file

Each harm is done to the same run twice: without rescue, to see that it does damage (the distance at the end is at least
twice that before the harm), and with --rescue 3. *Brought back* means that the median distance of the last three scores
is within 10 % of that of the last three before the harm, or better.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

EPOCHS, HARMED_EPOCH = 60, 36
RESULTS = Path(__file__).with_name("rescue.json")


@dataclass(frozen=True)
class Harm:
    """A change to a game from the harmed epoch on, for so many steps (None: to the end, also after rescues)."""

    words: str
    steps: int | None
    before: Callable[[Any], None]
    """(stack) -> None, before each harmed step."""


def hurry(times: float, *rates: str) -> Callable[[Any], None]:
    """The rates of the players are so many times what they should be."""

    def before(stack: Any) -> None:
        for rate in rates:
            stack.match._hyper[rate] = stack.match._hyper[rate] * times

    return before


def one_image(stack: Any) -> None:
    """D gets only the first image of the data."""
    stack.match.pixels = stack.match.pixels[:1].expand(len(stack.match.pixels), -1, -1, -1)


SPELL = 40  # about as long as the doctor takes to report a finding
HARMS = {
    "a spell of high rates": Harm("both rates 30 times as high for 40 steps", SPELL, hurry(30, "lr_gen", "lr_dis")),
    "a spell of a fast D": Harm("D's rate 30 times as high for 40 steps", SPELL, hurry(30, "lr_dis")),
    "a spell of a fast G": Harm("G's rate 30 times as high for 40 steps", SPELL, hurry(30, "lr_gen")),
    "one image": Harm("the data is one image for 40 steps", SPELL, one_image),
    "high rates for good": Harm("both rates 10 times as high from here on", None, hurry(10, "lr_gen", "lr_dis")),
}
NETS = {"mlp": 64, "mirror": 16}


def play(name: str, net: str, seed: int, rescue: int, folder: Path) -> dict[str, Any]:
    """One run with this harm; its scores by epoch, the doctor's first finding, and its rescues."""
    import torch

    from ayneh.config import Net
    from ayneh.engine.inline import Inline
    from ayneh.presets import PRESETS
    from ayneh.record.record import RESCUES, Record
    from ayneh.terminal.progress import Terminal
    from ayneh.training import begin
    from ayneh.training.fit import Fit
    from ayneh.training.scorer import Scorer

    torch.set_num_threads(1)
    Scorer.SHARE = 1.0  # every epoch is scored
    base = PRESETS["digits"].config
    keep = replace(base.keep, score_epochs=1, score_images=500, vitals_steps=20, sample_epochs=EPOCHS)
    config = replace(
        base, epochs=EPOCHS, seed=seed, rescue=rescue, net=Net(net, width=NETS[net]), keep=keep, device="cpu"
    )
    harm, advance, left = HARMS[name], Inline.advance, HARMS[name].steps
    match, origin, _ = begin.lay_out(config, "cpu", 1)
    start, pixels = HARMED_EPOCH * match.steps_per_epoch, match.pixels

    def harmed(stack: Inline, n: int) -> Any:
        nonlocal left
        measures = []
        for _ in range(n):
            rates = dict(stack.match._hyper)
            if stack.step >= start and left != 0:
                harm.before(stack)
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
        except Exception as error:
            broke = str(error)
    finally:
        Inline.advance = advance
    fds = {line["epoch"]: line["scores"]["fd"][0]["value"] for line in record.lines() if line.get("scores")}
    report = record.report(RESCUES) or {"rescues": []}
    return {
        "harm": name,
        "net": net,
        "seed": seed,
        "rescue": rescue,
        "fd": fds,
        "broke": broke,
        "rescues": report["rescues"],
    }


def job(name: str, net: str, seed: int, rescue: int, out: Path) -> dict[str, Any]:
    """As `play`, once: a run that was finished is read."""
    place = out / f"{name.replace(' ', '-')}-{net}-{seed}-{rescue}"
    done = place / "played.json"
    if not done.exists():
        import shutil

        shutil.rmtree(place, ignore_errors=True)
        values = play(name, net, seed, rescue, place)
        done.write_text(json.dumps(values))
    return json.loads(done.read_text())


def judged(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each harm and seed: the distances before, and at the end without and with rescue; whether it came back."""
    table = []
    pairs = {(run["harm"], run["net"], run["seed"], run["rescue"] > 0): run for run in runs}
    for (harm, net, seed, rescued), run in pairs.items():
        if rescued:
            continue
        fd = {int(epoch): value for epoch, value in run["fd"].items()}
        before = median(fd[e] for e in range(HARMED_EPOCH - 3, HARMED_EPOCH))
        end = lambda r: median([float("inf") if v is None else v for v in list(r["fd"].values())[-3:]])  # noqa: E731
        alone = float("inf") if run["broke"] else end(run)
        other = pairs[harm, net, seed, True]
        saved = float("inf") if other["broke"] else end(other)
        told = {"before": before, "alone": alone, "rescued": saved, "rescues": len(other["rescues"])}
        table.append(
            {"harm": harm, "net": net, "seed": seed, "collapsed": alone >= 2 * before, "back": saved <= 1.1 * before}
            | told
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/rescue"))
    parser.add_argument("--harms", nargs="*", default=list(HARMS))
    parser.add_argument("--nets", nargs="*", default=list(NETS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (name, net, seed, rescue, args.out)
        for name in args.harms
        for net in args.nets
        for seed in range(args.seeds)
        for rescue in (0, 3)
    ]
    with ProcessPoolExecutor(args.workers) as pool:
        runs = [run.result() for run in [pool.submit(job, *one) for one in jobs]]
    table = judged(runs)
    RESULTS.write_text(json.dumps(table, indent=1).replace("Infinity", "null") + "\n")
    for name in args.harms:
        rows = [row for row in table if row["harm"] == name]
        ill = [row for row in rows if row["collapsed"]]
        back = sum(row["back"] for row in ill)
        print(f"{name}: {len(ill)} of {len(rows)} collapsed without rescue; {back} of these brought back")
        for row in rows:
            told = f"{row['before']:.2f} -> alone {row['alone']:.2f}, rescued {row['rescued']:.2f}"
            print(f"   {row['net']}, seed {row['seed']}: {told} ({row['rescues']} rescues)")
    ill = [row for row in table if row["collapsed"]]
    print(f"all: {sum(row['back'] for row in ill)} of {len(ill)} brought back")


if __name__ == "__main__":
    main()
