"""The layers of a pair of nets as rows: what each is, the shape of its output, its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.config import Config
from ayneh.engine.players import spec_of
from ayneh.game.nets import make_nets


@dataclass(frozen=True)
class Layer:
    """One layer: a key of the catalogue (``layer.KIND``) with its numbers, the shape of its output, its parameters."""

    kind: str
    numbers: dict[str, Any]
    shape: tuple[int, ...]  # of one image's output
    parameters: int


@dataclass(frozen=True)
class Layers:
    """The layers of G and of D, D's dropout and sigmoid among them, which are part of the step and of the loss."""

    gen: list[Layer]
    dis: list[Layer]

    @property
    def parameters(self) -> tuple[int, int]:
        """Those of G and of D."""
        return sum(one.parameters for one in self.gen), sum(one.parameters for one in self.dis)


@torch.no_grad()
def layers_of(config: Config, image_shape: tuple[int, int, int]) -> Layers:
    """The layers of the built-in nets that this config names, for images of (C, S, S)."""
    gen, dis = make_nets(config.net.name, spec_of(config, image_shape))
    z = torch.zeros(2, config.prior.dim)
    first = z[:, :, None, None] if config.net.name == "mirror" else z
    x = torch.zeros(2, *image_shape)
    drawn = _passed(list(gen.children()), first)
    judged = _passed([*dis.features.children(), dis.head], x)
    dropped = [Layer("dropout", {"p": config.rules.dropout}, image_shape, 0)] if config.rules.dropout else []
    return Layers(drawn, [*dropped, *judged, Layer("sigmoid", {}, (1,), 0)])


def _passed(modules: list[nn.Module], x: Tensor) -> list[Layer]:
    rows = []
    for module in modules:
        x = module(x)
        kind, numbers = _named(module)
        if kind:
            size = sum(parameter.numel() for parameter in module.parameters())
            rows.append(Layer(kind, numbers, tuple(x.shape[1:]), size))
    return rows


def _named(module: nn.Module) -> tuple[str, dict[str, Any]]:
    """The kind of a layer and its numbers; "" for one that only changes the shape."""
    if isinstance(module, nn.LeakyReLU):
        return "leaky", {"slope": module.negative_slope}
    name = type(module).__name__
    if name in ("Conv", "Deconv"):
        sizes = (getattr(module, one)[0] for one in ("kernel_size", "stride", "padding"))
        return name.lower(), dict(zip(("side", "stride", "padding"), sizes, strict=True))
    return {"BatchNorm": "norm", "BatchNorm1d": "norm", "Linear": "linear", "Tanh": "tanh"}.get(name, ""), {}
