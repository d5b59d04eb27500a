"""The engine on a GPU: each step as one recorded graph, R replicas in one launch, and a whole training.

    python bench/gpu.py --out runs/gpu                   # all of it; MNIST comes from AYNEH_DATA or the network
    python bench/gpu.py --out runs/gpu --replicas 1 64 --precisions tf32 --rounds 3     # the two goals alone
    python bench/gpu.py --out runs/gpu --epochs 0        # no training

Steps are timed on random pixels of MNIST's size, an epoch of 468 steps a round, so that each round includes one new
permutation. Loops are measured one after the other, since 64 replicas leave no memory for the others' graphs.
Writes gpu.json and gpu.md; both list what could not be done.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ayneh.__main__ import in_sentences
from ayneh.config import Config
from ayneh.engine.device import choose_device, choose_precision, describe
from ayneh.engine.graph import SWITCH, Captured, captured
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.sampler import sampler_of
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.jobs.train import train
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from plain import in_memory, plain_loop, tuned_loop

MIRROR = PRESETS["mirror"].config
GOAL_S, GOAL_PRICE, GOAL_STEPS = 15.0, 4.0, 46_800  # 100 epochs of 468 steps; 64 seeds against one
JUDGED = 10_000
Row = dict[str, Any]


class Bench:
    """What was measured, and what could not be."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.device = args, choose_device(args.device)
        self.rows: list[Row] = []
        self.runs: list[Row] = []
        self.missing: list[str] = []
        self.pixels = torch.randint(0, 256, (args.images, 1, 28, 28), dtype=torch.uint8)
        if self.device.type != "cuda":
            self.missing.append(
                f"There is no CUDA here: on {describe(self.device)} nothing is recorded: the rows called 'recorded' "
                "play the same buffers, operation by operation. There is no peak memory either."
            )

    def attempt(self, what: str, measure: Callable[[], Row], into: list[Row]) -> None:
        """Keep the result of ``measure``, or the error."""
        print(f"{what} ...", flush=True)
        try:
            into.append({"what": what} | measure())
        except Exception as error:  # the other parts are still measured
            self.missing.append(f"{what}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    # -- steps -----------------------------------------------------------------------------------------------------

    def steps(self) -> None:
        """Both plain loops, the engine step by step, and recorded with more and more replicas."""
        for precision in self.args.precisions:
            if precision != "bfloat16":
                self.attempt(f"plain loop, {precision}", lambda p=precision: self.plain(p, plain_loop), self.rows)
                self.attempt(f"tuned loop, {precision}", lambda p=precision: self.plain(p, tuned_loop), self.rows)
            self.attempt(f"engine, {precision}", lambda p=precision: self.engine(p, 1, False), self.rows)
            for r in self.args.replicas:
                what = f"recorded, {precision}, R = {r}"
                self.attempt(what, lambda p=precision, n=r: self.engine(p, n, True), self.rows)
        self.attempt("operations on the device in a step, R = 1", self.launches, self.rows)

    def plain(self, precision: str, loop: Callable[..., Callable[[], None]]) -> Row:
        """A loop of bench/plain.py on a float tensor on the device."""
        choose_precision(precision, self.device)
        floats = torch.nn.functional.pad(self.pixels, (2, 2, 2, 2)).float().to(self.device) / 127.5 - 1
        play = loop(in_memory(floats, self.args.batch), str(self.device))

        def advance(n: int) -> None:
            for _ in range(n):
                play()

        return {"precision": precision, "replicas": 1, "way": "plain loop"} | self.timed(advance, 1)

    def engine(self, precision: str, replicas: int, recorded: bool) -> Row:
        """R replicas of the preset, in the stack that a training would use."""
        begin = time.perf_counter()
        match = self.match(precision, replicas)
        os.environ[SWITCH] = "1" if recorded else "0"
        stack = captured(match, match.start(), 0, None if self.device.type == "cuda" else lambda play: play)
        row: Row = {"precision": precision, "replicas": replicas, "set_up_s": time.perf_counter() - begin}
        row["way"] = "recorded" if isinstance(stack, Captured) else "engine"
        if recorded and row["way"] == "engine":
            self.missing.append(f"{precision}, R = {replicas}: the recording was given up, see the message above.")
        return row | self.timed(stack.advance, replicas)

    def match(self, precision: str, replicas: int) -> Match:
        """The preset's game on random pixels."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        config = replace(MIRROR, precision=precision, seeds=replicas, batch=self.args.batch)
        return Match(replicas_of(config), self.pixels, self.device)

    def timed(self, advance: Callable[[int], Any], replicas: int) -> Row:
        """Quartiles of ms a step over the rounds, after one that does not count."""
        times = []
        for _ in range(self.args.rounds + 1):
            begin = time.perf_counter()
            advance(self.args.steps)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            times.append(1e3 * (time.perf_counter() - begin) / self.args.steps)
        low, mid, high = statistics.quantiles(times[1:], n=4) if len(times) > 2 else (times[1],) * 3
        row: Row = {"ms": mid, "ms_quartiles": [low, high], "images_per_s": 1e3 * replicas * self.args.batch / mid}
        if self.device.type == "cuda":
            row["peak_mib"] = torch.cuda.max_memory_allocated(self.device) / 2**20
        return row

    def launches(self) -> Row:
        """The number of kernels and copies in the engine's step: each takes a microsecond or two in a graph as well."""
        if self.device.type != "cuda":
            raise UserError("they are counted on CUDA alone.")
        match = self.match(self.args.precisions[0], 1)
        os.environ[SWITCH] = "0"
        stack = captured(match, match.start(), 0)
        stack.advance(3)
        torch.cuda.synchronize(self.device)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            stack.advance(1)
            torch.cuda.synchronize(self.device)
        on_device = [e for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
        return {"way": "count", "precision": self.args.precisions[0], "replicas": 1, "operations": len(on_device)}

    # -- a whole training ------------------------------------------------------------------------------------------

    def trainings(self) -> None:
        """`ayneh train mirror`, as it is and with files written at the end alone, and the judge's scores."""
        os.environ[SWITCH] = "1"
        epochs = self.args.epochs
        keep = replace(MIRROR.keep, vitals_steps=0, sample_epochs=epochs, checkpoint_epochs=epochs, tick_steps=10**6)
        data = replace(MIRROR.data, name=self.args.data)
        config = replace(MIRROR, epochs=epochs, data=data, device=str(self.device), batch=self.args.batch)
        self.attempt("train mirror", lambda: self.training("as-it-is", config), self.runs)
        bare = replace(config, keep=keep)
        self.attempt("train mirror, written at the end alone", lambda: self.training("bare", bare), self.runs)

    def training(self, name: str, config: Config) -> Row:
        """Wall seconds of the verb from the images in their files to the last checkpoint; then the Fréchet distance."""
        folder = self.args.out / name
        begin = time.perf_counter()
        train(config, out=folder, overwrite=(folder / "config.json").is_file(), quiet=True)
        row: Row = {"epochs": config.epochs, "wall_s": time.perf_counter() - begin}
        checkpoint = Record.open(folder).checkpoints.at_epoch(None)
        row |= {"steps": checkpoint.step, "in_a_step_ms": 1e3 * row["wall_s"] / checkpoint.step}
        try:  # the images that `ayneh evaluate` draws
            judge = judge_of(config.data)
            sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
            scores = judge.quick(sampler.draw("evaluate 0", JUDGED))
            row["scores"] = {name: score.as_dict() for name, score in scores.items()}
        except (UserError, OSError) as error:
            self.missing.append(f"{name}: it was trained but not judged: {error}")
        return row

    # -- results ---------------------------------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """The machine and the arguments."""
        about = {
            "device": describe(self.device),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "batch": self.args.batch,
            "rounds": self.args.rounds,
            "steps_a_round": self.args.steps,
            "date": time.strftime("%Y-%m-%d"),
        }
        if self.device.type == "cuda":
            about["memory_gib"] = round(torch.cuda.get_device_properties(self.device).total_memory / 2**30, 1)
        return about

    def prices(self) -> dict[str, dict[int, float]]:
        """By precision and R: the time of a step of R recorded replicas in steps of one."""
        rows = [row for row in self.rows if row["way"] == "recorded"]
        ones = {row["precision"]: row["ms"] for row in rows if row["replicas"] == 1}
        prices: dict[str, dict[int, float]] = {precision: {} for precision in ones}
        for row in rows:
            if row["precision"] in ones:
                prices[row["precision"]][row["replicas"]] = row["ms"] / ones[row["precision"]]
        return prices

    def goals(self) -> list[str]:
        """The two goals with the measured values."""
        words = []
        for row in self.rows:
            if row["way"] == "recorded" and row["replicas"] == 1:
                whole = row["ms"] * GOAL_STEPS / 1e3
                words.append(f"{row['precision']}: {GOAL_STEPS:,} steps alone take {whole:.1f} s (goal {GOAL_S:g} s).")
        for row in self.runs:
            words.append(f"{row['what']}: {row['epochs']} epochs, {row['steps']:,} steps in {row['wall_s']:.1f} s.")
        for precision, price in self.prices().items():
            if 64 in price:
                words.append(f"{precision}: 64 seeds cost {price[64]:.2f} times one (goal {GOAL_PRICE:g}).")
        return words or ["Neither goal was measured."]

    def markdown(self) -> str:
        """Tables and sentences."""
        prices = self.prices()
        lines = ["# On a GPU: `python bench/gpu.py`", "", ", ".join(f"{k}: {v}" for k, v in self.about().items()), ""]
        lines += [
            "| loop | ms a step (quartiles) | images/s | times R = 1 | peak MiB | set-up s |",
            "|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            if "ms" not in row:
                continue
            low, high = row["ms_quartiles"]
            price = prices.get(row["precision"], {}).get(row["replicas"]) if row["way"] == "recorded" else None
            cells = [
                row["what"], f"{row['ms']:.3f} ({low:.3f} to {high:.3f})", f"{row['images_per_s']:,.0f}",
                f"{price:.2f}" if price else "", f"{row['peak_mib']:,.0f}" if "peak_mib" in row else "",
                f"{row['set_up_s']:.1f}" if "set_up_s" in row else "",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"- {row['what']}: {row['operations']}" for row in self.rows if "operations" in row)]
        lines += ["", "## Goals", "", *(f"- {words}" for words in self.goals())]
        for row in self.runs:
            told = [score for score in row.get("scores", {}).values() if score["value"] is not None]
            lines += [f"- {row['what']}: {score['protocol']} {score['value']:.4g}" for score in told]
        lines += ["", "## What could not be done", ""]
        lines += [f"- {words}" for words in self.missing or ["Nothing is missing."]]
        return "\n".join(lines) + "\n"

    def write(self) -> None:
        """Write both files; after each part, so that its results are kept if a later one dies."""
        self.args.out.mkdir(parents=True, exist_ok=True)
        whole = self.about() | {"steps": self.rows, "trainings": self.runs, "missing": self.missing}
        (self.args.out / "gpu.json").write_text(json.dumps(whole, indent=1) + "\n")
        (self.args.out / "gpu.md").write_text(self.markdown())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of gpu.json, gpu.md and the trained runs")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=7, help="that count, after one that does not (0: no steps)")
    parser.add_argument("--steps", type=int, default=468, help="in a round")
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--precisions", nargs="*", default=["float32", "tf32", "bfloat16"])
    parser.add_argument("--batch", type=int, default=MIRROR.batch)
    parser.add_argument("--images", type=int, default=60_000, help="random images that the timed steps draw from")
    parser.add_argument("--epochs", type=int, default=MIRROR.epochs, help="of each of the two trainings (0: none)")
    parser.add_argument("--data", default=MIRROR.data.name, help="what is trained on")
    bench = Bench(parser.parse_args())
    if bench.args.rounds:
        bench.steps()
        bench.write()
    else:
        bench.missing.append("No steps were to be timed (--rounds 0).")
    if bench.args.epochs:
        bench.trainings()
    else:
        bench.missing.append("No training was asked for (--epochs 0).")
    bench.write()
    print((bench.args.out / "gpu.md").read_text())


if __name__ == "__main__":
    in_sentences(main)
