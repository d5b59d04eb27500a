"""How a class enters the nets: joined to a layer's input, in batch norm, in D's logit; and what D reads of it.

A class y is a number 0..K-1. Its code is one-hot, or several one-hots where a class is a combination (`code`), and an
embedding is the code times a matrix: a sum in a fixed order, in which a gradient repeats its bits on every device.
`condition_gen` and `condition_dis` change nets that are made already, layer by layer, so that every net takes labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ayneh.errors import UserError, pick
from ayneh.game.layers import BatchNorm, BatchNorm1d, Conv, Deconv, Linear, UnitNorm

Parts = Sequence[int]  # numbers of values of the parts of a class: (K,), or (10, 10, 10) of three digits
GEN_LABELS = ("concat", "norm")
SHORTEST, LONGEST = 16, 128  # of an embedding whose length is not set
CHANGE = 0.1  # standard deviation of the first changes of scales and shifts in `ClassNorm`


def code(y: Tensor, parts: Parts) -> Tensor:  # int64 (B,) -> bool (B, sum of parts)
    """The one-hots of a class's parts side by side; the last part changes fastest, as digits of a number do."""
    found, step = [], math.prod(parts)
    for size in parts:
        step //= size
        found.append((y // step % size)[..., None] == torch.arange(size, device=y.device))
    return torch.cat(found, -1)


class Embedding(nn.Module):
    """e(y) = code(y) W: a vector for each class, a sum of its parts' where there are several. W ~ N(0, std^2).

    ``spectral``: as in `Linear`.
    """

    def __init__(self, parts: Parts, dim: int, std: float = 1.0, spectral: bool = False) -> None:
        super().__init__()
        self.parts, self.dim, self.std, self.spectral = tuple(parts), dim, std, spectral
        self.weight = nn.Parameter(torch.zeros(sum(parts), dim))

    def forward(self, y: Tensor) -> Tensor:  # int64 (B,) -> (B, dim)
        weight = self.weight
        if self.spectral:
            weight = weight / torch.linalg.matrix_norm(weight, ord=2)
        return code(y, self.parts).to(weight.dtype) @ weight


class Layers(nn.Sequential):
    """Layers that follow one another; those that take the class get it."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:  # y: int64 (B,)
        for layer in self:
            x = layer(x, y) if isinstance(layer, Joined | ClassNorm) else layer(x)
        return x


class Joined(nn.Module):
    """layer([x, e(y)]): a layer whose input the embedding of the class is joined to (Mirza & Osindero 2014).

    Of a vector it is so many more numbers; of a map with sides it is maps of these sides. The layer keeps its weights,
    and those of what is joined are apart, ``beside``, so that the former start as they would without labels. They begin
    with the standard deviation that the layer's own have then, whatever drew these.
    """

    def __init__(self, layer: Conv | Deconv | Linear, embedding: Embedding, sides: Sequence[int] = ()) -> None:
        """sides: of the maps that come to a convolution."""
        super().__init__()
        self.embedding, self.layer, self.sides = embedding, layer, tuple(sides)
        self.axis = 0 if isinstance(layer, Deconv) else 1  # of the inputs, in the layer's weights
        shape = list(layer.weight.shape)
        shape[self.axis] = embedding.dim // math.prod(self.sides)
        self.beside = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # (B, n, ...), int64 (B,)
        joined = torch.cat([x, self.embedding(y).to(x.dtype).unflatten(1, (-1, *self.sides))], 1)
        out: Tensor = self.layer(joined, torch.cat([self.layer.weight, self.beside], self.axis))
        return out


class ClassNorm(nn.Module):
    """(1 + s(y)) * norm(x) + t(y): batch norm whose scale and shift depend on the class (de Vries et al. 2017).

    s and t are embeddings, a number for each channel. The statistics are those of the batch, whatever its classes.
    """

    def __init__(self, norm: BatchNorm | BatchNorm1d, parts: Parts) -> None:
        super().__init__()
        self.norm = norm
        self.scale, self.shift = (Embedding(parts, norm.num_features, CHANGE) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # (B, C, ...), int64 (B,) -> (B, C, ...)
        ones = (1,) * (x.ndim - 2)
        scale, shift = (embedding(y).unflatten(1, (-1, *ones)) for embedding in (self.scale, self.shift))
        out: Tensor = (1 + scale) * self.norm(x) + shift
        return out


class Projection(Embedding):
    """<e(y), features>: what the class adds to D's logit (Miyato & Koyama 2018).

    It begins with the standard deviation of the weights of D's ``head``, which the features meet beside it.
    """

    def forward(self, y: Tensor, features: Tensor) -> Tensor:  # type: ignore[override]  # int64 (B,), (B, F) -> (B,)
        return (super().forward(y) * features).sum(1)


def condition_gen(gen: nn.Sequential, how: str, parts: Parts, dim: int) -> None:
    """Let G take the class: by an embedding of length ``dim`` joined to z ("concat"), or in its batch norm ("norm").

    Raises UserError for another way, and where G has no batch norm.
    """
    pick(dict.fromkeys(GEN_LABELS), how, "way of G to take the class (--net.gen-labels)")
    if how == "concat":
        i, layer = _first(gen)
        gen[i] = Joined(layer, Embedding(parts, dim), (1, 1) if isinstance(layer, Deconv) else ())
        return
    kinds = (BatchNorm, BatchNorm1d)
    norms = {i: x for i, x in enumerate(gen) if isinstance(x, kinds) and not isinstance(x, UnitNorm)}
    if not norms:
        raise UserError(
            "--net.gen-labels is norm, but this G has no batch norm: set --net.gen-norm batch, or --net.gen-labels "
            "concat."
        )
    for i, norm in norms.items():
        gen[i] = ClassNorm(norm, parts)


def condition_dis(features: nn.Sequential, parts: Parts, size: int) -> None:
    """Let D take the class as a further map beside the image: an embedding of size x size numbers."""
    i, layer = _first(features)
    features[i] = Joined(layer, Embedding(parts, size * size), (size, size) if isinstance(layer, Conv) else ())


def default_dim(z_dim: int) -> int:
    """The length of the embedding that is joined to z, where it is not set: that of z, within bounds."""
    return min(max(z_dim, SHORTEST), LONGEST)


def _first(layers: nn.Sequential) -> tuple[int, Conv | Deconv | Linear]:
    """The first layer with weights, and its place."""
    return next((i, layer) for i, layer in enumerate(layers) if isinstance(layer, Conv | Deconv | Linear))


@torch.no_grad()
def start(net: nn.Module) -> None:
    """Draw the first weights of what takes the class, after all others, which thus are those without labels."""
    for layer in net.modules():
        if isinstance(layer, Joined):
            layer.beside.normal_(0, _std(layer.layer.weight))
        if isinstance(layer, Projection) and isinstance(net.head, nn.Conv2d | nn.Linear):
            layer.weight.normal_(0, _std(net.head.weight))
        elif isinstance(layer, Embedding):
            layer.weight.normal_(0, layer.std)


def _std(weight: Tensor) -> float:
    return float(weight.std(correction=0))


# -- what D reads ------------------------------------------------------------------------------------------------------


def class_loss(read: Tensor, y: Tensor, parts: Parts) -> Tensor:  # (..., sum of parts), int64 (...) -> (...)
    """-log of the probability that the class head gives to y (Odena et al. 2017): a cross-entropy for each part."""
    return -(log_shares(read, parts) * code(y, parts)).sum(-1)


def log_shares(read: Tensor, parts: Parts) -> Tensor:  # (..., sum of parts) -> the same
    """The class head's log-probabilities of the values of each part."""
    return torch.cat([logits.log_softmax(-1) for logits in read.split(list(parts), -1)], -1)


def read_right(read: Tensor, y: Tensor, parts: Parts) -> Tensor:  # (..., sum of parts), int64 (...) -> bool (...)
    """Whether the class head's most probable class is y, in all of its parts."""
    best = torch.zeros_like(y)
    for logits in read.split(list(parts), -1):
        best = best * logits.shape[-1] + logits.argmax(-1)
    return best == y
