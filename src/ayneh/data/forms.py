"""Images that a Python program holds, of any usual form, as an array and its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.data.alike import of_one_shape, of_one_type
from ayneh.data.arrayed import array_of
from ayneh.data.labelled import labels_in
from ayneh.data.raw import Part
from ayneh.data.renumbered import renumbered
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


def part_of(source: Any, side: str, resize: int | None, ranged: bool = False) -> NamedPart:
    """Images, and their labels where they have any. side: "train", "test", or "" where a share is held out.

    resize: pictures of different sizes are scaled to so many pixels a side here; ranged: a person gave the values of
    black and white. Raises UserError for another form.
    """
    what = "the test images" if side == "test" else "the images"
    labels: Any = None
    classes = _classes_of(source)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise UserError(f"{what} are a tuple of {len(source)}: a pair is (images, labels).")
        source, labels = source
        classes = classes or _classes_of(source)
    if any(kind.__name__ == "DataLoader" and kind.__module__.startswith("torch.") for kind in type(source).__mro__):
        raise UserError(f"{what} are a DataLoader, which gives batches in an order of its own: give its .dataset.")
    pictures = False
    if (array := array_of(source, f"the array of {what}")) is None:
        array, own, pictures = _items(source, what, resize, ranged)
        labels = own if labels is None else labels
    if array.dtype == object:
        raise UserError(f"{what} are an array of objects: {FORMS}.")
    found = None if labels is None else labels_in(labels, what)
    name = {"train": "the training array", "test": "the test array", "": "the array"}[side]
    return NamedPart(side, array, found, name, f"the array of labels of {what}", pictures, classes)


def as_one_set(parts: Sequence[NamedPart], ranged: bool) -> list[NamedPart]:
    """Images to train on and to test against. Halves of pictures may have types as different as one list of them."""
    if not all(part.pictures for part in parts):
        return list(parts)
    pixels = of_one_type([part.images for part in parts], True, ranged, "the images")
    return [replace(part, images=images) for part, images in zip(parts, pixels, strict=True)]


def in_one_numbering(train: NamedPart, test: NamedPart) -> tuple[NamedPart, NamedPart]:
    """Both parts with the classes of the first: data sets of other folders number their classes in another order."""
    if train.labels is None or test.labels is None or train.classes is None or test.classes is None:
        return train, test
    names, (ours,), (theirs,) = renumbered([train.labels], train.classes, [test.labels], test.classes)
    return replace(train, labels=ours, classes=names), replace(test, labels=theirs, classes=names)


def _items(source: Any, what: str, resize: int | None, ranged: bool) -> tuple[NDArray[Any], list[Any] | None, bool]:
    """The items of a data set or a list as one array, their labels, and if all are Pillow's; each is read once."""
    images: list[NDArray[Any]] = []
    labels: list[Any] = []
    pictures = True
    for item in _each(source, what):
        image, label = _pair(item, what)
        images.append(_image(image, len(images), what, resize))
        pictures = pictures and _is_picture(image)
        if label is not None:
            labels.append(label)
        if len(images) > MOST_ITEMS:
            raise UserError(f"{what} have more than {MOST_ITEMS:,} items: give fewer.")
    if not images:
        raise UserError(f"{what} have no item: give at least a batch of images.")
    if labels and len(labels) < len(images):
        raise UserError(f"{what} have {len(images):,} items, and {len(labels):,} of them a label: give all or none.")
    _refuse_sizes(images, pictures, what)
    images = of_one_type(images, pictures, ranged, what)
    return np.stack(of_one_shape(images) if pictures else images), labels or None, pictures


def _refuse_sizes(images: list[NDArray[Any]], pictures: bool, what: str) -> None:
    """Raise UserError for images of different shapes. pictures: grey ones and those in colour may be among them."""
    shapes = dict.fromkeys(image.shape for image in images)
    if len({shape[:2] if pictures else shape for shape in shapes}) == 1:
        return
    few = ", ".join(map(str, list(shapes)[:3]))
    if pictures:
        raise UserError(f"{what} have different shapes ({few}): give resize=, which makes squares, or make them alike.")
    raise UserError(
        f"{what} have different shapes ({few}): make the arrays alike, or give pictures of Pillow "
        "(PIL.Image.fromarray), whose colours are made alike, and whose sizes by resize=."
    )


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


def _is_picture(image: Any) -> bool:
    """Whether it is Pillow's."""
    return hasattr(image, "convert") and hasattr(image, "mode")


def _image(image: Any, number: int, what: str, resize: int | None) -> NDArray[Any]:
    """One image: (H, W), (H, W, C) or (C, H, W)."""
    if _is_picture(image):
        return _picture(image, number, what, resize)
    array = array_of(image, f"number {number} of {what}")
    if array is None and isinstance(image, list):
        try:
            array = np.asarray(image)
        except ValueError as error:  # its rows have different lengths
            raise UserError(f"{what}: number {number} is a list that is no array ({brief(error)}): mend it.") from error
    if array is None or array.ndim not in (2, 3):
        came = f"has the shape {array.shape}" if array is not None else f"is a {type(image).__name__}"
        raise UserError(f"{what}: number {number} {came}; an image is (H, W), (H, W, C) or (C, H, W), or Pillow's.")
    if array.dtype == object:
        raise UserError(f"{what}: number {number} is an array of objects: give numbers.")
    return array


def _picture(image: Any, number: int, what: str, resize: int | None) -> NDArray[Any]:
    """A picture of Pillow: (H, W) of a grey one's own type; of others bytes (H, W, 3), (H, W, 4) with transparency.

    It is turned as its camera noted, and 0 is black, as of a file.
    """
    from ayneh.data.picture import black_is_zero, upright
    from ayneh.data.resize import fit

    image = upright(black_is_zero(image))
    if image.mode.startswith("I;16") or image.mode in ("L", "I", "F"):
        mode = "RGBA" if image.mode == "L" and image.has_transparency_data else image.mode
    else:
        mode = "L" if image.mode == "1" else "RGBA" if image.has_transparency_data else "RGB"
    try:
        picture = image if image.mode == mode else image.convert(mode)
    except ValueError as error:  # Pillow does not convert every mode into every other
        raise UserError(
            f"{what}: number {number} is a picture of the mode {image.mode}, which Pillow makes no {mode}: convert "
            "it to L or RGB."
        ) from error
    return np.asarray(picture if resize is None else fit(picture, resize))


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
