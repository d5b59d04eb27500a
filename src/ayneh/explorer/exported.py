"""An exported folder in the window: its generator, and D where it is there; no training, no other checkpoints."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.config import Config, from_dict
from ayneh.errors import UserError
from ayneh.files.inside import read_own
from ayneh.files.reading import json_in
from ayneh.loading.folder import FORMAT, contract_of, net_of, read_about
from ayneh.record.visited import OwnCheckpoints, Watched

if TYPE_CHECKING:  # it takes seconds to import: only once a net is asked for
    from torch import Tensor

SHOWN = 64  # latents of the first pictures
LARGEST_CARD = 1 << 20  # bytes


def opened(folder: Path) -> Watched:
    """The run in this folder, or the export. Raises UserError where there is neither, or the export is damaged."""
    run, about = Watched(folder), None
    run.check()
    with suppress(UserError, OSError):  # of a run: `config` says what is wrong
        about = json_in(folder / "config.json")
    return Exported(folder) if about and about.get("format") == FORMAT else run


class Exported(Watched):
    """A folder that `ayneh export --to onnx` wrote, as a run with one replica and one epoch."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError for what is not such an export, or a damaged one."""
        super().__init__(folder)
        self.about = read_about(folder)
        contract_of(folder, self.about)
        self.checkpoints = OneEpoch(self.checkpoints.folder, self)

    @property
    def epoch(self) -> int:
        """The epoch after which it was exported, from 0."""
        found = self.about["epoch"]
        return found if isinstance(found, int) else 0

    @property
    def alone(self) -> bool:
        """Whether the generator is there alone."""
        return "discriminator" not in self.about["nets"]

    def check(self) -> None:
        """Raise UserError if it is no longer there."""
        if not self.exists():
            raise UserError(f"There is no exported model in {self.folder}: it has no config.json.")

    def config(self) -> Config:
        """The settings of the run that it comes from, as of one replica."""
        found = from_dict(self.about["config"], str(self.folder / "config.json"))
        return replace(found, seed=int(self.about["seed"]), seeds=1)

    def card(self) -> str:
        """The model card without the head that hubs read; "" where it is gone."""
        with suppress(UserError, OSError, UnicodeDecodeError):
            text = read_own(self.folder / "README.md", self.folder, LARGEST_CARD).decode()
            return text.partition("---\n")[2].partition("---\n")[2].strip() or text
        return ""


class OneEpoch(OwnCheckpoints):
    """The one epoch of an export."""

    def __init__(self, folder: Path, exported: Exported) -> None:
        super().__init__(folder, exported)
        self._exported = exported

    def epochs(self) -> list[int]:
        """The epoch of the export."""
        return [self._exported.epoch]

    def written_ns(self, epoch: int) -> int:
        """When the export was written."""
        return (self._exported.folder / "config.json").stat().st_mtime_ns


class ExportedModel:
    """The parts of an export that the page asks for, as `explorer.models.Model` has those of a checkpoint."""

    def __init__(self, folder: Path) -> None:
        from ayneh.loading.model import Model

        self.model, self.alone = Model(folder), threading.Lock()

    def start(self) -> bytes:
        """As `Model.start` of a checkpoint; the latents are those of `ayneh.load(...).sample_z`."""
        import torch

        from ayneh.explorer.models import about_labels, pack
        from ayneh.export.contract import SIDES

        model = self.model
        z = torch.from_numpy(model.sample_z(SHOWN))
        centre, spread = self._centre(z)
        about: dict[str, Any] = {
            "image_shape": list(model.image_shape),
            "side": model.own_size,
            "native": SIDES.get(str(model.about["data"]["name"])),
            "centre": centre,
            "spread": spread,
        }
        if labels := model.labels:
            takes = bool(model.about["nets"].get("discriminator", {}).get("classes"))
            about["labels"] = about_labels(labels, self._net("generator")[1], takes)
        return pack({"samples": z}, about)

    def generator(self) -> bytes:
        """G as ONNX, which takes a mix of classes where it takes a class."""
        return self._net("generator")[0]

    def discriminator(self) -> bytes:
        """D as ONNX. Raises UserError where the generator is there alone."""
        return self._net("discriminator")[0]

    def encoder(self) -> bytes:
        """D's features as ONNX. Raises UserError where the generator is there alone."""
        return self._net("encoder")[0]

    def notes(self) -> bytes:
        """As `Model.notes` of a checkpoint; of a generator alone the directions. Needs onnxruntime."""
        import torch

        from ayneh.explorer.models import LATENTS, notes_of

        model, nets = self.model, self.model.about["nets"]
        z = model.sample_z(LATENTS)
        y = model.sample_classes(LATENTS) if model.labels else None
        images = model.generate(z, y, dtype="float32", crop=False)
        features = None
        if "encoder" in nets:
            features = torch.from_numpy(model.encode(images, classes=y if nets["encoder"].get("classes") else None))
        latents, classes = torch.from_numpy(z), None if y is None else torch.from_numpy(y)
        return notes_of(latents, torch.from_numpy(images), classes, self._centre(latents), features)

    def levels(self) -> bytes:
        """Raises UserError."""
        raise UserError("D's opinion of the training images needs the run: an exported model has its nets alone.")

    def gallery(self) -> bytes:
        """Raises UserError."""
        raise UserError("The gallery of training images needs the run: an exported model has its nets alone.")

    def _centre(self, z: Tensor) -> tuple[float, float]:
        from ayneh.explorer.models import centre_of

        latents = self.model.about["latents"]
        return centre_of(z, *(float("nan") if x is None else x for x in (latents["mean"], latents["variance"])))

    def _net(self, name: str) -> tuple[bytes, bool]:
        from ayneh.explorer.mixed import mixed

        model = self.model
        if name not in model.about["nets"]:
            raise UserError("This model is a generator alone: D was left out when it was exported.")
        net = net_of(model.folder, model.about, name)
        return mixed(net, "classes", model.labels.count) if model.labels else (net, True)
