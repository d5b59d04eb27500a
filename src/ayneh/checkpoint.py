"""A checkpoint: the whole state of a run after some step, as one safetensors file with a checksum."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.config import Config, from_dict, to_dict
from ayneh.errors import UserError
from ayneh.files import atomically

if TYPE_CHECKING:  # `ayneh show` reads a record without waiting for torch
    from torch import Tensor


class Damaged(UserError):
    """A checkpoint that is not whole: which file, what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a run: tensors by name (``gen/0.weight`` is (R, ...)), after ``step`` steps."""

    path: Path
    step: int
    config: Config
    image_shape: tuple[int, int, int]  # of the generator's images: (C, S, S)
    meter_steps: int
    tensors: dict[str, Tensor]


def write_checkpoint(
    path: Path,
    step: int,
    config: Config,
    image_shape: tuple[int, int, int],
    tensors: dict[str, Tensor],
    meter_steps: int,
) -> None:
    """Atomically: a reader sees the old file or the new one, whole."""
    from safetensors.torch import save
    from torch import contiguous_format

    # Cloned, since safetensors refuses tensors that share memory: without an average, ema is gen itself.
    tensors = {k: v.detach().cpu().clone(memory_format=contiguous_format) for k, v in tensors.items()}
    head = {"step": step, "meter_steps": meter_steps, "image_shape": image_shape}
    head |= {"config": to_dict(config), "sha256": _digest(tensors)}
    with atomically(path) as file:
        file.write(save(tensors, {"ayneh": json.dumps(head)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint, whole. Raises Damaged if it is truncated or its bytes are not those that were written."""
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
    """What a checkpoint says of itself, without its tensors. Raises Damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            head: dict[str, Any] = json.loads((file.metadata() or {})["ayneh"])
    except (SafetensorError, OSError) as error:
        raise Damaged(f"The checkpoint {path} is damaged ({error}).") from error
    except (KeyError, json.JSONDecodeError) as error:
        raise Damaged(f"{path} is not a checkpoint of ayneh (it has no readable header).") from error
    return head


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
