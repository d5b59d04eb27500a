"""How earlier versions chose the images of a folder, so that their runs keep them: by position, PNG and JPEG only."""

from __future__ import annotations

from pathlib import Path

from ayneh.data.layout import Layout
from ayneh.data.scan import File

SUFFIXES = (".png", ".jpg", ".jpeg")


def layout_before(folder: Path) -> Layout:
    """All images in the order of their paths. train/ and test/ are the splits if both exist in just this writing; the
    folders of the first level are classes if every image is in one."""
    halves = [folder / "train", folder / "test"]
    roots = halves if all(half.is_dir() for half in halves) else [folder]
    found = [(root, path) for root in roots for path in _image_files(root)]
    places = [path.relative_to(root).parts for root, path in found]
    labelled = all(len(place) > 1 for place in places)
    laid = Layout(order=str)
    for (root, path), place in zip(found, places, strict=True):
        at = path.stat()
        laid.files.append(File(str(path), place, at.st_size, at.st_mtime_ns))
        laid.sides.append(root.name if roots == halves else None)
        laid.labels.append(place[0] if labelled else None)
    return laid


def _image_files(root: Path) -> list[Path]:
    """All images below ``root``, sorted, without hidden files."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted((path for path in files if not path.name.startswith(".")), key=lambda path: path.as_posix())
