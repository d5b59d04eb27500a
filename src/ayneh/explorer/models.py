"""A checkpoint for the browser: its nets as ONNX, and the plain arrays that the page needs beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from ayneh.data.images import Images
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.evaluation import read_images
from ayneh.explorer.mixed import mixed
from ayneh.export.contract import SIDES
from ayneh.export.graphs import graph
from ayneh.export.onnx import CLASSES, to_onnx
from ayneh.export.players import Players, players_of
from ayneh.game.frame import put, scale
from ayneh.inverse.readback import read_by_ridge
from ayneh.labels import Labels
from ayneh.record.checkpoint import Checkpoint
from ayneh.terminal.text import plain, warn_once

LATENTS = 5120  # generated images for the directions and the read-back map
FITTED = 4096  # of these, those the map is fitted to; it is measured on the others
DIRECTIONS = 16
NAMED = 200  # letters of a class's name
BETWEEN = "There is no slider between two classes: G uses the number of a class itself, and not as a row of a table."
NEIGHBOURS = 2000  # training images that a drawing is compared with


@dataclass
class Model:
    """One replica of a checkpoint. Each part is computed when it is first used."""

    checkpoint: Checkpoint
    replica: int

    @cached_property
    def images(self) -> Images | None:
        """The training images; None where they are not on this machine."""
        try:
            images = read_images(self.checkpoint.config.data, "train", self.checkpoint.run)
        except UserError:
            return None
        if self.labels and (images.labels is None or images.described().names != self.labels.names):
            return None
        warn_once(images.understood)  # every epoch of a run has the same images
        return images

    @cached_property
    @torch.enable_grad()  # nets of one's own are tried with their gradients, whoever asks first
    def _nets(self) -> tuple[Players, Sampler]:
        images = self.images
        given = (None, None) if images is None else (images.pixels, images.labels)
        return players_of(self.checkpoint, self.replica, *given)

    @property
    def labels(self) -> Labels | None:
        """The classes of a labelled run."""
        return self.checkpoint.labels

    def generator(self) -> bytes:
        """G as ONNX: z (N, Z) -> image (N, C, S, S) in [-1, 1].

        A net that takes the class has a second input "mix", (N, K), weights of all classes.
        """
        return self._generator[0]

    def discriminator(self) -> bytes:
        """D as ONNX: image (N, C, S, S) -> logit (N,), positive where it looks real; class_logits of a class head."""
        return self._graph("discriminator")[0]

    def encoder(self) -> bytes:
        """D's features as ONNX: image (N, C, S, S) -> features (N, F, ...)."""
        players = self._nets[0]
        if players.asks("encoder"):
            return self._graph("encoder")[0]
        return to_onnx(players.encoder.features, self.checkpoint.image_shape, ("image", "features"))

    @cached_property
    def _generator(self) -> tuple[bytes, bool]:
        return self._graph("generator")

    def _graph(self, name: str) -> tuple[bytes, bool]:
        """A net as ONNX, and whether it has something between two classes."""
        players = self._nets[0]
        model = graph(players, name)
        return mixed(model, CLASSES, players.labels.count) if players.labels else (model, True)

    @torch.no_grad()
    def features(self, x: Tensor, y: Tensor | None) -> Tensor:  # (N, C, S, S) in [-1, 1], int64 (N,) -> (N, F)
        """The encoder's features of images, of these classes in a labelled run."""
        encoder = self._nets[0].encoder
        if y is None or not self._nets[0].asks("encoder"):
            return torch.cat([encoder.features(part).flatten(1) for part in x.split(256)])
        parts = zip(x.split(256), y.split(256), strict=True)
        return torch.cat([encoder.features(*part).flatten(1) for part in parts])

    @torch.no_grad()
    def notes(self) -> bytes:
        """What the page needs beside the nets, as safetensors with JSON metadata "ayneh".

        samples (N, Z): the run's fixed noise. directions (K, Z), shares (K,): `directions`. read_weight (F, Z) and
        read_bias (Z,): features -> z, by ridge on generated images, with its r2 (Z,) on held-out ones. feature_mean and
        feature_std (F,): over generated images.
        """
        (_, sampler), config = self._nets, self.checkpoint.config
        z = sampler.latents("explorer", LATENTS)
        y = sampler.classes("explorer", LATENTS) if self.labels else None
        given = zip(z.split(256), *(() if y is None else (y.split(256),)), strict=True)
        images = torch.cat([sampler.gen(*part) for part in given])
        features = self.features(images, y)
        mean, spread = self._centre(z)
        ways, shares = directions((z - mean) / spread, images if y is None else within(images, y))
        back = read_by_ridge(features.double(), z.double(), FITTED)
        weight, bias = affine(back.read, features.shape[1])
        arrays = {
            "samples": sampler.latents("samples", config.keep.sample_images)[:64],
            "directions": ways,
            "shares": shares,
            "read_weight": weight,
            "read_bias": bias,
            "r2": back.r2,
            "feature_mean": features.mean(0),
            "feature_std": features.std(0),
        }
        about = {
            "image_shape": list(self.checkpoint.image_shape),
            "side": self.side(),
            "native": SIDES.get(config.data.name),
            "centre": mean,
            "spread": spread,
            "r2_n": back.n,
        }
        if self.labels:
            about["labels"] = self._about_labels(self.labels)
        return pack(arrays, about)

    @torch.no_grad()
    def gallery(self) -> bytes:
        """Training images and D's features of them: pixels uint8 (N, C, h, w), features (N, F), labels (N,) or none.

        Raises UserError if the data set is not there.
        """
        if (images := self.images) is None:
            kind = self.checkpoint.config.data.name.partition(":")[0]  # without the path: a page is shown to others
            other = ", or have other classes than the run" if self.labels else ""
            raise UserError(f"The training images ({kind}) cannot be read on this machine{other}.")
        chosen = torch.linspace(0, len(images.pixels) - 1, min(NEIGHBOURS, len(images.pixels))).long()
        pixels = images.pixels[chosen]
        y = None if images.labels is None else images.labels[chosen]
        features = self.features(scale(put(pixels, self.checkpoint.image_shape[1])), y)
        arrays = {"pixels": pixels, "features": features.half()}
        if y is not None:
            arrays["labels"] = y.int()
        return pack(arrays, {"of": len(images.pixels), "licence": images.licence})

    def side(self) -> int:
        """Pixels a side of the data within the framed images, as far as the config says."""
        data, size = self.checkpoint.config.data, self.checkpoint.image_shape[1]
        return min(size, data.resize or SIDES.get(data.name, size))

    def _about_labels(self, labels: Labels) -> dict[str, Any]:
        """The classes for the page; "head": the lengths of the parts of D's class head, None without one."""
        players = self._nets[0]
        return {
            "names": [plain(name)[:NAMED] for name in labels.names],
            "parts": list(labels.parts),
            "between": self._generator[1],
            "why": BETWEEN,
            "head": list(labels.read_by(players.classifies)) if players.classifies else None,
        }

    def _centre(self, z: Tensor) -> tuple[float, float]:
        """Mean and deviation of a coordinate; those of the draws where the prior has none."""
        mean, variance = self._nets[1].prior.moments(z.shape[1])
        if np.isfinite([mean, variance]).all():
            return mean, variance**0.5
        return float(z.median()), float((z - z.median()).abs().median())


def directions(z: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """x = z B + rest, B = U S V^T: U's columns are the directions in latent space along which images change most.

    z (N, Z), standardised; images (N, ...). Returns unit vectors (K, Z), in falling order of the share of the images'
    variance that each explains, and that share (K,). The principal components of Härkönen et al. 2020 (GANSpace), of
    the image itself and regressed on z in one step, so that they work for any net. Each points to more ink.
    """
    x = images.flatten(1).double()
    x = x - x.mean(0)
    response = torch.linalg.lstsq(z.double(), x).solution  # (Z, pixels)
    left, size, right = torch.linalg.svd(response, full_matrices=False)
    sign = torch.where(right.sum(1) < 0, -1.0, 1.0)
    shares = size.square() * len(z) / x.square().sum().clamp_min(1e-12)
    return (left * sign).T[:DIRECTIONS].float(), shares[:DIRECTIONS].float()


def within(images: Tensor, y: Tensor) -> Tensor:  # (N, ...), int64 (N,) -> (N, ...)
    """Images without the mean of their class, so that only what changes within a class is left."""
    left = images.clone()
    for k in y.unique():
        left[y == k] -= images[y == k].mean(0)
    return left


def affine(read: Callable[[Tensor], Tensor], n_in: int) -> tuple[Tensor, Tensor]:
    """The weight (n_in, Z) and bias (Z,) of an affine map, from its values."""
    bias = read(torch.zeros(1, n_in, dtype=torch.float64))[0]
    return read(torch.eye(n_in, dtype=torch.float64)) - bias, bias


def pack(arrays: dict[str, Tensor], about: dict[str, Any]) -> bytes:
    """Arrays as safetensors, float64 as float32, with JSON in the metadata: a format that runs no code."""
    plain = {k: (v.float() if v.dtype == torch.float64 else v).contiguous().numpy() for k, v in arrays.items()}
    return save(plain, {"ayneh": json.dumps(about)})
