"""The two nets: a generator z -> image in [-1, 1], and a discriminator image -> logit, as plain modules.

Every discriminator is ``features`` (image -> numbers) followed by ``head`` (numbers -> logit). A module is one
replica, without a replica axis. The sigmoid is part of the loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ayneh.errors import UserError, pick, unknown
from ayneh.game import pairs
from ayneh.game.conditional import Layers, Projection, condition_dis, condition_gen, default_dim
from ayneh.game.inits import INITS as INITS
from ayneh.game.inside import FIXED_SEED
from ayneh.game.layers import BatchNorm, BatchNorm1d, Conv, Deconv, Linear, Offset, UnitNorm
from ayneh.game.own import OwnPair, own_pair
from ayneh.generators import seeded
from ayneh.parts.registry import table

NORMS = ("batch", "none")
FIRST_NORMS: dict[str, Callable[..., nn.Module]] = {  # after G's first layer; each takes the shape of its output
    "unit": UnitNorm,
    "channel": lambda channels, *side: BatchNorm(channels) if side else BatchNorm1d(channels),
}


@dataclass(frozen=True)
class First:
    """What directly follows the generator's first layer: a constant, then a normalisation."""

    norm: str = "none"  # or a key of FIRST_NORMS
    offset: float = 0.0  # standard deviation of the constant (0: none)
    gain: float = 0.0  # see `Offset`
    once: bool = False  # one constant for all runs

    def layers(self, *shape: int) -> list[nn.Module]:
        """For an output of this shape. Raises UserError for an unknown normalisation."""
        norms = {"none": None} | FIRST_NORMS
        norm = pick(norms, self.norm, "normalisation of the first layer")
        return ([Offset(self.offset, self.gain, *shape, once=self.once)] if self.offset else []) + (
            [norm(*shape)] if norm else []
        )


class Reader(nn.Sequential):
    """image -> z, standardised (B, Z): layers like those of D's features, without spectral norm, and a linear map."""


class Discriminator(nn.Module):
    """logit = head(features(x)): one number per image, positive where it looks real.

    In a labelled game it is D(x, y): the features take the class as a further map ("concat"), or the class adds its
    ``projection`` on the features to the logit; or D takes no class and has a ``classifier``, which reads it.
    ``read=True`` appends z as D reads it, standardised (`losses.misread`): reader(features), or reader(x) where that is
    a `Reader`; ``classify=True`` appends classifier(features), a number for each class.
    """

    features: nn.Module
    head: nn.Module
    reader: nn.Module | None
    projection: Projection | None
    classifier: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.reader = self.projection = self.classifier = None

    def forward(
        self, x: Tensor, y: Tensor | None = None, read: bool = False, classify: bool = False
    ) -> Tensor:  # (B, C, H, W) in [-1, 1], int64 (B,) -> (B,); with what it reads (B, 1 + Z + K)
        features = self.features(x, y)
        logit = self.head(features).flatten()
        if self.projection is not None and y is not None:
            logit = logit + self.projection(y, features.flatten(1))
        found = [self.read_z(x, features.flatten(1))] if self.reader and read else []
        found += [self.classifier(features.flatten(1))] if self.classifier and classify else []
        return torch.cat([logit[:, None], *found], 1) if found else logit

    def read_z(self, x: Tensor, features: Tensor) -> Tensor:  # (B, C, H, W), (B, F) -> (B, Z)
        """z as the reader reads it, standardised: in the features, or in the image where it has layers of its own."""
        assert self.reader
        z: Tensor = self.reader(x if isinstance(self.reader, Reader) else features)
        return z


class MirrorGenerator(Layers):
    """Report R8: a linear 4x4 transposed convolution of z, then doublings, then tanh.

    z_dim -> 64 x 4 x 4 -> 32 x 8 x 8 -> 16 x 16 x 16 -> 1 x 32 x 32 at the report's size and width.
    """

    def __init__(self, *, z_dim: int, channels: int, size: int, width: int, norm: str, first: First) -> None:
        plan = _mirror_plan(size, width)[::-1]  # e.g. 64, 32, 16
        layers: list[nn.Module] = [Deconv(z_dim, plan[0], 4, stride=1), *first.layers(plan[0], 4, 4)]
        for c_in, c_out in itertools.pairwise(plan):
            layers += [Deconv(c_in, c_out, 4, stride=2, padding=1, bias=norm == "none")]
            layers += [BatchNorm(c_out)] if norm == "batch" else []
            layers += [nn.LeakyReLU(0.2)]
        layers += [Deconv(plan[-1], channels, 4, stride=2, padding=1), nn.Tanh()]
        super().__init__(*layers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:  # (B, Z), int64 (B,) -> (B, C, S, S) in (-1, 1)
        return super().forward(z[:, :, None, None], y)


class Descent(Layers):
    """Layers whose first two are convolved as one where that is faster (pairs.py)."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        first, second, *rest = self
        if not pairs.serves(first, second, x):
            return super().forward(x, y)
        x = pairs.convolve(first, second, x)
        for layer in rest:
            x = layer(x)
        return x


class MirrorDiscriminator(Discriminator):
    """Report R7: the generator's layers in reverse: image -> 16 x 16 x 16 -> 32 x 8 x 8 -> 64 x 4 x 4 -> 128 -> logit.

    The first convolution is linear; every other one is followed by batch norm and leaky ReLU 0.2. The last takes 4x4
    to 1x1 with stride 1 and no padding, as the generator's first layer does in reverse. Dropout on the input is part
    of the step, so that the nets draw no random numbers.
    """

    def __init__(self, *, features: int, channels: int, size: int, width: int, norm: str, spectral: bool) -> None:
        super().__init__()
        plan = _mirror_plan(size, width)  # e.g. 16, 32, 64
        bias = norm == "none"
        layers: list[nn.Module] = [Conv(channels, plan[0], 4, 2, 1, bias=True, spectral=spectral)]
        strides = [(2, 1)] * (len(plan) - 1) + [(1, 0)]
        for c_in, c_out, (stride, padding) in zip(plan, [*plan[1:], features], strides, strict=True):
            layers += [Conv(c_in, c_out, 4, stride, padding, bias=bias, spectral=spectral)]
            layers += [BatchNorm(c_out)] if norm == "batch" else []
            layers += [nn.LeakyReLU(0.2)]
        self.features = Descent(*layers)  # (B, C, S, S) -> (B, features, 1, 1)
        self.head = Conv(features, 1, 1, 1, 0, bias=True, spectral=spectral)


def _mirror_plan(size: int, width: int) -> list[int]:
    """The channels of the maps from size/2 down to 4x4: width, 2 width, 4 width, ..."""
    if size < 8 or size & (size - 1):
        raise UserError(
            f"The mirror nets take images of 8, 16, 32, 64, ... pixels (a power of two), not {size}: "
            "pad them with --data.pad-to or resize them with --data.resize."
        )
    halvings = size.bit_length() - 3  # 32 -> 16 -> 8 -> 4: three
    return [width * 2**i for i in range(halvings)]


class MlpGenerator(Layers):
    """z -> width -> 2 width -> 4 width -> pixels, leaky ReLU 0.2 between, tanh at the end."""

    def __init__(self, *, z_dim: int, channels: int, size: int, width: int, norm: str, first: First) -> None:
        layers: list[nn.Module] = []
        plan = [z_dim, width, 2 * width, 4 * width]
        for i, (n_in, n_out) in enumerate(itertools.pairwise(plan)):
            layers += [Linear(n_in, n_out), *(first.layers(n_out) if i == 0 else [])]
            layers += [BatchNorm1d(n_out)] if norm == "batch" else []
            layers += [nn.LeakyReLU(0.2)]
        layers += [
            Linear(plan[-1], channels * size * size),
            nn.Tanh(),
            nn.Unflatten(1, (channels, size, size)),
        ]
        super().__init__(*layers)


class MlpDiscriminator(Discriminator):
    """pixels -> 4 width -> 2 width -> features -> logit, leaky ReLU 0.2 between."""

    def __init__(self, *, features: int, channels: int, size: int, width: int, norm: str, spectral: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        plan = [channels * size * size, 4 * width, 2 * width, features]
        for i, (n_in, n_out) in enumerate(itertools.pairwise(plan)):
            layers += [Linear(n_in, n_out, spectral)]
            layers += [BatchNorm1d(n_out)] if norm == "batch" and i > 0 else []
            layers += [nn.LeakyReLU(0.2)]
        self.features = Layers(*layers)
        self.head = Linear(features, 1, spectral)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The settings of both nets; None: the default of the nets of this name."""

    z_dim: int
    channels: int
    size: int  # pixels a side
    width: int | None = None
    gen_norm: str | None = None  # of NORMS
    dis_norm: str | None = None
    spectral: bool = False  # D's weights are divided by their largest singular values
    first: First = First()
    features: int | None = None  # length of D's features
    reads: bool = False  # D has a reader of z
    reader: str = "features"  # a linear map from D's features; "own": a `Reader`, with layers of its own
    labels: str | None = None  # of rules.LABELS: how the game has labels (None: it has none)
    parts: tuple[int, ...] = ()  # numbers of values of the parts of a class (conditional.py)
    gen_labels: str | None = None  # of conditional.GEN_LABELS: how G takes the class (None: concat)
    label_dim: int | None = None  # length of the embedding that is joined to z


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A generator and its discriminator: how each is built, and what takes the place of None in a `Spec`."""

    gen: Callable[..., nn.Module]  # of z_dim, channels, size, width, norm, first
    dis: Callable[..., Discriminator]  # of features, channels, size, width, norm, spectral
    features: Callable[[int, int], int]  # (length of z, width) -> length of D's features
    padded_size: Callable[[int], int]  # side of an image -> the next side that the nets take
    width: int
    gen_norm: str
    dis_norm: str
    init: str  # of INITS


NETS: dict[str, Pair | OwnPair] = {
    "mirror": Pair(
        gen=MirrorGenerator,
        dis=MirrorDiscriminator,
        features=lambda z_dim, width: z_dim,
        padded_size=lambda side: max(8, 1 << (side - 1).bit_length()),
        width=16,
        gen_norm="batch",
        dis_norm="batch",
        init="dcgan",
    ),
    "mlp": Pair(
        gen=MlpGenerator,
        dis=MlpDiscriminator,
        features=lambda z_dim, width: width,
        padded_size=lambda side: side,
        width=64,
        gen_norm="none",
        dis_norm="none",
        init="glorot",
    ),
}


def pair_of(name: str) -> Pair | OwnPair:
    """The pair of this name, built in or one's own. Raises UserError for an unknown name."""
    return pick(table("net", NETS, lambda part: own_pair(part.value, part.arguments)), name, "net")


def make_nets(name: str, spec: Spec) -> tuple[nn.Module, Discriminator]:
    """(generator, discriminator) of this name.

    Raises UserError for an unknown name or normalisation, or a size that the nets cannot take.
    """
    pair = pair_of(name)
    if isinstance(pair, OwnPair):
        raise TypeError(f"{name} is a pair of one's own, which no Spec describes")
    width = spec.width or pair.width
    features = spec.features or pair.features(spec.z_dim, width)
    norms = spec.gen_norm or pair.gen_norm, spec.dis_norm or pair.dis_norm
    for norm in norms:
        if norm not in NORMS:
            raise unknown("normalisation", norm, NORMS)
    image = {"channels": spec.channels, "size": spec.size, "width": width}
    with seeded(FIXED_SEED):  # the weights come later, and a user's own generator stays as it is
        gen = pair.gen(z_dim=spec.z_dim, norm=norms[0], first=spec.first, **image)
        dis = pair.dis(features=features, norm=norms[1], spectral=spec.spectral, **image)
        if spec.reads:  # made last: the other weights start as they would without it
            dis.reader = Linear(features, spec.z_dim)
            if spec.reader == "own":
                twin = pair.dis(features=features, norm=norms[1], spectral=False, **image)
                dis.reader = Reader(twin.features, nn.Flatten(), dis.reader)
        if spec.labels is not None:
            _condition(gen, dis, spec, features)
    return gen.train(), dis.train()


def _condition(gen: nn.Module, dis: Discriminator, spec: Spec, features: int) -> None:
    """Let both nets take classes, or D read them. features: their number."""
    if not isinstance(gen, Layers) or not isinstance(dis.features, Layers):
        raise TypeError("a net that takes labels is made of Layers")
    condition_gen(gen, spec.gen_labels or "concat", spec.parts, spec.label_dim or default_dim(spec.z_dim))
    if spec.labels == "concat":
        condition_dis(dis.features, spec.parts, spec.size)
    elif spec.labels == "projection":
        dis.projection = Projection(spec.parts, features, spectral=spec.spectral)
    else:
        dis.classifier = Linear(features, sum(spec.parts), spec.spectral)
