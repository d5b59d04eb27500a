"""The verb `mirror`: how far a run's discriminator is an inverse of its generator."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.console import Console
from rich.table import Table

from ayneh import __version__
from ayneh.checkpoint import Checkpoint
from ayneh.errors import UserError
from ayneh.record import Record
from ayneh.terminal import Watch

if TYPE_CHECKING:
    from torch import Tensor

    from ayneh.data.sources import Images
    from ayneh.engine.critic import Critic
    from ayneh.engine.sampler import Sampler
    from ayneh.inverse.readback import ReadBack
    from ayneh.judge.scores import Score

LEAST, MOST = 100, 100_000  # generated images
HELD_OUT = 5  # a fifth of the generated images measures what the others fitted
ROUND_TRIPS = 2_000  # images of each kind that go round, at most
STARTS = 8  # of a descent: where the encoder points, and so many less one draws from the prior
NOISE = 0.01  # variance of a pixel's noise in the prior term of a descent, for normal priors
COLUMNS = 16  # of the picture
Report = dict[str, Any]
Rows = dict[str, "Tensor"]  # what a row of the picture shows -> its images, (columns, C, S, S) in [-1, 1]
Scores = dict[str, "Score"]


def mirror(
    run: tyro.conf.Positional[Path],
    epoch: int | None = None,
    replica: int = 0,
    images: int = 10_000,
    invert: int = 16,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Measure how far a run's discriminator D is an inverse of its generator G.

    Reports what D's features know of the data's labels, how well z is read back from D's features of G(z), and what
    is left of images after the round trip x -> features -> z -> G(z), by the map that reads z best and by descent on
    z. The report goes into the run folder as mirror.json, a picture of round trips as mirror.png. docs/mirror.md says
    what each number means.

    Args:
        run: the run folder.
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        replica: which of the run's replicas, counted from 0.
        images: number of generated images, a fifth of them held out; also of test images, at most.
        invert: number of real and of generated images to invert by descent (0: none).
        json: print the report as JSON instead of a table.
        quiet: say nothing but the result.
    """
    if not LEAST <= images <= MOST:
        raise UserError(f"--images is {images}; choose {LEAST} to {MOST:,}.")
    if not 0 <= invert <= 1000:
        raise UserError(f"--invert is {invert}; choose 0 to 1000 images.")
    watch, record = Watch(quiet), Record.open(run)
    report, rows = look(record.at_epoch(epoch), replica, images, invert, watch.say)
    report = {"run": str(run), "replica": replica, "ayneh": __version__} | report
    record.write_report("mirror", report, epoch, replica)
    place = record.report_path("mirror", epoch, replica, ".png")
    _save_picture(place, rows)
    if json:
        print(json_format.dumps(report, indent=2))
    else:
        _show(report, place)


def look(
    checkpoint: Checkpoint, replica: int, images: int, invert: int, say: Callable[[str], None]
) -> tuple[Report, Rows]:
    """The report on one replica of a checkpoint, and the rows of its picture."""
    from ayneh.data.sources import load
    from ayneh.engine.critic import critic_of
    from ayneh.inverse.readback import verdict

    place = (checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)
    critic, control = critic_of(*place), critic_of(*place, trained=False)
    config, side = critic.sampler.config, checkpoint.image_shape[-1]
    train = load(config.data.name, "train", resize=config.data.resize, limit=config.data.limit)
    test = load(config.data.name, "test", resize=config.data.resize)
    labels: Scores = {}
    if train.labels is None or test.labels is None:
        say(f"{config.data.name} has no labels: what D's features know of them is left out")
    else:
        say("recognising the data's labels in D's features, and in the controls")
        labels = _recognition(critic, control, train, test, images, side)
    say(f"reading z back from {images} generated images")
    reading, maps, held_out = _reading(critic, control, images)
    name, best = max(maps.items(), key=lambda item: float(item[1].r2.mean()))
    say("sending images round")
    real = framed(test.pixels[: min(images, ROUND_TRIPS)], side)
    kinds = {f"{_word(test)}_test": real, "generated": held_out[:ROUND_TRIPS]}
    trips, rows = _trips(critic, best, kinds, invert)
    report: Report = {
        "step": checkpoint.step,
        "data": config.data.name,
        "features": len(critic.features(held_out[:1])[0]),
        "latents": config.prior.dim,
        "prior": critic.sampler.prior.describe(),
        "read_by": name,
        "scores": {name: score.as_dict() for name, score in (labels | reading | trips).items()},
        "r2_by_coordinate": {name: found.r2.tolist() for name, found in maps.items()},
    }
    back, again = (score for name, score in trips.items() if name.startswith("relative_error"))
    known = {name.rpartition("_")[2]: score for name, score in labels.items() if name.startswith("nearest")}
    return report | {"words": verdict(name, best.score(), back, again, known)}, rows


def framed(pixels: Tensor, side: int) -> Tensor:
    """uint8 (N, C, h, w) -> (N, C, side, side) in [-1, 1], framed in black as in the game."""
    from ayneh.game.frame import put, scale

    return scale(put(pixels, side))


def _recognition(critic: Critic, control: Critic, train: Images, test: Images, most: int, side: int) -> Scores:
    """What the label of the nearest image, and a linear probe, know: in D's features and in three controls."""
    from ayneh.game.frame import scale
    from ayneh.inverse.readback import nearest_label, principal, probe
    from ayneh.judge.scores import count_name

    if train.labels is None or test.labels is None:
        raise ValueError("Both splits need labels.")
    x, y = train.pixels, test.pixels[:most]
    pixels = scale(x.flatten(1)), scale(y.flatten(1))
    features = critic.features(framed(x, side)), critic.features(framed(y, side))
    principals = principal(*pixels, features[0].shape[1])
    spaces = {
        "features": features,
        "untrained": (control.features(framed(x, side)), control.features(framed(y, side))),
        "pixels": pixels,
        f"pca{principals[0].shape[1]}": principals,
    }
    scores: Scores = {}
    for kind, measure in (("nearest", nearest_label), ("probe", probe)):
        for name, (known, asked) in spaces.items():
            score = measure(known, train.labels, asked, test.labels[:most])
            scores[f"{kind}_{count_name(score.n)}_{_word(test)}_test_{name}"] = score
    return scores


def _reading(critic: Critic, control: Critic, images: int) -> tuple[Scores, dict[str, ReadBack], Tensor]:
    """How well z is read from features of G(z): scores, the maps that were fitted, and the held-out images."""

    from ayneh.inverse.readback import explained, read_by_perceptron, read_by_ridge
    from ayneh.judge.scores import Score, count_name

    sampler, fitted = critic.sampler, images - images // HELD_OUT
    z, x = sampler.latents("mirror", images), sampler.images("mirror", images)
    features = critic.features(x)
    maps = {"ridge": read_by_ridge(features, z, fitted), "perceptron": read_by_perceptron(features, z, fitted)}
    name = f"r2_{count_name(images - fitted)}_generated"
    scores = {f"{name}_{kind}": found.score() for kind, found in maps.items()}
    scores[f"{name}_ridge_untrained"] = read_by_ridge(control.features(x), z, fitted).score()
    if critic.dis.reader is not None:
        own = explained(critic.latents(x[fitted:]), z[fitted:])
        scores[f"{name}_reader"] = Score(float(own.mean()), images - fitted)
    return scores, maps, x[fitted:]


def _trips(critic: Critic, best: ReadBack, kinds: dict[str, Tensor], invert: int) -> tuple[Scores, Rows]:
    """What is left of images after x -> features -> z -> G(z), and of the first few after a descent on z."""
    from ayneh.inverse.readback import relative_error, squared_error
    from ayneh.judge.scores import count_name

    scores: Scores = {}
    rows: Rows = {}
    columns = min([COLUMNS, invert or COLUMNS, *map(len, kinds.values())])
    for kind, x in kinds.items():
        z = best.read(critic.features(x))
        back = _drawn(critic.sampler, z)
        scores[f"relative_error_{count_name(len(x))}_{kind}"] = relative_error(x, back)
        rows |= {kind: x[:columns], f"{kind} round trip": back[:columns]}
        if invert:
            few, n = x[:invert], count_name(len(x[:invert]))
            found = _drawn(critic.sampler, _inverted(critic.sampler, few, z[:invert]))
            scores[f"squared_error_{n}_{kind}_round_trip"] = squared_error(few, back[:invert])
            scores[f"squared_error_{n}_{kind}_descent"] = squared_error(few, found)
            rows[f"{kind} by descent"] = found[:columns]
    return scores, rows


def _drawn(sampler: Sampler, z: Tensor) -> Tensor:
    import torch

    with torch.no_grad():
        return torch.cat([sampler.gen(part).float() for part in z.split(256)])


def _inverted(sampler: Sampler, x: Tensor, encoded: Tensor) -> Tensor:
    """z of each image by descent, from where the encoder points and from draws of the prior."""
    import torch

    from ayneh.inverse.descent import Descent, invert

    config = sampler.config
    mean, variance = sampler.prior.moments(config.prior.dim)
    finite = 0 < variance < float("inf")
    how = Descent(
        scale=variance**0.5 if finite else 1.0,
        centre=mean if finite else 0.0,
        noise=NOISE if config.prior.name == "normal" else 0.0,
    )
    starts = torch.cat([encoded[None], sampler.latents("invert", (STARTS - 1) * len(x)).unflatten(0, (-1, len(x)))])
    sampler.gen.requires_grad_(False)
    return invert(sampler.gen, x, starts, how)[0]


def _word(images: Images) -> str:
    """The data as the names of scores carry it: a folder's path is not part of a name."""
    return images.name.partition(":")[0].replace("-", "")


def _save_picture(path: Path, rows: Rows) -> None:
    import torch

    from ayneh.game.frame import levels
    from ayneh.pictures import grid, save_png

    images = levels(torch.cat(list(rows.values())))
    columns, side = len(images) // len(rows), images.shape[-1]
    told = "      ".join(name.replace("_", " ") for name in rows)  # broken at wide gaps, where it is too long
    save_png(path, grid(images, columns), f"rows:      {told}", zoom=max(1, 64 // side))


def _show(report: Report, picture: Path) -> None:
    console = Console(highlight=False)
    table = Table("score", "value", "95 %", "n")
    for name, score in report["scores"].items():
        low, high = score.get("interval", (None, None))
        table.add_row(
            name, f"{score['value']:.4f}", "" if low is None else f"{low:.4f} to {high:.4f}", f"{score['n']:,}"
        )
    console.print(table)
    for words in report["words"]:
        console.print(words, soft_wrap=True, markup=False)
    console.print(f"pictures: {picture}", soft_wrap=True, markup=False)
