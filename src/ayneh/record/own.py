"""The parts of one's own that a run was trained with: what config.json notes of them, and copies of their sources.

The notes and the copies are for reading. Nothing is imported because a run folder names it: a verb that needs a part
which has not been loaded says which file has to be named with --parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ayneh.config import Config, flatten
from ayneh.errors import UserError
from ayneh.files.reading import typed
from ayneh.files.whole import atomically, write_json
from ayneh.parts.loading import PREFIX, loaded
from ayneh.parts.origin import sha256_of
from ayneh.parts.registry import KINDS, Part, every, own
from ayneh.parts.used import adopt, flag_of, objects_of, used
from ayneh.terminal.text import warn_once

COPIES = "parts"  # the folder in that of the run
COPY = r"[\w.+-]{1,120}\.py"
FOR_NETS = ("net", "prior")  # what a checkpoint's nets need to draw images


@dataclass(frozen=True)
class Later:
    """Another source, with which a run was resumed."""

    sha256: str
    copy: str = ""


@dataclass(frozen=True)
class Noted:
    """What config.json has of one part."""

    kind: str
    name: str
    sha256: str
    module: str = ""
    file: str = ""
    """The name of its file."""
    flag: str = ""
    """What was named with --parts, or can be."""
    package: str = ""
    copy: str = ""
    """The copy of its source, relative to the run folder."""
    beside: dict[str, str] = field(default_factory=dict)
    """File that it imported from its own folder -> SHA-256."""
    objects: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    changed: list[Later] = field(default_factory=list)

    def words(self) -> str:
        """ "the loss 'mine' of my_parts.py"."""
        place = f"the package {self.package}" if self.package else self.file or self.flag
        return f"the {KINDS[self.kind].words if self.kind in KINDS else self.kind} {self.name!r}" + (
            f" of {place}" if place else ""
        )

    def flags(self) -> list[str] | None:
        """What gives it to a command of ayneh; None where no file holds it, as for one that a notebook made."""
        if self.package:
            return []
        if not self.flag:
            return None
        if self.kind != "net" or self.name != "+".join(self.objects):
            return ["--parts", self.flag]
        specs = []
        for name, key in zip(self.objects, ("gen_args", "dis_args"), strict=True):
            given = ", ".join(f"{word}={value!r}" for word, value in (self.arguments.get(key) or {}).items())
            specs.append(f"{self.flag}:{name}" + (f"({given})" if given else ""))
        return ["--nets", *specs]

    def latest(self) -> str:
        """The SHA-256 of the source that the run was trained with at last."""
        return self.changed[-1].sha256 if self.changed else self.sha256

    def is_of(self, part: Part) -> bool:
        """Whether the part has the source that the run was trained with at last."""
        source, sha256 = part.source, self.latest()
        beside = {file: sha256_of(text) for file, text in source.neighbours.values()}
        if sha256 != source.sha256:
            return sha256 in beside.values()  # its own file may be one that the file named now imports
        return self.changed != [] or all(beside.get(file, known) == known for file, known in self.beside.items())


@dataclass(frozen=True)
class Head:
    """The part of config.json that is read here."""

    parts: list[Noted] = field(default_factory=list)


class OwnParts:
    """The parts of one's own of one run."""

    def __init__(self, folder: Path, head: Callable[[], dict[str, Any]]) -> None:
        self.folder, self._head = folder, head

    def noted(self) -> list[Noted]:
        """What config.json has of them."""
        values = {"parts": self._head().get("parts", [])}
        return typed(values, Head, str(self.folder / "config.json")).parts

    def need(self, *kinds: str) -> None:
        """Raise UserError if a part of these kinds (none given: of any) has not been loaded; warn of changed ones."""
        for noted in self.noted():
            if not kinds or noted.kind in kinds:
                part = own(noted.kind, noted.name) or adopt(
                    noted.kind, noted.name, noted.file, noted.objects, noted.arguments
                )
                if part is None:
                    raise UserError(f"{self.folder} was trained with {noted.words()}{self._what_to_do(noted)}.")
        self.warn_changed()

    def _what_to_do(self, noted: Noted) -> str:
        copy = f"; its source as it was is in {copy}" if (copy := self._copy(noted)) else ""
        there = [one for one in loaded.values() if one.source.file and one.source.file.name == noted.file]
        if noted.package:
            return f", which is not installed: install this package{copy}"
        if there:
            return f", but this file adds none of this name now: add it there by ayneh.add({noted.kind!r}, ...){copy}"
        if noted.flag:
            return f", which has not been loaded: give the command --parts {noted.flag}, with its path{copy}"
        return (
            ", which came from a notebook or a script: add it again by ayneh.add, or put it into a file that calls "
            f"ayneh.add and name that with --parts{copy}"
        )

    def _copy(self, noted: Noted) -> str:
        """The path of its copy; empty if there is none, or the name is none that is written here."""
        place = noted.changed[-1].copy if noted.changed else noted.copy
        fine = re.fullmatch(rf"{COPIES}/{COPY}", place) and (self.folder / place).is_file()
        return str(self.folder / place) if fine else ""

    def warn_changed(self) -> None:
        """Say of each part whose source is another now that results may differ; of a damaged config.json nothing."""
        with suppress(UserError):  # who needs the config says what is wrong with it
            for words in self._changes():
                warn_once(f"{words}: its results may differ.")

    def _changes(self) -> list[str]:
        ours = {(part.kind, part.name): part for part in every()}
        return [
            f"{self.folder} was trained with {noted.words()}, whose source is another now"
            + (f" (as it was: {copy})" if (copy := self._copy(noted)) else "")
            for noted in self.noted()
            if (part := ours.get((noted.kind, noted.name))) and not noted.is_of(part)
        ]

    def refuse_changed(self, advice: str = "go on with this one by --changed-parts") -> None:
        """Raise UserError, with this advice, if a part has another source now."""
        if changes := self._changes():
            raise UserError(f"{changes[0]}: put the former source back, or {advice}.")

    # -- writing -------------------------------------------------------------------------------------------------------

    def of(self, config: Config) -> list[dict[str, Any]]:
        """What config.json is to note of the parts that this config uses. Nothing is written."""
        return [_note(part, name) for part, name in _named(used(flatten(config)), set())]

    def write_copies(self, config: Config) -> None:
        """Copy the sources of the parts that this config uses; a copy that is there stays."""
        for part, name in _named(used(flatten(config)), set()):
            self._write(name, part)

    def accepted(self) -> list[dict[str, Any]]:
        """What config.json is to note now that the run goes on with the sources of today, whose copies are written."""
        ours = {(part.kind, part.name): part for part in every()}
        notes = []
        for noted in self.noted():
            values = asdict(noted)
            part = ours.get((noted.kind, noted.name))
            if part and not noted.is_of(part):
                taken = {path.name for path in (self.folder / COPIES).glob("*")}
                ((_, name),) = _named([part], taken)
                self._write(name, part)
                values["changed"].append({"sha256": part.source.sha256, "copy": f"{COPIES}/{name}" if name else ""})
            notes.append(_brief(values))
        return notes

    def ready(self, config: Config, changed: bool, callbacks: bool = True) -> None:
        """Before the run is trained further: raise UserError if a part of one's own is missing, or has another source.

        changed: go on with the source of today, and note it; callbacks: whether those of the config are used. A copy
        that a kill kept from being written is written.
        """
        self.need(*(kind for kind in KINDS if callbacks or kind != "callback"))
        if changed:
            write_json(self.folder / "config.json", self._head() | {"parts": self.accepted()})
        self.refuse_changed()
        self.write_copies(config)

    def _write(self, name: str, part: Part) -> None:
        folder = self.folder / COPIES
        if folder.is_symlink():
            raise UserError(f"{folder} is a link, and copies of sources are written there: remove it.")
        texts = {name: part.source.text} if name else {}
        texts |= {_file_name(file): text for file, text in part.source.neighbours.values()}
        for file, text in texts.items():
            if not (folder / file).exists():
                folder.mkdir(exist_ok=True)
                with atomically(folder / file) as opened:
                    opened.write(text.encode(errors="surrogatepass"))


def notes_of(config: Config) -> list[Noted]:
    """What a run with this config notes of its parts of one's own."""
    values = {"parts": [_note(part, "") for part in used(flatten(config))]}
    return typed(values, Head, "config.json").parts


def _named(parts: list[Part], taken: set[str]) -> list[tuple[Part, str]]:
    """Each part with the name of the copy of its source: one of its own for each text; "" where there is no source."""
    names: dict[str, str] = {}  # text -> name
    for part in parts:
        names |= {text: _file_name(file) for file, text in part.source.neighbours.values()}
    for part in parts:
        source = part.source
        if source.readable and source.text not in names:
            plain = source.file if source.file and source.module != "__main__" else None
            first = _file_name(plain.name if plain else f"{part.kind}-{part.name}.py")
            name, number = first, 1
            while name in names.values() or name in taken:
                number += 1
                name = f"{first.removesuffix('.py')}-{number}.py"
            names[source.text] = name
    return [(part, names.get(part.source.text, "")) for part in parts]


def _file_name(path: str) -> str:
    name = re.sub(r"[^\w.+-]", "-", path)[-100:]
    return name if name.endswith(".py") else f"{name}.py"


def _note(part: Part, copy: str) -> dict[str, Any]:
    source, objects = part.source, objects_of(part)
    return _brief(
        {
            "kind": part.kind,
            "name": part.name,
            "sha256": source.sha256,
            "module": "" if source.module.startswith(PREFIX) else source.module,
            "file": source.file.name if source.file else "",
            "flag": flag_of(part),
            "package": source.package,
            "copy": f"{COPIES}/{copy}" if copy else "",
            "beside": {file: sha256_of(text) for file, text in source.neighbours.values()},
            "objects": objects,
            "arguments": dict(part.arguments) if objects else {},
        }
    )


def _brief(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value}
