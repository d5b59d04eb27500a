"""The perceptrons of a course's exercise, with dropout between D's layers and a sigmoid at its end.

Source: "Generative Adversarial Networks: Build Your First Models" (realpython.com), whose handwritten digits these nets
draw; exercises of many courses have the same. As there: ReLU, nn.Dropout(0.3) after each hidden layer of D, D's layers
are G's in reverse. Simplified: ``width`` is an argument (256 there), and so are the side and z_dim (28 and 100 there).
"""

import torch
from torch import nn


class Discriminator(nn.Module):
    """(B, 1, side, side) -> (B, 1): the probability that an image is real."""

    def __init__(self, side: int = 28, width: int = 256) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(side * side, 4 * width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(4 * width, 2 * width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(width, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.view(x.size(0), -1))


class Generator(nn.Module):
    """(B, z_dim) -> (B, 1, side, side) in (-1, 1)."""

    def __init__(self, z_dim: int = 100, side: int = 28, width: int = 256) -> None:
        super().__init__()
        self.side = side
        self.model = nn.Sequential(
            nn.Linear(z_dim, width), nn.ReLU(),
            nn.Linear(width, 2 * width), nn.ReLU(),
            nn.Linear(2 * width, 4 * width), nn.ReLU(),
            nn.Linear(4 * width, side * side), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.model(z).view(z.size(0), 1, self.side, self.side)
