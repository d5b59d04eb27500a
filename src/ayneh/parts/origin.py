"""Where the code of a part comes from: its file or notebook cell, its text and the SHA-256 of that text."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

LIBRARIES = frozenset({"ayneh", "torch", "torchvision", "numpy", "scipy", "sklearn", "builtins", "functools"})
UNNAMED = ("__main__", "__mp_main__")  # a script, a notebook, the console


@dataclass
class Source:
    """Where a part comes from."""

    module: str
    """The module as it is imported, or "__main__" of a script, a notebook or the console."""
    file: Path | None
    """Its file; None where there is none, as in a notebook."""
    text: str
    """The source, or what takes its place."""
    readable: bool = True
    """Whether `text` is source; else it stands for code whose source is not to be had."""
    named: bool = False
    """Whether the user named this file or module as one with parts, or its package did."""
    package: str = ""
    """ "lab 1.2", if an installed package has named it as one with parts."""
    neighbours: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Module that the file imported from its own folder -> (its file there, its source)."""

    @property
    def sha256(self) -> str:
        """Of the text, with line ends as on Unix: the same file has one hash on every system."""
        return sha256_of(self.text)

    @property
    def beside(self) -> dict[str, str]:
        """File that it imported from its own folder -> the SHA-256 of its source."""
        return {file: sha256_of(text) for file, text in self.neighbours.values()}


def joined(*sources: Source) -> Source:
    """One source of several; its module and file are those of the first."""
    one, *others = [each for i, each in enumerate(sources) if each not in sources[:i]]
    if not others:
        return one
    texts = [one.text, *(other.text for other in others)]
    neighbours = {name: file for each in sources for name, file in each.neighbours.items()}
    readable = all(each.readable for each in sources)
    return Source(one.module, one.file, "\n\n".join(texts), readable, one.named, one.package, neighbours)


def sha256_of(text: str) -> str:
    """SHA-256 of a text whose line ends are written as on Unix."""
    return hashlib.sha256(_unix(text).encode(errors="surrogatepass")).hexdigest()


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text_of(file: Path) -> str:
    """The source in a file, in the encoding that it declares. Raises OSError, SyntaxError or UnicodeDecodeError."""
    import tokenize

    with tokenize.open(file) as opened:
        return opened.read()


def source_of(value: Any) -> Source:
    """The source of a class, a function, or an object; of a tuple or an object of a library, of what it holds.

    A module with a file counts as a whole, since a function of it may call others.
    """
    sources = [_of_code(code) for code in _codes(value, set())]
    if not sources:  # an object of a library that holds none of the user's code, e.g. nn.Sequential(...)
        return Source(type(value).__module__, None, _words(value), readable=False)
    return joined(*sources)


def _codes(value: Any, seen: set[int]) -> Iterator[type | FunctionType]:
    """The classes and functions of the user's that a value is made of."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, MethodType):
        yield from _codes(value.__func__, seen)
        yield from _codes(value.__self__, seen)
    elif isinstance(value, functools.partial):
        yield from _codes((value.func, value.args, value.keywords), seen)
    elif isinstance(value, type | FunctionType):
        if not _of_library(value):
            yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _codes(one, seen)
    elif isinstance(value, dict):
        yield from _codes(list(value.values()), seen)
    elif not _of_library(type(value)):
        yield type(value)
    else:  # an object of ours or of PyTorch: what was put into it
        yield from _codes(list(getattr(value, "__dict__", {}).values()), seen)


def _of_library(code: type | FunctionType) -> bool:
    return code.__module__ is not None and code.__module__.partition(".")[0] in LIBRARIES


def _of_code(code: type | FunctionType) -> Source:
    module = code.__module__ or "__main__"
    place = getattr(sys.modules.get(module), "__file__", None)
    file = Path(place).resolve() if place and place.endswith(".py") else None
    if file and module not in UNNAMED:
        try:
            return Source(module, file, text_of(file))
        except (OSError, SyntaxError, UnicodeDecodeError):
            pass
    text = _own_text(code)
    return Source(module, file, text or _bytecode(code), readable=text is not None)


def _own_text(code: type | FunctionType) -> str | None:
    """The lines that define it; None if they are not to be had."""
    try:
        return inspect.getsource(code)
    except (OSError, TypeError, IndentationError):
        pass
    if isinstance(code, type):  # of a notebook: Python knows the cell of its functions, not that of a class
        for function in vars(code).values():
            if isinstance(function, FunctionType):
                text = "".join(linecache.getlines(function.__code__.co_filename))
                return _class_in(text, code.__name__)
    return None


def _class_in(text: str, name: str) -> str | None:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:  # a cell with a magic command
        return text or None
    classes = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == name]
    return ast.get_source_segment(text, classes[-1]) if classes else None


def _bytecode(code: type | FunctionType) -> str:
    """Its code as Python compiled it, as a text: the same for the same code and version of Python."""
    functions = vars(code).values() if isinstance(code, type) else [code]
    parts = [_compiled(one.__code__) for one in functions if isinstance(one, FunctionType)]
    return "\n".join([f"{code.__module__}.{code.__qualname__}", *parts])


def _compiled(code: CodeType) -> str:
    constants = [_compiled(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts]
    return " ".join([code.co_name, code.co_code.hex(), repr(code.co_names), *constants])


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)  # a set's order is chance


def _words(value: Any) -> str:
    """An object of a library in words, without its address in memory."""
    words = repr(value)
    return type(value).__qualname__ if " at 0x" in words else words
