"""How far is D an inverse of G? One checkpoint in, a `Reading` out: scores, sentences, images after a round trip.

Four measurements (docs/mirror.md): how well labels follow from D's features, how well z does from D's features of
G(z), the error of images after x -> features -> z -> G(z), and that after a descent on z. In a labelled run an image
has its class y on the whole way: G(z, y), and the maps to z get y beside D's features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ayneh.data.images import Images
from ayneh.engine.cores import among_others
from ayneh.engine.critic import Critic, critic_of
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.evaluation import as_trained, read_images
from ayneh.game.conditional import code
from ayneh.game.frame import levels, put, scale
from ayneh.inverse.descent import invert
from ayneh.inverse.readback import (
    READER,
    ReadBack,
    explained,
    nearest_label,
    principal,
    probe,
    read_by_perceptron,
    read_by_ridge,
    relative_error,
    squared_error,
    verdict,
)
from ayneh.judge.scores import Plain, Score, named, protocol, shuffled
from ayneh.labels import same_classes
from ayneh.pictures import grid, save_png
from ayneh.record.checkpoint import Checkpoint
from ayneh.terminal.text import Say, silent

LEAST, MOST = 100, 100_000  # generated images
HELD_OUT = 5  # a fifth of the generated images is held out from the fit
ROUND_TRIPS = 2_000  # images of each kind that make the round trip, at most
STARTS = 8  # of a descent: the z that the encoder reads, the others from the prior
NOISE = 0.01  # variance of a pixel's noise in the prior term of a descent, for normal priors
COLUMNS = 16  # of the picture
Rows = dict[str, Tensor]  # title of a row in the picture -> its images, (columns, C, S, S) in [-1, 1]
Scores = dict[str, Score]


@dataclass(frozen=True)
class Reading:
    """How far one replica's D is an inverse of its G, after some step."""

    step: int
    data: str
    features: int  # numbers that D makes of an image
    latents: int  # numbers of z
    prior: str
    read_by: str  # the map that reads z best: ridge, perceptron, or a reader with layers of its own
    scores: Scores
    r2_by_coordinate: dict[str, list[float | None]]  # of each map; None: it does not vary
    words: list[str]
    rows: Rows

    def as_dict(self) -> dict[str, object]:
        """The content of mirror.json: everything except the images."""
        plain: dict[str, Plain] = {name: score.as_dict() for name, score in self.scores.items()}
        return {name: value for name, value in vars(self).items() if name != "rows"} | {"scores": plain}

    def save_picture(self, path: Path) -> None:
        """The round trips as a PNG: a row of images for each kind and each way back."""
        images = levels(torch.cat(list(self.rows.values())))
        columns, side = len(images) // len(self.rows), images.shape[-1]
        names = "      ".join(name.replace("_", " ") for name in self.rows)  # broken at wide gaps, where it is too long
        save_png(path, grid(images, columns), f"rows:      {names}", zoom=max(1, 64 // side))


@among_others()
def read(
    checkpoint: Checkpoint,
    replica: int = 0,
    images: int = 10_000,
    inverted: int = 16,
    say: Say = silent,
) -> Reading:
    """Measure one replica of a checkpoint on so many generated images, and on as many test images at most.

    inverted: real and generated images whose z is sought by descent (0: none); say: gets a sentence before each part
    of the work. Raises UserError if a number is out of bounds, there is no such replica, or the data cannot be read.
    """
    if not LEAST <= images <= MOST:
        raise UserError(f"--images is {images}; choose {LEAST} to {MOST:,}.")
    if not 0 <= inverted <= 1000:
        raise UserError(f"--invert is {inverted}; choose 0 to 1000 images.")
    place = (checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)
    critic = critic_of(*place, labels=checkpoint.labels)
    control = critic_of(*place, trained=False, sampler=critic.sampler)
    config, side = critic.sampler.config, checkpoint.image_shape[-1]
    train = read_images(config.data, "train", checkpoint.run, say)
    test = read_images(config.data, "test", checkpoint.run)
    others = [note] if (note := as_trained(checkpoint, train)) else []
    nearest, probes = _recognition(critic, control, train, test, images, side, say)
    say(f"reading z back from {images} generated images")
    maps, read_back, held_out = _read_z(critic, control, images)
    by, best = max(maps.items(), key=lambda item: item[1].score().value or -math.inf)
    say("images make the round trip")
    kinds = {"test": _real(critic, test, min(images, ROUND_TRIPS), side), "generated": held_out.first(ROUND_TRIPS)}
    way = partial(_by_reader, critic) if by == READER else partial(_by_features, critic, best)
    trips = {kind: _trip(critic, way, seen, inverted) for kind, seen in kinds.items()}
    real, drawn = (config.data.name, "test"), ("generated", "")
    scores = _named("nearest", real, nearest) | _named("probe", real, probes) | _named("r2", drawn, read_back)
    rows: Rows = {}
    columns = min([COLUMNS, inverted or COLUMNS, *(len(seen.x) for seen in kinds.values())])
    for kind, trip in trips.items():
        of = real if kind == "test" else drawn
        scores |= _named("relative_error", of, {"": trip.error}, kind)
        scores |= _named("squared_error", of, trip.squared, kind)
        rows |= {f"{kind}{way}": x[:columns] for way, x in trip.images.items()}
    back, again = (trip.error for trip in trips.values())
    return Reading(
        step=checkpoint.step,
        data=config.data.name,
        features=critic.features(held_out.x[:1], held_out.first(1).y).shape[1],
        latents=config.prior.dim,
        prior=critic.sampler.prior.describe(),
        read_by=by,
        scores=scores,
        r2_by_coordinate={
            name: [None if math.isnan(r2) else r2 for r2 in found.r2.tolist()] for name, found in maps.items()
        },
        words=[*verdict(by, best.score(), back, again, nearest), *([BESIDE] if checkpoint.labels else []), *others],
        rows=rows,
    )


BESIDE = (
    "The maps get the class of each image beside D's features: the one that G was asked for, and a real image's own."
)


@dataclass(frozen=True)
class _Seen:
    """Images (N, C, S, S) in [-1, 1], and in a labelled run their classes, int64 (N,)."""

    x: Tensor
    y: Tensor | None

    def first(self, n: int) -> _Seen:
        return _Seen(self.x[:n], None if self.y is None else self.y[:n])

    def encoded(self, critic: Critic) -> Tensor:
        """D's features, (N, F), and beside them the class, one-hot (in each of its parts)."""
        features, labels = critic.features(self.x, self.y), critic.sampler.labels
        if self.y is None or labels is None:
            return features
        return torch.cat([features, code(self.y, labels.parts).to(features)], 1)


def _some(images: Images, n: int) -> Tensor:
    """The places of at most n of the images, a fixed random choice: folders have their classes one after another."""
    return shuffled(torch.arange(len(images.pixels)), 7)[:n]


def _real(critic: Critic, images: Images, n: int, side: int) -> _Seen:
    """n of the images at random, each with its own label; with the class that D reads in it where it has none."""
    some = _some(images, n)
    x, labels = _framed(images.pixels[some], side), critic.sampler.labels
    if labels is None:
        return _Seen(x, None)
    known = images.labels if same_classes(labels.names, images.called) else None
    return _Seen(x, critic.read_class(x).argmax(1) if known is None else known[some])


def _named(what: str, of: tuple[str, str], scores: Scores, kind: str = "") -> Scores:
    """{"ridge": score} -> {"r2@ridge": score, its protocol "r2_2k_generated_ridge"}; kind: put before the name."""
    return {
        named(what, "_".join(filter(None, (kind, name)))): replace(
            score, protocol=protocol(what, score.n, *of, net=name)
        )
        for name, score in scores.items()
    }


def _framed(pixels: Tensor, side: int) -> Tensor:
    """uint8 (N, C, h, w) -> (N, C, side, side) in [-1, 1], framed in black as in the game."""
    return scale(put(pixels, side))


def _recognition(
    critic: Critic, control: Critic, train: Images, test: Images, most: int, side: int, say: Say
) -> tuple[Scores, Scores]:
    """Accuracy of the nearest image's label, and of a linear probe, by space: D's features and three controls."""
    if critic.needs_class:
        say("D's features take the class of an image: recognising it in them would show what they were given")
        return {}, {}
    if train.labels is None or test.labels is None:
        say(f"{critic.sampler.config.data.name} has no labels: their recognition from D's features is left out")
        return {}, {}
    say("recognising the data's labels in D's features, and in the controls")
    some = _some(test, most)
    x, y, labels = train.pixels, test.pixels[some], test.labels[some]
    pixels = scale(x.flatten(1)), scale(y.flatten(1))
    features = critic.features(_framed(x, side)), critic.features(_framed(y, side))
    principals = principal(*pixels, features[0].shape[1])
    spaces = {
        "features": features,
        "untrained": (control.features(_framed(x, side)), control.features(_framed(y, side))),
        "pixels": pixels,
        f"pca{principals[0].shape[1]}": principals,
    }
    if critic.reads_images:
        spaces[READER] = critic.latents(_framed(x, side)), critic.latents(_framed(y, side))
    nearest, probes = (
        {name: measure(known, train.labels, asked, labels) for name, (known, asked) in spaces.items()}
        for measure in (nearest_label, probe)
    )
    return nearest, probes


def _read_z(critic: Critic, control: Critic, images: int) -> tuple[dict[str, ReadBack], Scores, _Seen]:
    """The maps features of G(z) -> z, the R^2 of these and of the controls, and the held-out images."""
    sampler, fitted = critic.sampler, images - images // HELD_OUT
    z, y = sampler.latents("mirror", images), sampler.classes("mirror", images) if sampler.labels else None
    seen = _Seen(sampler.images("mirror", images, y), y)
    features = seen.encoded(critic)
    maps = {"ridge": read_by_ridge(features, z, fitted), "perceptron": read_by_perceptron(features, z, fitted)}
    scores = {name: found.score() for name, found in maps.items()}
    scores["ridge_untrained"] = read_by_ridge(seen.encoded(control), z, fitted).score()
    held_out = _Seen(seen.x[fitted:], None if y is None else y[fitted:])
    if critic.dis.reader is not None:
        r2 = explained(critic.latents(held_out.x, held_out.y), z[fitted:])
        own = ReadBack(critic.latents, r2, images - fitted)
        scores[READER] = own.score()
        if critic.reads_images:  # one more way from an image to z
            maps[READER] = own
    return maps, scores, held_out


@dataclass(frozen=True)
class _Trip:
    """Images of one kind that went x -> features -> z -> G(z)."""

    error: Score  # relative, of all of them
    squared: Scores  # of the first few: after the round trip, and by descent
    images: Rows  # after the trip, by the end of the row's title


def _by_features(critic: Critic, best: ReadBack, seen: _Seen) -> Tensor:
    return best.read(seen.encoded(critic))


def _by_reader(critic: Critic, seen: _Seen) -> Tensor:
    return critic.latents(seen.x)


def _trip(critic: Critic, way: Callable[[_Seen], Tensor], seen: _Seen, inverted: int) -> _Trip:
    """Images -> z by the map that reads z best, and for the first few by descent as well -> images."""
    x, z = seen.x, way(seen)
    back = _drawn(critic.sampler, z, seen.y)
    squared: Scores = {}
    images = {"": x, " round trip": back}
    if inverted:
        few = seen.first(inverted)
        found = _drawn(critic.sampler, _inverted(critic.sampler, few, z[:inverted]), few.y)
        squared = {"round_trip": squared_error(few.x, back[:inverted]), "descent": squared_error(few.x, found)}
        images[" by descent"] = found
    return _Trip(relative_error(x, back), squared, images)


@torch.no_grad()
def _drawn(sampler: Sampler, z: Tensor, y: Tensor | None) -> Tensor:
    sides = [z.split(256)] + ([] if y is None else [y.split(256)])
    return torch.cat([sampler.gen(*part).float() for part in zip(*sides, strict=True)])


def _inverted(sampler: Sampler, seen: _Seen, encoded: Tensor) -> Tensor:
    """z of each image by descent at its class, from the z that the encoder reads and from draws of the prior."""
    config, (x, y) = sampler.config, (seen.x, seen.y)
    mean, variance = sampler.prior.moments(config.prior.dim)
    finite = 0 < variance < float("inf")
    starts = torch.cat([encoded[None], sampler.latents("invert", (STARTS - 1) * len(x)).unflatten(0, (-1, len(x)))])
    sampler.gen.requires_grad_(False)
    return invert(
        sampler.gen if y is None else lambda z: sampler.gen(z, y.repeat(STARTS)),
        x,
        starts,
        scale=variance**0.5 if finite else 1.0,
        centre=mean if finite else 0.0,
        noise=NOISE if config.prior.name == "normal" else 0.0,
    )[0]
