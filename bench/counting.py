"""FLOPs and bytes of a step of the mirror game: by hand from the shapes of the nets, and by PyTorch's counter.

A multiplication with an addition is two FLOPs. Only convolutions are counted, as direct sums, products with the
padding's zeros included; normalisation, activations, losses, random numbers and Adam are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from plain import discriminator, generator

FLOAT_BYTES = 4
KERNEL = 4


def ladder(size: int, width: int, z_dim: int, channels: int) -> list[tuple[int, int]]:
    """(channels, side) of the maps from the image down to D's features; G goes through them in reverse.

    At 32 pixels and width 16: (1, 32), (16, 16), (32, 8), (64, 4), (128, 1).
    """
    maps = [(channels, size)]
    while size > 4:
        size //= 2
        maps.append((width, size))
        width *= 2
    return [*maps, (z_dim, 1)]


def rungs(maps: list[tuple[int, int]]) -> list[int]:
    """Multiply-adds of each convolution between two neighbours of the ladder, for one image, in either direction.

    Each of the kernel's 4x4 taps connects each channel above to each below, once for every pixel of the smaller map.
    """
    return [above * below * KERNEL**2 * side**2 for (above, _), (below, side) in itertools.pairwise(maps)]


def step_macs(size: int = 32, width: int = 16, z_dim: int = 128, channels: int = 1) -> int:
    """Multiply-adds that one step needs for each image of its batch.

    D's update: G once (its fakes serve G's update too), D on real and on fake, D's weights' gradients on both, and on
    both the gradients of all its layers' inputs but the image's. G's update: D on the fakes, the gradients of all its
    layers' inputs down to the fakes but none of its weights, G's weights' gradients, and those of its layers' inputs
    but z.
    """
    layers = rungs(ladder(size, width, z_dim, channels))
    gen, dis = sum(layers), sum(layers) + z_dim  # D's head makes one logit of z_dim features
    first_of_dis, first_of_gen = layers[0], layers[-1]
    update_dis = gen + 2 * dis + 2 * dis + 2 * (dis - first_of_dis)
    update_gen = dis + dis + gen + (gen - first_of_gen)
    return update_dis + update_gen


def step_flops(batch: int, size: int = 32, width: int = 16, z_dim: int = 128, channels: int = 1) -> int:
    """FLOPs that one step needs."""
    return 2 * batch * step_macs(size, width, z_dim, channels)


def step_bytes(
    batch: int, parameters: int, size: int = 32, width: int = 16, z_dim: int = 128, channels: int = 1
) -> int:
    """Bytes that one step moves at least, in float32, everything else as if fused or cached.

    ``parameters`` of both nets: each weight and both its moments read and written, its gradient written and read.
    Maps: each convolution's output, and D's input, written in the forward pass and read in the backward pass, for one
    call of G and three of D; the gradients of maps are left out.
    """
    maps = [c * side**2 for c, side in ladder(size, width, z_dim, channels)]
    image, between, features = maps[0], sum(maps[1:-1]), maps[-1]
    of_gen, of_dis = between + image, image + between + features + 1
    return FLOAT_BYTES * (2 * batch * (of_gen + 3 * of_dis) + 8 * parameters)


def counted(play: Callable[[], object]) -> int:
    """FLOPs of a call, as PyTorch's counter sees its matrix products and convolutions, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        play()
    return counter.get_total_flops()


def lean_game(batch: int) -> None:
    """The game's calls on the plain nets (32 pixels, width 16), with no gradient that the game does not need."""
    gen, dis = generator(), discriminator()
    fake = gen(torch.randn(batch, 128, 1, 1))
    (dis(torch.zeros(batch, 1, 32, 32)).sum() + dis(fake.detach()).sum()).backward()
    dis.requires_grad_(False)  # it is fixed in G's update
    dis(fake).sum().backward()


def checked_flops(batch: int, engine_step: Callable[[], object], plain_step: Callable[[], object]) -> int:
    """`step_flops`, checked against the counter: to 0.1 % on the plain nets, to 3 % on the engine's step.

    Prints all counts. The engine may do a little more than the game needs (narrow convolutions by corners); the plain
    loop does more: it computes the gradients of D's weights in G's update and does not use them.
    """
    by_hand = step_flops(batch)
    print("| FLOPs of a step | G | against the count by hand |")
    print("|---|---|---|")
    print(f"| by hand, from the shapes | {by_hand / 1e9:.3f} | |")
    plays = {
        "counted, plain nets, what the game needs": (lambda: lean_game(batch), 0.001),
        "counted, the engine's step": (engine_step, 0.03),
        "counted, the plain loop's step": (plain_step, None),
    }
    for name, (play, tolerance) in plays.items():
        flops = counted(play)
        print(f"| {name} | {flops / 1e9:.3f} | {100 * (flops / by_hand - 1):+.1f} % |")
        if tolerance is not None and abs(flops / by_hand - 1) > tolerance:
            raise SystemExit(f"{name}: {flops:,} FLOPs, but {by_hand:,} by hand: one of the two counts is wrong.")
    print()
    return by_hand
