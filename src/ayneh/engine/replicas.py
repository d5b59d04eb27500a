"""The replica axis: R copies of a net are one (R, P) tensor, a row of weights each.

How the rows are run is decided here alone: a single replica runs as the plain module; on an
accelerator a stack runs under `torch.func.vmap` (one launch serves all); on a CPU, where grouped
convolutions are slow, it runs row by row.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from ayneh.errors import UserError
from ayneh.game import conditional
from ayneh.game.layers import redraw_offsets
from ayneh.generators import seeded

Memory = dict[str, Tensor]  # what one replica of a net of one's own remembers, by the names of its buffers


class Net:
    """A module whose weights are an argument: `net(theta, x)` runs row r of theta on row r of x.

    `net(theta, x, y)` runs it on row r of the classes y as well.

    ayneh's own nets remember nothing and draw nothing; `engine.own_net.OwnNet` is for those that do.
    """

    memory: Mapping[str, Tensor] = {}
    draws = False
    channels_last = True  # in memory, of convolutions' weights

    def __init__(self, module: nn.Module, precision: torch.dtype | None = None, align: int = 1) -> None:
        """``precision``: autocast to this type on the forward pass (None: compute in theta's own type).

        align: each parameter begins at a multiple of so many numbers of its row, behind zeros.
        """
        self.module = module
        self.shapes = {name: p.shape for name, p in module.named_parameters()}
        self.sizes = [math.ceil(shape.numel() / align) * align for shape in self.shapes.values()]
        self.precision = precision
        self.shell = copy.deepcopy(module)  # has no parameters: each call puts views of theta in their places
        self.places = _take_out_parameters(self.shell)

    def __call__(self, theta: Tensor, x: Tensor, y: Tensor | None = None, **options: Any) -> Tensor:
        """theta (R, P), x (R, B, ...), int64 (R, B) -> (R, B, ...); options are those of the module's forward."""
        given = (x,) if y is None else (x, y)
        with torch.autocast(theta.device.type, self.precision, enabled=self.precision is not None):
            if len(theta) == 1:
                out = self.forward(theta[0], *(rows[0] for rows in given), **options)[None]
            elif theta.device.type == "cpu":
                each = zip(theta.unbind(), *(rows.unbind() for rows in given), strict=True)
                out = torch.stack([self.forward(*rows, **options) for rows in each])
            else:
                out = vmap(lambda *rows: self.forward(*rows, **options))(theta, *given)
        return out.to(theta.dtype)

    def forward(
        self,
        row: Tensor,
        x: Tensor,
        y: Tensor | None = None,
        *,
        memory: Memory | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> Tensor:
        """One replica: row (P,), x (B, ...), y (B,) -> (B, ...). What it remembers and draws: see `OwnNet.forward`.

        What `torch.func.functional_call` does, without its bookkeeping, which takes longer than a small layer.
        """
        for (owner, name), value in zip(self.places, self.unpack(row).values(), strict=True):
            setattr(owner, name, value)
        out: Tensor = self.shell(x, **options) if y is None else self.shell(x, y, **options)
        for owner, name in self.places:
            setattr(owner, name, None)  # so that the graph of this call can be freed
        return out

    def unpack(self, theta: Tensor) -> dict[str, Tensor]:
        """(..., P) -> the named parameters, each (..., *shape): views, not copies.

        A convolution's weights lie in theta with their second axis last, so that the view has channels last, with
        which convolutions on a CPU are faster.
        """
        named = {}
        for (name, shape), piece in zip(self.shapes.items(), theta.split(self.sizes, dim=-1), strict=True):
            if piece.shape[-1] > shape.numel():
                piece = piece[..., : shape.numel()]
            if len(shape) == 4 and self.channels_last:
                first, second, height, width = shape
                named[name] = piece.unflatten(-1, (first, height, width, second)).movedim(-1, -3)
            else:
                named[name] = piece.unflatten(-1, shape) if shape else piece[..., 0]
        return named

    def pack(self, named: dict[str, Tensor]) -> Tensor:
        """The inverse of `unpack`."""
        pieces = []
        for (name, shape), size in zip(self.shapes.items(), self.sizes, strict=True):
            p = named[name].movedim(-3, -1) if len(shape) == 4 and self.channels_last else named[name]
            p = p.flatten(-len(shape)) if shape else p[..., None]
            pieces.append(p if p.shape[-1] == size else nn.functional.pad(p, (0, size - p.shape[-1])))
        return torch.cat(pieces, dim=-1)

    def weights_in(self, tensors: Mapping[str, Tensor], key: str, replicas: int) -> dict[str, Tensor]:
        """The weights in a checkpoint's tensors: "gen/0.weight" (R, ...) -> "0.weight", for the key "gen".

        Raises UserError unless all are there, in their shapes.
        """
        found = {}
        for name, shape in self.shapes.items():
            found[name] = tensor_in(tensors, f"{key}/{name}", (replicas, *shape))
        return found

    def start(self, seeds: Sequence[int], init: Callable[[nn.Module], None]) -> tuple[Tensor, dict[str, Tensor]]:
        """Initial weights (R, P) on the CPU, and what is remembered then, by the names of the state."""
        return init_rows(self, seeds, init), {}

    def of(self, state: Mapping[str, Tensor], r: int) -> Memory:
        """What replica r remembers in this state, or in a checkpoint's tensors."""
        return {}

    def kept(self, memories: Sequence[Memory]) -> dict[str, Tensor]:
        """The inverse of `of` for all replicas, by the names of the state."""
        return {}

    def restored(self, tensors: Mapping[str, Tensor], replicas: int, like: Tensor) -> dict[str, Tensor]:
        """What is remembered in a checkpoint, on the device of ``like``, by the names of the state."""
        return {}

    def filled(self, row: Tensor, memory: Memory | None = None) -> nn.Module:
        """A new plain module with this row's (P,) weights and what it remembers, on its device."""
        module = copy.deepcopy(self.module).to(row.device, row.dtype)
        module.load_state_dict(self.unpack(row), strict=False)  # the row has no buffers of batch norm
        return module


def tensor_in(
    tensors: Mapping[str, Tensor], name: str, shape: Sequence[int], kind: torch.dtype = torch.float32
) -> Tensor:
    """A checkpoint's tensor of this name. Raises UserError unless it is there in this shape and of this kind.

    Floats of any precision are of one kind.
    """
    wrong = None
    if name not in tensors:
        wrong = "is missing"
    elif tuple(tensors[name].shape) != tuple(shape):
        wrong = f"has the shape {tuple(tensors[name].shape)} and should have {tuple(shape)}"
    elif tensors[name].dtype != kind and not (kind.is_floating_point and tensors[name].is_floating_point()):
        due = "floats" if kind.is_floating_point else str(kind).removeprefix("torch.")
        wrong = f"has the type {str(tensors[name].dtype).removeprefix('torch.')} and should have {due}"
    if wrong:
        raise UserError(f"The checkpoint does not fit the nets of its config: {name} {wrong}.")
    return tensors[name]


def _take_out_parameters(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Delete all parameters of ``module``; returns where they were, as (submodule, attribute), in their order."""
    places = [(owner, name) for owner in module.modules() for name, _ in owner.named_parameters(recurse=False)]
    for owner, name in places:
        delattr(owner, name)
    return places


def init_rows(net: Net, seeds: Sequence[int], init: Callable[[nn.Module], None]) -> Tensor:
    """(R, P) on the CPU in float32: ``init`` applied to a copy of the module under each seed in turn."""
    rows = []
    for seed in seeds:
        module = copy.deepcopy(net.module)
        with seeded(seed):
            init(module)
            conditional.start(module)
            redraw_offsets(module)
        rows.append(net.pack({name: p.detach() for name, p in module.named_parameters()}))
    return torch.stack(rows)
