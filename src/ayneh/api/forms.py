"""Images that a Python program holds, of any usual form, as an array and its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.api.arrayed import array_of
from ayneh.data.raw import Part
from ayneh.errors import UserError, brief

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMS = (
    "give an array or a tensor of images, a list of pictures, a data set of PyTorch whose items are images or (image, "
    "label), a pair (images, labels), or the name of a data set or a path"
)
IMAGE_FIELDS = ("image", "img", "pixel_values", "pixels", "x", "input")  # of items that are dictionaries
LABEL_FIELDS = ("label", "labels", "target", "class", "fine_label", "y")
MOST_ITEMS = 10_000_000  # of an iterable without a length: it may have no end


@dataclass(frozen=True)
class NamedPart(Part):
    """A part, and the names of its classes if the data set has them."""

    classes: tuple[str, ...] | None = None


def part_of(source: Any, side: str, resize: int | None) -> NamedPart:
    """Images, and their labels where they have any. side: "train", "test", or "" where a share is held out.

    resize: pictures of different sizes are scaled to so many pixels a side here. Raises UserError for another form.
    """
    what = "the test images" if side == "test" else "the images"
    labels: Any = None
    classes = _classes_of(source)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise UserError(f"{what} are a tuple of {len(source)}: a pair is (images, labels).")
        source, labels = source
        classes = classes or _classes_of(source)
    if (array := array_of(source, f"the array of {what}")) is None:
        array, own = _items(source, what, resize)
        labels = own if labels is None else labels
    if array.dtype == object:
        raise UserError(f"{what} are an array of objects: {FORMS}.")
    found = None if labels is None else _labels(labels, what)
    name = {"train": "the training array", "test": "the test array", "": "the array"}[side]
    return NamedPart(side, array, found, name, f"the array of labels of {what}", classes)


def _items(source: Any, what: str, resize: int | None) -> tuple[NDArray[Any], list[Any] | None]:
    """The items of a data set or a list as one array, and their labels; each item is read once."""
    images: list[NDArray[Any]] = []
    labels: list[Any] = []
    for item in _each(source, what):
        image, label = _pair(item, what)
        images.append(_image(image, len(images), what, resize))
        if label is not None:
            labels.append(label)
        if len(images) > MOST_ITEMS:
            raise UserError(f"{what} have more than {MOST_ITEMS:,} items: give fewer.")
    if not images:
        raise UserError(f"{what} have no item: give at least a batch of images.")
    shapes = dict.fromkeys(image.shape for image in images)
    if len(shapes) > 1:
        raise UserError(
            f"{what} have different shapes ({', '.join(map(str, list(shapes)[:3]))}): give resize=, which makes "
            "squares of Pillow's pictures, or make them alike."
        )
    if labels and len(labels) < len(images):
        raise UserError(f"{what} have {len(images):,} items, and {len(labels):,} of them a label: give all or none.")
    return np.stack(images), labels or None


def _each(source: Any, what: str) -> Iterable[Any]:
    if isinstance(source, str | bytes | Mapping) or source is None:
        raise UserError(f"{what} are a {type(source).__name__}: {FORMS}.")
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):  # of PyTorch: it may have no end but its length
        return (source[i] for i in range(len(source)))
    if isinstance(source, Iterable):
        return source
    raise UserError(f"{what} are a {type(source).__name__}: {FORMS}.")


def _pair(item: Any, what: str) -> tuple[Any, Any]:
    """The image and the label (or None) of an item."""
    if isinstance(item, Mapping):
        image = next((item[name] for name in IMAGE_FIELDS if name in item), None)
        if image is None:
            raise UserError(f"{what} have items with the fields {', '.join(map(str, item))}: call one of them 'image'.")
        return image, next((item[name] for name in LABEL_FIELDS if name in item), None)
    if isinstance(item, tuple | list):
        if not item:
            raise UserError(f"{what} have an item that is empty: an item is an image or (image, label).")
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _image(image: Any, number: int, what: str, resize: int | None) -> NDArray[Any]:
    """One image: (H, W), (H, W, C) or (C, H, W)."""
    if hasattr(image, "convert") and hasattr(image, "mode"):  # Pillow's
        from ayneh.data.resize import fit

        alpha = "A" in image.mode or "transparency" in image.info
        mode = image.mode if image.mode in ("L", "RGB") else "RGBA" if alpha else "L" if image.mode == "1" else "RGB"
        picture = image if image.mode.startswith("I;16") or image.mode in ("I", "F") else image.convert(mode)
        return np.asarray(picture if resize is None else fit(picture, resize))
    array = array_of(image, f"number {number} of {what}")
    if array is None and isinstance(image, list):
        array = np.asarray(image)
    if array is None or array.ndim not in (2, 3):
        came = f"has the shape {array.shape}" if array is not None else f"is a {type(image).__name__}"
        raise UserError(f"{what}: number {number} {came}; an image is (H, W), (H, W, C) or (C, H, W), or Pillow's.")
    return array


def _labels(labels: Any, what: str) -> NDArray[Any]:
    found = array_of(labels, f"the array of labels of {what}")
    if found is None:
        if not isinstance(labels, Sequence) or isinstance(labels, str):
            raise UserError(f"the labels of {what} are a {type(labels).__name__}: give one for each image.")
        try:
            found = np.asarray([_label(label, k, what) for k, label in enumerate(labels)])
        except UserError:
            raise
        except (TypeError, ValueError) as error:
            raise UserError(f"the labels of {what} are no array ({brief(error)}): give one for each image.") from error
    return found


def _label(label: Any, number: int, what: str) -> Any:
    """One label as NumPy takes it: a number, a text, or a row with one 1."""
    array = array_of(label, f"label {number} of {what}")
    if array is None:
        return label
    return array.item() if array.size == 1 else array


def _classes_of(source: Any) -> tuple[str, ...] | None:
    """The names of a data set's classes, as torchvision's and Hugging Face's have them."""
    classes = getattr(source, "classes", None)
    if classes is None:
        features = getattr(source, "features", None)
        feature = features if isinstance(features, dict) else {}
        classes = next((getattr(feature[name], "names", None) for name in LABEL_FIELDS if name in feature), None)
    if isinstance(classes, list | tuple) and classes and all(isinstance(name, str) for name in classes):
        return tuple(classes)
    return None
