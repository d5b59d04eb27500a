"""Operations of a graph: y = W x + b, a scale and a shift of it, a function of each number, a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ayneh.errors import UserError

Shape = tuple[int, ...]  # of one image or latent, without the batch


@dataclass(frozen=True)
class Affine:
    """y = W x + b as Gemm (W (out, in)), Conv (out, in, k, k) or ConvTranspose (in, out, k, k); float64."""

    op: str
    weight: Tensor
    bias: Tensor  # (out,)
    takes: Shape
    gives: Shape
    name: str = ""
    attributes: Mapping[str, Any] | None = None
    by_class: Tensor | None = None  # of a Gemm: (K, out), what each class adds to b


@dataclass(frozen=True)
class Scale:
    """y = scale x + shift, a number for each channel or for each unit: folded into the `Affine` before it."""

    scale: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Pointwise:
    """LeakyRelu or Tanh."""

    op: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class ByClass:
    """y = scale[class] x + shift[class]: tables (K, C) for units, (K, C, 1, 1) for maps."""

    scale: Tensor
    shift: Tensor
    takes: Shape
    name: str = ""

    @property
    def gives(self) -> Shape:
        """The shape of y."""
        return self.takes


@dataclass(frozen=True)
class Joined:
    """x and behind it, along its first axis, the row of a table (K, ...) for its class."""

    table: Tensor
    takes: Shape
    name: str = ""

    @property
    def gives(self) -> Shape:
        """The shape of both."""
        return (self.takes[0] + self.table.shape[1], *self.takes[1:])


@dataclass(frozen=True)
class Projected:
    """y = <x, table[class]> + shift[class] for x (F,): a table (K, F), and (K,)."""

    table: Tensor
    shift: Tensor
    takes: Shape
    name: str = ""
    gives: Shape = ()


class Outside(UserError):
    """A net is not made of the layers that this table has: PyTorch's exporter writes it."""


Conditional = ByClass | Joined | Projected  # what takes the class of each image
# `operations.lower` returns the shape beside them, also where a layer changes the shape alone
Op = Affine | Scale | Pointwise | Conditional


def folded(ops: list[Op]) -> list[Affine | Pointwise | Conditional]:
    """The same without `Scale`, by s (W x + b) + t = (s W) x + (s b + t)."""
    done: list[Affine | Pointwise | Conditional] = []
    for op in ops:
        if isinstance(op, Scale):
            last = done[-1] if done else None
            if not isinstance(last, Affine) or len(last.bias) % len(op.scale):
                raise Outside("There is no way yet to write a normalisation as ONNX that follows no linear layer.")
            each = len(last.bias) // len(op.scale)  # units a channel, where a channel's units lie side by side
            scale, shift = op.scale.repeat_interleave(each), op.shift.repeat_interleave(each)
            axis = last.op == "ConvTranspose"  # out is W's second axis there
            shaped = scale.view(*[1] * axis, -1, *[1] * (last.weight.ndim - 1 - axis))
            table = None if last.by_class is None else last.by_class * scale
            done[-1] = replace(last, weight=last.weight * shaped, bias=last.bias * scale + shift, by_class=table)
        else:
            done.append(op)
    return done
