"""Nets of one's own: any two `nn.Module`, z (B, Z) -> (B, C, S, S) in [-1, 1] and images -> (B,) or (B, 1)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.weight_norm import WeightNorm

from ayneh.errors import UserError, brief
from ayneh.generators import seeded
from ayneh.parts.calling import settings_kept
from ayneh.terminal.text import warn_once

AS_IS = "as-is"  # the initialisation of modules that keep the weights that they came with
Module = TypeVar("Module", bound=nn.Module)
Source = nn.Module | Callable[..., nn.Module]


@dataclass(frozen=True)
class OwnPair:
    """G and D, each a class or a function that returns a module, called with its arguments; or a module.

    A class or a function is called again for each replica, under the replica's seed, so that its own initial weights
    are those of the run. A module is copied, and each of its layers is reset under that seed; with
    ``--net.init as-is`` it keeps the weights that it came with.
    """

    gen: Source
    dis: Source
    gen_args: Mapping[str, Any] = field(default_factory=dict)
    dis_args: Mapping[str, Any] = field(default_factory=dict)

    def make(self, who: str, seed: int, as_is: bool = False) -> nn.Module:
        """A new module of ``who`` ("gen" or "dis") on the CPU in training mode, its weights drawn under this seed.

        Raises UserError if there is no module to be had.
        """
        source, arguments = (self.gen, self.gen_args) if who == "gen" else (self.dis, self.dis_args)
        name = WORDS[who]
        with seeded(seed):
            if isinstance(source, nn.Module):
                _refuse_complex(source, name)
                return self._copy(source, name, as_is).train()
            try:
                with settings_kept():
                    net = source(**arguments)
            except Exception as error:
                given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
                raise UserError(
                    f"{name} could not be built by {name_of(source)}({given}): {type(error).__name__}: {brief(error)}."
                ) from error
        if not isinstance(net, nn.Module):
            raise UserError(f"{name_of(source)} returned a {type(net).__name__} for {name}; it must be an nn.Module.")
        _refuse_complex(net, name)
        if any(p.device.type not in ("cpu", "meta") for p in net.parameters()):
            net = net.cpu()
        return net.train()

    def _copy(self, source: nn.Module, name: str, as_is: bool) -> nn.Module:
        net = copied(source).cpu()
        if as_is or any(isinstance(p, nn.parameter.UninitializedParameter) for p in net.parameters()):
            return net
        for place, layer in net.named_modules():
            if any(True for _ in layer.parameters(recurse=False)):
                reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
                if reset is None or hasattr(layer, "weight_orig") or hasattr(layer, "weight_g"):
                    raise UserError(
                        f"{name} is a module that is built already, and its layer {place or type(layer).__name__!r} "
                        f"({type(layer).__name__}) has no reset_parameters, with which each seed would draw other "
                        "initial weights: give the class, or a function that builds the module, or set --net.init "
                        f"{AS_IS} to start every seed from the weights that it has now."
                    )
                reset()
        warn_once(
            f"{name} is a module that is built already: each seed resets its layers and draws new initial weights; "
            f"--net.init {AS_IS} keeps those that it has now."
        )
        return net


WORDS = {"gen": "G", "dis": "D"}


def _refuse_complex(net: nn.Module, name: str) -> None:
    """Raise UserError for complex weights: the game casts all to its floats, and would leave their real parts alone."""
    for kind, tensors in (("parameter", net.named_parameters()), ("buffer", net.named_buffers())):
        for place, value in tensors:
            if value.is_complex():
                raise UserError(
                    f"{name} has the complex {kind} {place}, and nets play in real numbers: keep its real view, "
                    "torch.view_as_real(w), and take torch.view_as_complex of that in the forward."
                )


def own_pair(value: Any, arguments: Mapping[str, Any]) -> Any:
    """The pair that a part of the kind net is: (Gen, Dis), with their arguments, or a pair that is made already."""
    if isinstance(value, tuple):
        return OwnPair(*value, **arguments)
    return value


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no net: neither (Gen, Dis) nor a pair that is made already."""
    given = f"The net {name!r} is {value!r}"
    if isinstance(value, tuple):
        if len(value) != 2 or not all(isinstance(one, nn.Module) or callable(one) for one in value):
            raise UserError(f"{given}; it must be (Gen, Dis): classes, functions that return a module, or modules.")
        for key, one in arguments.items():
            if key not in ("gen_args", "dis_args") or not isinstance(one, Mapping):
                raise UserError(
                    f"The net {name!r} is added with {key}={one!r}; nets take gen_args and dis_args, each a dict of "
                    "the arguments that Gen or Dis is called with."
                )
        for one, key in zip(value, ("gen_args", "dis_args"), strict=True):
            if isinstance(one, nn.Module) and arguments.get(key):
                raise UserError(f"The net {name!r} has {key}, but its {key[:3]} is built already: give its class.")
    elif not hasattr(value, "gen") or not hasattr(value, "dis"):
        raise UserError(f"{given}; it must be (Gen, Dis): classes, functions that return a module, or modules.")


def name_of(source: object) -> str:
    """The name of a class or a function."""
    return str(getattr(source, "__qualname__", type(source).__name__))


def copied(net: Module) -> Module:
    """A deep copy; also of a module that has been run, which may hold tensors of a graph (PyTorch's old hooks do)."""
    with _detached(net):
        return copy.deepcopy(net)


@contextmanager
def _detached(net: nn.Module) -> Iterator[None]:
    held = [
        (layer, name, value)
        for layer in net.modules()
        for name, value in vars(layer).items()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    try:
        for layer, name, value in held:
            vars(layer)[name] = value.detach()
        yield
    finally:
        for layer, name, value in held:
            vars(layer)[name] = value


@torch.no_grad()
def fill_weight(layer: nn.Module, draw: Callable[[Tensor], Any]) -> None:
    """Fill the weight of a layer that is trained by ``draw``, in place.

    Where spectral norm divides it, its original; where weight norm splits it, its direction and its length, so that
    their product is what was drawn. Raises UserError where a parametrisation does not tell how.
    """
    of: Any = layer  # its attributes have other types under each norm
    if "weight" in getattr(layer, "parametrizations", ()):
        those = of.parametrizations["weight"]
        if those.is_tensor:
            draw(those.original)
            return
        weight = torch.empty_like(of.weight)
        draw(weight)
        try:
            of.weight = weight
        except Exception as error:  # also NotImplementedError, where there is no right_inverse
            raise UserError(
                f"--net.init cannot fill the weight of a {type(layer).__name__}, which {type(those[0]).__name__} "
                f"computes ({type(error).__name__}: {brief(error)}): give that a right_inverse, or leave the setting "
                "out."
            ) from error
    elif hasattr(layer, "weight_g"):  # torch.nn.utils.weight_norm
        hooks = layer._forward_pre_hooks.values()
        norm = next(hook for hook in hooks if isinstance(hook, WeightNorm) and hook.name == "weight")
        draw(of.weight_v)
        of.weight_g.copy_(torch.norm_except_dim(of.weight_v, 2, norm.dim))
    else:  # torch.nn.utils.spectral_norm has weight_orig
        draw(of.weight_orig if hasattr(layer, "weight_orig") else of.weight)


def is_normed(layer: nn.Module) -> bool:
    """Whether a layer computes its weight from others, so that what its `reset_parameters` fills is no parameter."""
    return "weight" not in layer._parameters
