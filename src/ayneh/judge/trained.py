"""Judges trained here: the nets for one set of training images, in a folder that holds all of them or is not used.

judge.json names the nets and is written last, so that a judge whose training was cut short is not used. Earlier
versions wrote no judge.json: their nets are used if all of them are there.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from ayneh.errors import UserError
from ayneh.files.reading import json_in, typed
from ayneh.files.sealed import fingerprint_of
from ayneh.files.whole import locked, write_json
from ayneh.judge.features import FeatureNet, load, save
from ayneh.judge.training import BATCH, SEEDS, accuracy, forecast, panel
from ayneh.judge.verdict import LEAST
from ayneh.terminal.text import Say

MANIFEST = "judge.json"
COMPLETE = ({*(f"cnn-{seed}" for seed in range(SEEDS)), "random"}, {"simclr", "random"})  # names of a judge's nets


@dataclass(frozen=True)
class Member:
    """One net of a judge: its name, and its file in the judge's folder."""

    name: str
    file: str


@dataclass(frozen=True)
class Manifest:
    """The nets of a judge, the leading one first."""

    nets: tuple[Member, ...]
    labels: str | None = None  # fingerprint of the training images' labels; None: they had none, or it was not noted


def find(folder: Path, classes: int | None, labels: str | None = None) -> dict[str, FeatureNet] | None:
    """The nets of the judge in this folder by name; None if there is no whole one.

    classes, labels (their fingerprint): of the images now; a judge of other labels, of another number of classes, or of
    one, is none. UserError for damaged files.
    """
    values = json_in(folder / MANIFEST)
    if values is None:  # as earlier versions wrote it
        files = sorted(folder.glob("*.safetensors"))
        members = [Member(file.stem.partition("-")[2], file.name) for file in files]
    else:
        manifest = typed(values, Manifest, str(folder / MANIFEST))
        if manifest.labels and labels and manifest.labels != labels:
            return None
        members = list(manifest.nets)
    if {member.name for member in members} not in COMPLETE:
        return None
    nets = {member.name: load(folder / Path(member.file).name)[0] for member in members}
    known = next(iter(nets.values())).classes
    return None if known == 1 or (known and classes and known != classes) else nets


def train(
    folder: Path, images: Tensor, labels: Tensor | None, classes: int | None, test: tuple[Tensor, Tensor | None],
    epochs: int, data: str, say: Say,
) -> dict[str, float | None]:  # fmt: skip
    """Train the nets for these images, uint8 (N, C, S, S), into the folder; their accuracies on ``test``, or None.

    data: the set's name, for messages and the nets' notes. Raises UserError if there are too few images, or another
    process trains the same judge.
    """
    given, labels = labels, of_use(labels, say)
    if words := too_few(len(images), len(test[0])):
        raise UserError(f"A judge of {data} cannot be trained: {words}")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", f"Another process trains the judge of {data}: wait until it is done."):
        say(forecast(images, labels, classes, epochs))
        members, measured, mark = [], {}, secrets.token_hex(4)
        for index, (name, net) in enumerate(panel(images, labels, classes, epochs, say)):
            notes: dict[str, float] = {}
            if net.classes and test[1] is not None:
                notes["accuracy_test"] = accuracy(net, test[0], test[1])
            members.append(Member(name, f"{index}-{name}-{mark}.safetensors"))
            save(folder / members[-1].file, net, data=data, epochs=epochs, **notes)
            measured[name] = notes.get("accuracy_test")
        write_json(
            folder / MANIFEST, asdict(Manifest(tuple(members), None if given is None else fingerprint_of(given)))
        )
        for old in folder.glob("*.safetensors"):
            if old.name not in {member.file for member in members}:
                old.unlink(missing_ok=True)
    return measured


def too_few(images: int, test: int) -> str:
    """Why so many images to train and to test on are not enough for a judge, and what to do; empty if they are."""
    if images >= BATCH and test >= LEAST:
        return ""
    words = f"it has {images:,} images to train on and {test:,} to test on; a judge needs at least {BATCH} and {LEAST}."
    if images + test < BATCH + LEAST:
        return f"{words} Add images."
    return f"{words} Set the share to test on: --data.test SHARE in training, --test SHARE in `ayneh judge train`."


def of_use(labels: Tensor | None, say: Say) -> Tensor | None:
    """The labels, if a classifier can learn from them; else None, and ``say`` gets the reason."""
    if labels is None:
        return None
    found, most = len(labels.unique()), int(labels.max()) + 1
    if found < 2:
        say("All images have one label, from which a classifier learns nothing: the judge is trained without labels.")
        return None
    if most * 2 > len(labels):
        say(
            f"The labels go up to {most - 1:,} and there are {len(labels):,} images: these are not classes, and the "
            "judge is trained without labels."
        )
        return None
    return labels
