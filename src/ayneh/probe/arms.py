"""The arms of the support probe: what is done to both sides before D sees them; its settings, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ayneh.game.frame import levels, scale

GREY = 2 / 255  # one grey level of 8 bits in [-1, 1]
Logits = tuple[Tensor, Tensor]  # of real (N,) and of fake images (N,)


@dataclass(frozen=True)
class Arm:
    """An arm: what is done to both sides before D sees them."""

    shows: str
    treat: Callable[[Tensor, Tensor], Tensor] = lambda x, u: x  # images, U[0, 1) of their shape -> images
    null: bool = False  # real images in place of the fakes
    noised: bool = False
    together: bool = True  # both sides in one batch


def rounded(x: Tensor) -> Tensor:
    """The nearest of 256 grey levels in [-1, 1], as in an 8-bit file; its gradient is that of x."""
    nearest = scale(levels(x), x.dtype)
    return nearest.detach() + (x - x.detach())  # in this order the value is the level itself, to the bit


def dequantised(x: Tensor, u: Tensor) -> Tensor:
    """x + (u - 1/2) of a grey level, u in [0, 1): the gaps between grey levels are filled (Uria et al. 2013)."""
    return x + (u - 0.5) * GREY


ARMS = {
    "played": Arm("real images against G's, in batches apart as in the game", together=False),
    "plain": Arm("real images against G's"),
    "null": Arm("real images against other real images", null=True),
    "rounded": Arm("both sides rounded to 8 bits", lambda x, u: rounded(x)),
    "dequantised": Arm("uniform noise of one grey level on both sides", dequantised),
    "noised": Arm("Gaussian noise on both sides", noised=True),
}


@dataclass(frozen=True)
class Plan:
    """The settings of a probe."""

    steps: int = 500
    arms: tuple[str, ...] = tuple(ARMS)
    noise: float = 0.5  # standard deviation in the arm "noised", of pixels in [-1, 1]
    dropout: float = 0.0  # of D's training images; looks are taken without it
    images: int = 1000  # of each kind in a look, at most
    batches: int = 2  # for the norm of G's gradient

    def looks(self) -> list[int]:
        """0, 1, 2, 5, 10, 20, 50, ... and the last step."""
        marks = [m * 10**e for e in range(len(str(self.steps))) for m in (1, 2, 5)]
        return sorted({0, self.steps, *(mark for mark in marks if mark < self.steps)})


@dataclass(frozen=True)
class Look:
    """One arm after ``step`` updates of D. ``gradients``: norms of G's gradient by `GAMES`, empty for the null."""

    step: int
    train: Logits  # with the statistics of the batch that an image came in, as D learns
    held_out: Logits  # the same, of images that D did not learn from
    single: Logits  # of the held-out ones with standing statistics of both sides: a function of one image alone
    gradients: dict[str, float]
