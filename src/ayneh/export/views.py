"""D seen in other ways: its features as rows; of a D of one's own its logit beside what it reads, and each alone."""

from __future__ import annotations

from torch import Tensor, nn


class Encoder(nn.Module):
    """D's features of images, and of their classes, as rows of numbers."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # (B, C, S, S), int64 (B,) -> (B, F)
        found: Tensor = self.features(x, y)
        return found.flatten(1)


class Classified(nn.Module):
    """D's logit of images, and what it reads of their classes: (B, C, S, S) -> (B, 1 + W)."""

    def __init__(self, dis: nn.Module) -> None:
        super().__init__()
        self.dis = dis

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.dis(x, classify=True)
        return both


class Columns(nn.Module):
    """Some columns of (B, F): one as (B,), or those from the first to before the last."""

    def __init__(self, first: int, last: int | None = None) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.first] if self.last is None else x[:, self.first : self.last]
