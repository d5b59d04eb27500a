"""The files of an export, read strictly: a damaged or foreign one is refused in one sentence. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayneh.errors import UserError, typed_as
from ayneh.files.inside import read_own
from ayneh.files.reading import decoded, json_object, typed
from ayneh.files.sealed import SLOT, holds, seal
from ayneh.labels import Labels
from ayneh.rules import CLASSES, LABELS

FORMAT = "ayneh-export-1"
SEAL = "seal"  # the field of config.json with the checksum of the file
UNSEALED = {  # the fields of config.json before it had a checksum
    "format", "form", "ayneh", "seed", "replica", "epoch", "step", "checkpoint", "checkpoint_sha256", "latents",
    "images", "data", "config", "checked", "nets",
}  # fmt: skip
READERS = {"onnx": "ayneh.load(folder)", "safetensors": "ayneh.export.players.modules(folder)"}
LARGEST = 2**24, 2**31  # bytes of a config and of a net: no export comes near


@dataclass(frozen=True)
class Latents:
    """Where z comes from."""

    prior: str
    numbers: dict[str, float | None]
    dim: int
    mean: float | None
    variance: float | None
    own: bool = False
    """Whether the prior is of the author's own, so that only their code draws from it."""

    def __post_init__(self) -> None:
        _refuse_outside("latents.dim", self.dim, 1, 10**6)


@dataclass(frozen=True)
class ImagesOf:
    """The form of images."""

    channels: int
    size: int
    pad: tuple[int, int, int, int]  # left, right, top, bottom

    def __post_init__(self) -> None:
        _refuse_outside("images.channels", self.channels, 1, 1024)
        _refuse_outside("images.size", self.size, 1, 4096)
        left, right, top, bottom = self.pad
        if min(self.pad) < 0 or (left, right) != (top, bottom) or not 0 <= right - left <= 1 or self.own < 1:
            raise UserError(f"images.pad is {list(self.pad)}; it must be an even frame within {self.size} pixels.")

    @property
    def own(self) -> int:
        """The side of an image without its frame."""
        return self.size - self.pad[0] - self.pad[1]


@dataclass(frozen=True)
class NetOf:
    """A net's file."""

    file: str
    sha256: str
    outputs: dict[str, list[int]]
    statistics: str
    classes: bool = False
    """Whether it takes the class of each image, beside z or the image."""


@dataclass(frozen=True)
class Nets:
    """The files of the three nets; of a small export, of the generator alone."""

    generator: NetOf
    discriminator: NetOf | None = None
    encoder: NetOf | None = None

    def there(self) -> dict[str, NetOf]:
        """The nets that are there, by their names."""
        return {name: net for name, net in vars(self).items() if net is not None}


@dataclass(frozen=True)
class LabelsOf:
    """The classes of a labelled run, and how it took them."""

    way: str
    names: tuple[str, ...]
    shares: tuple[float, ...]  # of the training images
    parts: tuple[int, ...]
    drawn: str
    """From which shares the run drew the classes of G's images: "data" or "even"."""

    def __post_init__(self) -> None:
        for name, value, known in (("way", self.way, LABELS[1:]), ("drawn", self.drawn, CLASSES)):
            if value not in known:
                raise UserError(f"labels.{name} is {value!r}; it must be one of {', '.join(known)}.")
        self.classes()

    def classes(self) -> Labels:
        """The classes. UserError for what does not fit together."""
        return Labels(self.names, self.shares, self.parts)


@dataclass(frozen=True)
class Contract:
    """The part of config.json that a reader needs."""

    latents: Latents
    images: ImagesOf
    nets: Nets
    labels: LabelsOf | None = None

    def __post_init__(self) -> None:
        if (self.nets.discriminator is None) != (self.nets.encoder is None):
            raise UserError("nets has one of discriminator and encoder; it must have both or neither.")
        for name, net in self.nets.there().items():
            if net.classes and not self.labels:
                raise UserError(f"nets.{name}.classes is true, but the file has no labels.")
        if self.labels and not self.nets.generator.classes:
            raise UserError("nets.generator.classes is false, but the file has labels.")


def _refuse_outside(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{name} is {value}; it must lie between {low} and {high:,}.")


def read_about(folder: Path, form: str = "onnx") -> dict[str, Any]:
    """The config.json of an export in this form.

    Raises UserError if there is none, it is in another form, damaged, or lacks what a reader needs.
    """
    place = folder / "config.json"
    if not place.exists():
        raise UserError(
            f"There is no exported model in {folder}: make one by `ayneh export RUN --out {typed_as(folder)}`."
        )
    blob = content_of(folder, "config.json", LARGEST[0])
    about = json_object(decoded(blob, str(place)), str(place))
    if about.get("format") != FORMAT:
        what = "belongs to a run: export it first by `ayneh export`" if "engine" in about else "has another format"
        raise UserError(f"{place} is not the config of an export in the format {FORMAT}: it {what}.")
    whole = holds(blob)
    if whole is False or (whole is None and set(about) - UNSEALED):
        raise UserError(f"{place} is damaged (its checksum does not match its contents): export the run again.")
    if about.get("form") not in READERS:
        raise UserError(f"{place}: form is {about.get('form')!r}; it must be one of {', '.join(READERS)}.")
    if about["form"] != form:
        how = READERS[about["form"]]
        raise UserError(f"{folder} was exported as {about['form']}: read it by {how}, or export the run --to {form}.")
    return about


def contract_of(folder: Path, about: Mapping[str, Any]) -> Contract:
    """What a reader needs of config.json. UserError with the field, its value and what it must be."""
    return typed(about, Contract, str(folder / "config.json"))


def sealed(about: Mapping[str, Any]) -> bytes:
    """The config.json of an export: JSON with a checksum of the file in it."""
    values = {**about, SEAL: SLOT}
    try:
        text = json.dumps(values, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # of a folder's name that is not UTF-8
        text = json.dumps(values, indent=2).encode()
    return seal(text + b"\n")


def net_of(folder: Path, about: Mapping[str, Any], net: str) -> bytes:
    """The bytes of a net's file. UserError if it is missing, damaged, or not within the folder."""
    name = about["nets"][net]["file"]
    blob = content_of(folder, name, LARGEST[1])
    if hashlib.sha256(blob).hexdigest() != about["nets"][net]["sha256"]:
        raise UserError(
            f"{folder / name} is damaged (its checksum is not the one in config.json): export the run again."
        )
    return blob


def refuse_other(folder: Path, about: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Raise UserError if a config.json without a checksum differs from the file of a net in the same things.

    metadata: of the net's file, whose own checksum held.
    """
    if SEAL in about:
        return
    for name in UNSEALED - {"nets"}:
        said, value = metadata.get(name), about.get(name)
        if said != (value if isinstance(value, str) else json.dumps(value)):
            raise UserError(
                f"{folder / 'config.json'} is damaged ({name} differs from the nets' files): export the run again."
            )


def content_of(folder: Path, name: Any, most: int) -> bytes:
    """The content of a plain file in the folder. UserError for links that leave it, devices, and too large files."""
    if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
        raise UserError(f"{folder / 'config.json'} names the file {name!r}, which is not one of the folder itself.")
    try:
        return read_own(folder / name, folder, most)
    except UserError as error:
        raise UserError(f"{str(error).removesuffix('.')}: export the run again.") from error
