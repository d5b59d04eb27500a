"""ayneh (آینه, Persian for mirror): a laboratory for GANs on small images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ayneh.loading.model import Model

__version__ = "0.1.0"


def load(folder: str | Path) -> Model:
    """The model in a folder that `ayneh export --to onnx` wrote; needs numpy, scipy and onnxruntime, no torch.

    ``images = model.generate(model.sample_z(16, seed=0))`` are uint8 (16, C, H, W). Raises UserError if there is none.
    """
    from ayneh.loading.model import load

    return load(folder)


def add(kind: str, name: str, value: Any, **arguments: Any) -> None:
    """Add a part of your own: see `ayneh.parts.registry.add`."""
    from ayneh.parts.registry import add

    add(kind, name, value, **arguments)
