"""Random numbers as a function of (seed, step, purpose), never of what was drawn before.

Every draw has its own generator, seeded by a hash of these three. So a resumed run draws what an uninterrupted one
draws, replica r of a stack draws what a single run with its seed draws, and a new purpose changes no other draw.
(PyTorch's CPU generator keeps 32 bits of the seed: among a million draws some hundred pairs share a stream.)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from ayneh.game.priors import Prior

FIXED = 0  # the step of draws that a run makes once


def derive(seed: int, step: int, purpose: str) -> int:
    """A 63-bit seed: a hash of the three."""
    digest = hashlib.blake2b(f"{seed}/{step}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, step: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator for this draw."""
    return torch.Generator(device).manual_seed(derive(seed, step, purpose))


class Chance:
    """The draws of R replicas, each with its seed and prior, on ``device`` as ``dtype``."""

    def __init__(
        self,
        seeds: Sequence[int],
        priors: Sequence[Prior],
        z_dim: int,
        device: torch.device,
        dtype: torch.dtype,
        rescues: int = 0,
    ) -> None:
        """``rescues``: number of rescues so far; changes every draw except the initial weights."""
        self.suffix = f" turn {rescues}" if rescues else ""  # of every purpose
        self.seeds, self.priors, self.z_dim, self.device, self.dtype = seeds, priors, z_dim, device, dtype
        self._order: tuple[int, Tensor] | None = None

    def z(self, step: int, purpose: str, n: int) -> Tensor:
        """n latents for each replica, (R, n, Z)."""
        rows = [
            prior.sample(n, self.z_dim, generator(seed, step, purpose + self.suffix, self.device))
            for seed, prior in zip(self.seeds, self.priors, strict=True)
        ]
        return torch.stack(rows).to(self.dtype)

    def uniform(self, step: int, purpose: str, *shape: int) -> Tensor:
        """U[0, 1), (R, *shape)."""
        return self._rows(torch.rand, step, purpose, shape)

    def normal(self, step: int, purpose: str, *shape: int) -> Tensor:
        """N(0, 1), (R, *shape)."""
        return self._rows(torch.randn, step, purpose, shape)

    def inside(self, step: int, purpose: str) -> list[int]:
        """A 63-bit seed for each replica, for what a net of one's own draws in one call."""
        return [derive(seed, step, purpose + self.suffix) for seed in self.seeds]

    def order(self, epoch: int, n: int) -> Tensor:
        """This epoch's permutation of n images, (R, n), the same on every device."""
        if self._order is None or self._order[0] != epoch:
            rows = [torch.randperm(n, generator=generator(seed, epoch, "order" + self.suffix)) for seed in self.seeds]
            self._order = epoch, torch.stack(rows).to(self.device)
        return self._order[1]

    def _rows(self, draw: Callable[..., Tensor], step: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
        rows = [
            draw(shape, generator=generator(seed, step, purpose + self.suffix, self.device), device=self.device)
            for seed in self.seeds
        ]
        return torch.stack(rows).to(self.dtype)


BLOCK = 2**21  # numbers that a replica draws at once, unless one step needs more
LONGEST = 64  # steps in a block, at most
Key = tuple[str, tuple[int, ...]]  # the purpose and the shape of a draw


class BlockChance(Chance):
    """`Chance` for CUDA, where starting a generator takes longer than drawing: it draws k steps at once, a block.

    The numbers of step i are row i % k of block i // k, and a block has the generator of (seed, block, purpose). k
    follows from the size of the draw alone, so that this, too, is a function of (seed, step, purpose).
    """

    @cached_property
    def _drawn(self) -> dict[Key, tuple[int, Tensor]]:
        """For each draw, the number of the block drawn last and its numbers (R, k, *shape)."""
        return {}

    def z(self, step: int, purpose: str, n: int) -> Tensor:
        """As `Chance.z`."""
        k, rows = steps_in_block(n * self.z_dim), super().z
        key = purpose, (n, self.z_dim)
        return self._from_block(step, k, key, lambda block: rows(block, purpose, k * n).unflatten(1, (k, n)))

    def _rows(self, draw: Callable[..., Tensor], step: int, purpose: str, shape: tuple[int, ...]) -> Tensor:
        k, rows = steps_in_block(math.prod(shape)), super()._rows
        return self._from_block(step, k, (purpose, shape), lambda block: rows(draw, block, purpose, (k, *shape)))

    def _from_block(self, step: int, k: int, key: Key, draw: Callable[[int], Tensor]) -> Tensor:
        block, row = divmod(step, k)
        if key not in self._drawn or self._drawn[key][0] != block:
            self._drawn[key] = block, draw(block)
        return self._drawn[key][1][:, row]


def steps_in_block(numbers: int) -> int:
    """k for a draw of this many numbers."""
    return min(LONGEST, max(1, BLOCK // numbers))
