"""What the subfolders of a folder of images mean: wrappers, splits, classes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ayneh.data.scan import File, natural_order
from ayneh.data.split import HALVES, of_val, used_as
from ayneh.data.words import printable, told_apart
from ayneh.terminal.text import counted, few

REST = {"pred", "predict", "unlabeled", "unlabelled", "extra"}  # what some sets have beside train and test
SUFFIXES_BEFORE = (".png", ".jpg", ".jpeg")  # that earlier versions read
WORD = re.compile(r"[a-z]+")  # in a folder's name, of small letters
FEW = 5  # images beside class folders are strays if they are at most one in so many


@dataclass
class Layout:
    """The images with their split (None: not in the files) and their class (None: no label)."""

    files: list[File] = field(default_factory=list)
    sides: list[str | None] = field(default_factory=list)  # train or test
    labels: list[str | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    order: Callable[[str], Any] = lambda name: natural_order([printable(name), name])  # of the classes' names

    @property
    def has_splits(self) -> bool:
        """Whether the folders show which images are for testing."""
        return "test" in self.sides

    def names(self) -> tuple[str, ...]:
        """The classes as their folders are called, in the order of the labels; two may look alike where printed."""
        return tuple(sorted({label for label in self.labels if label is not None}, key=self.order))


def layout(files: list[File]) -> Layout:
    """Removes wrapping folders, then separates train/, val/ and test/ from classes."""
    found = Layout()
    places = _unwrapped(files, found)
    sides = _sides([place for _, place in places], found)
    groups: dict[str | None, list[tuple[File, tuple[str, ...]]]] = {}
    for (file, place), side in zip(places, sides, strict=True):
        if side is None:
            groups.setdefault(None, []).append((file, place))
        elif side.of:
            groups.setdefault(side.of, []).append((file, side.rest))
    _label(groups, found)
    return found


def add_test(main: Layout, test: list[File], name: str) -> Layout:
    """The images of ``main`` for training, and those of a folder of their own for testing."""
    own = layout(test)
    kept = [k for k, side in enumerate(main.sides) if side != "test"]
    whole = Layout(
        [main.files[k] for k in kept] + own.files,
        [*("train" for _ in kept), *("test" for _ in own.files)],
        [main.labels[k] for k in kept] + own.labels,
        [*main.notes, f"test images from {printable(name)}"],
    )
    if left := len(main.files) - len(kept):
        whole.notes.append(
            f"{counted(left, 'test image')} of the folder itself {'is' if left == 1 else 'are'} left out"
        )
    whole.notes += _differences(whole)
    return whole


@dataclass(frozen=True)
class Side:
    """Where an image belongs: train, test or (empty) nowhere, and its place within."""

    of: str
    rest: tuple[str, ...] = ()


def _unwrapped(files: list[File], found: Layout) -> list[tuple[File, tuple[str, ...]]]:
    """The files with their places below the innermost folder that wraps all; single strays beside it are left out."""
    places, wrapped = [(file, file.place) for file in files], []
    while True:
        heads = {place[0] for _, place in places if len(place) > 1}
        strays = sum(len(place) == 1 for _, place in places)
        if len(heads) != 1 or (
            strays and (not _are_few(strays, len(places)) or _deepest(place for _, place in places) < 3)
        ):
            break
        (head,) = heads
        wrapped.append(printable(head))
        places = [(file, place[1:]) for file, place in places if len(place) > 1]
        if strays:
            found.notes.append(f"{counted(strays, 'image')} beside {wrapped[-1]} skipped")
    if wrapped:
        found.notes.insert(0, f"all in {Path(*wrapped)}")
    return places


def _deepest(places: Iterable[tuple[str, ...]]) -> int:
    return max(map(len, places))


def _sides(places: list[tuple[str, ...]], found: Layout) -> list[Side | None]:
    """The split of each place; None for all if no folder shows it."""
    heads = {place[0] if len(place) > 1 else "" for place in places}
    if _are_splits(heads):
        return _by_first(_classes_in_names(places, found), found)
    inner = {place[1] if len(place) > 2 else "" for place in places if len(place) > 1}
    if len(heads - {""}) > 1 and _are_splits(inner) and all(_kind(name) for name in inner):
        # cat/train, cat/test, dog/train, dog/test
        return _by_first([(place[1], place[0], *place[2:]) if len(place) > 1 else place for place in places], found)
    return [None] * len(places)


def _are_splits(names: set[str]) -> bool:
    """Whether train and another split are among these folders; names like train2017 count if all are like it."""
    for exact in (True, False):
        kinds = {_kind(name, exact) for name in names}
        if "train" in kinds and kinds & {"val", "test"} and (exact or None not in kinds):
            return True
    return False


def _kind(name: str, exact: bool = False) -> str | None:
    """train, val, test, rest, or None for another name. Unless ``exact``, one word of it is enough: seg_train."""
    plain = name.strip().casefold()
    words = {plain} if exact else {plain, *WORD.findall(plain)}
    found = [kind for kind, names in {**HALVES, "rest": REST}.items() if words & names]
    return found[0] if len(found) == 1 else None


def _classes_in_names(places: list[tuple[str, ...]], found: Layout) -> list[tuple[str, ...]]:
    """train_cat, train_dog, test_cat, test_dog as train/cat, train/dog, test/cat, test/dog; other places as they are.

    So they are read where the images lie in these folders themselves, train has several and every other split has only
    classes of train's: train_1 and train_2 are rather pieces of one set, and train_images and test_images no classes.
    """
    parted = {place[0]: _parted(place[0]) for place in places}
    classes = {kind: [name for own, name in parted.values() if own == kind] for kind in HALVES}
    train, others = classes["train"], [name for kind in ("val", "test") for name in classes[kind]]
    one_each = all(len(set(names)) == len(names) for names in classes.values())
    named = all(name and not re.search(r"\d", name) for name in (*train, *others))
    if len(train) < 2 or not (one_each and named and set(others) <= set(train)) or _deepest(places) > 2:
        return places
    found.notes.append(f"{few([f'{printable(name)}/' for name in sorted(parted)])} are classes with splits")
    return [(*filter(None, parted[place[0]]), *place[1:]) for place in places]


def _parted(name: str) -> tuple[str, str]:
    """The split in a folder's name, and the rest of it: "train_cat" -> ("train", "cat")."""
    kind = _kind(name) or ""
    words = (word for word in WORD.findall(name.casefold()) if word in HALVES.get(kind, ()))
    word = next(words, None)
    if word is None:
        return name, ""
    return kind, re.sub(rf"(?<![a-z]){word}(?![a-z])", "", name, count=1, flags=re.IGNORECASE).strip(" _-.")


def _by_first(places: list[tuple[str, ...]], found: Layout) -> list[Side | None]:
    """By the first folder of each place, which is a split; what is in no split is left out."""
    heads = Counter(place[0] if len(place) > 1 else "" for place in places)
    exact = "train" in (named := {_kind(name, exact=True) for name in heads}) and bool(named & {"val", "test"})
    kinds = {name: _kind(name, exact) for name in heads}
    vals = [name for name in heads if kinds[name] == "val"]
    to = used_as([kind for kind in kinds.values() if kind])
    if vals:
        shown = " and ".join(f"{printable(name)}/" for name in vals)
        found.notes.append(f"{shown} ({counted(sum(heads[name] for name in vals), 'image')}) {of_val(to)}")
    for name in sorted(kinds):
        if (kind := kinds[name]) in ("train", "test") and _kind(name, exact=True) is None:
            found.notes.append(f"{printable(name)}/ is taken as {kind}")
    for name, kind in kinds.items():
        if kind in (None, "rest"):
            where = f"in {printable(name)}/" if name else "beside them"
            found.notes.append(f"{counted(heads[name], 'image')} {where} skipped: neither train nor test")
    side_of = {name: to.get(kind or "", "") for name, kind in kinds.items()}
    return [Side(side_of[place[0] if len(place) > 1 else ""], place[1:]) for place in places]


def _label(groups: dict[str | None, list[tuple[File, tuple[str, ...]]]], found: Layout) -> None:
    """Put the images of each split into ``found``, with the folder below it as class."""
    heads = {side: {place[0] for _, place in group if len(place) > 1} for side, group in groups.items()}
    while (
        heads
        and all(len(names) == 1 for names in heads.values())
        and not any(len(place) == 1 for group in groups.values() for _, place in group)
    ):  # train/images/cat, test/images/cat: a wrapper within each split
        groups = {side: [(file, place[1:]) for file, place in group] for side, group in groups.items()}
        heads = {side: {place[0] for _, place in group if len(place) > 1} for side, group in groups.items()}
    for side, group in sorted(groups.items(), key=lambda item: item[0] == "test"):  # training images come first
        strays = sum(len(place) == 1 for _, place in group)
        labelled = len(heads[side]) > 0 and _are_few(strays, len(group))
        if heads[side] and not labelled:
            found.notes.append(f"no labels: {strays:,} of {counted(len(group), 'image')} are in no class folder")
        elif labelled and strays:
            found.notes.append(f"{counted(strays, 'image')} beside the class folders skipped")
        for file, place in group:
            if labelled and len(place) == 1:
                continue
            found.files.append(file)
            found.sides.append(side)
            found.labels.append(unicodedata.normalize("NFC", place[0]) if labelled else None)
    if len(found.names()) < 2:  # one class is no label
        found.labels = [None] * len(found.labels)
    found.notes += _differences(found)


def _differences(found: Layout) -> list[str]:
    """A sentence where train and test have different classes, or only one of them has any."""
    of = {
        side: {label for label, own in zip(found.labels, found.sides, strict=True) if own == side}
        for side in ("train", "test")
    }
    if not found.has_splits or of["train"] == of["test"]:
        return []
    if None in of["train"] | of["test"]:
        return [f"no labels in {'test' if None in of['test'] else 'train'}"]
    only = {
        side: told_apart(sorted(map(str, of[side] - of[other])))
        for side, other in (("train", "test"), ("test", "train"))
    }
    return ["classes " + ", ".join(f"only in {side}: {few(names)}" for side, names in only.items() if names)]


def _are_few(strays: int, n: int) -> bool:
    return strays * FEW <= n


def layout_before(folder: Path) -> Layout:
    """As earlier versions chose the images, so that their runs keep them: PNG and JPEG, in the order of their paths.

    train/ and test/ are the splits if both exist in just this writing; the folders of the first level are classes if
    every image is in one.
    """
    halves = [folder / "train", folder / "test"]
    roots = halves if all(half.is_dir() for half in halves) else [folder]
    found = [(root, path) for root in roots for path in _image_files(root)]
    places = [path.relative_to(root).parts for root, path in found]
    labelled = all(len(place) > 1 for place in places)
    laid = Layout(order=str)
    for (root, path), place in zip(found, places, strict=True):
        at = path.stat()
        laid.files.append(File(str(path), place, at.st_size, at.st_mtime_ns))
        laid.sides.append(root.name if roots == halves else None)
        laid.labels.append(place[0] if labelled else None)
    return laid


def _image_files(root: Path) -> list[Path]:
    """All images below ``root``, sorted, without hidden files."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES_BEFORE and path.is_file())
    return sorted((path for path in files if not path.name.startswith(".")), key=lambda path: path.as_posix())
