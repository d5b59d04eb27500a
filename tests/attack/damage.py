"""Damage to files: bits, bytes and lengths of any, values of JSON, its lines, and values of TOML."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

Damage = Callable[[bytes, random.Random], tuple[bytes, str]]

DEEP = 100_000
NUMBERS = ("0", "-1", "1e308", "-1e-300", "NaN", "Infinity", "-Infinity", "9" * 30, "9" * 5000, "0.5", "4294967296")
OTHERS = ("null", "true", "[]", "{}", '""', '"12"', '"\\u0000"', '"\\u001b[31mred\\u001b[0m"', '"\\ud800"', '"../../x"')
NESTED = ("[" * DEEP + "]" * DEEP, '{"a":' * 5000 + "1" + "}" * 5000, "[" * DEEP, '"' + "x" * 1_000_000 + '"')


def of_bytes(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """One to four bits flipped, bytes put in, cut out or doubled, an end cut off or added, another file."""
    data, kind = bytearray(blob), chance.choice(("bit", "bit", "bits", "put", "cut", "end", "double", "zero", "byte"))
    at = chance.choice((chance.randrange(len(data)), chance.randrange(min(len(data), 512)))) if data else 0
    if not data or chance.random() < 0.01:
        return chance.choice((b"", b"\0", b"{}", b"[]", chance.randbytes(300), blob * 2)), "another file"
    if kind in ("bit", "bits"):
        places = [at] + [chance.randrange(len(data)) for _ in range(3 if kind == "bits" else 0)]
        for place in places:
            data[place] ^= 1 << chance.randrange(8)
        return bytes(data), f"{kind} flipped at {places}"
    n = int(2 ** chance.uniform(0, 10))
    if kind == "byte":
        data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    elif kind == "put":
        data[at:at] = chance.randbytes(n)
    elif kind == "cut":
        del data[at : at + n]
    elif kind == "end":
        del data[at:]
    elif kind == "double":
        data[at:at] = data[at : at + n]
    else:
        data[at : at + n] = bytes(len(data[at : at + n]))
    return bytes(data), f"{kind} at {at}, {n} bytes"


def of_json(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """A value of another type or size, a field lost, doubled or renamed; or, at times, `of_bytes`."""
    if chance.random() < 0.2:
        return of_bytes(blob, chance)
    text, words = _changed(blob.decode(), chance)
    return text.encode("utf-8", "surrogatepass"), words


def of_lines(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """One line changed as `of_json`, doubled, lost, moved, cut, joined with the next; or, at times, `of_bytes`."""
    kind = chance.choice(("json", "json", "json", "bytes", "double", "lose", "swap", "cut", "join", "noise"))
    if kind == "bytes":
        return of_bytes(blob, chance)
    lines = blob.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    words = ""
    if kind == "json":
        text, words = _changed(lines[at].decode(), chance)
        lines[at] = text.encode("utf-8", "surrogatepass") + b"\n"
    elif kind == "double":
        lines.insert(at, lines[at])
    elif kind == "lose":
        del lines[at]
    elif kind == "swap":
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == "cut":
        lines[at] = lines[at][: chance.randrange(len(lines[at]))] + b"\n" * chance.randint(0, 1)
    elif kind == "join":
        lines[at] = lines[at].rstrip(b"\n")
    else:
        lines[at] = chance.randbytes(len(lines[at]))
    return b"".join(lines), f"{kind} in line {at}: {words}"


def of_toml(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """The value behind an = changed, a line lost or doubled; or, at times, `of_bytes`."""
    lines = blob.decode().splitlines()
    at, kind = chance.randrange(len(lines)), chance.choice(("value", "value", "value", "bytes", "lose", "double"))
    if kind == "bytes":
        return of_bytes(blob, chance)
    if kind == "value":
        name, equals, _ = lines[at].partition("=")
        value = chance.choice((*NUMBERS, *OTHERS, *NESTED[:1], "nan", "-inf", "1979-05-27", "[1, 'a']", "{a = 1}"))
        lines[at] = f"{name}{equals} {value}"
        return "\n".join(lines).encode(), f"line {at}: {lines[at][:60]}"
    lines[at : at + 1] = [] if kind == "lose" else [lines[at]] * 2
    return "\n".join(lines).encode(), f"{kind} line {at}"


def of_header(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """A safetensors file whose JSON header is changed as `of_json`; its length fits again. Else as `of_bytes`."""
    if chance.random() < 0.7:
        return of_bytes(blob, chance)
    length = int.from_bytes(blob[:8], "little")
    if chance.random() < 0.2:
        size = chance.choice((0, 1, length - 1, length + 1, 2**31, 2**40, 2**63, 2**64 - 1))
        return size.to_bytes(8, "little") + blob[8:], f"header of {size} bytes"
    text, words = _changed(blob[8 : 8 + length].decode(), chance)
    head = text.encode("utf-8", "surrogatepass")
    return len(head).to_bytes(8, "little") + head + blob[8 + length :], f"header: {words}"


def _changed(text: str, chance: random.Random) -> tuple[str, str]:
    values = json.loads(text)
    places = list(_places(values))
    if not places:
        return chance.choice((*NUMBERS, *OTHERS)), "another value"
    place = chance.choice(places)
    values = copy.deepcopy(values)
    within = values
    for step in place[:-1]:
        within = within[step]
    old, where, kind = within[place[-1]], ".".join(map(str, place)), chance.choice(("value",) * 6 + ("lose", "name"))
    if kind == "value":
        new = chance.choice((NUMBERS, NUMBERS, OTHERS, OTHERS, OTHERS, NESTED[chance.randrange(4) :]))[0:]
        word = chance.choice(new)
        if chance.random() < 0.15:
            word = json.dumps(str(old)) if not isinstance(old, str) else json.dumps([old])
        within[place[-1]] = "@@here@@"
        return json.dumps(values).replace('"@@here@@"', word), f"{where} = {word[:40]}"
    if kind == "lose" or not isinstance(within, dict):
        del within[place[-1]]
        return json.dumps(values), f"{where} lost"
    if chance.random() < 0.5:
        within["\u06a9\u06cc\u0633\u062a " + str(place[-1])] = within.pop(place[-1])
        return json.dumps(values), f"{where} renamed"
    twice = json.dumps(values).replace(f'"{place[-1]}":', f'"{place[-1]}": 3, "{place[-1]}":', 1)
    return twice, f"{where} twice"


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (key,)
        for rest in _places(part):
            yield (key, *rest)


def of_text(blob: bytes, chance: random.Random) -> tuple[bytes, str]:
    """CSV: a cell changed, or as `of_bytes`."""
    if chance.random() < 0.5:
        return of_bytes(blob, chance)
    cells = list(re.finditer(rb"[^,\n]+", blob))
    cell, word = chance.choice(cells), chance.choice((*NUMBERS, *OTHERS, "x,y", "\n", "-5", "256", "1.5")).encode()
    return blob[: cell.start()] + word + blob[cell.end() :], f"cell at {cell.start()} = {word[:40]!r}"
