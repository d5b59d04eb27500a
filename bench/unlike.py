"""What the judge of MNIST says of noise, blurs, scrambles, other data, copies and real digits.

python bench/unlike.py [RUN ...]        # AYNEH_DATA has mnist and hoda; a row for each run, by its newest checkpoint

1,000 images each, against 9,000 of the test images. The digits that are shown or spoiled are the other 1,000, which no
judge was trained on.
Prints two tables in Markdown, and what `ayneh evaluate` says of each kind of image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from ayneh.__main__ import in_sentences
from ayneh.config import Data
from ayneh.data.sources import load
from ayneh.engine.sampler import sampler_of
from ayneh.evaluation import nets_of
from ayneh.files.whole import cache_folder
from ayneh.judge.report import Report, lacking, strange
from ayneh.judge.scores import Score
from ayneh.judge.verdict import Judge
from ayneh.record.record import Record
from degrade import blurred

N = 1000


def chance() -> torch.Generator:
    """The same for each kind of image."""
    return torch.Generator().manual_seed(0)


def scrambled(images: Tensor, side: int = 7) -> Tensor:
    """Each image's square patches of ``side`` pixels in a random order, (N, 1, S, S)."""
    tiles = nn.functional.unfold(images.float(), side, stride=side)  # (N, side * side, patches)
    order = torch.rand(len(tiles), 1, tiles.shape[2], generator=chance()).argsort(2).expand_as(tiles)
    return nn.functional.fold(tiles.gather(2, order), images.shape[-2:], side, stride=side).to(torch.uint8)


def noise_of(mean: float, deviation: float) -> Tensor:
    """Gaussian noise, each pixel by itself; grey levels below 0 and above 255 are cut off."""
    noise = mean + deviation * torch.randn(N, 1, 28, 28, generator=chance())
    return noise.round().clamp(0, 255).to(torch.uint8)


def kinds(real: Tensor) -> dict[str, Tensor]:
    """Images by what they are, uint8 (N, 1, 28, 28)."""
    return {
        "uniform noise": torch.randint(0, 256, (N, 1, 28, 28), generator=chance()).to(torch.uint8),
        "Gaussian noise, grey": noise_of(128, 60),
        "Gaussian noise, dark": noise_of(33, 40),
        "blurred digits, 1.75 pixels": blurred(real, 0.5),
        "digits in scrambled patches": scrambled(real),
        "Persian digits": load("hoda", "test").pixels[:N],
        "one digit, 1,000 copies": real[:1].repeat(N, 1, 1, 1),
        "ten digits, 100 copies each": real[:10].repeat(N // 10, 1, 1, 1),
        "real digits": real,
    }


def drawn(run: Path) -> Tensor:
    """Images of a run's newest checkpoint."""
    checkpoint = Record.open(run).checkpoints.at_epoch(None)
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica=0)
    return sampler.draw("evaluate", N)


def verdict(report: Report) -> str:
    """The judge's words in short."""
    found = ["collapsed"] if report.collapse else ["poor"] if lacking(report.scores) else []
    return " and ".join([*found, *(["unlike the data"] if strange(report.scores) else [])]) or "none of these"


def shares(report: Report) -> dict[str, float]:
    """The share of images that are unlike the data, by each net and by pixels."""
    found = {name: one.value or 0.0 for name, one in report.scores.items() if name.startswith("unlike")}
    return {"pixels" if name == "unlike_pixels" else name.partition("@")[2] or report.nets[0]: share
            for name, share in found.items()}  # fmt: skip


def different(support: Score) -> str:
    """How many different images there seem to be."""
    return f"{support.value:,.0f}" if support.interval else "no two alike"


def main() -> None:
    """Print the table and the sentences."""
    torch.set_num_threads(1)
    train, test = load("mnist", "train"), load("mnist", "test")
    order = torch.randperm(len(test.pixels), generator=chance())
    nets = nets_of(Data("mnist"), train, len(test.pixels))
    judge = Judge("mnist", nets, train.pixels, test.pixels[order[N:]], cache_folder() / "floors")
    runs = [Path(name) for name in sys.argv[1:]]
    every = {run.name: judge.unframed(drawn(run)) for run in runs} | kinds(test.pixels[order[:N]])
    reports = {}
    for name, images in every.items():
        reports[name] = judge.evaluate(images)
        print(name, *reports[name].words(), sep="\n  ", file=sys.stderr, flush=True)
    print("| images | verdict | classes | unlike the data, at most by | spread | different by net / pixels |")
    print("|---|---|---|---|---|---|")
    for name, report in reports.items():
        scores = report.scores
        spread, modes = (scores[metric].value or 0.0 for metric in ("spread", "modes"))
        many = " / ".join(different(scores[metric]) for metric in ("support", "support_pixels"))
        share, by = max((share, by) for by, share in shares(report).items())
        print(f"| {name} | {verdict(report)} | {modes:.0f} | {share:.2f} ({by}) | {spread:.2f} | {many} |")
    nets = shares(next(iter(reports.values())))
    print(f"\n| unlike the data, by | {' | '.join(nets)} |\n|---|{'---|' * len(nets)}")
    for name, report in reports.items():
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares(report).values())} |")


if __name__ == "__main__":
    in_sentences(main)
