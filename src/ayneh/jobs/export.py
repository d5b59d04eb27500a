"""The verb `export`: a run's nets as files for other programs, checked against PyTorch, with a model card."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from ayneh.checkpoint import Checkpoint
from ayneh.errors import Stopped, UserError, pick
from ayneh.files import atomically
from ayneh.record import Record
from ayneh.terminal import Watch

if TYPE_CHECKING:
    from torch import nn

    from ayneh.data.sources import Images
    from ayneh.engine.sampler import Sampler
    from ayneh.export.players import Outputs, Players

FORMS = {"onnx": "onnx", "safetensors": "safetensors"}  # form -> suffix of the nets' files
# An export may differ by so much from PyTorch's outputs; where the largest of them is above 1, by this share of it,
# since float32 holds seven digits and outputs of hundreds occur where a batch norm divides by next to nothing.
MOST_APART = 1e-4
NETS = ("generator", "discriminator", "encoder")
PICTURE, ZOOM = 64, 3  # images in samples.png, and how much larger than they are
About = dict[str, Any]


def export(
    run: tyro.conf.Positional[Path],
    to: str = "onnx",
    out: Path | None = None,
    epoch: int | None = None,
    best: bool = False,
    replica: int = 0,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Write a run's generator, discriminator and encoder into a folder that stands by itself, with a model card.

    In Python, `ayneh.load(FOLDER)` reads an ONNX export with numpy and onnxruntime alone. docs/export.md says what
    stands in each file.

    Args:
        run: the run folder.
        to: onnx, or safetensors (PyTorch's weights by name).
        out: the folder to write (default: export-onnx or export-safetensors in the run folder).
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        best: the checkpoint that the judge liked best, if the run was scored (--keep.score-epochs).
        replica: which of the run's replicas, counted from 0.
        overwrite: replace an earlier export in the folder.
        quiet: say nothing but the result.
    """
    pick(FORMS, to, "form of export")
    watch, record = Watch(quiet), Record.open(run)
    folder = out or run / f"export-{to}"
    refuse_taken(folder, overwrite)
    checkpoint = record.at_epoch("best" if best else epoch)
    about, files = made(record, checkpoint, replica, to, watch.say)
    _write(folder, files)
    for net in about["nets"].values():
        apart = f"differs from PyTorch by at most {net['difference']:.1e} on {about['checked']} draws"
        print(f"{folder / net['file']}: {net['numbers']:,} numbers, {apart}")
    print(f"{folder / 'README.md'}: the model card")


def made(
    record: Record, checkpoint: Checkpoint, replica: int, form: str, say: Callable[[str], None]
) -> tuple[About, dict[str, bytes]]:
    """What config.json says, and every file by its name. Raises Stopped where a net is not what PyTorch computes."""
    import torch

    from ayneh.export.card import card
    from ayneh.export.contract import about_of
    from ayneh.export.players import CHECKED, chosen, players_of

    data = _data(checkpoint, say)
    players, sampler = players_of(checkpoint, replica, None if data is None else data.pixels)
    about = about_of(record, checkpoint, replica, form, data) | {"checked": CHECKED}
    fakes = sampler.images("export", CHECKED)
    images = fakes
    if data is not None:
        reals = chosen(data.pixels, CHECKED // 2, checkpoint.image_shape[-1])
        images = torch.cat([reals, fakes[len(reals) :]])
    given = {"z": sampler.latents("export", CHECKED), "image": images}
    about["nets"] = {
        name: {
            "file": f"{name}.{FORMS[form]}",
            "takes": "z" if name == "generator" else "image",
            "numbers": _count(net) - (_count(players.encoder.head) if (form, name) == ("onnx", "encoder") else 0),
            "statistics": _statistics(name, net, players.judged_by),
        }
        for name, net in players.nets().items()
    }
    files = {"onnx": _onnx, "safetensors": _safetensors}[form](players, given, about)
    files["samples.png"] = _picture(sampler)
    files["README.md"] = card(about, record, checkpoint).encode()
    files["config.json"] = json.dumps(about, indent=2, ensure_ascii=False).encode() + b"\n"
    return about, files


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Raise UserError if an export cannot go into ``folder``: it is not empty, or no export is to be replaced."""
    from ayneh.loading.model import FORMAT

    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        values = json.loads((folder / "config.json").read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        values = None
    ours = isinstance(values, dict) and values.get("format") == FORMAT
    if ours and not overwrite:
        raise UserError(f"{folder} holds an export already: choose another --out, or replace it with --overwrite.")
    if not ours:
        raise UserError(f"{folder} is not empty and not an export of ayneh: choose another --out.")


def _onnx(players: Players, given: Outputs, about: About) -> dict[str, bytes]:
    """The nets as ONNX with their metadata, by file; ``about`` is told their outputs and how far PyTorch's are."""
    from torch import nn

    from ayneh.export.contract import strings
    from ayneh.export.onnx import difference, to_onnx

    modules = players.nets() | {"encoder": nn.Sequential(players.encoder.features, nn.Flatten())}
    common = {key: value for key, value in about.items() if key != "nets"}
    files = {}
    for name, net in about["nets"].items():
        x = given[net["takes"]]
        expected = players.outputs(name, x)
        first, *others = expected
        further = {other: reader for other in others if (reader := players.reader())}
        write = partial(to_onnx, modules[name], tuple(x.shape[1:]), (net["takes"], first), further)
        net["outputs"] = {output: list(y.shape[1:]) for output, y in expected.items()}
        net["difference"] = _near(name, difference(write(), x, expected), expected)
        content = files[net["file"]] = write(strings(common | {"net": name} | net))
        net["sha256"] = hashlib.sha256(content).hexdigest()
    return files


def _safetensors(players: Players, given: Outputs, about: About) -> dict[str, bytes]:
    """The weights and statistics by name, by file; read back into new nets, they compute what they did."""
    import torch
    from safetensors.torch import load, save

    from ayneh.export.contract import strings
    from ayneh.export.players import built

    common = {key: value for key, value in about.items() if key != "nets"}
    tensors = {
        name: {key: x.detach().clone(memory_format=torch.contiguous_format) for key, x in net.state_dict().items()}
        for name, net in players.nets().items()
    }
    again = built(about, {name: load(save(weights)) for name, weights in tensors.items()})
    files = {}
    for name, net in about["nets"].items():
        x = given[net["takes"]]
        expected, found = players.outputs(name, x), again.outputs(name, x)
        net["outputs"] = {output: list(y.shape[1:]) for output, y in expected.items()}
        net["difference"] = _near(name, max((found[k] - y).abs().max().item() for k, y in expected.items()), expected)
        content = files[net["file"]] = save(tensors[name], strings(common | {"net": name} | net))
        net["sha256"] = hashlib.sha256(content).hexdigest()
    return files


def _count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def _near(name: str, apart: float, expected: Outputs) -> float:
    """``apart`` itself. Raises Stopped where it is more than rounding explains, or not a number."""
    bound = MOST_APART * max(1.0, *(y.abs().max().item() for y in expected.values()))
    if not apart <= bound < math.inf:
        raise Stopped(
            f"The exported {name} differs from PyTorch by {apart:.1e}, more than {bound:.1e}: nothing was written. Its "
            "numbers may be out of bounds; try an earlier --epoch."
        )
    return apart


def _statistics(name: str, net: nn.Module, judged_by: str) -> str:
    """Over what the batch norms of a net were averaged, in words."""
    from ayneh.engine.sampler import STANDING_LATENTS
    from ayneh.game.layers import BatchNorm, BatchNorm1d

    if not any(isinstance(m, BatchNorm | BatchNorm1d) for m in net.modules()):
        return "it has none"
    own = f"{STANDING_LATENTS:,} images of its own generator"
    return {"generator": f"{STANDING_LATENTS:,} latents", "discriminator": judged_by, "encoder": own}[name]


def _data(checkpoint: Checkpoint, say: Callable[[str], None]) -> Images | None:
    """The training images, for D's statistics and the images' own size; None, and a word, where they are not there."""
    from ayneh.data.sources import load

    data = checkpoint.config.data
    try:
        return load(data.name, "train", resize=data.resize, limit=data.limit)
    except UserError as error:
        say(f"D is exported with the statistics of generated images alone, since its training images are gone: {error}")
        return None


def _picture(sampler: Sampler) -> bytes:
    """A PNG of the run's fixed noise."""
    import io

    from PIL import Image

    from ayneh.pictures import grid, zoomed

    pixels = zoomed(grid(sampler.draw("samples", PICTURE)), ZOOM).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """All files of an export, the config last: without it there is none."""
    (folder / "config.json").unlink(missing_ok=True)
    for name in NETS:
        for suffix in FORMS.values():
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    for name, content in files.items():
        with atomically(folder / name) as file:
            file.write(content)
