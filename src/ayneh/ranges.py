"""One rule for what the values of an image array mean: the range that they lie in, or a refusal with the numbers.

`data.arrays` reads files by it and `loading.Model` takes arrays by it; it imports nothing but NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ayneh.errors import UserError

Array = np.ndarray
USAGE = "--data.range {} {}"  # how a person gives the values of black and white
ROUNDING = 1e-6  # this far beyond its range a float is a rounding error, which needs no word
OVERSHOOT = 0.05  # as a part of the range: what Lanczos and bicubic resizing add at edges
NEAR = 0.02  # a minimum this close to -1 means [-1, 1]
FAINT = 0.1  # floats that all lie below this are rather a hundredth of a range than dark images in [0, 1]
BRIGHT = 200  # a maximum from here on means 0..255
DARK_BYTES = 64  # a note says how to stretch bytes that all lie below this
SLIVER = 0.04  # of the range: a half whose values span less has another range, in which it spans more
FULL = 0.9  # of a range: a half whose values span as much lies in that range
CHUNK_VALUES = 1 << 22  # looked at or converted at a time, so that no second copy of a large array is made


@dataclass(frozen=True)
class Numbers:
    """Minimum, mean and maximum of finite values, and how many there are."""

    low: float
    mean: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"minimum {self.low:.4g}, mean {self.mean:.4g}, maximum {self.high:.4g}"


@dataclass(frozen=True)
class Span:
    """The range of an array's values: ``low`` is black, ``high`` white. ``notes``: what a person should read of it."""

    low: float
    high: float
    notes: tuple[str, ...] = ()


def span_of(parts: Sequence[Array], where: str, asked: tuple[float, float] | None = None, usage: str = USAGE) -> Span:
    """The one range of all parts of a set (train and test), decided from their type and values together.

    uint8 is 0..255 as it is; bool is black and white. Other values are taken as [0, 1], [-1, 1] or 0..255 if clearly
    so, uint16 also as 0..65535; up to a twentieth of the range beyond its ends is clipped, with a note. ``asked``
    decides instead, for every type. ``where`` begins an error message, ``usage`` ends it.
    Raises UserError for other types, for NaN and infinity, for values whose range is not clear, and for parts whose
    ranges differ.
    """
    kinds, wanted = {str(part.dtype) for part in parts}, usage.format("LOW", "HIGH")
    for part in parts:
        if part.dtype.kind not in "buif":
            raise UserError(f"{where} has values of type {part.dtype}: save uint8, or floats in [0, 1] or [-1, 1].")
    if len(kinds) > 1 and asked is None and kinds & {"bool", "uint8"}:
        raise UserError(
            f"{where} has values of types {' and '.join(sorted(kinds))}: save both halves in one type, or give the "
            f"range of both by {wanted}."
        )
    numbers = _numbers(parts, where)
    constant = [f"all values are {numbers.low:.4g}"] if numbers.low == numbers.high and numbers.count > 1 else []
    if asked is not None:
        low, high = _checked(asked, usage)
        notes = [f"values from {low:g} to {high:g} are taken as black to white", *_outside(parts, numbers, low, high)]
        return Span(low, high, (*notes, *constant))
    if kinds == {"bool"}:
        return Span(0, 1, ("true is white, false black", *constant))
    if kinds == {"uint8"}:
        top = int(numbers.high)
        dark = f"all values lie in 0..{top} of 255; {usage.format(0, top)} stretches them"
        return Span(0, 255, (*([dark] if 0 < top < DARK_BYTES else []), *constant))
    found = _recognised(numbers, parts)
    if found is None:
        raise UserError(
            f"{where} has values of type {parts[0].dtype} whose range is not clear ({numbers}): give the values of "
            f"black and white by {wanted}, or save uint8, or floats in [0, 1] or [-1, 1]."
        )
    low, high = found
    for part in parts if len(parts) > 1 else ():
        _refuse_unlike(part, parts, found, where, wanted)
    unusual = [f"values are taken as {low:g}..{high:g}"] if found not in ((0, 1), (-1, 1)) else []
    return Span(low, high, (*unusual, *_outside(parts, numbers, low, high), *constant))


def _refuse_unlike(part: Array, parts: Sequence[Array], found: tuple[float, float], where: str, wanted: str) -> None:
    """Raise UserError if a part taken alone lies in another range than all together: only one half was divided."""
    alone = _numbers([part], where)
    own = _recognised(alone, [part])
    spans = alone.high - alone.low
    sliver = own is None and 0 < spans < SLIVER * (found[1] - found[0])
    fills = own is not None and own != found and spans > FULL * (own[1] - own[0])
    if sliver or fills:
        each = " and ".join(f"{one.low:.4g} to {one.high:.4g}" for one in (_numbers([p], where) for p in parts))
        raise UserError(
            f"{where} has halves with values of different ranges ({each}): save all in one range, or give the range of "
            f"all by {wanted}."
        )


def unmasked(array: Array, where: str) -> Array:
    """The same values as a plain array: NumPy's functions skip masked ones, or take what lies below the mask.

    Raises UserError for an array with masked values, which are no pixels and no labels. ``where`` begins it.
    """
    if isinstance(array, np.ma.MaskedArray) and array.dtype.names is None and (n := int(np.ma.count_masked(array))):
        raise UserError(
            f"{where} has {n:,} masked {'value' if n == 1 else 'values'}, of {array.size:,}: fill what is masked, for "
            "example by array.filled(0), or leave it out."
        )
    return np.asarray(array)  # also of a numpy.matrix, which cannot have more than two axes


def rescaled(array: Array, span: Span, to: tuple[float, float] = (0, 1)) -> Array:
    """Values of a range as floats of another one, those outside clipped; float32 and float64 stay what they are."""
    narrow = array.dtype.itemsize < 4
    x: Array = array if array.dtype.kind == "f" and not narrow else array.astype(np.float32 if narrow else np.float64)
    if (span.low, span.high) == to:
        return np.clip(x, *to)
    unit: Array = np.clip((x - span.low) / (span.high - span.low), 0, 1)
    return unit if to == (0, 1) else unit * (to[1] - to[0]) + to[0]


def levels(array: Array, span: Span) -> Array:
    """Values of a range as grey levels uint8 in 0..255, in the same shape."""
    if array.dtype == np.uint8 and (span.low, span.high) == (0, 255):
        return array
    result = np.empty(array.shape, np.uint8)
    for to, chunk in zip(_chunks(result), _chunks(array), strict=True):
        to[...] = np.round(rescaled(chunk, span) * 255)
    return result


def _recognised(numbers: Numbers, parts: Sequence[Array]) -> tuple[float, float] | None:
    """The range that the numbers clearly lie in, if there is one."""
    low, high = numbers.low, numbers.high
    integers = all(part.dtype.kind in "ui" for part in parts)
    if BRIGHT <= high <= 255 * (1 + (0 if integers else OVERSHOOT)) and low >= (0 if integers else -255 * OVERSHOOT):
        return 0, 255
    if integers:  # of other integers only those in all 16 bits are clear
        sixteen = all(part.dtype == np.uint16 for part in parts)
        return (0, 65535) if sixteen and high > 65535 / 2 else None
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return (0, 1) if high >= FAINT or low == high == 0 else None
    if low >= -OVERSHOOT and 0.5 <= high <= 1 + OVERSHOOT:
        centred = low < -ROUNDING and abs(numbers.mean) < 0.1 * abs(low)  # the mean was subtracted
        return None if centred else (0, 1)
    if -1 - 2 * OVERSHOOT <= low <= NEAR - 1 and high <= 1 + 2 * OVERSHOOT:
        centred = abs(numbers.mean) < 1e-3 and high < 1 - NEAR  # and the result divided by its largest value
        faint = high < (0.5 if low < -1 - ROUNDING else ROUNDING) and low != high
        return None if centred or faint else (-1, 1)
    return None


def _numbers(parts: Sequence[Array], where: str) -> Numbers:
    """Raises UserError for NaN and infinite values, with their number."""
    low, high, total, count, bad = math.inf, -math.inf, 0.0, 0, 0
    for chunk in (chunk for part in parts for chunk in _chunks(part)):
        if chunk.dtype.kind == "f":
            bad += chunk.size - int(np.isfinite(chunk).sum())
        if not bad and chunk.size:
            low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
            total += float(chunk.sum(dtype=np.float64))
        count += chunk.size
    if bad:
        raise UserError(f"{where} has {bad:,} values that are NaN or infinite, of {count:,}: remove or replace them.")
    return Numbers(low, total / max(count, 1), high, count)


def _outside(parts: Sequence[Array], numbers: Numbers, low: float, high: float) -> list[str]:
    """The note on values that are clipped, if they are more than rounding errors."""
    margin = ROUNDING * (high - low)
    if numbers.low >= low - margin and numbers.high <= high + margin:
        return []
    n = sum(
        int(np.count_nonzero((chunk < low - margin) | (chunk > high + margin)))
        for part in parts
        for chunk in _chunks(part)
    )
    return [
        f"{n:,} of {numbers.count:,} values outside [{low:g}, {high:g}] are clipped "
        f"(from {numbers.low:.4g} to {numbers.high:.4g})"
    ]


def _checked(asked: tuple[float, float], usage: str) -> tuple[float, float]:
    low, high = (float(end) for end in asked)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        given = usage.format(f"{low:g}", f"{high:g}")
        raise UserError(f"{given}: the first number, black, must be less than the second, white.")
    return low, high


def _chunks(array: Array) -> Iterator[Array]:
    """Views of an array, a few of its first axis's items at a time."""
    if array.ndim == 0 or array.size == 0:
        yield array
        return
    rows = max(1, CHUNK_VALUES // max(1, array[0].size))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
