"""Parts for another process: a worker of this machine, or a task on a cluster.

A file with parts goes as its text, an importable module by its name, and what was added by hand, as in a notebook, as
cloudpickle writes it. A process starts from what its parent sends and never from what a run folder names.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ayneh.errors import UserError, brief
from ayneh.parts.loading import PREFIX, execute, load, loaded
from ayneh.parts.registry import KINDS, Part, add, from_source
from ayneh.parts.used import used

Neighbours = tuple[tuple[str, str, str], ...]  # module, its file, its source


@dataclass(frozen=True)
class File:
    """A file with parts."""

    module: str
    path: str
    text: str
    neighbours: Neighbours


@dataclass(frozen=True)
class Shipped:
    """What another process needs; small, hashable and picklable."""

    places: tuple[File | str, ...] = ()  # files and names of modules, in the order in which they were loaded
    values: tuple[bytes, ...] = ()


def pack(settings: Iterable[Mapping[str, Any]], far: bool = False) -> Shipped:
    """What a process needs that plays with these settings.

    far: on another machine, which does not have the user's modules. Raises UserError for a part that cannot be sent.
    """
    parts = list({(part.kind, part.name): part for each in settings for part in used(each)}.values())
    if not parts:
        return Shipped()
    places: list[File | str] = []
    for name, one in loaded.items():
        if name.startswith(PREFIX):
            neighbours = tuple((module, *file) for module, file in one.source.neighbours.items())
            places.append(File(name, str(one.source.file), one.source.text, neighbours))
        else:
            places.append(name)
    by_files = {key for one in loaded.values() for key in one.parts}
    rest = [part for part in parts if not part.source.package and (part.kind, part.name) not in by_files]
    return Shipped(tuple(places), tuple(_pickled(part, far) for part in rest))


_unpacked: set[Shipped] = set()


def unpack(shipped: Shipped) -> None:
    """Add the parts in this process, once."""
    if shipped in _unpacked:
        return
    import pickle

    for place in shipped.places:
        if isinstance(place, str):
            load(place)
        elif place.module not in loaded:
            with _from_texts(Path(place.path).parent, place.neighbours):
                execute(place.module, Path(place.path), place.text, place.neighbours)
    for blob in shipped.values:
        kind, name, value, arguments, source = pickle.loads(blob)
        with from_source(source):
            add(kind, name, value, **arguments)
    _unpacked.add(shipped)


def _pickled(part: Part, far: bool) -> bytes:
    import cloudpickle

    module = sys.modules.get(part.source.module)
    file = part.source.file
    by_value = (
        far and module and file and "site-packages" not in file.parts and not part.source.module.startswith(PREFIX)
    )
    if module and by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        blob: bytes = cloudpickle.dumps((part.kind, part.name, part.value, dict(part.arguments), part.source))
    except Exception as error:  # of any __reduce__
        raise UserError(
            f"The {KINDS[part.kind].words} {part.name!r} cannot be sent to a worker process ({type(error).__name__}: "
            f"{brief(error)}): put it into a file and name that with --parts."
        ) from error
    finally:
        if module and by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return blob


class _Texts(MetaPathFinder, Loader):
    """Modules from their sources as they were sent, whatever the folder holds by now."""

    def __init__(self, folder: Path, neighbours: Neighbours) -> None:
        self.folder, self.files = folder, {module: (file, text) for module, file, text in neighbours}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in self.files:
            file, _ = self.files[name]
            package = file.endswith("__init__.py")
            spec = importlib.util.spec_from_loader(name, self, origin=str(self.folder / file), is_package=package)
            if spec:
                spec.has_location = True
            return spec
        if any(module.startswith(f"{name}.") for module in self.files):  # a folder without __init__.py
            return ModuleSpec(name, None, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        file, text = self.files[module.__name__]
        exec(compile(text, str(self.folder / file), "exec", dont_inherit=True), vars(module))


@contextmanager
def _from_texts(folder: Path, neighbours: Neighbours) -> Iterator[None]:
    finder = _Texts(folder, neighbours)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
