"""What it takes to repeat a study: its TOML, tables of its settings, its command, the versions."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ayneh.config import flatten
from ayneh.errors import UserError
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import BUILT_IN, Study, read

PACKAGES = ("ayneh", "torch", "numpy", "scipy", "scikit-learn", "matplotlib")


def as_toml(study: Study) -> str:
    """A file from which `plan.read` makes the same study."""
    values = {name: value for name, value in study.to_dict().items() if name != "config" and value is not None}
    tables = {name: values.pop(name) for name in ("set", "arms", "factors", "swaps")}
    asks = values.pop("asks")
    blocks = [_pairs(values)]
    if tables["set"]:
        blocks.append("[set]\n" + _pairs(tables["set"]))
    blocks += [
        f"[factors.{_key(f)}.{_key(v)}]\n{_pairs(c)}" for f, vs in tables["factors"].items() for v, c in vs.items()
    ]
    for name in ("arms", "swaps"):
        blocks += [f"[{name}.{_key(arm)}]\n{_pairs(changes)}" for arm, changes in tables[name].items()]
    blocks += ["[[asks]]\n" + _pairs(ask) for ask in asks]
    return "\n\n".join(block.rstrip() for block in blocks) + "\n"


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in values.items())


def _key(name: str) -> str:
    # A dotted name is one quoted key: factors keep their leaves by those names.
    bare = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare else _value(name)


def _value(value: Any) -> str:
    """A TOML value. JSON writes strings, numbers and lists alike, except DEL, which TOML escapes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def command(ledger: Ledger) -> str:
    """The command that plays this study: by its name if it is a built-in one."""
    study = ledger.study
    try:
        built_in = (BUILT_IN / f"{study.name}.toml").is_file() and read(str(BUILT_IN / f"{study.name}.toml")) == study
    except UserError:
        built_in = False
    what = study.name if built_in else f"{study.name}.toml"
    return f"ayneh study run {what} --out {ledger.folder}"


def base_settings(study: Study) -> dict[str, str]:
    """Every setting of the base by its dotted name, except the seed, which differs between runs."""
    return {name: shown(value) for name, value in flatten(study.config()).items() if name not in ("seed", "seeds")}


def arm_settings(study: Study) -> dict[str, dict[str, str]]:
    """What each arm changes in the base: {arm: {"prior.name": "uniform", ...}}."""
    return {arm: {name: shown(value) for name, value in changes.items()} for arm, changes in study.cells().items()}


def shown(value: Any) -> str:
    """A setting as a page shows it."""
    if value is None:
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def machine() -> dict[str, str]:
    """Versions and machine where the report is written."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"}
