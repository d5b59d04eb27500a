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


def engine_flops(batch: int, size: int = 32, width: int = 16, z_dim: int = 128) -> int:
    """FLOPs that the engine's step makes on a CPU with grey images; see `step_macs`.

    D's first two layers, with nothing between them, are one 10x10 convolution of stride 4, whose kernel is made of
    theirs in each call and from whose output edges are subtracted (game/pairs.py). Transposed convolutions to one
    channel are convolutions to the 16 pixels of a block (game/narrow.py): with 4x4 taps for G's last layer, with 3x3
    for the gradient of the images.
    """
    first, second = rungs(ladder(size, width, z_dim, 1))[:2]
    blocks, channels = (size // 4) ** 2, 2 * width
    apart = 6 * first + 8 * second  # forward 3 times, weights twice, the first one's input once, the second's 3 times
    joined = channels * (5 * blocks * 10**2 + blocks * 3**2 * 16 + 6 * size // 4 * 4 * 10)
    last = width * blocks * 4**2 * 16 - first
    kernels = 7 * channels * 16 * width * 17 + 5 * channels * (16 * 17) * 153  # 3 times forward, twice backward
    return 2 * (batch * (step_macs(size, width, z_dim) - apart + joined + last) + kernels)


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


def checked_flops(
    batch: int, engine_step: Callable[[], object], plain_step: Callable[[], object], device: str = "cpu"
) -> int:
    """`step_flops`, checked against the counter on the plain nets, and `engine_flops` on the engine's step, to 0.1 %.

    Prints all counts. On a CPU the engine makes fewer than the layers of the nets one by one. The plain loop makes
    more: it computes the gradients of D's weights in G's update and does not use them.
    """
    by_hand = step_flops(batch)
    of_engine = engine_flops(batch) if device == "cpu" else by_hand
    print("| FLOPs of a step | G | against the count by hand |")
    print("|---|---|---|")
    print(f"| by hand, from the shapes | {by_hand / 1e9:.3f} | |")
    plays = {
        "counted, plain nets, what the game needs": (lambda: lean_game(batch), by_hand, 0.001),
        "counted, the engine's step": (engine_step, of_engine, 0.001),
        "counted, the plain loop's step": (plain_step, None, 0),
    }
    for name, (play, expected, tolerance) in plays.items():
        flops = counted(play)
        print(f"| {name} | {flops / 1e9:.3f} | {100 * (flops / by_hand - 1):+.1f} % |")
        if expected is not None and abs(flops / expected - 1) > tolerance:
            raise SystemExit(f"{name}: {flops:,} FLOPs, but {expected:,} by hand: one of the two counts is wrong.")
    print()
    return by_hand
