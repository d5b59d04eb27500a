"""Labels of any usual form as classes 0..K-1 with names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ayneh.data.words import printable, told_apart
from ayneh.errors import UserError
from ayneh.terminal.text import counted, few

Array = np.ndarray
SHORT, LONG = 40, 1000  # letters of a class's name: LONG where shorter ones would make two of one name
MOST_CLASSES = 10_000
MISSING = -1  # what Hugging Face and Kaggle write for each label of a test set that they keep to themselves


@dataclass(frozen=True)
class Coded:
    """Labels int64 (N,) of each part, and the classes' names; (None, None) with a note where there is one class."""

    parts: list[Array] | None
    names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def labels_of(
    parts: Sequence[tuple[Array, int, str]],
    named: Sequence[str] | None = None,
    asked: bool = False,
    kept: bool = False,
) -> Coded:
    """Classes over all parts, each (labels, number of images, where); ``where`` begins an error message.

    named: what the classes are called, as `_names` has it; asked: by a person, and not by the file itself;
    kept: they are not shortened.

    Labels are whole numbers from 0 on (floats too), strings, or rows with one 1 (one-hot); (N, 1) is (N,). Every value
    that occurs is a class, in order, so that gaps cost nothing. Raises UserError for anything else.
    """
    for labels, n, where in parts:
        if labels.size == n and labels.dtype.kind in "if" and (labels == MISSING).all():
            return Coded(None, None, (f"labels are not used: {where} is {MISSING} throughout, as missing labels are",))
    flat = [_flat(labels, n, where) for labels, n, where in parts]
    _, _, where = parts[0]
    if len({array.dtype.kind in "US" for array in flat}) > 1:
        raise UserError(f"{where} and {parts[-1][2]} are labels of two kinds, numbers and strings: save both alike.")
    values, index = np.unique(np.concatenate(flat), return_inverse=True)
    if len(values) > MOST_CLASSES:
        raise UserError(
            f"{where} has {len(values):,} different labels, and a set may have {MOST_CLASSES:,}: give classes instead "
            "of numbers of images, or leave the labels out."
        )
    if len(values) == 1:
        return Coded(None, None, (f"all labels are {printable(str(values[0]))}, so they are not used",))
    ends = np.cumsum([len(array) for array in flat])[:-1]
    whole, notes = _names(values, named, asked, where)
    short = tuple(printable(name, LONG if kept else SHORT) for name in whole)
    names = short if len(set(short)) == len(short) else told_apart(whole, LONG)
    return Coded(np.split(index.astype(np.int64), ends), names, (*_gaps(values, names), *notes))


def _gaps(values: Array, names: tuple[str, ...]) -> tuple[str, ...]:
    """A note where the labels are not 0, 1, ..., K-1: their classes are, and are called by the labels."""
    if values.dtype.kind != "i" or np.array_equal(values, np.arange(len(values))):
        return ()
    skipped = "do not begin at 0" if values[-1] - values[0] == len(values) - 1 else "skip numbers"
    return (f"the labels {skipped}: the classes are numbered 0 to {len(values) - 1} and called {few(names)}",)


def _names(values: Array, named: Sequence[str] | None, asked: bool, where: str) -> tuple[list[str], tuple[str, ...]]:
    """What the classes with these labels are called, and a note on names that are left over.

    As many names as classes are theirs in order; else a name is that of the label which counts it from 0, if every
    label has one. Raises UserError if names that a person asked for are neither.
    """
    own = [str(value) for value in values.tolist()]
    if not named or (values.dtype.kind != "i" and (not asked or list(named) == own)):
        return own, ()
    if values.dtype.kind != "i":
        raise UserError(
            f"classes is {few(named)}, and {where} is text, which names its classes itself ({few(own)}): leave it out."
        )
    if len(named) == len(values):
        return list(named), ()
    if values[-1] < len(named):
        found = set(values.tolist())
        rest = [name for k, name in enumerate(named) if k not in found] if asked else []
        said = f"{counted(len(rest), 'name')} of classes {'is' if len(rest) == 1 else 'are'} of no image ({few(rest)})"
        return [named[value] for value in values], (said,) if rest else ()
    if asked:
        raise UserError(
            f"classes has {counted(len(named), 'name')} ({few(named)}), and {where} has {len(values):,} classes "
            f"({few(own)}): give a name for each, in this order."
        )
    return own, (f"the names of {len(named):,} classes are not used, since the labels go up to {values[-1]:,}",)


def _flat(labels: Array, n: int, where: str) -> Array:
    """int64 or strings (n,)."""
    one = labels.reshape(-1) if labels.ndim == 2 and 1 in labels.shape else labels
    kind = one.dtype.kind
    if one.ndim == 2 and n in one.shape and kind in "buif":
        one = _from_one_hot(one if len(one) == n else one.T)
    if one.shape == (n,) and kind in "US":
        return _in_one_form(np.char.strip(one if kind == "U" else _decoded(one)))
    whole = one.shape == (n,) and (kind in "bui" or (kind == "f" and bool(np.all(np.floor(one) == one))))
    if not whole or one.min() < 0 or one.max() > 2**53:
        raise UserError(
            f"{where} has the type {labels.dtype} and the shape {labels.shape}{_wrong(one, n)}: labels are integers "
            f"from 0 on, one for each of the {n:,} images; mend the labels, or leave them out."
        )
    return one.astype(np.int64)


def _decoded(texts: Array) -> Array:
    """Bytes as text; those that are no UTF-8 as signs that tell them apart, where one sign for all would not."""
    values, index = np.unique(texts, return_inverse=True)
    plain = np.char.decode(values, "utf-8", "replace")
    apart = len(np.unique(plain)) == len(values)
    return (plain if apart else np.char.decode(values, "utf-8", "surrogateescape"))[index]


def _in_one_form(texts: Array) -> Array:
    """The same texts, those that look alike as one: an accent is a sign of its own on some systems."""
    values, index = np.unique(texts, return_inverse=True)
    return np.array([unicodedata.normalize("NFC", value) for value in values.tolist()])[index]


def _wrong(labels: Array, n: int) -> str:
    """The first value that is no label, where there are as many numbers as images."""
    if labels.shape != (n,) or labels.dtype.kind not in "uif":
        return ""
    wrong = (labels < 0) | (labels > 2**53) | (np.floor(labels) != labels) | ~np.isfinite(labels)
    k = int(wrong.argmax())
    return f", with the value {labels[k]} for image {k}"


def _from_one_hot(rows: Array) -> Array:
    """The place of the one high value of each row; the rows themselves if they are not of this kind."""
    low, high = rows.min(), rows.max()
    hot = rows == high
    if low != high and high == 1 and low in (0, -1) and ((rows == low) | hot).all() and (hot.sum(1) == 1).all():
        return hot.argmax(1)
    return rows
