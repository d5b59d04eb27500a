"""Labels that a Python program holds, of any usual form, as an array of numbers or of text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.data.arrayed import array_of
from ayneh.errors import UserError, brief

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXT, NUMBERS, MISSING = "text", "numbers", "missing"
OBJECTS = "OT"  # kinds of NumPy's types: what pandas holds text in, and text of any length


def labels_in(labels: Any, what: str) -> NDArray[Any]:
    """An array, a column or a list of labels, as `data.labels` reads them. UserError for labels of several kinds."""
    found = array_of(labels, f"the array of labels of {what}")
    if found is not None and found.dtype.kind not in OBJECTS:
        return found
    if found is not None:
        labels = found.reshape(-1).tolist() if found.size == max(found.shape, default=0) else found.tolist()
    elif not isinstance(labels, Sequence) or isinstance(labels, str):
        raise UserError(f"the labels of {what} are a {type(labels).__name__}: give one for each image.")
    return _of_one_kind([_label(label, k, what) for k, label in enumerate(labels)], what)


def _of_one_kind(labels: list[Any], what: str) -> NDArray[Any]:
    """As an array: NumPy would make text of numbers beside text, so that 3 and "3" were one class."""
    kinds = [_kind(label) for label in labels]
    if n := kinds.count(MISSING):
        k = kinds.index(MISSING)
        raise UserError(
            f"the labels of {what} are missing for {n:,} of {len(labels):,} images, first for image {k} ({labels[k]}): "
            "give each image a text or a number, or leave these images out."
        )
    if len(several := dict.fromkeys(kinds)) > 1:
        shown = " and ".join(f"{kind} ({_shown(labels, kinds.index(kind))})" for kind in several)
        raise UserError(f"the labels of {what} are {shown}: give all as text, or all as whole numbers from 0 on.")
    try:
        array = np.asarray(labels)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"the labels of {what} are no array ({brief(error)}): give one for each image.") from error
    if array.dtype == object:
        raise UserError(f"the labels of {what} are objects ({type(labels[0]).__name__}): give text or whole numbers.")
    return array


def _shown(labels: list[Any], k: int) -> str:
    """A label in a sentence: on one line, and not all of a long one."""
    return f"{' '.join(repr(labels[k]).split())[:60]} of image {k}"


def _kind(label: Any) -> str:
    if isinstance(label, str):
        return TEXT
    if label is None or type(label).__name__ in ("NAType", "NaTType"):  # of pandas, which is not imported for this
        return MISSING
    if isinstance(label, Real | np.bool_):
        return MISSING if label != label else NUMBERS
    return "rows" if isinstance(label, np.ndarray | list | tuple) else type(label).__name__


def _label(label: Any, number: int, what: str) -> Any:
    """One label as NumPy takes it: a number, a text, or a row with one 1."""
    array = array_of(label, f"label {number} of {what}")
    if array is None:
        return label
    return array.item() if array.size == 1 else array


def names_in(classes: Any) -> tuple[str, ...] | None:
    """Names of classes as a person gives them, in one form; None where none are given.

    Raises UserError for what is no text, for an empty name, two alike, and for a set, which has no order.
    """
    if classes is None:
        return None
    if isinstance(classes, set | frozenset):
        raise UserError("classes is a set, which has no order: give a list of names, in the order of the labels.")
    given = np.atleast_1d(classes).tolist() if isinstance(classes, np.ndarray) else list(classes)
    names: list[str] = []
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"An entry of classes is {name!r}; it must be text.")
        names.append(unicodedata.normalize("NFC", name).strip())
    if not names:
        raise UserError("classes is empty: give a name for each class, or leave it out.")
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise UserError(f"classes has {twice!r} twice: give each class a name of its own.")
    return tuple(names)
