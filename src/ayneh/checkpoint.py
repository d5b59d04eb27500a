"""A checkpoint: the whole state of a run after some step, in one safetensors file with a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.config import Config, from_dict, to_dict
from ayneh.errors import UserError
from ayneh.files import atomically

if TYPE_CHECKING:  # `ayneh show` reads a record without waiting for torch
    from torch import Tensor


class Damaged(UserError):
    """A checkpoint file that is incomplete or altered: its path and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after ``step`` steps: tensors by name (``gen/0.weight`` is (R, ...)), and its config."""

    path: Path
    step: int
    config: Config
    image_shape: tuple[int, int, int]  # of the generator's images: (C, S, S)
    meter_steps: int
    tensors: dict[str, Tensor]

    @property
    def run(self) -> Path:
        """The folder of its run."""
        return self.path.parent.parent


def write_checkpoint(
    path: Path,
    step: int,
    config: Config,
    image_shape: tuple[int, int, int],
    tensors: dict[str, Tensor],
    meter_steps: int,
) -> None:
    """Write a checkpoint atomically."""
    from safetensors.torch import save
    from torch import contiguous_format

    # Cloned, because safetensors refuses tensors that share memory, and without a moving average ema is gen itself.
    tensors = {k: v.detach().cpu().clone(memory_format=contiguous_format) for k, v in tensors.items()}
    head = {"step": step, "meter_steps": meter_steps, "image_shape": image_shape}
    head |= {"config": to_dict(config), "sha256": _digest(tensors)}
    with atomically(path) as file:
        file.write(save(tensors, {"ayneh": json.dumps(head)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises Damaged if it is truncated or its bytes are not those that were written."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    head = read_head(path)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise Damaged(f"The checkpoint {path} is damaged ({error}).") from error
    if _digest(tensors) != head["sha256"]:
        raise Damaged(f"The checkpoint {path} is damaged (its checksum does not match its contents).")
    config = from_dict(head["config"], str(path))
    return Checkpoint(path, head["step"], config, tuple(head["image_shape"]), head["meter_steps"], tensors)


def read_head(path: Path) -> dict[str, Any]:
    """The header of a checkpoint: step, config, checksum; the tensors are not read. Raises Damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            head: dict[str, Any] = json.loads((file.metadata() or {})["ayneh"])
    except (SafetensorError, OSError) as error:
        raise Damaged(f"The checkpoint {path} is damaged ({error}).") from error
    except (KeyError, json.JSONDecodeError) as error:
        raise Damaged(f"{path} is not a checkpoint of ayneh (it has no readable header).") from error
    return head


def newest_of(paths: Iterable[Path]) -> tuple[Checkpoint | None, list[Damaged]]:
    """The checkpoint with the most steps that is not damaged (None: there is none), and the damage of newer ones."""
    damaged: list[Damaged] = []
    found: list[tuple[int, Path]] = []
    for path in paths:
        try:
            found.append((read_head(path)["step"], path))
        except Damaged as error:
            damaged.append(error)
    for _, path in sorted(found, reverse=True):
        try:
            return read_checkpoint(path), damaged
        except Damaged as error:
            damaged.append(error)
    return None, damaged


def is_after(path: Path, step: int) -> bool:
    """Whether this file holds more than ``step`` steps, or is damaged."""
    try:
        return bool(read_head(path)["step"] > step)
    except Damaged:
        return True


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
