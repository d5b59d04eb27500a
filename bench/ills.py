"""ARMS: short runs that ought to be healthy, and runs that are made ill on purpose, for bench/doctor.py.

Whether a run is ill is decided by the judge's scores: a run that was meant to fail may be healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Arm:
    """Changes to the preset; ``later``: more of them from half of the steps on; ``spoil``: changes the images."""

    changes: Changes = field(default_factory=dict)
    meant: tuple[str, ...] = ()  # the symptoms that it is meant to cause; none: healthy
    later: Changes = field(default_factory=dict)
    spoil: Callable[[Tensor], Tensor] = lambda pixels: pixels


MLP: Changes = {"net.name": "mlp", "net.width": 64}
MIRROR: Changes = {"net.name": "mirror", "net.width": 16}
CUBE: Changes = {"prior.name": "uniform", "prior.low": -1.7320508, "prior.high": 1.7320508}
U01: Changes = {"prior.name": "uniform", "prior.low": 0.0, "prior.high": 1.0}
BARE: Changes = {"rules.dropout": 0.0}
R1: Changes = {"rules.penalty": "r1", "rules.gamma": 0.1}

HEALTHY = {
    "mlp": Arm(MLP),
    "mirror": Arm(MIRROR),
    "mlp, cube": Arm(MLP | CUBE),
    "mirror, cube": Arm(MIRROR | CUBE),
    "mlp, sphere": Arm(MLP | {"prior.name": "sphere"}),
    "mirror, bernoulli": Arm(MIRROR | {"prior.name": "bernoulli"}),
    "mirror, dropout 0.15": Arm(MIRROR | {"rules.dropout": 0.15}),
    "mlp, dropout 0.5": Arm(MLP | {"rules.dropout": 0.5}),
    "mirror, r1 for dropout": Arm(MIRROR | BARE | R1),
    "mlp, r1": Arm(MLP | R1),
    "mirror, hinge": Arm(MIRROR | {"rules.loss": "hinge"}),
    "mlp, least squares": Arm(MLP | {"rules.loss": "least-squares"}),
    "mirror, least squares": Arm(MIRROR | {"rules.loss": "least-squares"}),
    "mlp, relativistic": Arm(MLP | R1 | {"rules.loss": "relativistic"}),
    "mlp, wgan-gp": Arm(MLP | {"rules.loss": "wasserstein", "rules.penalty": "wgan-gp", "rules.gamma": 10.0}),
    "mirror, lr 5e-4": Arm(MIRROR | {"optimizer.lr": 5e-4}),
    "mlp, lr 2e-3": Arm(MLP | {"optimizer.lr": 2e-3}),
    "mirror, instance noise": Arm(MIRROR | BARE | {"rules.instance_noise": 0.5}),
    "mlp, smooth labels": Arm(MLP | {"rules.label_smoothing": 0.1}),
    "mlp, batch 32": Arm(MLP | {"batch": 32}),
}

ILL = {
    "mlp, lr 1e-2": Arm(MLP | {"optimizer.lr": 1e-2}, ("exploding gradient", "oscillation")),
    "mirror, lr 1e-2": Arm(MIRROR | {"optimizer.lr": 1e-2}, ("exploding gradient", "oscillation")),
    "mlp, lr 0.1": Arm(MLP | {"optimizer.lr": 0.1}, ("exploding gradient",)),
    "mirror, lr 0.1": Arm(MIRROR | {"optimizer.lr": 0.1}, ("exploding gradient",)),
    "mlp, D 10 times": Arm(MLP | {"optimizer.lr_dis": 1e-2}, ("discriminator overpowering",)),
    "mirror, D 10 times": Arm(MIRROR | BARE | {"optimizer.lr_dis": 1e-2}, ("discriminator overpowering",)),
    "mlp, G 10 times": Arm(MLP | {"optimizer.lr": 1e-2, "optimizer.lr_dis": 1e-3}, ("generator overpowering",)),
    "mirror, G 10 times": Arm(MIRROR | {"optimizer.lr": 1e-2, "optimizer.lr_dis": 1e-3}, ("generator overpowering",)),
    "mlp, D a hundredth": Arm(MLP | {"optimizer.lr_dis": 1e-5}, ("generator overpowering",)),
    "mlp, bare": Arm(MLP | BARE, ("discriminator overpowering",)),
    "mlp, bare, 5 steps of D": Arm(MLP | BARE | {"rules.dis_steps": 5, "epochs": 300}, ("discriminator overpowering",)),
    "mlp, bare, small start": Arm(MLP | BARE | {"net.init": "torch"}, ("discriminator overpowering", "G ignores z")),
    "mlp, saturating": Arm(MLP | BARE | {"rules.loss": "saturating"}, ("vanishing gradient",)),
    "mirror, saturating, D 10 times": Arm(
        MIRROR | BARE | {"rules.loss": "saturating", "optimizer.lr_dis": 1e-2}, ("vanishing gradient",)
    ),
    "mlp, u01": Arm(MLP | U01, ("parallel prior", "G ignores z")),
    "mirror, u01": Arm(MIRROR | U01, ("parallel prior",)),
    "mlp, constant noise": Arm(MLP | {"prior.mean": 1.0, "prior.std": 1e-5}, ("dead units", "parallel prior")),
    "mlp, mean 3": Arm(MLP | {"prior.mean": 3.0}, ("parallel prior", "G ignores z")),
    "mlp, 20 images": Arm(MLP | {"data.limit": 20, "batch": 20, "epochs": 1200}, ("memorisation", "few images")),
    "mlp, 50 images": Arm(MLP | {"data.limit": 50, "batch": 50, "epochs": 1200}, ("memorisation", "few images")),
    "mirror, 50 images": Arm(MIRROR | {"data.limit": 50, "batch": 50, "epochs": 1200}, ("memorisation", "few images")),
    "mlp, 100 images": Arm(MLP | {"data.limit": 100, "batch": 50, "epochs": 600}, ("memorisation", "few images")),
    "mirror, batch 2": Arm(MIRROR | {"batch": 2, "epochs": 2}, ("small batch",)),
    "mirror, batch 4": Arm(MIRROR | {"batch": 4, "epochs": 4}, ("small batch",)),
    "mlp, grey levels 0 and 1": Arm(MLP, ("data range",), spoil=lambda x: (x > 127).to(torch.uint8)),
    "mirror, grey levels 0 and 1": Arm(MIRROR, ("data range",), spoil=lambda x: (x > 127).to(torch.uint8)),
    "mlp, wgan without penalty": Arm(MLP | {"rules.loss": "wasserstein"}, ("exploding gradient",)),
    "mirror, wgan without penalty": Arm(MIRROR | {"rules.loss": "wasserstein"}, ("exploding gradient",)),
    "mlp, dropout 0.97": Arm(MLP | {"rules.dropout": 0.97}, ("generator overpowering",)),
    "mlp, r1 of 1000": Arm(MLP | {"rules.penalty": "r1", "rules.gamma": 1000.0}, ("generator overpowering",)),
    "mlp, z of 1": Arm(MLP | {"prior.dim": 1}, ("classes missing",)),
    "mlp, then lr 3e-2": Arm(MLP, ("sudden jump", "exploding gradient"), {"optimizer.lr": 3e-2}),
    "mirror, then lr 3e-2": Arm(MIRROR, ("sudden jump", "exploding gradient"), {"optimizer.lr": 3e-2}),
    "mlp, then D 30 times": Arm(MLP, ("sudden jump", "discriminator overpowering"), {"optimizer.lr_dis": 3e-2}),
    "mirror, then D 30 times": Arm(MIRROR, ("sudden jump", "discriminator overpowering"), {"optimizer.lr_dis": 3e-2}),
    "mlp, then G 30 times": Arm(
        MLP, ("sudden jump", "generator overpowering"), {"optimizer.lr": 3e-2, "optimizer.lr_dis": 1e-3}
    ),
}

MNIST: Changes = {"data.name": "mnist", "data.resize": None, "data.limit": 5000, "epochs": 16}
ON_MNIST_MLP, ON_MNIST_MIRROR = MNIST | MLP, MNIST | MIRROR | {"epochs": 10}
ON_MNIST = {
    "mnist mlp": Arm(ON_MNIST_MLP),
    "mnist mirror": Arm(ON_MNIST_MIRROR),
    "mnist mlp, u01": Arm(ON_MNIST_MLP | U01, ("parallel prior", "G ignores z")),
    "mnist mlp, lr 1e-2": Arm(ON_MNIST_MLP | {"optimizer.lr": 1e-2}, ("exploding gradient", "oscillation")),
    "mnist mlp, D a hundredth": Arm(ON_MNIST_MLP | {"optimizer.lr_dis": 1e-5}, ("generator overpowering",)),
    "mnist mirror, D 10 times": Arm(
        ON_MNIST_MIRROR | BARE | {"optimizer.lr_dis": 1e-2}, ("discriminator overpowering",)
    ),
}
ARMS = HEALTHY | ILL | ON_MNIST
