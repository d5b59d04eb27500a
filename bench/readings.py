"""What the scripts on reading z share: runs that go on, R^2, nearest neighbours, round trips, distances, one CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import ayneh
from ayneh.config import Config, Data
from ayneh.data.sources import load
from ayneh.errors import Stopped, UserError
from ayneh.evaluation import judge_of
from ayneh.files.whole import atomically
from ayneh.game.frame import put, scale
from ayneh.inverse.readback import explained, nearest_label, relative_error
from ayneh.presets import PRESETS
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record

HELD_OUT = 10_000  # fakes that R^2 is measured on, and fakes and test images that make the round trip
RARELY = {"keep.tick_steps": 1000, "keep.sample_epochs": 1000, "keep.checkpoint_epochs": 1000}  # on a GPU
Row = dict[str, Any]
Map = Callable[[Tensor], Tensor]


def base(seed: int, epochs: int | None = None, limit: int | None = None, **changes: Any) -> Config:
    """The preset `fast` with z of 16, and 128 features of D; limit: images of MNIST."""
    config = PRESETS["fast"].config
    few = {"prior.dim": 16, "net.features": 128, "seed": seed, "device": "cpu", "data.limit": limit}
    return config.changed({**few, "epochs": epochs or config.epochs, **changes})


def finished(folder: Path, config: Config) -> Checkpoint:
    """The last checkpoint of this run, which is trained, or goes on, if it is not at its end."""
    if (folder / "config.json").exists():
        run = ayneh.open(folder)
        if run.config != config:
            raise UserError(f"{folder} is a run with other settings: choose another --out.")
        if not run.finished:
            run.resume(quiet=True)
    else:
        run = ayneh.train(config, out=folder, quiet=True)
    if not run.finished:
        raise Stopped(f"{folder} was stopped: the same command goes on.")
    return Record.open(folder).checkpoints.at_epoch(None)


def replica_of(
    out: Path, name: str, seed: int, seeds: Sequence[int], device: str, **settings: Any
) -> tuple[Checkpoint, int, Path]:
    """The last checkpoint of the run NAME-SEED, its replica 0, and its folder; on a GPU one run has all seeds.

    settings: those of `base`, but for the seed. The run is trained, or goes on, if it is not at its end.
    """
    if device == "cpu":
        folder = out / f"{name}-{seed}"
        return finished(folder, base(seed, **settings)), 0, folder
    if list(seeds) != list(range(seeds[0], seeds[0] + len(seeds))):
        raise UserError(f"The replicas of one run have seeds that follow one another; --seeds is {seeds}.")
    config = base(seeds[0], **settings, **RARELY, device=device, seeds=len(seeds))
    folder = out / f"{name}-{'-'.join(map(str, seeds))}"
    return finished(folder, config), seed - seeds[0], folder


@torch.no_grad()
def through(net: Map, x: Tensor, batch: int = 500) -> Tensor:
    """A net on many images: uint8 of any size, framed and scaled here, or floats as they are; float32."""
    parts = (scale(put(part, 32)) if part.dtype == torch.uint8 else part for part in x.split(batch))
    return torch.cat([net(part).float() for part in parts])


@dataclass(frozen=True)
class Mnist:
    """MNIST with labels, and its shipped judge."""

    train: Tensor  # uint8 (N, 1, 28, 28)
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor

    @classmethod
    def read(cls, limit: int | None = None, device: str = "cpu") -> Mnist:
        """limit: of the training images; device: where the images and their labels are."""
        train, test = load("mnist", "train", limit=limit), load("mnist", "test")
        assert train.labels is not None
        assert test.labels is not None
        return cls(*(x.to(device) for x in (train.pixels, train.labels, test.pixels, test.labels)))

    def nearest(self, space: Map) -> float | None:
        """Test accuracy of the label of the nearest training image in this space."""
        rows = (through(space, part) for part in (self.train, self.test))
        train, test = rows
        return nearest_label(train, self.train_labels, test, self.test_labels).value

    def read_back(self, read: Map, draw: Map, z: Tensor) -> Row:
        """How well z (N, Z), in the prior's own units, is read from its images, and images from what is read of them.

        read: images -> z; draw: z -> images in [-1, 1].
        """
        fakes = through(draw, z)
        r2 = explained(through(read, fakes), z)
        row: Row = {"r2": float(r2.mean()), "r2_least": float(r2.min())}
        for name, x in (("real", through(lambda part: part, self.test[:HELD_OUT])), ("generated", fakes)):
            row[f"relative_error_{name}"] = relative_error(x, through(lambda part: draw(read(part)), x)).value
        return row


def distance(images: Tensor) -> float | None:
    """fd_10k_mnist_test by the shipped judge, of uint8 (10,000, 1, 32, 32)."""
    return judge_of(Data("mnist")).quick(images)["fd"].value


def rows_in(path: Path) -> list[Row]:
    """The rows that are there already."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def write(path: Path, rows: list[Row]) -> None:
    """All rows as one CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: f"{v:.5g}" if isinstance(v, float) else v for name, v in row.items()})
    with atomically(path) as file:
        file.write(text.getvalue().encode())


def has(rows: list[Row], **named: Any) -> bool:
    """Whether there is a row of these values."""
    return any(all(row[name] == str(value) for name, value in named.items()) for row in rows)
