"""What is needed to repeat a study: its TOML, tables of its settings, its command, the versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ayneh.config import Data, flatten
from ayneh.errors import UserError, typed_as
from ayneh.studies.design import Study
from ayneh.studies.names import file_name
from ayneh.studies.plan import BUILT_IN, read

PACKAGES = ("ayneh", "torch", "numpy", "scipy", "scikit-learn", "matplotlib")


def as_toml(study: Study) -> str:
    """A file from which `plan.read` makes the same study; of a path to data it has the last folder alone."""
    import tomli_w

    values = _private(study.to_dict())
    return tomli_w.dumps(
        {name: value for name, value in values.items() if name != "config" and value not in (None, {})}
    )


def command(study: Study, folder: str | Path, parts: Sequence[str] = ()) -> str:
    """The command that plays this study in this folder: by its name if it is a built-in one; parts: of its own."""
    name = file_name(study.name)
    file = BUILT_IN / f"{name}.toml"
    try:
        built_in = file.is_file() and read(str(file)) == study
    except UserError:
        built_in = False
    what = name if built_in else f"{name}.toml"
    given = "".join(f" --parts {typed_as(part)}" for part in parts)
    return f"ayneh study run {typed_as(what)} --out {typed_as(folder)}{given}"


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
    return f"{value:g}" if isinstance(value, float) else str(_private(value))


def _private(value: Any) -> Any:
    """The same without the folders above the user's data: a page is handed to others."""
    if isinstance(value, dict):
        return {key: _private(part) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    return Path(value).name if os.path.isabs(value) else Data(value).without_folders().name


def machine() -> dict[str, str]:
    """Versions and machine where the report is written."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"}
