"""PNG and JPEG files in a folder as one array, with the subfolders as classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ayneh.data.resize import fit
from ayneh.data.split import by_position, digest, held_out, side
from ayneh.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_folder(
    folder: Path, split: str, size: int | None, divide: str = "content"
) -> tuple[np.ndarray, np.ndarray | None, int | None]:
    """Pixels uint8 (N, C, H, W), labels int64 (N,) or None, number of classes or None; sorted by path.

    C is 1 if every image is grey (R = G = B), else 3; transparent pixels are laid over black. If every image is in a
    subfolder, the subfolders of the first level are the classes, in the order of their names. ``folder``/train and
    ``folder``/test are the splits if both exist; else a fixed tenth of the images is for testing.
    Given a ``size``, the central square of each image is scaled to size x size.
    Raises UserError without a folder, without images, for a damaged image, and for mixed sizes.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: give the path of a folder with PNG or JPEG images.")
    halves = [folder / "train", folder / "test"]
    roots = halves if all(half.is_dir() for half in halves) else [folder]
    found = [(root, path) for root in roots for path in _image_files(root)]
    if not found:
        raise UserError(f"There is no image in {folder}: put {', '.join(SUFFIXES)} files into it.")
    places = [path.relative_to(root).parts for root, path in found]
    classes = sorted({place[0] for place in places}) if all(len(place) > 1 for place in places) else []
    if roots == halves:
        chosen = [i for i, (root, _) in enumerate(found) if split in (root.name, "all")]
    else:
        by_content = [digest(path.read_bytes()) for _, path in found] if divide == "content" else []
        chosen = side(held_out(by_content) if by_content else by_position(len(found)), split).tolist()
    if not chosen:
        raise UserError(f"{folder} has no image for the split {split!r}: take the split 'all', or add images.")
    pixels = _stack([path for _, path in found], size)[chosen]
    labels = np.array([classes.index(places[i][0]) for i in chosen]) if classes else None
    return pixels, labels, len(classes) or None


def _image_files(root: Path) -> list[Path]:
    """All images below ``root``, sorted, without hidden files."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted((path for path in files if not path.name.startswith(".")), key=lambda path: path.as_posix())


def _stack(paths: list[Path], size: int | None) -> np.ndarray:
    """uint8 (N, C, H, W); raises UserError when the sizes differ."""
    images = [_read(path, size) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != images[0].shape[1:]:
            raise UserError(
                f"The images have several sizes: {paths[0]} is {_size(images[0])} and {path} is "
                f"{_size(image)} (width x height); choose one with --data.resize N."
            )
    if any(len(image) == 3 for image in images):
        images = [np.broadcast_to(image, (3, *image.shape[1:])) for image in images]
    return np.stack(images)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[2]}x{image.shape[1]}"


def _read(path: Path, size: int | None) -> np.ndarray:
    """One image as uint8 (1, H, W) if it is grey, else (3, H, W)."""
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as opened:
            image = _to_rgb(ImageOps.exif_transpose(opened))
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is neither a PNG nor a JPEG image, or its beginning is damaged.") from error
    except Exception as error:  # Pillow does not document what its decoders raise for damaged files
        raise UserError(f"{path} cannot be read as an image: {error}.") from error
    array = np.array(image if size is None else fit(image, size)).transpose(2, 0, 1)
    return array[:1] if (array[:1] == array[1:]).all() else array


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip instead of scale
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    return image.convert("RGB")
