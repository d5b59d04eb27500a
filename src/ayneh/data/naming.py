"""Which of a file's arrays are images, which are labels, and which half of a split each belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ayneh.data.entries import Entry
from ayneh.data.split import HALVES, of_val, used_as
from ayneh.errors import UserError
from ayneh.terminal.text import few

SPELLINGS = {  # of halves, in names of arrays
    half: words | short for (half, words), short in zip(HALVES.items(), ({"tr"}, set[str](), {"te"}), strict=True)
}
IMAGES = ("images", "image", "imgs", "img", "x", "xs", "pixels", "data", "faces", "fea", "features", "inputs")
LABELS = ("labels", "label", "y", "ys", "targets", "target", "classes", "class", "gnd")
NAMES = "class_names"  # the array of the names of the classes that labels count from 0; `Images.save` writes it
FILLING = ("fine", "set", "all")
WORDS = "|".join(sorted((*IMAGES, *LABELS), key=len, reverse=True))
PARTS = "|".join(sorted((part for parts in SPELLINGS.values() for part in parts), key=len, reverse=True))
GLUED = re.compile(rf"({WORDS})({PARTS})|({PARTS})({WORDS})")  # xtrain, Xte, trainimages
NUMERIC = "buif"
SHOWN = 8  # names in a message


@dataclass(frozen=True)
class Chosen:
    """Images and labels of one part of a set; ``side``: "train", "test", or "" where the names do not show it."""

    side: str
    images: Entry
    labels: Entry | None
    names: Entry | None = None  # of the classes that the labels count from 0


def choose(entries: Mapping[str, Entry], where: str) -> tuple[list[Chosen], list[str]]:
    """What is read of a file, and notes. By the arrays' names, and by their shapes where names show nothing.

    Validation images are the test images where there are no others, and else join those for training.
    Raises UserError if it is not clear which array holds the images.
    """
    images, labels = _by_name(entries)
    if not images:
        images = {"": _only_images(entries, where)}
    notes: list[str] = []
    if "train" in images and len(images.keys() & {"test", "val"}):
        to = used_as(images)
        notes = [f"{images['val'].name} {of_val(to)}"] if "val" in images else []
        parts = [Chosen(to[half], images[half], labels.get(half)) for half in to if half in images]
    else:
        half = next(half for half in ("", "train", "test", "val") if half in images)
        parts = [Chosen("", images[half], labels.get(half) or labels.get(""))]
        if half in ("test", "val"):
            notes.append(f"{images[half].name} is divided, since there are no other images")
        if parts[0].labels is None and re.fullmatch(r"arr_\d+", parts[0].images.name):
            parts = [Chosen("", parts[0].images, _only_labels(entries, parts[0].images))]
    names = entries.get(NAMES)
    if names and len(names.shape) == 1 and names.dtype.kind in "US" and _all_numbers(parts):
        parts = [replace(part, names=names) for part in parts]
    used = {entry.name for part in parts for entry in (part.images, part.labels, part.names) if entry}
    lacking = [part.images.name for part in parts if part.labels is None]
    having = [part.labels.name for part in parts if part.labels]
    if having and lacking:
        verb = "is" if len(having) == 1 else "are"
        notes.append(f"{few(having, SHOWN)} {verb} not used, since {few(lacking, SHOWN)} has no labels")
        parts = [Chosen(part.side, part.images, None) for part in parts]
    rest = [name for name in entries if name not in used]
    return parts, [*notes, *([f"not used: {few(rest, SHOWN)}"] if rest else [])]


def _all_numbers(parts: list[Chosen]) -> bool:
    """Whether every part has labels that are numbers."""
    return all(part.labels is not None and part.labels.dtype.kind in NUMERIC for part in parts)


def kind_of(name: str) -> tuple[str, str] | None:
    """ "Xtest" -> ("images", "test"); "y" -> ("labels", ""); "train" -> ("", "train"); None for other names."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    words = [part for word in words for part in _unglued(word) if part and part not in FILLING]
    halves = [half for word in words for half, spellings in SPELLINGS.items() if word in spellings]
    rest = [word for word in words if not any(word in spellings for spellings in SPELLINGS.values())]
    if len(halves) > 1 or not (halves or rest):
        return None
    half = halves[0] if halves else ""
    if not rest:
        return "", half
    for kind, known in (("labels", LABELS), ("images", IMAGES)):
        if all(word in known for word in rest):
            return kind, half
    if rest[-1] in LABELS and all(word in (*LABELS, *IMAGES) for word in rest):  # image_labels
        return "labels", half
    return None


def _unglued(word: str) -> list[str]:
    found = GLUED.fullmatch(word)
    return [part for part in found.groups() if part] if found else [word]


def _by_name(entries: Mapping[str, Entry]) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Images and labels by half ("" for neither); of several names the usual one."""
    images: dict[str, Entry] = {}
    labels: dict[str, Entry] = {}
    for name, entry in sorted(entries.items(), key=lambda item: _rank(item[0])):
        found = kind_of(name)
        if found is None:
            continue
        kind, half = found
        if not kind:  # a half alone, such as "train"
            kind = "images" if len(entry.shape) in (3, 4) and entry.dtype.kind in NUMERIC else ""
        if kind == "images" and len(entry.shape) >= 2:
            images.setdefault(half, entry)
        elif kind == "labels":
            labels.setdefault(half, entry)
    return images, labels


def _rank(name: str) -> int:
    """The place of a name among the usual ones; less is more usual."""
    low = name.lower()
    return min((i for i, word in enumerate((*IMAGES, *LABELS)) if word in re.split(r"[^a-z]+", low)), default=99)


def _only_images(entries: Mapping[str, Entry], where: str) -> Entry:
    """The one array that has the shape of images."""
    for axes in ((3, 4), (2,)):
        found = [e for e in entries.values() if len(e.shape) in axes and e.dtype.kind in NUMERIC and 0 not in e.shape]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            break
    if len(entries) == 1:
        return next(iter(entries.values()))
    raise UserError(
        f"{where} holds the arrays {few(list(entries), SHOWN) or '(none)'}: call the images 'images', or 'x_train' and "
        "'x_test'."
    )


def _only_labels(entries: Mapping[str, Entry], images: Entry) -> Entry | None:
    """The one other array with a number for each image."""
    found = [
        entry
        for entry in entries.values()
        if entry is not images
        and entry.name != NAMES
        and len(entry.shape) in (1, 2)
        and max(entry.shape, default=0) in images.shape
    ]
    return found[0] if len(found) == 1 else None
