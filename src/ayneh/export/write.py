"""A run's nets as files for other programs: compared with PyTorch first, then written with a model card."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ayneh.byclass import sheet_of
from ayneh.data.images import Images
from ayneh.engine.sampler import Sampler
from ayneh.errors import Stopped, UserError, pick
from ayneh.evaluation import origin_of, read_images, refuse_other_classes
from ayneh.export.card import card
from ayneh.export.chance import Means
from ayneh.export.contract import about_of, strings
from ayneh.export.folder import refuse_taken, replace
from ayneh.export.graphs import graph
from ayneh.export.halves import halved
from ayneh.export.onnx import described, difference
from ayneh.export.players import CHECKED, Outputs, Players, built, chosen, players_of, some, weights_in
from ayneh.files.whole import refuse_unwritable
from ayneh.loading.folder import sealed
from ayneh.pictures import png
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record
from ayneh.terminal.text import Say, silent

# The largest difference from PyTorch's outputs that is accepted; where an output is above 1, this share of the largest:
# float32 holds seven digits, and outputs of hundreds occur where a batch norm divides by a tiny variance.
MOST_APART = 1e-4
HALF_APART = 0.05  # the same in half precision, whose weights have three digits: six of 256 levels of grey in a pixel
PICTURE, ZOOM = 64, 3  # images in samples.png, of the run's fixed noise, and how much larger than they are
TAKES = {"generator": "z", "discriminator": "image", "encoder": "image"}  # net -> its input
About = dict[str, Any]
Inputs = Mapping[str, tuple[Tensor, Tensor | None]]  # "z" and "image": those, and their classes
Write = Callable[..., bytes]  # (metadata=...) -> the content of a net's file
Written = dict[str, tuple[Write, float]]  # net -> how to write it, and its largest difference from PyTorch


@dataclass(frozen=True)
class Export:
    """What was written."""

    folder: Path
    about: About  # the content of config.json: "nets" has each net's file, numbers and difference from PyTorch


def export(
    record: Record,
    checkpoint: Checkpoint,
    folder: Path,
    form: str = "onnx",
    replica: int = 0,
    overwrite: bool = False,
    small: bool = False,
    say: Say = silent,
) -> Export:
    """Write one replica's generator, discriminator and encoder into a self-contained folder.

    form: a key of FORMS. overwrite: replace an export that is in the folder. small: the generator alone, its weights in
    half precision, as ONNX. say: gets a sentence where the training images are gone or others. Raises UserError for a
    folder with something else in it, Stopped where a net does not compute what PyTorch does; then nothing is written.
    """
    suffix, encode = pick(FORMS, form, "form of export")
    if small and form != "onnx":
        raise UserError(f"--small is of the form onnx, and --to is {form}: leave one of them out.")
    takes_of = {"generator": "z"} if small else TAKES
    encode = partial(_onnx, small=True) if small else encode
    refuse_taken(folder, overwrite)
    refuse_unwritable(folder / "config.json")
    data = _data(checkpoint, say)
    players, sampler = players_of(checkpoint, replica, data)
    about = about_of(record, checkpoint, replica, form, data) | {"checked": CHECKED}
    inputs = _inputs(players, sampler, data, checkpoint.image_shape[-1])
    draws: dict[str, bool] = {}
    expected: dict[str, Outputs] = {}
    for name, takes in takes_of.items():
        with Means() as means:  # what a net draws itself differs from run to run
            expected[name] = players.outputs(name, *inputs[takes])
        draws[name] = means.draws > 0
    nets = about["nets"] = {
        name: {
            "file": f"{name}.{suffix}",
            "takes": TAKES[name],
            "numbers": players.numbers(name, features_alone=form == "onnx"),
            "statistics": _statistics(name, net, players.dis_statistics, sampler.standing),
            "outputs": {output: list(y.shape[1:]) for output, y in expected[name].items()},
            "chance": draws[name],
            "alone": _alone(players, name, *inputs[TAKES[name]]),
        }
        | ({"classes": players.asks(name)} if players.labels else {})
        for name, net in players.nets().items()
        if name in takes_of
    }
    common, files = {key: value for key, value in about.items() if key != "nets"}, {}
    for name, (write, apart) in encode(players, about, inputs, expected).items():
        net = nets[name]
        net["difference"] = _near(name, apart, expected[name], HALF_APART if small else MOST_APART)
        content = files[net["file"]] = write(metadata=strings(common | {"net": name} | net))
        net["sha256"] = hashlib.sha256(content).hexdigest()
    sheet = sheet_of(sampler, PICTURE)
    files["samples.png"] = png(sheet.picture, sheet.note or None, ZOOM, sheet.words)
    files["README.md"] = card(about, record, checkpoint).encode()
    files["config.json"] = sealed(about)
    replace(folder, files, overwrite)
    return Export(folder, about)


def _inputs(players: Players, sampler: Sampler, data: Images | None, size: int) -> Inputs:
    """What the nets are compared on: latents, and images, half of them real if the training images are there."""
    images = sampler.images("export", CHECKED)
    classes = sampler.classes("export", CHECKED) if players.labels else None
    seen = classes
    if data is not None:
        reals = chosen(data.pixels, CHECKED // 2, size)
        images = torch.cat([reals, images[len(reals) :]])
        if classes is not None and data.labels is not None:
            seen = torch.cat([data.labels[some(len(data.pixels), len(reals))], classes[len(reals) :]])
    return {"z": (sampler.latents("export", CHECKED), classes), "image": (images, seen)}


def _onnx(
    players: Players, about: About, inputs: Inputs, expected: Mapping[str, Outputs], small: bool = False
) -> Written:
    """Each net as an ONNX graph, run by onnxruntime; small: its large weights are in half precision."""
    written: Written = {}
    for name, outputs in expected.items():
        x, classes = inputs[TAKES[name]]
        model = halved(graph(players, name)) if small else graph(players, name)
        written[name] = (
            partial(described, model),
            difference(model, x, outputs, classes if players.asks(name) else None),
        )
    return written


def _safetensors(players: Players, about: About, inputs: Inputs, expected: Mapping[str, Outputs]) -> Written:
    """Each net's weights and statistics by name, read back into new nets."""
    tensors = {name: weights_in(net) for name, net in players.nets().items()}
    again = built(about, {name: load(save(weights)) for name, weights in tensors.items()})
    written: Written = {}
    for name, outputs in expected.items():
        with Means():
            found = again.outputs(name, *inputs[TAKES[name]])
        written[name] = partial(save, tensors[name]), max((found[k] - y).abs().max().item() for k, y in outputs.items())
    return written


FORMS = {"onnx": ("onnx", _onnx), "safetensors": ("safetensors", _safetensors)}  # form -> suffix, how to write it


def _alone(players: Players, name: str, x: Tensor, classes: Tensor | None) -> bool:
    """Whether a net's outputs for four inputs are the same beside four others."""
    places = [[0, 1, 2, 3, *range(k, k + 4)] for k in (4, 8)]
    with Means():
        one, other = (players.outputs(name, x[rows], None if classes is None else classes[rows]) for rows in places)
    scale = MOST_APART * max(1.0, *(y.abs().max().item() for y in one.values()))
    return all(bool(((y - other[output])[:4].abs() <= scale).all()) for output, y in one.items())


def _near(name: str, apart: float, expected: Outputs, most: float) -> float:
    """``apart`` itself. Raises Stopped where it is more than rounding explains, or not a number."""
    bound = most * max(1.0, *(y.abs().max().item() for y in expected.values()))
    if not apart <= bound < math.inf:
        raise Stopped(
            f"The exported {name} differs from PyTorch by {apart:.1e}, more than {bound:.1e}: nothing was written. Its "
            "numbers may be out of bounds; try an earlier --epoch."
        )
    return apart


def _statistics(name: str, net: nn.Module, dis_statistics: str, standing: int) -> str:
    """The images or latents over which a net's batch norms were averaged, in words."""
    if not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.modules()):
        return "it has none"
    own = f"{standing:,} images of its own generator"
    return {"generator": f"{standing:,} latents", "discriminator": dis_statistics, "encoder": own}[name]


def _data(checkpoint: Checkpoint, say: Say) -> Images | None:
    """The training images, for D's statistics and the images' own size; None where they cannot be read."""
    try:
        images = read_images(checkpoint.config.data, "train", checkpoint.run, say)
        refuse_other_classes(checkpoint.run, checkpoint.labels, images)
        if checkpoint.data:
            checkpoint.data.refuse_others(origin_of(checkpoint.config, images), checkpoint.run, elsewhere="")
        return images
    except UserError as error:
        say(f"D is exported with the statistics of generated images alone, without its training images: {error}")
        return None
