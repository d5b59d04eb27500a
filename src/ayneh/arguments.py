"""What Python code gives to a public function, compared with the types that the function declares."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

from ayneh.errors import UserError, in_a_sentence
from ayneh.files.home import all_at_home
from ayneh.pytorch import as_imported

FLAG = re.compile(r"(?<![\w`-])--([a-z][a-z-]*)(?= is )")
SHOWN = 60  # letters of a value in a sentence
P = ParamSpec("P")
T = TypeVar("T")
Kind = tuple[type[Any] | tuple[type[Any], ...], str]  # the types of a value, in words
KINDS: dict[str, Kind] = {  # what a declared type takes; NumPy's numbers count as Python's
    "None": (type(None), "None"),
    "str": (str, "text"),
    "bool": ((bool, Integral), "True or False"),
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "Path": ((str, os.PathLike), "a path"),
    "os.PathLike": ((str, os.PathLike), "a path"),
    "Sequence": (Iterable, "a list"),
    "Iterable": (Iterable, "a list"),
    "tuple": (Iterable, "a tuple"),
    "Mapping": (Mapping, "a dictionary"),
    "Callable": (Callable, "a function"),  # type: ignore[dict-item]
}


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A public function, which refuses values of other types than it declares, and whose errors are sentences.

    A path may begin with ~, the home folder. It computes with PyTorch's settings as they are when it is imported,
    whatever the program has changed.

    Types that are not in `KINDS` and no classes of the function's module are not compared.

    >>> @checked
    ... def draw(n: int, out: str | os.PathLike[str] | None = None) -> int:
    ...     return n
    >>> draw(3), draw(3, out=None)
    (3, 3)
    >>> draw(3, out=3)
    Traceback (most recent call last):
    ayneh.errors.UserError: out is 3; it must be a path or None.
    """

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        call = _understood(function, args, kwargs)
        try:
            with as_imported(), in_a_sentence():
                return call()
        except UserError as error:
            _name_arguments(error, function)
            raise

    return called


def _understood(function: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Callable[[], T]:
    """The call with these arguments. Raises UserError for one of another type than its function declares."""
    signature, kinds = _declared(function)
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError:
        return lambda: function(*args, **kwargs)  # which names the parameter
    for name, value in given.arguments.items():
        if (found := kinds.get(name)) is None:
            continue
        many = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        for one in value if many else [value]:
            found.refuse(name, one)
        if found.paths or (found.each and found.each.paths):
            given.arguments[name] = all_at_home(value)
    return lambda: function(*given.args, **given.kwargs)


def _name_arguments(error: UserError, function: Callable[..., Any]) -> None:
    """Let a sentence on the values of flags of the command line name this function's arguments instead."""
    parameters = _declared(function)[0].parameters

    def argument(found: re.Match[str]) -> str:
        name = found[1].replace("-", "_")
        name = "seed" if name == "draw" else name  # of images, as `Run.sample` calls it
        return name if name in parameters else found[0]

    error.args = (FLAG.sub(argument, str(error)),)


def plain(value: Any) -> Any:
    """The same of Python's own numbers, lists, text and dictionaries, where it is NumPy's, PyTorch's or a path.

    >>> import numpy as np
    >>> plain({"epochs": np.int64(3), "looks": (np.float32(0.5), None)})
    {'epochs': 3, 'looks': [0.5, None]}
    """
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # an array or a tensor, or one of its numbers
        return value.tolist()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def check_fields(thing: Any) -> None:
    """For ``__post_init__`` of a dataclass that people make: the same comparison of its fields."""
    there = vars(sys.modules[type(thing).__module__])
    for name, annotation in type(thing).__annotations__.items():
        if kind := _of(str(annotation), there):
            kind.refuse(name, getattr(thing, name))


class _Declared:
    """The alternatives of an annotation. ``each``: those of the elements, where lists are among them."""

    def __init__(self, alternatives: list[Kind], each: _Declared | None) -> None:
        self.alternatives, self.each = alternatives, each
        self.words = list(dict.fromkeys(words for _, words in alternatives))
        self.paths = "a path" in self.words
        if self.paths and "text" in self.words:
            self.words.remove("text")

    def refuse(self, name: str, value: Any) -> None:
        """Raise UserError for a value that is none of these."""
        if not any(_is(value, kinds) for kinds, _ in self.alternatives):
            words = ", ".join(self.words[:-1]) + f" or {self.words[-1]}" if self.words[1:] else self.words[0]
            raise UserError(f"{name} is {_shown(value)}; it must be {words}.")
        if self.paths and isinstance(value, str | os.PathLike) and "\0" in str(value):
            raise UserError(f"{name} is {_shown(str(value))}; a path has no character of the number 0: leave it out.")
        if self.each and isinstance(value, list | tuple):
            for one in value:
                self.each.refuse(f"An entry of {name}", one)


def _is(value: Any, kinds: type[Any] | tuple[type[Any], ...]) -> bool:
    """Whether a value is of these types. Text and bytes are no lists, and True is no number."""
    if kinds == (bool, Integral) and type(value).__name__ in ("bool", "bool_"):  # NumPy's, too
        return True
    if kinds is Iterable:
        return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return isinstance(value, kinds) and not (isinstance(value, bool) and kinds in (Integral, Real))


def _shown(value: Any) -> str:
    if not isinstance(value, str | int | float | bytes | list | tuple | dict | os.PathLike | type(None)):
        return f"of type {type(value).__name__}"
    words = repr(value)
    return words if len(words) <= SHOWN else f"{words[: SHOWN - 3]}..."


@cache
def _declared(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, _Declared]]:
    """The signature, and what each parameter takes, where that can be compared."""
    signature = inspect.signature(function)
    kinds = {name: _of(str(one.annotation), function.__globals__) for name, one in signature.parameters.items()}
    return signature, {name: kind for name, kind in kinds.items() if kind}


def _of(annotation: str, there: Mapping[str, Any]) -> _Declared | None:
    """What an annotation, as it is written, takes; None where a part of it is unknown here."""
    found, each = [], None
    for word in _parts(annotation):
        name, _, inner = word.partition("[")
        if name == "Literal":
            values = ast.literal_eval(f"({inner.removesuffix(']')},)")
            found += [KINDS[kind] for kind in dict.fromkeys(type(value).__name__ for value in values)]
        elif name in KINDS:
            found.append(KINDS[name])
            if name in ("Sequence", "Iterable"):
                each = _of(inner.removesuffix("]"), there)
        elif isinstance(kind := there.get(name), type) and kind is not Any:
            found.append((kind, f"an ayneh.{name}"))
        elif isinstance(kind, types.UnionType) and (meant := _of(str(kind).replace("collections.abc.", ""), there)):
            found, each = found + meant.alternatives, meant.each
        else:
            return None
    return _Declared(found, each) if found else None


def _parts(annotation: str) -> Iterator[str]:
    """ "A | B[C | D]": A and B[C | D]."""
    depth, part = 0, ""
    for piece in re.split(r"([|\[\]])", annotation.replace(" ", "")):
        depth += (piece == "[") - (piece == "]")
        if piece == "|" and not depth:
            yield part
            part = ""
        else:
            part += piece
    yield part
