"""The judge of a data set: the images of `data` meet the nets of `judge`, which do not know one another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from ayneh.config import Config, Data
from ayneh.errors import UserError
from ayneh.terminal import Clock

if TYPE_CHECKING:  # torch takes seconds to import: only once a verb really works
    from torch import Tensor

    from ayneh.data.sources import Images
    from ayneh.engine.match import Match
    from ayneh.game.step import State
    from ayneh.judge.features import FeatureNet
    from ayneh.judge.verdict import Judge


def cache_folder() -> Path:
    """$AYNEH_CACHE, or the user's cache folder: judges trained here, floors, Inception's weights."""
    return Path(os.environ.get("AYNEH_CACHE") or platformdirs.user_cache_dir("ayneh"))


def read_images(data: Data, split: str = "train", run: Path | None = None) -> Images:
    """The images of a run: those it learns from, of which ``limit`` are taken, or all of another split.

    run: its folder, which the refusal names. Raises UserError if the images are missing or damaged.
    """
    from ayneh.data.sources import load

    path = data.path()
    if run and path and not path.exists():
        here = f" from {Path.cwd()}: run this where it was trained" * (not path.is_absolute()) or ": put them back"
        raise UserError(
            f"{run} was trained on {data.name}, which is not there{here}, or write the path where the images are now "
            f"into data.name in {run / 'config.json'}."
        )
    return load(data.name, split, resize=data.resize, limit=data.limit if split == "train" else None)


def judge_of(data: Data, run: Path | None = None) -> Judge:
    """The judge of a run's data. Raises UserError if no judge knows it yet, or its files are missing or damaged."""
    from ayneh.judge.verdict import Judge

    train, test = read_images(data, "train", run).pixels, read_images(data, "test", run).pixels
    return Judge(data.name, nets_of(data.name, train), train, test, cache_folder() / "floors")


def nets_of(name: str, train: Tensor) -> dict[str, FeatureNet]:
    """The panel that ships for this data set, or the one that `ayneh judge train` made from these images."""
    from ayneh.judge.features import PANELS, load, shipped

    if name in PANELS:
        return {net: shipped(net) for net in PANELS[name].names}
    folder = trained_folder(train)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"No judge knows {name} yet: train one with `ayneh judge train --data {name}`.")
    return {file.stem.partition("-")[2]: load(file)[0] for file in files}


def trained_folder(train: Tensor) -> Path:
    """Where the nets for these training images are kept, by the images' own checksum: a path may change its content."""
    from ayneh.judge.features import fingerprint

    return cache_folder() / "judges" / fingerprint(train)[:16]


class Scorer:
    """The judge's view of each replica while it trains, and whether this is the best so far."""

    SHARE = 0.05  # of the time that training takes, at most

    def __init__(self, config: Config, match: Match, clock: Clock, lines: list[dict[str, Any]]) -> None:
        self.keep, self.match, self.clock, self.rescues = config.keep, match, clock, config.rescue > 0
        self.judge = judge_of(config.data)
        before = [self.total(line["scores"]) for line in lines if "scores" in line]
        self.best, self.latest, self.spent_s = min(before, default=float("inf")), float("inf"), 0.0

    def due(self, epoch: int) -> bool:
        """Every ``score_epochs`` epochs, unless the scores so far took more than their share.

        A run that may be rescued is scored whatever it takes: there scores change the game, which no clock may do.
        """
        cheap = self.rescues or self.spent_s <= self.SHARE * self.clock.seconds()
        return (epoch + 1) % self.keep.score_epochs == 0 and cheap

    def score(self, state: State) -> list[dict[str, float | None]]:
        """A few scores of each replica's averaged generator; their names carry their protocol."""
        from ayneh.engine.sampler import Sampler

        begin, scores = Clock(), []
        for r, config in enumerate(self.match.replicas):
            sampler = Sampler(self.match.gen, state["ema"][r], config)
            scores.append(self.judge.quick(sampler.draw("scores", self.keep.score_images)))
        self.latest = self.total(scores)
        self.spent_s += begin.seconds()
        return scores

    def improved(self) -> bool:
        """Whether the latest score beats all before it; asked once after each epoch."""
        better = self.latest < self.best
        self.best, self.latest = min(self.best, self.latest), float("inf")
        return better

    @staticmethod
    def total(scores: list[dict[str, float | None]]) -> float:
        """The replicas' mean Fréchet distance, which chooses the best; infinite where one cannot be told."""
        distances = [value for score in scores for name, value in score.items() if name.startswith("fd_")]
        return sum(float("inf") if d is None else d for d in distances) / len(distances)
