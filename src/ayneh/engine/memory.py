"""The memory that a game needs, estimated before anything of its size is allocated, and that of the machine."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.game.conditional import Embedding
from ayneh.game.nets import First, Reader, Spec, make_nets

SHARE = 0.8  # of the machine's memory that a game may need
COPIES = 18  # of each weight: moments, average, gradients, the next state, a checkpoint being written (measured)
ACTIVATIONS = 3  # of each layer's output: real and fake images, and their gradients; with a penalty twice as many
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def machine_bytes(device: torch.device) -> float:
    """The memory of a CUDA device; for others that of the machine, or what this process may have of it."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    if sys.platform == "win32":  # which has none of what follows: nothing is refused there
        return math.inf
    import resource

    found = [float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    for path in LIMITS:
        with suppress(OSError, ValueError):  # absent, or "max"
            found.append(float(Path(path).read_text(encoding="utf-8")))
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return min([*found, *([float(soft)] if soft != resource.RLIM_INFINITY else [])])


def refuse_over(needed: float, device: torch.device, what: str, advice: str) -> None:
    """Raise UserError if ``what`` needs more than its share of the memory."""
    there = machine_bytes(device)
    if needed > SHARE * there:
        raise UserError(
            f"{what} would need about {needed / 1e9:,.1f} GB of memory, and at most {SHARE * there / 1e9:,.1f} GB "
            f"may be used ({SHARE:.0%} of {there / 1e9:,.1f} GB): {advice}."
        )


def game_bytes(name: str, spec: Spec, batch: int, replicas: int, device: torch.device, penalty: bool) -> float:
    """About the bytes that training these nets takes in float32: weights with all that goes with them, and layers."""
    plain = replace(spec, spectral=False, first=First(spec.first.norm))  # these add little
    with torch.device("meta"):  # shapes alone: nothing is allocated
        gen, dis = make_nets(name, plain)
    pixels = spec.channels * spec.size**2
    outputs = batch * (_outputs(gen, 1) + _outputs(dis, spec.size) + spec.z_dim + 4 * pixels)
    weights = sum(p.numel() for net in (gen, dis) for p in net.parameters())
    return bytes_of(weights, outputs, replicas, device, penalty)


def bytes_of(weights: int, outputs: int, replicas: int, device: torch.device, penalty: bool) -> float:
    """About the bytes in float32 of a game with so many weights a replica, and numbers in the outputs for a batch."""
    at_once = replicas if device.type != "cpu" else 1  # on a CPU a stack runs row by row
    layers = outputs * at_once * ACTIVATIONS * (2 if penalty else 1)
    return 4.0 * (weights * replicas * COPIES + layers)


def _outputs(net: nn.Module, side: int) -> int:
    """Numbers in the outputs of all layers for one input of this many pixels a side: layers follow one another.

    A forward pass on the meta device gives the same, but the first one takes seconds of imports.
    """
    numbers = total = 0
    size = side
    for layer in net.modules():
        if isinstance(layer, Reader):  # it takes the image again
            side, numbers = size, 0
        if isinstance(layer, nn.Flatten):  # a view
            continue
        if isinstance(layer, Embedding):  # beside the others: what follows takes the output of the layer before
            total += layer.dim
            continue
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
            if isinstance(layer, nn.ConvTranspose2d):
                side = (side - 1) * stride + kernel - 2 * padding
            else:
                side = (side + 2 * padding - kernel) // stride + 1
            numbers = layer.out_channels * side * side
        elif isinstance(layer, nn.Linear):
            numbers = layer.out_features
        total += 0 if any(layer.children()) else numbers
    return total
