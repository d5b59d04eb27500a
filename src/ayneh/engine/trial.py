"""Nets of one's own, tried on a few latents and images before a game: what does not fit is one sentence.

The trial runs on the CPU, on copies, under seeds of its own: the nets and the user's generators stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.errors import UserError, brief
from ayneh.game.inside import FIXED_SEED, BeforeSigmoid, drawn, seeded
from ayneh.game.own import WORDS, copied
from ayneh.terminal.text import warn_once

BATCH = 4  # images in a trial
ROUNDING = 1e-3  # by which an image may leave [-1, 1]


@dataclass(frozen=True)
class Tried:
    """What a trial has found out about one net."""

    shape: tuple[int, ...]  # of one output
    chance: bool  # it draws random numbers
    outputs: int  # numbers in the outputs of its layers for one input
    spatial: bool = False  # G takes z as (B, Z, 1, 1)
    output: str = "logit"  # of D: see `game.inside.OwnDiscriminator`
    together: bool = False  # an output depends on the others of its batch


def try_gen(net: nn.Module, z_dim: int, channels: int) -> Tried:
    """Try G on latents of length ``z_dim``, for data with so many channels.

    Raises UserError, in one sentence, for a net that cannot play; prints what a user should know.
    """
    z = torch.randn(BATCH, z_dim, generator=torch.Generator().manual_seed(FIXED_SEED), dtype=_floats(net))
    run, failed = None, None
    for spatial in (False, True):
        try:
            run = _Run("gen", net, z[:, :, None, None] if spatial else z)
            break
        except Failed as error:
            failed = failed if failed and not failed.takes_maps else error
    if run is None:
        assert failed
        raise UserError(f"{failed} z has --prior.dim {z_dim} numbers.") from failed
    out = run.out
    if out.ndim != 4 or len(out) != BATCH or out.shape[2] != out.shape[3]:
        raise UserError(
            f"G returns {_shape(out)} for {BATCH} latents; it must return images, ({BATCH}, channels, side, side), the "
            "same number of pixels each way."
        )
    if out.shape[1] != channels:
        raise UserError(
            f"G draws images with {out.shape[1]} channels ({_shape(out)} for {BATCH} latents), and those of the data "
            f"have {channels}: give G {channels} output channels."
        )
    _refuse_values("G's images", out, run)
    low, high = float(out.min()), float(out.max())
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise UserError(
            f"G's images have values from {low:.2g} to {high:.2g}, and real images are in [-1, 1]: the usual reason is "
            "that no tanh comes last; end G with nn.Tanh()."
        )
    if run.sigmoid:
        raise UserError(
            f"G ends in a sigmoid, so that its images are in (0, 1) ({low:.2g} to {high:.2g} here), and real images "
            "are in [-1, 1]: end G with nn.Tanh() instead."
        )
    if low >= 0:
        warn_once(
            f"G's images have values from {low:.2g} to {high:.2g}, and real images are in [-1, 1]: with nothing below "
            "0 it cannot draw the darker half; end G with nn.Tanh()."
        )
    run.warn_of_parameters()
    return Tried(tuple(out.shape[1:]), run.chance, run.outputs, spatial)


def try_dis(net: nn.Module, image_shape: tuple[int, ...], output: str = "auto") -> Tried:
    """Try D on images of this shape (C, S, S), as `try_gen`. output: one of `game.inside.OUTPUTS`."""
    chance = torch.Generator().manual_seed(FIXED_SEED)
    x = torch.rand(BATCH, *image_shape, generator=chance, dtype=_floats(net)) * 2 - 1
    run = _Run("dis", net, x)
    out = run.out
    if out.numel() != BATCH or out.ndim == 0 or len(out) != BATCH:
        each = f"{out[0].numel()} numbers for each image" if out.ndim and len(out) == BATCH else "other than one each"
        advice = "take their mean in its forward, .mean((1, 2, 3)) for a map" if out.ndim > 2 else "leave out a mean"
        advice = "end it with nn.Linear(..., 1)" if out.ndim == 2 else advice
        raise UserError(
            f"D returns {_shape(out)} for {BATCH} images, {each}; it must return one number for each image, ({BATCH},) "
            f"or ({BATCH}, 1): {advice}."
        )
    _refuse_values("D's outputs", out, run)
    run.warn_of_parameters()
    within = bool((out > 0).all() and (out < 1).all())  # as logits may be by chance, but not of images far outside
    if output == "probability" and not run.sigmoid and not bool((out >= 0).all() and (out <= 1).all()):
        raise UserError(
            f"--net.dis-output is probability, but D returns numbers from {float(out.min()):.3g} to "
            f"{float(out.max()):.3g}: set it to logit."
        )
    if output == "auto" and not run.sigmoid and within and all(_within(net, far * x) for far in (-30, 30)):
        warn_once(
            f"All outputs of D are in (0, 1) ({float(out.min()):.3g} to {float(out.max()):.3g} here), and it does not "
            "end in a sigmoid: they are taken as logits; if they are probabilities, set --net.dis-output probability."
        )
    kind = "logit"
    if output != "logit" and run.sigmoid:
        kind = "sigmoid"
    elif output == "probability":
        kind = "probability"
    others = _Run("dis", net, torch.cat([x[:1], -x[1:]]), alone=True).out
    together = not run.chance and not torch.allclose(others.flatten()[0], out.flatten()[0], rtol=1e-4, atol=1e-6)
    return Tried((), run.chance, run.outputs, output=kind, together=together)


def _within(net: nn.Module, x: Tensor) -> bool:
    """Whether all outputs are in [0, 1]."""
    out = _Run("dis", net, x, alone=True).out
    return bool((out >= 0).all() and (out <= 1).all())


class Failed(UserError):
    """A net could not be run: at which layer, on what."""

    takes_maps = False  # that layer is a convolution, and a plain vector came


class _Run:
    """A run of a copy of the net in training mode, with its gradient; and another, to see if it comes to the same."""

    def __init__(self, who: str, net: nn.Module, x: Tensor, alone: bool = False) -> None:
        """alone: nothing is looked at but the output."""
        self.who, self.name, self.outputs = who, WORDS[who], 0
        net, twin = copied(net), copied(net)
        self._refuse_compiled(net)
        before_numbers = _numbers(net)
        images = x.clone().requires_grad_(who == "dis")
        with seeded(FIXED_SEED), BeforeSigmoid() as mode:
            before = drawn()
            out = self._output(net, images * 1)  # no leaf, as in the game: a layer may change it in place
            self.chance = drawn() != before
        self.sigmoid = mode.before(out) is not out
        self.out = out.detach()
        if alone:
            return
        self._look_at_gradients(net, out, images)
        with seeded(FIXED_SEED):
            again = self._output(twin, x).detach()
        if not torch.equal(again.nan_to_num(), self.out.nan_to_num()):
            raise UserError(
                f"{self.name} draws random numbers from a generator of its own, so that no run could be repeated: draw "
                "them with torch.randn, torch.rand or nn.Dropout, without a generator."
            )
        changed = [name for name, value in _numbers(net).items() if value != before_numbers.get(name, value)]
        if changed:
            warn_once(
                f"{self.name} changes {changed[0]} in its forward, a plain number, which a checkpoint does not hold: "
                "keep it as a buffer (register_buffer), or a resumed run differs from one that was not stopped."
            )

    def _output(self, net: nn.Module, x: Tensor) -> Tensor:
        with _located(net) as layers:
            try:
                out: Any = net(x)
            except Exception as error:
                failed = Failed(self._sentence(layers, x, error))
                at = layers[-1] if layers else None
                failed.takes_maps = at is not None and isinstance(at[1], MAPS) and at[2] == _shape(x)
                raise failed from error
        self.outputs = sum(layers.outputs) // len(x)
        if not isinstance(out, Tensor):
            raise UserError(f"{self.name} returns a {type(out).__name__} for {_shape(x)}; it must return one tensor.")
        if not out.is_floating_point():
            raise UserError(f"{self.name} returns {_shape(out)} of {_type(out)}; it must return floats.")
        return out

    def _sentence(self, layers: _Layers, x: Tensor, error: Exception) -> str:
        at = f"{self.name} failed on {_shape(x)}"
        if layers:
            place, layer, came = layers[-1]
            if place:
                at += f", at its layer {place} ({type(layer).__name__}), to which {came} came"
        return f"{at}: {type(error).__name__}: {brief(error)}."

    def _refuse_compiled(self, net: nn.Module) -> None:
        for place, layer in net.named_modules():
            if isinstance(layer, torch.jit.ScriptModule):
                raise UserError(
                    f"{self.name} is compiled by torch.jit (its layer {place or type(layer).__name__!r}), and such a "
                    "module cannot play: give the module that it was compiled from."
                )

    def _look_at_gradients(self, net: nn.Module, out: Tensor, images: Tensor) -> None:
        trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
        if not trained:
            raise UserError(f"{self.name} has no parameters that are trained: give it layers with weights.")
        grads: tuple[Tensor | None, ...] = (None,) * len(trained)
        if out.requires_grad:
            with seeded(FIXED_SEED):
                grads = torch.autograd.grad(out.sum(), list(trained.values()), allow_unused=True, retain_graph=True)
        self.unused = [name for name, grad in zip(trained, grads, strict=True) if grad is None]
        if len(self.unused) == len(trained):
            raise UserError(
                f"No parameter of {self.name} receives a gradient: its output does not depend on them, or was detached "
                "(.detach(), .data, torch.no_grad, .item())."
            )
        if images.requires_grad and torch.autograd.grad(out.sum(), images, allow_unused=True)[0] is None:
            raise UserError(
                f"{self.name}'s output gives no gradient to its images, so that G could not learn: they are cut off in "
                "its forward (.detach(), .data, torch.no_grad, torch.tensor)."
            )

    def warn_of_parameters(self) -> None:
        """Name the parameters that receive no gradient."""
        if self.unused:
            some = ", ".join(self.unused[:5]) + (f" and {len(self.unused) - 5} more" if len(self.unused) > 5 else "")
            warn_once(f"These parameters of {self.name} never receive a gradient and stay as they are: {some}.")


MAPS = (nn.modules.conv._ConvNd, nn.modules.batchnorm.BatchNorm2d, nn.Upsample)


class _Layers(list[tuple[str, nn.Module, str]]):
    """The layers that were entered and not left: name, module, the shape that came; and sizes of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[int] = []


@contextmanager
def _located(net: nn.Module) -> Iterator[_Layers]:
    """Within it, where in the net a call is."""
    layers, hooks = _Layers(), []

    def enter(place: str) -> Callable[..., None]:
        return lambda layer, args: layers.append((place, layer, " and ".join(_shape(a) for a in args) or "nothing"))

    def leave(layer: nn.Module, args: Any, out: Any) -> None:
        layers.pop()
        if not any(layer.children()) and isinstance(out, Tensor):
            layers.outputs.append(out.numel())

    for place, layer in net.named_modules():
        hooks += [layer.register_forward_pre_hook(enter(place), prepend=True), layer.register_forward_hook(leave)]
    try:
        yield layers
    finally:
        for hook in hooks:
            hook.remove()


def _refuse_values(what: str, out: Tensor, run: _Run) -> None:
    if not bool(out.isfinite().all()):
        bad = int((~out.isfinite()).sum())
        raise UserError(
            f"{what} are not finite at the start ({bad} of {out.numel()} numbers are NaN or infinite): look at "
            f"{run.name}'s initial weights, and for divisions and logarithms of 0."
        )


def _numbers(net: nn.Module) -> dict[str, float]:
    """The plain numbers among the attributes of its layers, by their dotted names."""
    return {
        f"{place}.{name}".lstrip("."): value
        for place, layer in net.named_modules()
        for name, value in vars(layer).items()
        if type(value) in (int, float)
    }


def _floats(net: nn.Module) -> torch.dtype:
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)


def _shape(x: object) -> str:
    return str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__


def _type(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
