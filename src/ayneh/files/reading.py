"""Files that may be damaged or edited by hand: JSON and TOML read into typed values, each failure one sentence.

A sentence begins with ``where`` (usually the file) and names the field, its value and what it must be:
``runs/x/config.json: config.epochs is "12"; it must be a whole number.``
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import stat
import tomllib
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ayneh.errors import UserError, unknown
from ayneh.turns import Turn

T = TypeVar("T")
LARGEST = 64 * 2**20  # bytes of a file of settings or results; a run of years writes less
DEEPEST = 60  # objects and lists within one another
SHOWN = 60  # letters of a value in a message
HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # surrogates; those between stand for bytes in names of files
TURN = Turn()  # what a dataclass does at its end may read another
FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.S)
EXPECTED = re.compile(r"Expected `(?P<kinds>[\w |]+)`(?: of length (?P<length>\d+))?, got.*")
WORDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "null": "null",
    "array": "a list", "object": "an object with fields",
}  # fmt: skip


def text_of(path: Path) -> str:
    """The text of a UTF-8 file (a byte-order mark is left out), whatever the locale.

    Raises FileNotFoundError if there is none, and UserError for what is no plain file, too large or not UTF-8.
    """
    try:
        size = plain_file(path)
        if size > LARGEST:
            raise UserError(f"{path} has {size / 2**20:,.0f} MB; it should have at most {LARGEST // 2**20}.")
        return decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error


def decoded(content: bytes, where: str) -> str:
    """The text of UTF-8 bytes, without a byte-order mark. UserError if they are not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not UTF-8 text (byte {content[error.start]:#04x} at {error.start}).") from error


def plain_file(path: Path) -> int:
    """The bytes of a file. Raises UserError for a folder, a pipe or a device, and OSError if there is none."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise UserError(f"{path} is a folder; it should be a text file.")
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path} is not a plain file; it should be a text file.")
    return found.st_size


def json_in(path: Path, constants: bool = False) -> dict[str, Any] | None:
    """The JSON object in this file; None if there is no such file. UserError if it holds anything else.

    constants: read NaN and Infinity, which are no JSON, as null (earlier versions wrote some); else refuse them.
    """
    try:
        text = text_of(path)
    except FileNotFoundError:
        return None
    return json_object(text, str(path), constants)


def json_object(text: str, where: str, constants: bool = False) -> dict[str, Any]:
    """The JSON object in a text. UserError if it holds anything else, a field twice, or NaN where it is not allowed."""

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{where}: the field {shown(twice)} occurs twice in one object: remove one of them.")
        return values

    nothing = (lambda word: None) if constants else None
    values = _parsed(lambda: json.loads(text, object_pairs_hook=fields, parse_constant=nothing), where, "JSON")
    if not isinstance(values, dict):
        raise UserError(f"{where} holds {shown(values)}; it should hold an object with fields.")
    return values


def formatted(path: Path, form: int, what: str) -> dict[str, Any]:
    """The JSON object in this file, whose "format" is ``form``; ``what`` it should be: "the config of a run".

    Raises UserError if there is none, it is not readable, or of another format.
    """
    values = json_in(path)
    if values is None:
        raise UserError(f"There is no file {path}; it should be {what}.")
    if values.get("format") != form:
        has = f"has format {shown(values['format'])}" if "format" in values else "has no format"
        raise UserError(f"{path} is not {what} in format {form} (it {has}); was it written by another version?")
    return values


def toml_in(path: Path) -> dict[str, Any]:
    """The table in this TOML file. UserError if there is none, or it is not readable."""
    try:
        text = text_of(path)
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    values: dict[str, Any] = _parsed(lambda: tomllib.loads(text), str(path), "TOML")
    return values


def typed(values: Any, kind: type[T], where: str, prefix: str = "", closed: bool = False) -> T:
    """Plain values as this dataclass: lists become tuples and whole numbers floats, where it has these.

    prefix: where the values are in the file ("config."); closed: a field that the dataclass lacks is an error
    that names the nearest, else it is left out (later versions may write more). UserError for all that does not fit.
    """
    if closed:
        _refuse_unknown(values, kind, where)
    try:
        return _converted(values, kind)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, UserError):  # of __post_init__
            raise UserError(f"{where}: {cause}") from error
        raise UserError(f"{where}{_fault(values, kind, str(error), prefix)}") from error


def shown(value: Any) -> str:
    """A value for a message, as JSON, cut to `SHOWN` letters."""
    try:
        words = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a number of thousands of digits
        words = "..."
    return words if len(words) <= SHOWN else words[: SHOWN - 3] + "..."


def _parsed(parse: Callable[[], Any], where: str, form: str) -> Any:
    try:
        values = parse()
    except UserError:
        raise
    except RecursionError as error:
        raise UserError(f"{where} is not readable {form} (objects or lists too deep within one another).") from error
    except ValueError as error:  # also whole numbers of thousands of digits
        words = str(error) if isinstance(error, (json.JSONDecodeError, tomllib.TOMLDecodeError)) else "a number is huge"
        if form == "TOML" and ("for a key" in words or "table declaration" in words):
            words += '; a name with other letters than a to z stands in quotes, as in [arms."größer"]'
        raise UserError(f"{where} is not readable {form} ({words}).") from error
    _refuse_nonsense(values, where, "", 0)
    return values


def _refuse_nonsense(value: Any, where: str, name: str, depth: int) -> None:
    """Raise UserError for numbers and text that no field has, and for nesting that no file has."""
    if depth > DEEPEST:
        raise UserError(f"{where}: {name[:SHOWN]}... is nested too deep: at most {DEEPEST} objects or lists.")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where}: {name} is {value}; it must be a finite number.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UserError(f"{where}: {name} is {shown(value)}; it must be a number that fits in 64 bits.")
    if isinstance(value, str) and HALF.search(value):
        raise UserError(f"{where}: {name} is {json.dumps(value)[:SHOWN]}; it must be text (this has half of a letter).")
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_nonsense(key, where, f"a field of {name}" if name else "a field", depth)
            _refuse_nonsense(part, where, f"{name}.{key}".lstrip("."), depth + 1)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_nonsense(part, where, f"{name}[{index}]", depth + 1)


def _refuse_unknown(values: Any, kind: type, where: str, prefix: str = "") -> None:
    """Raise UserError for a field that the dataclass, or one in it, does not have."""
    if not isinstance(values, Mapping):
        return  # msgspec says what it must be
    hints = _hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name, value in values.items():
        if name not in names:
            raise UserError(f"{where}: {unknown('field', f'{prefix}{name}', [prefix + n for n in names])}")
        if dataclasses.is_dataclass(hints[name]):
            _refuse_unknown(value, typing.cast(type, hints[name]), where, f"{prefix}{name}.")


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields; to work them out takes longer than to read a config by them."""
    return typing.get_type_hints(kind)


def _converted(values: Any, kind: type[T]) -> T:
    """msgspec.convert by one thread at a time: msgspec 0.22 crashes where two meet a new dataclass at once."""
    with TURN:
        return msgspec.convert(values, kind)


def _fault(values: Any, kind: type, message: str, prefix: str) -> str:
    """msgspec's message in this project's words: the field, its value, what it must be."""
    found = FAULT.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    name, value = _at(values, kind, message, path)
    name = f"{prefix}{name}".rstrip(".") if name else prefix.rstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f": {f'{name}.' if name else ''}{missing[1]} is missing."
    if expected := EXPECTED.fullmatch(what):
        wanted = " or ".join(WORDS.get(word, word) for word in expected["kinds"].split(" | "))
        wanted += f" of {expected['length']}" if expected["length"] else ""
    else:
        wanted = {"Number out of range": "a number that fits in 64 bits"}.get(what, f"valid ({what})")
    subject = f": {name} is" if name else " holds"
    return f"{subject} {shown(value)}; it must be {wanted}."


def _at(values: Any, kind: type, message: str, path: str) -> tuple[str, Any]:
    """The dotted name and the value at msgspec's path; ``[...]`` in it, any key of an object, becomes the key."""
    name, value = "", values
    for field, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        if field:
            name, value = f"{name}.{field}".lstrip("."), value.get(field)
        elif index != "...":
            name, value = f"{name}[{index}]", value[int(index)]
        else:
            key = next((key for key in value if _same_fault(values, kind, message, value, key)), next(iter(value)))
            name, value = f"{name}.{key}".lstrip("."), value[key]
    return name, value


def _same_fault(values: Any, kind: type, message: str, within: dict[str, Any], key: str) -> bool:
    """Whether the fault is still there if this is the only key of the object ``within``."""

    def only(value: Any) -> Any:
        if value is within:
            return {key: value[key]}
        if isinstance(value, dict):
            return {name: only(part) for name, part in value.items()}
        return [only(part) for part in value] if isinstance(value, list) else value

    try:
        _converted(only(values), kind)
    except msgspec.ValidationError as error:
        return str(error) == message
    return False
