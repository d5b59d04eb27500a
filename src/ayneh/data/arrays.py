"""Images in an .npz or .npy file as one array, from any of the usual layouts and ranges."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ayneh.data.split import own_split
from ayneh.errors import UserError

DAMAGED = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError)
CHANNELS = (1, 3)
TOLERANCE = 1e-6  # by so much rounding may carry a float out of its range


def read_arrays(path: Path, split: str) -> tuple[np.ndarray, np.ndarray | None, int | None]:
    """Pixels uint8 (N, C, H, W), labels int64 (N,) or None, number of classes or None.

    An .npz holds x_train and x_test (labels: y_train and y_test), or images (labels: labels), or one array of
    any name; of a file without splits, a fixed tenth of the images is for testing. Images are
    (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3; uint8, or floats, taken as in [-1, 1] if
    one of them is negative, else as in [0, 1]. Raises UserError for anything else, and for a damaged file.
    """
    arrays = _read(path)
    if {"x_train", "x_test"} <= arrays.keys():
        keys = [("x_train", "y_train"), ("x_test", "y_test")]
    else:
        keys = [(_key_of_images(arrays, path), "labels")]
    parts = [_to_pixels(arrays[x], f"{path}: {x}") for x, _ in keys]
    if parts[0].shape[1:] != parts[-1].shape[1:]:
        raise UserError(f"{path}: x_train has images {parts[0].shape[1:]} but x_test {parts[1].shape[1:]}.")
    pixels = np.concatenate(parts)
    everything = np.arange(len(pixels))
    if len(parts) == 2:
        n = len(parts[0])
        chosen = {"train": everything[:n], "test": everything[n:], "all": everything}[split]
    else:
        chosen = own_split(len(pixels), split)
    if len(chosen) == 0:
        raise UserError(f"{path} has no image for the split {split!r}: take the split 'all', or add images.")
    if not all(y in arrays for _, y in keys):
        return pixels[chosen], None, None
    labels = np.concatenate(
        [_to_labels(arrays[y], len(part), f"{path}: {y}") for (_, y), part in zip(keys, parts, strict=True)]
    )
    return pixels[chosen], labels[chosen], int(labels.max()) + 1


def _read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name; that of an .npy is called "array"."""
    if not path.is_file():
        raise UserError(f"There is no file {path}: give the path of an .npz or .npy file.")
    try:
        with path.open("rb") as file:  # for np.load leaves a file open that it cannot read
            loaded = np.load(file, allow_pickle=False)
            return {"array": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except DAMAGED as error:
        raise UserError(f"{path} is damaged or is not an .npz or .npy file of plain arrays: {error}.") from error


def _key_of_images(arrays: dict[str, np.ndarray], path: Path) -> str:
    others = [key for key in arrays if key != "labels"]
    if "images" in arrays or len(others) == 1:
        return "images" if "images" in arrays else others[0]
    raise UserError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}: call the images 'images', or 'x_train' and 'x_test'."
    )


def _to_pixels(array: np.ndarray, where: str) -> np.ndarray:
    """uint8 (N, C, H, W) from any of the layouts and ranges; ``where`` begins an error message."""
    array = _channels_first(array, where)
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{where} has values of type {array.dtype}: save uint8, or floats in [0, 1] or [-1, 1].")
    low, high = float(array.min()), float(array.max())
    if not (low >= -1 - TOLERANCE and high <= 1 + TOLERANCE):  # not (...): so that NaN is refused too
        raise UserError(f"{where} has floats from {low:g} to {high:g}: save uint8, or floats in [0, 1] or [-1, 1].")
    unit = (array + 1) / 2 if low < -TOLERANCE else array
    return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _channels_first(array: np.ndarray, where: str) -> np.ndarray:
    if 0 in array.shape or array.ndim not in (3, 4):
        raise UserError(f"{where} has the shape {array.shape}: images are (N, H, W), (N, H, W, C) or (N, C, H, W).")
    if array.ndim == 3:
        return array[:, None]
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if first == last:
        raise UserError(
            f"{where} has the shape {array.shape}, in which {'both' if first else 'neither'} of axis 1 and "
            "axis 3 could be the channels: there must be 1 or 3 of them, and another number of columns."
        )
    return array if first else np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def _to_labels(labels: np.ndarray, n: int, where: str) -> np.ndarray:
    """int64 (N,); ``where`` begins an error message."""
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise UserError(
            f"{where} has the type {labels.dtype} and the shape {labels.shape}: labels are integers "
            f"from 0 on, one for each of the {n:,} images."
        )
    return labels.astype(np.int64)
