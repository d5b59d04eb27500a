"""Which axis of an array is what: any of the usual orders as (N, C, H, W)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ayneh.errors import UserError

Array = np.ndarray
Shape = tuple[int, ...]
CHANNELS = (1, 3)
ALPHA = 4
SMALLEST_FLAT = 7  # pixels a side of images that are rows: tables of 4 or 16 measurements are none
SMALLEST_SQUARE = 4  # pixels a side from which (S, S, N) is taken for MATLAB's order
USUAL = "images are (N, H, W), (N, H, W, C) or (N, C, H, W), or rows (N, H*W) of squares"
TRANSPOSE = "save the array as (N, H, W), for example by numpy.moveaxis(x, -1, 0)"


@dataclass(frozen=True)
class Order:
    """An order of axes: its name, and how it becomes (N, C, H, W)."""

    name: str
    to: Callable[[Array], Array]
    note: str = ""

    def shape(self, shape: Shape) -> Shape:
        """(N, C, H, W) of an array of this shape, which is not made."""
        return self.to(np.broadcast_to(np.uint8(0), shape)).shape


def is_flat(n: int) -> bool:
    """Whether a row of n values can be a square image, grey or in colour."""
    return bool(_square(n) or (n % 3 == 0 and _square(n // 3)))


def _square(n: int) -> int:
    """The side of a square of n pixels, or 0."""
    side = math.isqrt(n)
    return side if side >= SMALLEST_FLAT and side * side == n else 0


def _rows(planes: int, last: bool = False) -> Callable[[Array], Array]:
    def to(x: Array) -> Array:
        side = math.isqrt(x.shape[1] // planes)
        if last:
            return x.reshape(len(x), side, side, planes).transpose(0, 3, 1, 2)
        return x.reshape(len(x), planes, side, side)

    return to


PLANES = Order("rows of planes", _rows(3), "rows of three planes, red, green and blue, as CIFAR has them")
PIXELS = Order("rows of pixels", _rows(3, last=True), "rows of pixels, each red, green and blue")
ROWS = Order("rows", _rows(1), "rows of {w}x{h} pixels")
COLUMNS = Order("columns", lambda x: _rows(1)(x.T), "each column is an image of {w}x{h} pixels")
PLAIN = Order("(N, H, W)", lambda x: x[:, None])
MATLAB = Order("(H, W, N)", lambda x: x.transpose(2, 0, 1)[:, None], "taken as (H, W, N), MATLAB's order")
FIRST = Order("(N, C, H, W)", lambda x: x)
LAST = Order("(N, H, W, C)", lambda x: x.transpose(0, 3, 1, 2))
MATLAB_COLOUR = Order("(H, W, C, N)", lambda x: x.transpose(3, 2, 0, 1), "taken as (H, W, C, N), MATLAB's order")


def order_of(
    parts: Sequence[Array], where: str, counts: Sequence[int | None] | None = None, matlab: bool = False
) -> Order:
    """The one order of all parts of a set (train and test). Raises UserError where none or several are possible.

    counts: how many images each part has, where its labels show it; matlab: the file is MATLAB's, whose last axis
    counts the images more often than not.
    """
    shapes = [part.shape for part in parts]
    for shape in shapes:
        if 0 in shape or len(shape) not in (2, 3, 4) or len(shape) != len(shapes[0]):
            raise UserError(f"{where} has the shape {_all(shapes)}: {USUAL}.")
    ns = list(counts) if counts else [None] * len(shapes)
    found = [_possible(shape, where, n, matlab) for shape, n in zip(shapes, ns, strict=True)]
    orders = [order for order in found[0] if all(order in others for others in found)]
    if orders == [PLANES, PIXELS]:
        return _smoother(parts, orders)
    if orders == [ROWS, COLUMNS]:
        orders = [_smoother(parts, orders)]
    if len(orders) > 1:  # images are squares more often than not
        orders = [order for order in orders if all(_is_square(order.shape(shape)) for shape in shapes)] or orders
    if len(orders) != 1:
        raise UserError(_unclear(orders, shapes, where))
    if orders == [ROWS] and all(_is_one_image(part) for part in parts):
        raise UserError(f"{where} has the shape {_all(shapes)} and looks like one image: {USUAL}.")
    return orders[0]


def _possible(shape: Shape, where: str, n: int | None, matlab: bool) -> list[Order]:
    if len(shape) == 2:
        return _possible_flat(shape, n)
    if len(shape) == 3:
        return _possible_grey(shape, where, n, matlab)
    orders = []
    for channels in (CHANNELS, (ALPHA,)):
        if shape[1] in channels:
            orders.append(FIRST)
        if shape[3] in channels:
            orders.append(LAST)
        square = shape[0] == shape[1] >= SMALLEST_SQUARE
        if shape[2] in channels and (square or (matlab and not orders) or n == shape[3]):
            orders.append(MATLAB_COLOUR)
        if orders:
            break
    return [order for order in orders if n == order.shape(shape)[0]] or orders


def _possible_flat(shape: Shape, count: int | None) -> list[Order]:
    n, d = shape
    if count == d != n and _square(n):
        return [COLUMNS]
    if n == d and count != n:
        return []
    if _square(d):
        return [ROWS, COLUMNS] if _square(n) and count != n else [ROWS]
    if d % 3 == 0 and _square(d // 3):
        return [PLANES, PIXELS]
    return [COLUMNS] if _square(n) else []


def _possible_grey(shape: Shape, where: str, n: int | None, matlab: bool) -> list[Order]:
    a, b, c = shape
    if n is not None and n in (a, c):
        return [PLAIN] if n == a else [MATLAB]
    if matlab:
        return [MATLAB] if a == b or c > max(a, b) else [PLAIN]
    if min(a, b) >= 8 and c in (3, 4):
        raise UserError(
            f"{where} has the shape {shape}, which is one image (H, W, C) in colour: a set is (N, H, W, C) or "
            "(N, C, H, W)."
        )
    if a == b != c and a >= SMALLEST_SQUARE:
        if c < 2 * a:
            raise UserError(
                f"{where} has the shape {shape}: {a} images of {b} rows and {c} columns, or, in MATLAB's order, {c} "
                f"images of {a}x{b}; if the latter, {TRANSPOSE}."
            )
        return [MATLAB]
    return [PLAIN]


def _unclear(orders: list[Order], shapes: list[Shape], where: str) -> str:
    shape = _all(shapes)
    if len(shapes[0]) == 2 and shapes[0][0] == shapes[0][1]:
        return f"{where} has the shape {shape}, which is one image or as many rows as pixels: {USUAL}."
    if len(shapes[0]) != 4:
        return f"{where} has the shape {shape}: {USUAL}."
    if len(orders) > 1 and MATLAB_COLOUR in orders:
        names = " or ".join(order.name for order in orders)
        return f"{where} has the shape {shape}, which is {names}: save the array as (N, H, W, C)."
    return (
        f"{where} has the shape {shape}, in which "
        + ("axis 1 and axis 3 could both be" if orders else "neither axis 1 nor axis 3 can be")
        + " the channels: save the array as (N, H, W, C), with 1 or 3 channels (4 with transparency) and another width."
    )


def _smoother(parts: Sequence[Array], orders: Sequence[Order]) -> Order:
    """Of two orders that in which neighbours are alike; the first where neither is clearly so, as of noise."""
    usual, other = orders
    a, b = (_roughness(order.to(parts[0])) for order in orders)
    return other if b < 0.8 * a else usual


def _roughness(images: Array) -> float:
    images = images[:: max(1, len(images) // 64)].astype(np.float64)
    return float(np.abs(np.diff(images, axis=3)).mean() + np.abs(np.diff(images, axis=2)).mean())


def _is_one_image(table: Array) -> bool:
    """Whether a table's rows follow one another as those of a picture do, and not as images of a set."""
    n, d = table.shape
    if not d / 4 <= n <= d * 4:
        return False
    rows = table.astype(np.float64)
    apart = np.abs(rows - rows[np.random.RandomState(0).permutation(n)]).mean()
    return bool(np.abs(np.diff(rows, axis=0)).mean() < 0.5 * apart)


def _is_square(shape: Shape) -> bool:
    return shape[2] == shape[3]


def _all(shapes: Sequence[Shape]) -> str:
    return " and ".join(str(shape) for shape in dict.fromkeys(shapes))
