"""Nets of one's own, tried on a few latents and images before a game: what does not fit is one sentence.

The trial runs on the CPU, on copies, under seeds of its own: the nets and the user's generators stay as they are.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ayneh.engine.trial_run import Failed, Run, shape_of
from ayneh.errors import UserError
from ayneh.game.inside import FIXED_SEED
from ayneh.game.own import WORDS
from ayneh.rules import UNLABELLED
from ayneh.terminal.text import warn_once

BATCH = 4  # images in a trial
NO_LABELS = (UNLABELLED, 0)
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


def try_gen(net: nn.Module, z_dim: int, channels: int, labels: tuple[str, int] = NO_LABELS) -> Tried:
    """Try G on latents of length ``z_dim``, for data with so many channels.

    labels: how the game has labels, and how many classes; then G takes the classes, int64 (B,), too.

    Raises UserError, in one sentence, for a net that cannot play; prints what matters to a user.
    """
    z = torch.randn(BATCH, z_dim, generator=torch.Generator().manual_seed(FIXED_SEED), dtype=_floats(net))
    y = _classes(labels)
    _need_places("gen", net, labels[0], y is not None)
    run, failed = None, None
    for spatial in (False, True):
        try:
            run = Run("gen", net, z[:, :, None, None] if spatial else z, y)
            break
        except Failed as error:
            failed = failed if failed and not failed.takes_maps else error
    if run is None:
        assert failed
        raise UserError(f"{failed} z has --prior.dim {z_dim} numbers.{_of_classes(y, labels)}") from failed
    out = run.out
    if out.ndim != 4 or len(out) != BATCH or out.shape[2] != out.shape[3]:
        raise UserError(
            f"G returns {shape_of(out)} for {BATCH} latents; it must return images, ({BATCH}, channels, side, side), "
            "the same number of pixels each way."
        )
    if out.shape[1] != channels:
        raise UserError(
            f"G draws images with {out.shape[1]} channels ({shape_of(out)} for {BATCH} latents), and those of the data "
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
    if y is not None:
        _warn_if_same("gen", net, run, z[:, :, None, None] if spatial else z, y, labels[1])
    return Tried(tuple(out.shape[1:]), run.chance, run.outputs, spatial)


def try_dis(
    net: nn.Module, image_shape: tuple[int, ...], output: str = "auto", labels: tuple[str, int] = NO_LABELS
) -> Tried:
    """Try D on images of this shape (C, S, S), as `try_gen`. output: one of `game.inside.OUTPUTS`.

    In an auxiliary game D takes no class and returns the logits of its class head, too.
    """
    reads = labels[1] if labels[0] == "auxiliary" else 0
    y = None if reads else _classes(labels)
    _need_places("dis", net, labels[0], y is not None)
    chance = torch.Generator().manual_seed(FIXED_SEED)
    x = torch.rand(BATCH, *image_shape, generator=chance, dtype=_floats(net)) * 2 - 1
    try:
        run = Run("dis", net, x, y, reads=reads)
    except Failed as failed:
        raise UserError(f"{failed}{_of_classes(y, labels)}") from failed
    out = run.out
    if out.numel() != BATCH or out.ndim == 0 or len(out) != BATCH:
        each = f"{out[0].numel()} numbers for each image" if out.ndim and len(out) == BATCH else "other than one each"
        advice = "take their mean in its forward, .mean((1, 2, 3)) for a map" if out.ndim > 2 else "leave out a mean"
        advice = "end it with nn.Linear(..., 1)" if out.ndim == 2 else advice
        raise UserError(
            f"D returns {shape_of(out)} for {BATCH} images, {each}; it must return one number for each image, "
            f"({BATCH},) or ({BATCH}, 1): {advice}."
        )
    _refuse_values("D's outputs", out, run)
    if run.read is not None:
        _refuse_values("The outputs of D's class head", run.read, run)
        _refuse_softmax(run.read)
    run.warn_of_parameters()
    within = bool((out > 0).all() and (out < 1).all())  # as logits may be by chance, but not of images far outside
    if output == "probability" and not run.sigmoid and not bool((out >= 0).all() and (out <= 1).all()):
        raise UserError(
            f"--net.dis-output is probability, but D returns numbers from {float(out.min()):.3g} to "
            f"{float(out.max()):.3g}: set it to logit."
        )
    if output == "auto" and not run.sigmoid and within and all(_within(net, far * x, y, reads) for far in (-30, 30)):
        warn_once(
            f"All outputs of D are in (0, 1) ({float(out.min()):.3g} to {float(out.max()):.3g} here), and it does not "
            "end in a sigmoid: they are taken as logits; if they are probabilities, set --net.dis-output probability."
        )
    kind = "logit"
    if output != "logit" and run.sigmoid:
        kind = "sigmoid"
    elif output == "probability":
        kind = "probability"
    others = Run("dis", net, torch.cat([x[:1], -x[1:]]), y, alone=True, reads=reads).out
    together = not run.chance and not torch.allclose(others.flatten()[0], out.flatten()[0], rtol=1e-4, atol=1e-6)
    if y is not None:
        _warn_if_same("dis", net, run, x, y, labels[1])
    return Tried((), run.chance, run.outputs, output=kind, together=together)


def _classes(labels: tuple[str, int]) -> Tensor | None:
    """The classes of a trial, from the first to the last: a net may have room for fewer. None without labels."""
    return torch.linspace(0, labels[1] - 1, BATCH).round().long() if labels[1] else None


def _of_classes(y: Tensor | None, labels: tuple[str, int]) -> str:
    """What a net that failed had beside its input: an embedding of too few classes fails by the largest one."""
    return "" if y is None else f" y is a class from 0 to {labels[1] - 1}."


def _need_places(who: str, net: nn.Module, how: str, takes: bool) -> None:
    """Raise UserError where a net takes no class and gets one, or must have one and gets none."""
    x, name = ("z", "x")[who == "dis"], WORDS[who]
    try:
        places = inspect.signature(net.forward)
    except (TypeError, ValueError):  # of a forward that is no plain function
        return
    fits = {n: _binds(places, n) for n in (1, 2)}
    if takes and not fits[2] and fits[1]:
        raise UserError(
            f"{name} takes {x} alone, and in a game with --rules.labels {how} it gets the classes, too: write its "
            f"forward({x}, y), with y int64 (B,)."
        )
    if not takes and not fits[1] and fits[2]:
        why = "there is none" if how == UNLABELLED else "D gets none: it returns (logits, class logits)"
        raise UserError(
            f"{name}'s forward takes a second argument besides {x}, and with --rules.labels {how} {why}: leave the "
            "argument out, or choose another --rules.labels."
        )


def _binds(places: inspect.Signature, n: int) -> bool:
    try:
        places.bind(*[None] * n)
    except TypeError:
        return False
    return True


def _warn_if_same(who: str, net: nn.Module, run: Run, x: Tensor, y: Tensor, classes: int) -> None:
    """Print a line if a net gives the same for other classes."""
    other = Run(who, net, x, (y + 1) % classes, alone=True).out
    if torch.equal(other, run.out):
        what = "draws the same images from a z" if who == "gen" else "gives an image the same logit"
        warn_once(
            f"{WORDS[who]} {what} whatever the class: if its forward does not use y, {WORDS[who]} learns nothing of "
            "the classes."
        )


def _within(net: nn.Module, x: Tensor, y: Tensor | None, reads: int) -> bool:
    """Whether all outputs are in [0, 1]."""
    out = Run("dis", net, x, y, alone=True, reads=reads).out
    return bool((out >= 0).all() and (out <= 1).all())


def _refuse_values(what: str, out: Tensor, run: Run) -> None:
    if not bool(out.isfinite().all()):
        bad = int((~out.isfinite()).sum())
        raise UserError(
            f"{what} are not finite at the start ({bad} of {out.numel()} numbers are NaN or infinite): look at "
            f"{run.name}'s initial weights, and for divisions and logarithms of 0."
        )


def _refuse_softmax(read: Tensor) -> None:
    """Raise UserError where the class head (B, K) gives probabilities: the loss would take a softmax of them again."""
    read = read.detach()
    if bool((read >= 0).all()) and torch.allclose(read.sum(1), torch.ones_like(read[:, 0]), atol=1e-5):
        raise UserError(
            "D's class head returns probabilities, which sum to 1 for each image: leave out the softmax at its end, "
            "since the loss takes the logits of the classes and has a softmax of its own."
        )


def _floats(net: nn.Module) -> torch.dtype:
    return next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)
