"""INITS: initial weights of nets, drawn with PyTorch's generator; weights for the class come after (conditional.py)."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ayneh.errors import UserError, pick
from ayneh.files.reading import shown
from ayneh.game.own import fill_weight, is_normed
from ayneh.generators import kept
from ayneh.parts.calling import settings_kept, what_happened
from ayneh.parts.registry import Part, refuse_arguments, table


def torch_init(net: nn.Module) -> None:
    """PyTorch's own: weights and biases ~ U(-1/sqrt(fan_in), 1/sqrt(fan_in)); batch norm starts as identity."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and is_normed(module):
            _reset_normed(module)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | _BatchNorm):
            module.reset_parameters()


@torch.no_grad()
def _reset_normed(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
    """What PyTorch's ``reset_parameters`` draws, for a layer whose weight is computed from others."""
    fill_weight(layer, partial(nn.init.kaiming_uniform_, a=math.sqrt(5)))
    if layer.bias is not None:
        bound = 1 / math.sqrt(nn.init._calculate_fan_in_and_fan_out(layer.weight)[0])
        nn.init.uniform_(layer.bias, -bound, bound)


@torch.no_grad()
def dcgan_init(net: nn.Module) -> None:
    """Weights ~ N(0, 0.02^2), batch-norm scales ~ N(1, 0.02^2), biases 0 (Radford et al. 2016)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fill_weight(module, partial(nn.init.normal_, mean=0.0, std=0.02))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def glorot_init(net: nn.Module) -> None:
    """Weights ~ U(-a, a) with a^2 = 6 / (fan_in + fan_out), biases 0 (Glorot & Bengio 2010; Keras's default)."""
    _draw_weights(net, nn.init.xavier_uniform_)


def he_init(net: nn.Module) -> None:
    """Weights ~ N(0, 2 / (1 + 0.2^2) / fan_in), biases 0 (He et al. 2015): leaky ReLU layers keep a signal's size.

    With PyTorch's own, each layer of a perceptron shrinks the signal: without batch norm little of z reaches the image.
    """
    _draw_weights(net, partial(nn.init.kaiming_normal_, a=0.2))


@torch.no_grad()
def _draw_weights(net: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    """Weights by ``draw``, layer by layer, biases 0; batch norm starts as identity."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fill_weight(module, draw)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm):
            module.reset_parameters()


INITS: dict[str, Callable[[nn.Module], None]] = {
    "torch": torch_init,
    "dcgan": dcgan_init,
    "glorot": glorot_init,
    "he": he_init,
}


def initialisation(name: str) -> Callable[[nn.Module], None]:
    """A built-in one, or one of one's own, which is watched. UserError if there is none of this name."""
    return pick(table("init", INITS, _watched), name, "initialisation")


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError unless ``value`` may be an initialisation of one's own: a function of a net."""
    refuse_arguments("init", name, arguments)
    if not callable(value) or isinstance(value, type):
        raise UserError(
            f"The initialisation {name!r} is {shown(value)}: it must be a function that fills a net's weights."
        )


def _watched(part: Part) -> Callable[[nn.Module], None]:
    """As it is, but for what would end in the middle of a game, or not come again: each is one sentence."""
    what = f"The initialisation {part.name!r}"

    def init(net: nn.Module) -> None:
        twin = copy.deepcopy(net)
        with kept():
            _fill(part, what, twin)
        _fill(part, what, net)
        for (name, p), other in zip(net.named_parameters(), twin.parameters(), strict=True):
            if not torch.equal(p, other):
                raise UserError(
                    f"{what} gives {name} other weights at a second call under one seed, so that no run could be "
                    "repeated: draw with torch.nn.init or torch.randn, without a generator of your own."
                )

    return init


def _fill(part: Part, what: str, net: nn.Module) -> None:
    """Let it fill the weights. Raises UserError unless they are as many, of the same shapes, and finite floats."""
    before = {name: p.detach() for name, p in net.named_parameters()}
    try:
        with settings_kept():
            given = part.value(net)
    except Exception as error:
        raise UserError(f"{what} failed: {what_happened(error)}.") from error
    if inspect.isawaitable(given) or inspect.isgenerator(given) or (isinstance(given, nn.Module) and given is not net):
        raise UserError(
            f"{what} gives a {type(given).__name__}, and has filled nothing: fill the weights of its argument."
        )
    now = dict(net.named_parameters())
    for name in dict.fromkeys([*before, *now]):
        if name not in before or name not in now:
            raise UserError(f"{what} {'adds' if name in now else 'removes'} {name}: fill the weights that are there.")
        old, new = before[name], now[name].detach()
        if new.shape != old.shape:
            raise UserError(
                f"{what} gives {name} the shape {tuple(new.shape)}, and it had {tuple(old.shape)}: fill the weights "
                "that are there, as torch.nn.init.normal_(layer.weight) does."
            )
        if not new.is_floating_point() or new.device != old.device:
            raise UserError(
                f"{what} makes {name} {new.dtype} on {new.device}; it was {old.dtype} on {old.device}: keep it."
            )
        if not new.float().isfinite().all():
            raise UserError(f"{what} gives {name} numbers that are NaN or infinite in float32: each must be finite.")
