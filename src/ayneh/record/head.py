"""The header of a checkpoint: what a file holds about its tensors, read as typed values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.errors import UserError
from ayneh.files.reading import json_object, typed
from ayneh.labels import Labels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Origin:
    """The training images of a run."""

    fingerprint: str  # SHA-256 of shape and pixels
    images: int
    path: str | None = None  # absolute; None for a named data set
    labels: str | None = None  # of a labelled run: SHA-256 of the images' classes, in their order

    def refuse_others(
        self, other: Origin, run: Path, elsewhere: str = ", or name where they are now with --data PATH"
    ) -> None:
        """Raise UserError unless the other images are these, on which the run was trained.

        elsewhere: how the verb is given another place of theirs, for the message.
        """
        if other.fingerprint == self.fingerprint and (not self.labels or other.labels == self.labels):
            return
        ours, theirs = (f" of {one.path}" if one.path else "" for one in (self, other))
        now = f"the images{theirs} have other pixels now"
        if other.fingerprint == self.fingerprint:
            now = f"the images{theirs} are the same but for some labels"
        elif other.images != self.images:
            now = f"there are {other.images:,}{theirs} now"
        advice = f"put the former ones back{elsewhere}"
        raise UserError(
            f"{run} was trained on {self.images:,} images{ours}, and {now}: "
            f"{advice if self.path else 'bring the former version of the set back'}."
        )


@dataclass(frozen=True)
class Head:
    """The header, which is JSON in the metadata of a safetensors file."""

    step: int
    meter_steps: int
    image_shape: tuple[int, int, int]
    config: dict[str, Any]
    sha256: str | None = None  # of names and bytes of the tensors alone; today's files are sealed as a whole
    seal: str | None = None
    data: Origin | None = None  # earlier versions did not write it
    line: dict[str, Any] | None = None  # of metrics, at an epoch's end, where a kill may come before it is written
    labels: Labels | None = None  # the classes of a labelled run

    def __post_init__(self) -> None:
        for name, value in (("step", self.step), ("meter_steps", self.meter_steps)):
            if value < 0:
                raise UserError(f"{name} is {value}; it must be at least 0.")


def head_in(text: str, where: str) -> Head:
    """The header in this JSON text. Raises UserError for what is not one."""
    return typed(json_object(text, where), Head, where)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """The checksum of earlier versions, which leaves out the header, the tensors' types and their shapes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
