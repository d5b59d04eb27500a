"""The parts of one's own that a run was trained with: what config.json notes of them, and copies of their sources.

The notes and the copies are for reading. Nothing is imported because a run folder names it: a verb that needs a part
which has not been loaded names the file for --parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from ayneh.config import Config, flatten
from ayneh.errors import UserError
from ayneh.files.reading import typed
from ayneh.files.whole import atomically, size_of, write_json
from ayneh.parts.loading import PREFIX, loaded
from ayneh.parts.origin import UNNAMED, Source
from ayneh.parts.registry import KINDS, Part, every, own
from ayneh.parts.used import adopt, flag_of, objects_of, used
from ayneh.terminal.text import warn_once

COPIES = "parts"  # the folder in that of the run
COPY = r"[\w.+-]{1,120}\.py"
FOR_NETS = ("net", "prior")  # what a checkpoint's nets need to draw images


@dataclass(frozen=True)
class Text:
    """A source with which a run was trained."""

    sha256: str
    copy: str = ""
    """The copy of it, relative to the run folder."""
    beside: dict[str, str] = field(default_factory=dict)
    """File that it imported from its own folder -> SHA-256."""


@dataclass(frozen=True)
class Noted:
    """What config.json has of one part."""

    kind: str
    name: str
    sha256: str
    copy: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    """As `Text`: of the source with which the run began."""
    module: str = ""
    file: str = ""
    """The name of its file."""
    flag: str = ""
    """What was named with --parts, or can be."""
    package: str = ""
    objects: list[str] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    changed: list[Text] = field(default_factory=list)
    """Other sources, with which it was resumed."""

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

    def latest(self) -> Text:
        """The source that the run was trained with at last."""
        return self.changed[-1] if self.changed else Text(self.sha256, self.copy, self.beside)

    def changed_now(self) -> Part | None:
        """The part of this name that is loaded, if its source is another than the latest."""
        part = next((part for part in every() if (part.kind, part.name) == (self.kind, self.name)), None)
        return None if part is None or self.is_of(part.source) else part

    def is_of(self, source: Source) -> bool:
        """Whether it is the source that the run was trained with at last."""
        latest, beside = self.latest(), source.beside
        if latest.sha256 != source.sha256:
            return latest.sha256 in beside.values()  # its own file may be one that the file named now imports
        return all(beside.get(file, known) == known for file, known in latest.beside.items())


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
        place = noted.latest().copy
        fine = re.fullmatch(rf"{COPIES}/{COPY}", place) and (self.folder / place).is_file()
        return str(self.folder / place) if fine else ""

    def warn_changed(self) -> None:
        """Print for each part whose source is another now that results may differ; of a damaged config.json nothing."""
        with suppress(UserError):  # who needs the config says what is wrong with it
            for words in self._changes():
                warn_once(f"{words}: its results may differ.")

    def _changes(self) -> list[str]:
        return [
            f"{self.folder} was trained with {noted.words()}, whose source is another now"
            + (f" (as it was: {copy})" if (copy := self._copy(noted)) else "")
            for noted in self.noted()
            if noted.changed_now()
        ]

    def refuse_changed(self, advice: str = "go on with this one by --changed-parts") -> None:
        """Raise UserError, with this advice, if a part has another source now."""
        if changes := self._changes():
            raise UserError(f"{changes[0]}: put the former source back, or {advice}.")

    # -- writing -------------------------------------------------------------------------------------------------------

    def notes(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """What config.json is to have of the parts that the run uses. Nothing is written."""
        copies = self._copies(parts)
        return [_note(part, copies) for part in parts]

    def write_copies(self, parts: Sequence[Part]) -> dict[str, str]:
        """Copy the sources of these parts; a copy that is there stays. Returns each source with its copy's name."""
        folder, copies = self.folder / COPIES, self._copies(parts)
        if copies and folder.is_symlink():
            raise UserError(f"{folder} is a link, and copies of sources are written there: remove it.")
        for text, name in copies.items():
            if not (folder / name).exists():
                folder.mkdir(exist_ok=True)
                with atomically(folder / name) as opened:
                    opened.write(_encoded(text))
        return copies

    def _copies(self, parts: Sequence[Part]) -> dict[str, str]:
        """Source -> the name of its copy: one of its own for each, also beside those that are there."""
        sources = [one for part in parts for one in part.source.neighbours.values()]
        sources += [(_file_of(part), part.source.text) for part in parts if part.source.readable]
        names: dict[str, str] = {}
        for file, text in sources:
            if text not in names:
                free = (name for name in _file_names(file) if name not in names.values() and self._may_be(name, text))
                names[text] = next(free)
        return names

    def _may_be(self, name: str, text: str) -> bool:
        """Whether there is no file of this name, or it is the copy of this source."""
        path, content = self.folder / COPIES / name, _encoded(text)
        return not path.exists() or (size_of(path) == len(content) and path.is_file() and path.read_bytes() == content)

    def ready(self, config: Config, changed: bool, callbacks: bool = True) -> None:
        """Before the run is trained further: raise UserError if a part of one's own is missing, or has another source.

        changed: go on with the source of today, and note it; callbacks: whether those of the config are used. A copy
        that a kill kept from being written is written.
        """
        self.need(*(kind for kind in KINDS if callbacks or kind != "callback"))
        if changed:
            accepted = [self._accepted(noted) for noted in self.noted()]
            write_json(self.folder / "config.json", self._head() | {"parts": accepted})
        self.refuse_changed()
        self.write_copies(used(flatten(config)))

    def _accepted(self, noted: Noted) -> dict[str, Any]:
        """What config.json is to have of this part now that the run goes on with the source of today."""
        values = asdict(noted)
        if part := noted.changed_now():
            values["changed"].append(_text(part.source, self.write_copies([part])))
        return _brief(values)


def notes_of(config: Config) -> list[Noted]:
    """What a run with this config notes of its parts of one's own."""
    values = {"parts": [_note(part, {}) for part in used(flatten(config))]}
    return typed(values, Head, "config.json").parts


def _file_of(part: Part) -> str:
    """The file that the copy of its source is named after."""
    file = part.source.file
    return file.name if file and part.source.module not in UNNAMED else f"{part.kind}-{part.name}.py"


def _file_names(path: str) -> Iterator[str]:
    """mine.py, mine-2.py, mine-3.py, ...: names for a copy of this file."""
    letters = re.sub(r"[^\w.+-]", "-", path).removesuffix(".py").encode()
    stem = letters[-100:].decode(errors="ignore")  # most file systems take 255 bytes
    return (f"{stem}{f'-{n}' if n > 1 else ''}.py" for n in count(1))


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _text(source: Source, copies: Mapping[str, str]) -> dict[str, Any]:
    copy = copies.get(source.text)
    return _brief({"sha256": source.sha256, "copy": copy and f"{COPIES}/{copy}", "beside": source.beside})


def _note(part: Part, copies: Mapping[str, str]) -> dict[str, Any]:
    source, objects = part.source, objects_of(part)
    values = {
        "kind": part.kind,
        "name": part.name,
        **_text(source, copies),
        "module": "" if source.module.startswith(PREFIX) else source.module,
        "file": source.file.name if source.file else "",
        "flag": flag_of(part),
        "package": source.package,
        "objects": objects,
        "arguments": dict(part.arguments) if objects else {},
    }
    return _brief(values)


def _brief(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value}
