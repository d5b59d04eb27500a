"""A checkpoint for the browser: its nets as ONNX, and the plain arrays that the page needs beside them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from ayneh.data.images import Images
from ayneh.engine.players import takes_class
from ayneh.engine.sampler import Sampler, sampler_of
from ayneh.errors import UserError
from ayneh.evaluation import read_images
from ayneh.explorer.cache import Cache
from ayneh.explorer.mixed import mixed
from ayneh.export.contract import SIDES
from ayneh.export.graphs import graph
from ayneh.export.onnx import CLASSES, to_onnx
from ayneh.export.players import Players, players_of
from ayneh.game.frame import put, scale
from ayneh.inverse.readback import read_by_ridge
from ayneh.labels import Labels, same_classes
from ayneh.record.checkpoint import Checkpoint
from ayneh.terminal.text import plain, warn_once

LATENTS = 5120  # generated images for the directions and the read-back map
FITTED = 4096  # of these, those the map is fitted to; it is measured on the others
DIRECTIONS = 16
NAMED = 200  # letters of a class's name
NEIGHBOURS = 2000  # training images that a drawing is compared with


class Model:
    """One replica of a checkpoint. Each part is computed when it is first used, by whichever thread asks for it first.

    G waits for nothing else: neither for the training images nor for D.
    """

    def __init__(self, checkpoint: Checkpoint, replica: int) -> None:
        self.checkpoint, self.replica, self._made = checkpoint, replica, Cache(8)
        self.alone = threading.Lock()  # a D that takes the class holds it while it is called: one call at a time

    @property
    def images(self) -> Images | None:
        """The training images; None where they are not on this machine."""
        found: list[Images | None] = self._made.get("images", lambda: [self._read_images()])
        return found[0]

    def _read_images(self) -> Images | None:
        try:
            images = read_images(self.checkpoint.config.data, "train", self.checkpoint.run)
        except UserError:
            return None
        if self.labels and (images.labels is None or not same_classes(self.labels.names, images.described().names)):
            return None
        warn_once(images.understood)  # every epoch of a run has the same images
        return images

    @property
    def sampler(self) -> Sampler:
        """G as a plain module, with the prior and the batch statistics of its draws."""
        found: Sampler = self._made.get("sampler", self._sample)
        return found

    @torch.enable_grad()  # nets of one's own are tried with their gradients, whoever asks first
    def _sample(self) -> Sampler:
        place = self.checkpoint
        return sampler_of(place.config, place.image_shape, place.tensors, self.replica, place.labels)

    @property
    def players(self) -> Players:
        """G, D and the encoder."""
        found: Players = self._made.get("players", self._play)
        return found

    @torch.enable_grad()
    def _play(self) -> Players:
        return players_of(self.checkpoint, self.replica, self.images, sampler=self.sampler)[0]

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
        return self._mixed(graph(self.players, "discriminator"))[0]

    def encoder(self) -> bytes:
        """D's features as ONNX: image (N, C, S, S) -> features (N, F, ...)."""
        players = self.players
        if players.asks("encoder"):
            return self._mixed(graph(players, "encoder"))[0]
        return to_onnx(players.encoder.features, self.checkpoint.image_shape, ("image", "features"))

    @property
    def _generator(self) -> tuple[bytes, bool]:
        """G, and whether it has something between two classes."""
        found: tuple[bytes, bool] = self._made.get("generator", self._write_generator)
        return found

    def _write_generator(self) -> tuple[bytes, bool]:
        config, sampler = self.checkpoint.config, self.sampler
        classes = sampler.labels is not None and takes_class(config, "gen")
        return self._mixed(to_onnx(sampler.gen, (config.prior.dim,), ("z", "image"), classes=classes))

    def _mixed(self, model: bytes) -> tuple[bytes, bool]:
        return mixed(model, CLASSES, self.labels.count) if self.labels else (model, True)

    @torch.no_grad()
    def features(self, x: Tensor, y: Tensor | None) -> Tensor:  # (N, C, S, S) in [-1, 1], int64 (N,) -> (N, F)
        """The encoder's features of images, of these classes in a labelled run."""
        encoder = self.players.encoder
        if y is None or not self.players.asks("encoder"):
            return torch.cat([encoder.features(part).flatten(1) for part in x.split(256)])
        parts = zip(x.split(256), y.split(256), strict=True)
        return torch.cat([encoder.features(*part).flatten(1) for part in parts])

    @torch.no_grad()
    def start(self) -> bytes:
        """What the page needs beside G to show images, as safetensors with JSON metadata "ayneh".

        samples (N, Z): the run's fixed noise.
        """
        sampler, config = self.sampler, self.checkpoint.config
        mean, spread = self._centre(sampler.latents("explorer", LATENTS))
        about = {
            "image_shape": list(self.checkpoint.image_shape),
            "side": self.side(),
            "native": SIDES.get(config.data.name),
            "centre": mean,
            "spread": spread,
        }
        if self.labels:
            about["labels"] = about_labels(self.labels, self._generator[1], takes_class(self.checkpoint.config, "dis"))
        return pack({"samples": sampler.latents("samples", config.keep.sample_images)[:64]}, about)

    @torch.no_grad()
    def notes(self) -> bytes:
        """What the page learns from generated images, as `start`.

        directions (K, Z), shares (K,): `directions`. read_weight (F, Z) and read_bias (Z,): features -> z, by ridge on
        generated images, with its r2 (Z,) on held-out ones. feature_mean and feature_std (F,): over generated images.
        """
        sampler = self.sampler
        z = sampler.latents("explorer", LATENTS)
        y = sampler.classes("explorer", LATENTS) if self.labels else None
        given = zip(z.split(256), *(() if y is None else (y.split(256),)), strict=True)
        images = torch.cat([sampler.gen(*part) for part in given])
        return notes_of(z, images, y, self._centre(z), self.features(images, y))

    @torch.no_grad()
    def levels(self) -> bytes:
        """D's logits of training images in rising order, logits (N,), each under its own class in a labelled run.

        The page places other images among them. Raises UserError if the data set is not there.
        """
        pixels, y = self._compared()
        x = scale(put(pixels, self.checkpoint.image_shape[1]))
        parts = [x.split(256)]
        if y is not None and self.players.asks("discriminator"):
            parts.append(y.split(256))
        given = zip(*parts, strict=True)
        logits = torch.cat([self.players.outputs("discriminator", *part)["logit"] for part in given])
        return pack({"logits": logits.flatten().sort().values}, {"of": len(self._found().pixels)})

    @torch.no_grad()
    def gallery(self) -> bytes:
        """Training images and D's features of them: pixels uint8 (N, C, h, w), features (N, F), labels (N,) or none.

        Raises UserError if the data set is not there.
        """
        pixels, y = self._compared()
        features = self.features(scale(put(pixels, self.checkpoint.image_shape[1])), y)
        arrays = {"pixels": pixels, "features": features.half()}
        if y is not None:
            arrays["labels"] = y.int()
        return pack(arrays, {"of": len(self._found().pixels)})

    def _found(self) -> Images:
        """The training images. Raises UserError if the data set is not there."""
        if (images := self.images) is None:
            kind = self.checkpoint.config.data.name.partition(":")[0]  # without the path: a page is shown to others
            other = ", or have other classes than the run" if self.labels else ""
            raise UserError(f"The training images ({kind}) cannot be read on this machine{other}.")
        return images

    def _compared(self) -> tuple[Tensor, Tensor | None]:
        """At most `NEIGHBOURS` training images, evenly spaced: uint8 (N, C, h, w), and their classes, int64 (N,)."""
        images = self._found()
        chosen = torch.linspace(0, len(images.pixels) - 1, min(NEIGHBOURS, len(images.pixels))).long()
        return images.pixels[chosen], None if images.labels is None else images.labels[chosen]

    def side(self) -> int:
        """Pixels a side of the data within the framed images, as far as the config has it."""
        data, size = self.checkpoint.config.data, self.checkpoint.image_shape[1]
        return min(size, data.resize or SIDES.get(data.name, size))

    def _centre(self, z: Tensor) -> tuple[float, float]:
        """Mean and deviation of a coordinate."""
        return centre_of(z, *self.sampler.prior.moments(z.shape[1]))


def about_labels(labels: Labels, between: bool, takes: bool) -> dict[str, Any]:
    """The classes for the page. between: whether G has something between two of them; takes: whether D is given one."""
    names = [plain(name)[:NAMED] for name in labels.names]
    return {"names": names, "parts": list(labels.parts), "between": between, "takes": takes}


def centre_of(z: Tensor, mean: float, variance: float) -> tuple[float, float]:
    """The mean and deviation of a prior with these moments; those of its draws z where it has none."""
    if np.isfinite([mean, variance]).all():
        return mean, variance**0.5
    return float(z.median()), float((z - z.median()).abs().median())


@torch.no_grad()
def notes_of(
    z: Tensor, images: Tensor, y: Tensor | None, centre: tuple[float, float], features: Tensor | None
) -> bytes:
    """What `Model.notes` has, of these images of z; without features the directions alone."""
    mean, spread = centre
    ways, shares = directions((z - mean) / spread, images if y is None else within(images, y))
    arrays = {"directions": ways, "shares": shares}
    if features is None:
        return pack(arrays, {})
    back = read_by_ridge(features.double(), z.double(), FITTED)
    weight, bias = affine(back.read, features.shape[1])
    arrays |= {
        "read_weight": weight,
        "read_bias": bias,
        "r2": back.r2,
        "feature_mean": features.mean(0),
        "feature_std": features.std(0),
    }
    return pack(arrays, {"r2_n": back.n})


def directions(z: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """x = z B + rest, B = U S V^T: U's columns are the directions in latent space along which images change most.

    z (N, Z), standardised; images (N, ...). Returns unit vectors (K, Z), in falling order of the share of the images'
    variance that each explains, and that share (K,). The principal components of Härkönen et al. 2020 (GANSpace), of
    the image itself and regressed on z in one step, so that they work for any net. Each points to more ink.
    """
    x, z = images.flatten(1) - images.flatten(1).mean(0), z.to(images)
    # By the normal equations, whose size is that of z: a decomposition of all pixels takes ten times as long.
    products, crossed = (z.T @ z).double(), (z.T @ x).double()
    response = torch.linalg.pinv(products, hermitian=True) @ crossed  # (Z, pixels); z may have a constant coordinate
    squares, left = torch.linalg.eigh(response @ response.T)
    squares, left = squares.flip(0).clamp_min(0), left.flip(1)
    sign = torch.where(left.T @ response.sum(1) < 0, -1.0, 1.0)
    shares = squares * len(z) / torch.linalg.vector_norm(x).double().square().clamp_min(1e-12)
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
