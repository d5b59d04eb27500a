"""The folder of an export: new files are written beside the old ones, and take their places when all are there.

- ``.export-new/``: files that are being written; after a kill they are worth nothing
- ``.export-whole/``: the same, complete; they are moved to their places, which the next export finishes after a kill
- ``.export.lock``: locked by the process that writes
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ayneh.errors import UserError
from ayneh.files.reading import json_in
from ayneh.files.whole import atomically, locked
from ayneh.loading.folder import FORMAT

NETS = {f"{net}.{form}" for net in ("generator", "discriminator", "encoder") for form in ("onnx", "safetensors")}
FILES = NETS | {"samples.png", "README.md", "config.json"}  # all that an export writes
NEW, WHOLE, LOCK = ".export-new", ".export-whole", ".export.lock"
LEFT = {NEW, WHOLE, LOCK} | {f".{name}.part" for name in FILES}  # by a kill, also by those of earlier versions


def refuse_taken(folder: Path, overwrite: bool) -> None:
    """Raise UserError if an export cannot go into ``folder``: it is not empty, or no export is to be replaced."""
    if not folder.exists():
        return
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else {"a file"}
    if WHOLE in there or not there - LEFT:
        return  # what a killed export left
    if "config.json" not in there and there & NETS and not there - FILES - LEFT:
        return  # what one of an earlier version left, which wrote the config last
    if not _is_export(folder, there):
        raise UserError(f"{folder} is not empty and not an export of ayneh: choose another --out.")
    if not overwrite:
        raise UserError(f"{folder} holds an export already: choose another --out, or replace it with --overwrite.")


def replace(folder: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Write all files of an export; an earlier one stays until the new files are whole, other files stay anyway.

    Raises UserError where `refuse_taken` does, or if another process writes here.
    """
    refuse_taken(folder, overwrite)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    busy = f"Another process is writing an export into {folder}; wait for it or choose another --out."
    try:
        with locked(folder / LOCK, busy):
            refuse_taken(folder, overwrite)  # another process may have written one meanwhile
            _finish(folder)
            shutil.rmtree(folder / NEW, ignore_errors=True)
            try:
                for name, content in files.items():
                    with atomically(folder / NEW / name) as file:
                        file.write(content)
                os.replace(folder / NEW, folder / WHOLE)
                _finish(folder)
            finally:
                shutil.rmtree(folder / NEW, ignore_errors=True)
                (folder / LOCK).unlink(missing_ok=True)
    except BaseException:
        for place in made:  # the empty folders that were made for nothing
            if not any(place.iterdir()):
                place.rmdir()
        raise


def _finish(folder: Path) -> None:
    """Move the files in `WHOLE` to their places, the config last, if there are any; delete nets of another form."""
    whole = folder / WHOLE
    if not whole.is_dir():
        return
    for name in sorted((path.name for path in whole.iterdir()), key=lambda name: name == "config.json"):
        os.replace(whole / name, folder / name)
    form = (json_in(folder / "config.json") or {})["form"]
    for name in {net for net in NETS if not net.endswith(form)} | {f".{name}.part" for name in FILES}:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(whole)


def _is_export(folder: Path, there: set[str]) -> bool:
    """Whether the config shows it, or, where it is damaged, all files have an export's names."""
    try:
        about = json_in(folder / "config.json") or {}
    except UserError:
        return bool(there & NETS) and not there - FILES - LEFT
    return about.get("format") == FORMAT
