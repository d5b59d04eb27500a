"""The speedrun: how soon does a small GAN draw good digits? The rules are in docs/speedrun.md.

    python bench/speedrun.py play docs/speedrun/fast.toml                       # five seeds, two threads
    python bench/speedrun.py play docs/speedrun/tried/*.toml --choose --most 160000 --seeds 100
    python bench/speedrun.py table                                              # of all logs in docs/speedrun

An entry is a TOML file (a preset, and changes to it) or a Python file with ``play``, a generator of `Progress`. Every
look at every seed is a row of the log, a CSV file beside the entry. Seeds that are in it are not played again, so that
the same command goes on where it was stopped. ``--choose`` is for choosing settings: it trains on 50,000 training
images and judges against the other 10,000, so that the test split stays unseen; its log ends in .choose.csv.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import torch
from torch import Tensor

from asked import at_least
from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data
from ayneh.data.images import Images
from ayneh.engine.match import Match
from ayneh.engine.sampler import sampler_in
from ayneh.errors import UserError, brief, pick
from ayneh.evaluation import judge_of, nets_of, read_images
from ayneh.files.reading import toml_in
from ayneh.files.whole import refuse_unwritable
from ayneh.game.frame import take
from ayneh.judge.verdict import Judge
from ayneh.presets import PRESETS
from timing import machine

TARGET = 2.5  # fd_10k_mnist_test; `mirror` had 1.86, 2.26 and 2.80 after its 100 epochs
SAMPLES = 10_000  # of a look, and of the second draw that confirms it
EVERY = 10_000  # images between two looks
GIVE_UP = 600_000  # images
MOST = 175_000  # parameters of a net
HELD = 10_000  # training images that --choose holds out
LOGS = Path(__file__).parent.parent / "docs" / "speedrun"
COLUMNS = ("seed", "images", "seconds", "processor_seconds", "fd", "fd_again", "reached", "machine")


class Progress(NamedTuple):
    """What an entry yields after some steps."""

    images: int  # real images that D was shown so far, each time counted
    parameters: tuple[int, ...]  # of each net that is trained
    draw: Callable[[str, int], Tensor]  # (purpose, n) -> fakes uint8 (n, 1, 28, 28), others for another purpose


Play = Callable[[Tensor, Tensor, int], Iterator[Progress]]  # images uint8 (N, 1, 28, 28), their classes (N,), seed


@dataclass(frozen=True)
class Entry:
    """A recipe, and the images after which looks begin: earlier ones would cost the judge's time alone."""

    recipe: Config | Play
    look_from: int

    def play(self, train: Images) -> Play:
        """The generator that plays it; train: MNIST, with the names of its classes."""
        return settings(self.recipe, train) if isinstance(self.recipe, Config) else self.recipe


@dataclass(frozen=True)
class Look:
    """A row of the log: the state after so many images."""

    images: int
    seconds: float  # of training, on the clock
    processor_seconds: float  # of training, of all threads
    fd: float
    fd_again: float | None = None  # of the second draw, which only a look at or below the target gets

    @property
    def reached(self) -> bool:
        """Whether both draws are at or below the target."""
        return self.fd <= TARGET and self.fd_again is not None and self.fd_again <= TARGET


def race(
    progress: Iterator[Progress],
    look_from: int,
    judge: Callable[[Tensor], float],
    clocks: Callable[[], tuple[float, float]] = lambda: (time.perf_counter(), time.process_time()),
    most: int = GIVE_UP,
) -> Iterator[Look]:
    """Play until a look reaches the target, or ``most`` images are seen; the clocks stand while the judge looks.

    judge: the distance of fakes; clocks: seconds, and processor seconds. Raises UserError for nets that are too large.
    """
    spent = [0.0, 0.0]
    due = max(EVERY, math.ceil(look_from / EVERY) * EVERY)
    while due <= most:
        begin = clocks()
        now = next(progress, None)
        spent = [before + end - start for before, start, end in zip(spent, begin, clocks(), strict=True)]
        if now is None:
            return
        if max(now.parameters) > MOST:
            raise UserError(f"A net has {max(now.parameters):,} parameters; at most {MOST:,} are allowed.")
        if now.images < due:
            continue
        due = (now.images // EVERY + 1) * EVERY
        fd = judge(now.draw("evaluate 0", SAMPLES))
        again = judge(now.draw("evaluate 1", SAMPLES)) if fd <= TARGET else None
        look = Look(now.images, spent[0], spent[1], fd, again)
        yield look
        if look.reached:
            return


def settings(config: Config, described: Images) -> Play:
    """The entry that plays this config with ayneh's engine. described: the images' names of classes."""

    def play(pixels: Tensor, labels: Tensor, seed: int) -> Iterator[Progress]:
        classes = (labels, described.described()) if config.rules.labelled else None
        match = Match([config.changed(seed=seed, device="cpu")], pixels, torch.device("cpu"), labelled=classes)
        state, step, side = match.start(), 0, pixels.shape[-1]
        sizes = (state["gen"].shape[1], state["dis"].shape[1])

        def draw(purpose: str, n: int) -> Tensor:
            return take(sampler_in(match, state, 0).draw(purpose, n), side)

        while True:
            state, _ = match.play(state, step)
            step += 1
            yield Progress(step * match.images_per_step, sizes, draw)

    return play


def entry_of(path: Path) -> Entry:
    """The entry in this file. UserError for one that cannot be played."""
    recipe, look_from = _in_python(path) if path.suffix == ".py" else _in_toml(path)
    if not isinstance(look_from, int) or look_from < 0:
        raise UserError(f"{path}: look_from is {look_from!r}; it is a number of images, after which looks begin.")
    return Entry(recipe, look_from)


def _in_python(path: Path) -> tuple[Play, Any]:
    spec = importlib.util.spec_from_file_location("entry", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (OSError, UserError):
        raise
    except Exception as error:
        raise UserError(
            f"{path} cannot be read as Python ({type(error).__name__}: {brief(error)}): correct it."
        ) from error
    if not callable(play := getattr(module, "play", None)):
        raise UserError(f"{path} has no function play(images, classes, seed): an entry has one (docs/speedrun.md).")
    return play, getattr(module, "LOOK_FROM", None)


def _in_toml(path: Path) -> tuple[Config, Any]:
    values = toml_in(path)
    base, own = values.get("base"), values.get("set", {})
    if base is None or not isinstance(own, dict) or values.keys() - {"base", "look_from", "set"}:
        raise UserError(f"{path} has {', '.join(values) or 'nothing'}; an entry has base, look_from and a table, set.")
    try:
        return pick(PRESETS, base, "preset").config.changed(**own), values.get("look_from")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def log_of(path: Path, choose: bool) -> Path:
    """The log beside this entry."""
    return path.with_suffix(".choose.csv" if choose else ".csv")


def judge_for(train: Images, choose: bool) -> Judge:
    """The shipped judge, or the same net against the held-out training images."""
    if not choose:
        return judge_of(Data("mnist"))
    lead, net = next(iter(nets_of(Data("mnist"), train, HELD).items()))
    cut = len(train.pixels) - HELD
    return Judge("mnist-held-out", {lead: net}, train.pixels[:cut], train.pixels[cut:])


def distance(judge: Judge, fakes: Tensor) -> float:
    """fd; infinite where it cannot be told."""
    found = judge.quick(fakes)["fd"].value
    return math.inf if found is None else found


def play(path: Path, entry: Entry, seeds: list[int], threads: int, choose: bool, most: int) -> None:
    """Play the seeds that are not in the log, and write each into it when it has ended."""
    torch.set_num_threads(threads)
    log = log_of(path, choose)
    train = read_images(Data("mnist"))
    assert train.labels is not None
    judge, game = judge_for(train, choose), entry.play(train)
    n = len(train.pixels) - (HELD if choose else 0)
    done = {int(row["seed"]) for row in read_log(log)}
    for seed in dict.fromkeys(seed for seed in seeds if seed not in done):
        where = machine("cpu")
        looks = []
        progress = game(train.pixels[:n], train.labels[:n], seed)
        for look in race(progress, entry.look_from, lambda fakes: distance(judge, fakes), most=most):
            looks.append(look)
            again = "" if look.fd_again is None else f", again {look.fd_again:.2f}"
            spent = f"{look.images:,} images, {look.seconds:.1f} s"
            print(f"{path.stem}, seed {seed}: {spent}, {look.fd:.2f}{again}", flush=True)
        with log.open("a", newline="") as file:
            write_log(file, seed, looks, where, head=not file.tell())


def write_log(file: TextIO, seed: int, looks: list[Look], where: str, head: bool) -> None:
    """The rows of a seed; a seed without a look gets an empty one, so that it counts as played."""
    table = csv.writer(file, lineterminator="\n")
    if head:
        table.writerow(COLUMNS)
    for one in looks or [Look(0, 0.0, 0.0, math.inf)]:
        again = "" if one.fd_again is None else round(one.fd_again, 4)
        seconds = (round(one.seconds, 2), round(one.processor_seconds, 2))
        table.writerow((seed, one.images, *seconds, round(one.fd, 4), again, int(one.reached), where))


def read_log(path: Path) -> list[dict[str, str]]:
    """All rows; none if there is no log yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def record_of(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Medians over the seeds of what it took; a seed that never reached the target took for ever."""
    seeds = sorted({int(row["seed"]) for row in rows})
    reached = {int(row["seed"]): row for row in rows if row["reached"] == "1"}
    found: dict[str, Any] = {"seeds": len(seeds), "failed": len(seeds) - len(reached)}
    for name in ("images", "seconds", "processor_seconds"):
        taken = [float(reached[seed][name]) if seed in reached else math.inf for seed in seeds]
        found[name] = (statistics.median(taken), min(taken), max(taken))
    return found


def table(folder: Path) -> str:
    """A Markdown table with a row for each log. UserError where there is none."""
    if not (logs := sorted(folder.glob("*.csv"))):
        raise UserError(f"There are no logs in {folder}: name a folder with the .csv files that `play` writes.")
    lines = [
        "| entry | seeds | failed | images | seconds | processor seconds |",
        "|---|---|---|---|---|---|",
    ]
    for path in logs:
        record = record_of(read_log(path))
        cells = []
        for name, digits in (("images", 0), ("seconds", 1), ("processor_seconds", 1)):
            middle, low, high = (f"{value:,.{digits}f}" if math.isfinite(value) else "never" for value in record[name])
            cells.append(f"{middle} ({low} to {high})")
        lines.append(f"| {path.stem} | {record['seeds']} | {record['failed']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    playing = verbs.add_parser("play")
    playing.add_argument("entries", nargs="+", type=Path)
    playing.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    playing.add_argument("--threads", type=int, default=2)
    playing.add_argument("--choose", action="store_true", help="against training images that are held out")
    playing.add_argument("--most", type=int, default=GIVE_UP, help="images after which a seed has failed")
    verbs.add_parser("table").add_argument("folder", nargs="?", type=Path, default=LOGS)
    args = parser.parse_args()
    if args.verb == "play":
        at_least(0, seeds=args.seeds)
        at_least(1, threads=args.threads)
        at_least(EVERY, most=args.most)
        for path in args.entries:
            refuse_unwritable(log_of(path, args.choose))
        entries = {path: entry_of(path) for path in args.entries}
        for path, entry in entries.items():
            play(path, entry, args.seeds, args.threads, args.choose, args.most)
    else:
        sys.stdout.write(table(args.folder) + "\n")


if __name__ == "__main__":
    in_sentences(main)
