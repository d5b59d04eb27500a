"""Parts in files and modules that the user names: ``--parts my_parts.py``, ``--nets my_nets.py:Gen my_nets.py:Dis``.

Only what the user names is loaded here, never what a run folder, a study or an export names.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ayneh.errors import UserError, brief
from ayneh.files.home import at_home
from ayneh.parts.calling import settings_kept
from ayneh.parts.origin import Source, joined, text_of
from ayneh.parts.registry import Part, add, every, forget, from_source

PREFIX = "ayneh_parts_"  # of the names of the modules that files become
NET = re.compile(r"(.+?):([A-Za-z_]\w*(?:\(.*\))?)", re.S)  # of Windows, too: C:\nets.py:Gen
NETS_TAKES = '--nets takes two like "my_nets.py:Gen" or "my_nets.py:Gen(width=32)"'


@dataclass(frozen=True)
class Loaded:
    """A file or a module that the user named."""

    module: ModuleType
    source: Source
    parts: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of each part that it adds by itself."""


loaded: dict[str, Loaded] = {}  # name of the module -> what was loaded, in the order of the command


def load(spec: str) -> Loaded:
    """Load a file (my_parts.py, its folder searched for what it imports meanwhile) or an importable module, once.

    Raises UserError where there is none, or it fails: one sentence with the file, the line and the error.
    """
    path = at_home(spec)
    if path.is_file():
        path = path.resolve()
        name = f"{PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        if name not in loaded:
            try:
                text = text_of(path)
            except (OSError, SyntaxError, UnicodeDecodeError) as error:
                raise UserError(f"{spec} cannot be read as Python source ({brief(error)}): correct it.") from error
            execute(name, path, text)
        return loaded[name]
    if spec.endswith(".py") or "/" in spec or "\\" in spec:
        raise UserError(f"There is no file {spec} with parts: check the path.")
    if spec not in loaded:
        _import(spec)
    return loaded[spec]


def execute(name: str, path: Path, text: str, sent: Iterable[tuple[str, str, str]] | None = None) -> None:
    """Run the source of a file as the module ``name``; the parts that it adds come from this file.

    sent: in another process, the modules that it imports from its folder, with their files and sources (None: they
    are looked for). Raises UserError where it fails; then nothing of it stays.
    """
    source = Source(name, path, text, named=True)
    module = ModuleType(name)
    module.__file__ = str(path)
    _refuse_namesakes(path.parent)
    before = set(sys.modules)
    sys.modules[name] = module
    try:
        code = compile(text, str(path), "exec", dont_inherit=True)
        if any(one.partition(".")[0] == "torch" for one in _imported(text)):
            with suppress(ImportError):
                importlib.import_module("torch")  # before its settings are noted
        with _searched(path.parent), from_source(source), settings_kept():
            exec(code, vars(module))
        found = _neighbours(path.parent, text, before) if sent is None else {one[0]: one[1:] for one in sent}
        source.neighbours = found
    except BaseException as error:  # also SystemExit, and what a file derives from BaseException
        sys.modules.pop(name, None)
        forget([part for part in every() if part.source is source])
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UserError(f"{path.name} cannot be loaded: {_where(error, path)}.") from error
    loaded[name] = Loaded(module, source, _added_by(source))


def _added_by(source: Source) -> frozenset[tuple[str, str]]:
    return frozenset((part.kind, part.name) for part in every() if part.source is source)


def _import(name: str) -> None:
    source = Source(name, None, "", named=True)
    try:
        with from_source(source), settings_kept():
            module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}.")
        if missing or (isinstance(error, TypeError | ValueError) and not name.replace(".", "").isidentifier()):
            raise UserError(
                f"There is no file or module {name!r} with parts: name a file (my_parts.py) or a module that can be "
                "imported."
            ) from error
        raise UserError(f"The module {name} cannot be imported: {_where(error, None)}.") from error
    fill(source, module)
    loaded[name] = Loaded(module, source, _added_by(source))


def fill(source: Source, module: ModuleType) -> None:
    """Complete the source of a module, now that it is imported."""
    file = Path(module.__file__).resolve() if getattr(module, "__file__", None) else None  # type: ignore[arg-type]
    try:
        text = text_of(file) if file and file.suffix == ".py" else ""
    except (OSError, SyntaxError, UnicodeDecodeError):
        text = ""
    source.file, source.text, source.readable = file, text or module.__name__, bool(text)


@contextmanager
def _searched(folder: Path) -> Iterator[None]:
    """Modules are looked for in this folder first, only within."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # the file may have changed the path
            sys.path.remove(str(folder))


def _neighbours(folder: Path, text: str, before: set[str]) -> dict[str, tuple[str, str]]:
    """Module -> (its file below the folder, its source): of all that the file imported from its folder.

    Another file may have imported some of them before; these count if the text, or one that counts, imports them.
    """
    found: dict[str, tuple[str, str]] = {}
    known = {name: file for one in loaded.values() for name, file in one.source.neighbours.items()}
    for name in sorted(set(sys.modules) - before):
        place = getattr(sys.modules[name], "__file__", None)
        path = Path(place).resolve() if place and Path(place).is_absolute() else None  # torch has invented files
        ours = path and path.suffix == ".py" and path.is_relative_to(folder) and "site-packages" not in path.parts
        if path and ours and not name.startswith(PREFIX):
            found[name] = (path.relative_to(folder).as_posix(), text_of(path))
    texts = [text, *(source for _, source in found.values())]
    while texts:
        for name in _imported(texts.pop()):
            if name in known and name not in found:
                found[name] = known[name]
                texts.append(known[name][1])
    return found


def _imported(text: str) -> set[str]:
    """The modules that a source imports by their full names."""
    nodes = list(ast.walk(ast.parse(text)))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def _refuse_namesakes(folder: Path) -> None:
    """Raise UserError if a file here has the name of one that another file with parts has imported already."""
    for one in loaded.values():
        for name, (file, _) in one.source.neighbours.items():
            assert one.source.file is not None
            theirs = one.source.file.parent
            if theirs != folder and (folder / file).is_file():
                raise UserError(
                    f"{theirs / file} and {folder / file} would both be imported as {name!r}: rename one of them."
                )


def _where(error: BaseException, file: Path | None) -> str:
    """The line of the file in which an error arose, and the error in one line."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    if isinstance(error, SyntaxError) and error.filename == str(file):
        lines, error = [error.lineno], SyntaxError(error.msg)
    what = brief(error) if isinstance(error, UserError) else f"{type(error).__name__}: {brief(error)}"
    return f"line {lines[-1]}: {what}" if lines else what


def add_nets(gen: str, dis: str) -> Part:
    """Add the pair of two nets named as "my_nets.py:Gen" or "my_nets.py:Gen(width=32)"; its name is "Gen+Dis".

    Raises UserError where there is no such file, class or function, or an argument is no plain value.
    """
    (one, first, gen_args), (other, second, dis_args) = _net(gen), _net(dis)
    pair = getattr(one.module, first), getattr(other.module, second)
    with from_source(joined(one.source, other.source)):
        return add("net", f"{first}+{second}", pair, gen_args=gen_args, dis_args=dis_args)


def _net(spec: str) -> tuple[Loaded, str, dict[str, Any]]:
    """The file, the class or function in it, and its arguments."""
    found = NET.fullmatch(spec)
    if not found:
        raise UserError(f"{NETS_TAKES}, and one of them is {spec!r}: name the file and the class.")
    path, call = found.groups()
    tree = None
    with suppress(SyntaxError):
        tree = ast.parse(call, mode="eval").body
    name = call.partition("(")[0]
    try:
        if isinstance(tree, ast.Name):
            arguments: dict[str, Any] = {}
        elif isinstance(tree, ast.Call) and not tree.args and all(word.arg for word in tree.keywords):
            arguments = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
        else:
            raise ValueError(call)
    except ValueError as error:
        raise UserError(
            f"{NETS_TAKES}, and one of them is {spec!r}: its arguments must be name=value, each value a number, a "
            "text, True, False, None, or a list or dict of them."
        ) from error
    place = load(path)
    if not callable(getattr(place.module, name, None)):
        raise UserError(f"{path} has no class or function called {name!r}: check the name in --nets.")
    return place, name, arguments
