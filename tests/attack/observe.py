"""What a folder holds, so that two may be compared: files by their bytes, JSON without the clock."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

MARK = re.compile(r"(?<=[\w])-[0-9a-f]{8}\.(?=safetensors$)")  # of a judge's nets: each training has its own
MADE_AGAIN = "cache/floors/"  # where these cannot be kept, a verb goes on without them
CLOCK = {"wall_s", "images_per_s", "seconds", "step_s", "minutes"}


def observed(root: Path) -> dict[str, Any]:
    """Each file by its path, but for locks, and temporary files that a kill left."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".lock" and not is_left(path):
            found[MARK.sub("-*.", str(path.relative_to(root)))] = _content(path)
    return found


def is_left(path: Path) -> bool:
    """Whether this is a temporary file: a hidden one that ends in .part or .tmp."""
    return path.name.startswith(".") and path.suffix in (".part", ".tmp")


def apart(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """In which files two folders differ, in words; empty if in none."""
    gone = (name for name in sorted(expected.keys() - found.keys()) if not name.startswith(MADE_AGAIN))
    words = [f"{name} is missing" for name in gone]
    words += [f"{name} is new" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        if found[name] != expected[name]:
            words.append(f"{name} differs{_where(found[name], expected[name])}")
    return ", ".join(words)


def _where(found: Any, expected: Any) -> str:
    if isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            return f" ({len(found)} lines for {len(expected)})"
        number = next(i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
        return f" (line {number}{_where(found[number], expected[number])})"
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = [k for k in {**found, **expected} if found.get(k) != expected.get(k)]
        return f" ({', '.join(keys[:4])})"
    return ""


def _content(path: Path) -> Any:
    blob = path.read_bytes()
    try:
        if path.suffix == ".json":
            return _plain(json.loads(blob))
        if path.suffix == ".jsonl":
            return [_plain(json.loads(line)) for line in blob.splitlines()]
        if path.suffix == ".csv":
            return [_plain(row) for row in csv.DictReader(blob.decode().splitlines())]
        if path.suffix == ".parquet":
            import pyarrow.parquet

            return _plain(pyarrow.parquet.read_table(io.BytesIO(blob)).to_pylist())
    except ValueError:
        return "not readable: " + hashlib.sha256(blob).hexdigest()
    if path.suffix == ".html":  # with times in its words
        return blob.rstrip().endswith(b"</html>")
    return hashlib.sha256(blob).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in CLOCK}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, str):
        return MARK.sub("-*.", value)
    return repr(value) if isinstance(value, float) else value
