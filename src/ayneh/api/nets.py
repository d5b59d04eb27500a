"""The nets of a run as a person calls them: a class that is missing or does not exist is one sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ayneh.engine.critic import Critic
from ayneh.errors import UserError


def nets_of(critic: Critic) -> tuple[nn.Module, nn.Module]:
    """(G, D) of a critic, which from now on refuse classes that they cannot take."""
    labels = critic.sampler.labels
    gen, dis = critic.sampler.gen, critic.dis
    for net, who, takes in ((gen, "G", labels is not None), (dis, "D", critic.takes_class)):
        check = Checked(who, labels.count if labels and takes else 0)
        net.register_forward_pre_hook(check, with_kwargs=True)
    return gen, dis


class Checked:
    """A look at y before a net is called. The embedding of a number beyond the last class is that of another one."""

    def __init__(self, who: str, classes: int) -> None:
        """who: "G" or "D"; classes: how many the net takes, 0 where it takes none."""
        self.who, self.classes = who, classes

    def __call__(self, net: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Raise UserError unless y is int64 (B,) from 0 to the last class, or left out where the net takes none."""
        y = args[1] if len(args) > 1 else named.get("y")
        x = "z" if self.who == "G" else "images"
        if not self.classes:
            if y is not None:
                raise UserError(f"This {self.who} takes {x} alone, and no classes: leave y out.")
            return
        due = f"y is int64 (B,), the number of each image's class, 0 to {self.classes - 1}"
        if not isinstance(y, Tensor) or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
            got = "y is left out" if y is None else f"y is {y.dtype if isinstance(y, Tensor) else repr(y)[:60]}"
            raise UserError(f"This {self.who} takes ({x}, y), and {got}: {due}.")
        if y.shape != args[0].shape[:1]:
            raise UserError(f"This {self.who} got {x} {tuple(args[0].shape)} and y {tuple(y.shape)}: {due}.")
        if torch.compiler.is_compiling():
            return
        try:
            low, high = (int(y.min()), int(y.max())) if len(y) else (0, 0)
        except RuntimeError:  # within vmap a number cannot be looked at
            return
        if low < 0 or high >= self.classes:
            raise UserError(f"This {self.who} has no class {low if low < 0 else high}: {due}.")
