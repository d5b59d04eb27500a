"""The verb `evaluate`: how good the images of a run, or of any folder or array, are."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.console import Console
from rich.table import Table

from ayneh import __version__
from ayneh.config import Data
from ayneh.errors import UserError
from ayneh.evaluation import cache_folder, judge_of
from ayneh.record import Record
from ayneh.terminal import Watch

if TYPE_CHECKING:
    from torch import Tensor

    from ayneh.judge.verdict import Judge

STACKED = "stacked-mnist"
PLUG_IN = 26_000  # stacked digits behind the KL that the literature prints
CHUNK = 10_000  # images drawn at a time
Report = dict[str, Any]


def evaluate(
    runs: tyro.conf.Positional[tuple[Path, ...]] = (),
    images: str | None = None,
    data: str | None = None,
    n: int | None = None,
    epoch: int | None = None,
    replica: int = 0,
    inception: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Score runs, or images from anywhere, against the test split; compare several in one table.

    Every score stands under its protocol, with its floor (as many real training images, scored alike)
    beside it. A run's report is also written into its folder, as evaluation.json.

    Args:
        runs: run folders.
        images: also score the images in this folder, .npz or .npy file.
        data: what these images imitate (default: the data of the first run).
        n: number of images to draw from a run: 10,000, at most as many as the test split has; stacked-mnist: any
            number, 26,000.
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        replica: which of a run's replicas, counted from 0.
        inception: also measure FID with Inception (needs torch-fidelity and its weights; slow on a CPU).
        json: print the reports as JSON instead of tables.
        quiet: say nothing but the result.
    """
    if not runs and images is None:
        raise UserError("There is nothing to evaluate: give a run folder, or --images with a folder or .npz file.")
    if n is not None and n < 1:
        raise UserError(f"--n is {n}; ask for at least one image.")
    watch = Watch(quiet)
    judges: dict[Data, Judge] = {}
    reports = {}
    for run in runs:
        report = _of_run(run, n, epoch, replica, inception, judges, watch)
        Record(run).write_report("evaluation", report, epoch, replica)
        reports[str(run)] = report
    if images is not None:
        source = Data(data) if data else _data_of_first(runs)
        judge = _judge(source, judges)
        reports[images] = _judged(judge, _images_in(images), inception, watch.say)
    if json:
        print(json_format.dumps(reports, indent=2))
    else:
        _show(reports)


def _of_run(
    run: Path, n: int | None, epoch: int | None, replica: int, inception: bool, judges: dict[Data, Judge], watch: Watch
) -> Report:
    """Draw from the run's own prior, take the frame off, judge."""
    import torch

    from ayneh.engine.sampler import sampler_of

    checkpoint = Record.open(run).checkpoints.at_epoch(epoch)
    config = checkpoint.config
    sampler = sampler_of(config, checkpoint.image_shape, checkpoint.tensors, replica)
    head = {"run": str(run), "step": checkpoint.step, "replica": replica, "ayneh": __version__}

    def draw(first: int, last: int) -> Iterator[Tensor]:
        """The run's images number ``first`` to ``last`` - 1, a chunk at a time."""
        for start in range(first, last, CHUNK):
            yield sampler.draw(f"evaluate {start}", min(CHUNK, last - start))

    if config.data.name == STACKED:
        return head | _stacked(draw, n or PLUG_IN)
    judge = _judge(config.data, judges, run)
    total = min(n or 10_000, len(judge.test))
    watch.say(f"{run}: drawing {total} images")
    fakes = torch.cat(list(draw(0, total)))
    return head | _judged(judge, fakes, inception, watch.say)


def _judge(data: Data, judges: dict[Data, Judge], run: Path | None = None) -> Judge:
    """One judge for all the runs on the same data."""
    if data not in judges:
        judges[data] = judge_of(data, run)
    return judges[data]


def _judged(judge: Judge, fakes: Tensor, inception: bool, say: Callable[[str], None]) -> Report:
    report: Report = judge.evaluate(fakes, say)
    if inception:
        from ayneh.judge.inception import inception_fid
        from ayneh.judge.scores import protocol

        say("measuring FID with Inception, which takes long on a CPU")
        score = inception_fid(judge.test, judge.chosen(fakes), cache_folder() / "inception")
        named = replace(score, protocol=protocol("inception_fid", score.n, judge.data))
        report["scores"]["inception_fid"] = named.as_dict()
    return report


def _stacked(draw: Callable[[int, int], Iterator[Tensor]], n: int) -> Report:
    """Modes and plug-in KL at 26,000 images, KL without bias at all ``n``, in memory that does not grow with n."""
    import torch

    from ayneh.data.sources import load
    from ayneh.judge import stacked
    from ayneh.judge.features import PANELS, shipped
    from ayneh.judge.scores import protocol
    from ayneh.judge.statistics import normal_interval
    from ayneh.judge.training import accuracy

    lead = PANELS["mnist"].classifiers[0]
    net, test = shipped(lead), load("mnist", "test")
    labels = load("mnist", "train").labels
    if labels is None or test.labels is None:
        raise UserError("The files of MNIST have no labels; stacked-mnist needs them.")
    truth = stacked.product_shares(torch.bincount(labels, minlength=10))
    at = min(n, PLUG_IN)
    first = stacked.count_modes(net, draw(0, at))
    counts = first + stacked.count_modes(net, draw(at, n))
    mean, deviation = stacked.perfect_sampler(truth, stacked.UNIFORM, at)
    found = {
        "modes": (stacked.mode_count(first), ""),
        "kl": (
            replace(
                stacked.mode_kl(first, stacked.UNIFORM), floor=mean, floor_interval=normal_interval(mean, deviation)
            ),
            "uniform",
        ),
        "kl_corrected": (replace(stacked.mode_kl_corrected(counts, truth), floor=0.0), "train"),
    }
    scores = {
        name: replace(score, protocol=protocol(name, score.n, STACKED, against)).as_dict()
        for name, (score, against) in found.items()
    }
    error = 1 - accuracy(net, test.pixels, test.labels) ** 3
    return {"data": STACKED, "n": n, "nets": [lead], "scores": scores, "classifier_error_of_a_triple": error}


def _data_of_first(runs: tuple[Path, ...]) -> Data:
    if not runs:
        raise UserError("Say what the images imitate: --data mnist, digits, folder:PATH or npz:PATH.")
    return Record.open(runs[0]).config().data


def _images_in(place: str) -> Tensor:
    from ayneh.data.sources import load

    kind = "folder" if Path(place).expanduser().is_dir() else "npz"
    return load(f"{kind}:{place}", "all").pixels


def _show(reports: dict[str, Report]) -> None:
    """A row for each score, a column for each set of images, the floor at the end, and what it means in words."""
    console = Console(highlight=False)
    table = Table()
    table.add_column("score", no_wrap=True)
    for label in (*reports, "floor"):
        table.add_column(label, overflow="fold")
    rows: dict[str, dict[str, Report]] = {}
    for label, report in reports.items():
        for name, score in report["scores"].items():
            if "@" not in name or name.startswith("fd@"):  # of other nets the distance alone; evaluation.json has all
                rows.setdefault(score["protocol"], {})[label] = score
    for name, scores in rows.items():
        floors = [score["floor"] for score in scores.values() if "floor" in score]
        cells = [_cell(scores[label]) if label in scores else "" for label in reports]
        table.add_row(name, *cells, _number(floors[0]) if floors else "")
    console.print(table)
    for label, report in reports.items():
        for sign in report.get("collapse", []):
            console.print(f"{label}: collapsed by {sign}", soft_wrap=True, markup=False)
        if "classifier_error_of_a_triple" in report:
            console.print(f"{label}: the classifier misreads {report['classifier_error_of_a_triple']:.2%} of triples")
        for words in [*report.get("disagreements", []), *_warnings(report)]:
            console.print(f"{label}: {words}", soft_wrap=True, markup=False)
    for words in compared(reports):
        console.print(words, soft_wrap=True, markup=False)


def _warnings(report: Report) -> list[str]:
    """Each warning once, with the scores it belongs to."""
    found: dict[str, list[str]] = {}
    for score in report["scores"].values():
        if "warning" in score:
            found.setdefault(score["warning"], []).append(score["protocol"])
    return [f"{warning} ({', '.join(names)})" for warning, names in found.items()]


def _cell(score: Report) -> str:
    text = _number(score["value"])
    if "low" in score:
        text += f" [{_number(score['low'])}, {_number(score['high'])}]"
    return text + (f" p={score['p']:.2g}" if "p" in score else "")


def _number(value: float | None) -> str:
    return "cannot tell" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def compared(reports: dict[str, Report]) -> list[str]:
    """The order of several reports by Fréchet distance, and whether every trained net sees the same one."""
    orders: dict[str, list[str]] = {}
    for name, score in next(iter(reports.values()))["scores"].items():
        alike = [report["scores"].get(name, {}) for report in reports.values()]
        values = [one.get("value") for one in alike if one.get("protocol") == score["protocol"]]
        if name.partition("@")[0] == "fd" and len(values) == len(reports) and None not in values:
            orders[score["protocol"]] = [label for _, label in sorted(zip(values, reports, strict=True))]
    if len(reports) < 2 or not orders:
        return []
    first, *others = orders
    words = [f"By {first}, best first: {', '.join(orders[first])}."]
    for name in others:
        if orders[name] != orders[first]:
            words.append(f"{name} orders them differently: {', '.join(orders[name])}.")
    return [*words, "All nets agree on this order."] if len(words) == 1 and others else words
