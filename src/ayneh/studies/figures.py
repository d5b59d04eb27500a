"""The report's figures: forest plots and curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from ayneh.pages.canvas import DASHES, INK, SERIES, SHADE, canvas, log_ticks, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = {"better": ("^", SERIES[2]), "worse": ("v", SERIES[1]), "equivalent": ("D", SERIES[0])}
MARKERS |= {"higher": ("^", SERIES[4]), "lower": ("v", SERIES[4])}
FEW = 5  # up to so many seeds a band is their whole range, not their middle half
POINTS = 120  # of a curve


@dataclass(frozen=True)
class Bar:
    """A row of a forest plot: (value, low, high) of a ratio or difference; a heading has none."""

    label: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    room: float = 0.0  # within which arms count as equivalent: a factor 1 + room, or a difference
    verdict: str = ""
    figures: str = ""


@dataclass(frozen=True)
class Curve:
    """An arm over the images seen: ``values`` (seeds, len(x)), NaN for no value, inf after a breakdown."""

    label: str
    x: Sequence[float]
    values: np.ndarray


@dataclass(frozen=True)
class Words:
    """The words of curves in the language of a page; here in that of a study's own page."""

    distance: str = "Fréchet distance"
    loss_d: str = "loss of D"
    loss_g: str = "loss of G"
    guesses: str = "2 ln 2: D guesses"
    images: str = "images seen by D"
    thousands: str = "images seen by D, in thousands"
    told: str = "Over the images seen."
    row: str = "{label}, last: {arms}."
    last: str = "{arm} {value}"
    gone: str = "{arm} without a number"
    comma: str = ","
    arms: Mapping[str, str] = field(default_factory=dict)  # an arm in this language, where it is not its name
    digits: Callable[[str], str] = str  # of a number


WORDS = Words()


# -- forest plots ------------------------------------------------------------------------------------------------------


def forest(name: str, bars: Sequence[Bar], *, ratio: bool, label: str, sides: tuple[str, str]) -> str:
    """A row for each comparison: estimate, 95 % interval, verdict; within the shaded strip arms count as equivalent.

    ``sides``: words for the left and the right. An interval that leaves the axis ends in an arrow.
    """
    rows = "; ".join(f"{bar.label}: {bar.figures}" if bar.figures else bar.label for bar in bars)
    with canvas(name, 8.4, 0.9 + 0.235 * len(bars), f"{label}. {rows}.") as (figure, out):
        axes = figure.subplots()
        low, high = _limits(bars, ratio)
        if ratio:
            axes.set_xscale("log")
        axes.set_xlim(low, high)
        if ratio:
            log_ticks(axes.xaxis, low, high)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        none = 1.0 if ratio else 0.0
        axes.axvline(none, color=INK, linewidth=0.9)
        axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
        axes.tick_params(axis="y", length=0)
        for text, bar in zip(axes.get_yticklabels(), bars, strict=True):
            if bar.value is None and not bar.figures:
                text.set_fontweight("bold")
        for row, bar in enumerate(bars):
            _bar(axes, row, bar, low, high)
        axes.set_xlabel(f"← {sides[0]}\u2003{label}\u2003{sides[1]} →", fontsize=8.5)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    return out[0]


def _limits(bars: Sequence[Bar], ratio: bool) -> tuple[float, float]:
    """From the lowest to the highest finite end, with room, and for ratios at least from 1/2 to 2."""
    found = [
        x
        for bar in bars
        for x in (bar.value, bar.low, bar.high)
        if x is not None and math.isfinite(x) and (x > 0 or not ratio)
    ]
    if ratio:
        return min([0.5, *(x / 1.15 for x in found)]), max([2.0, *(x * 1.15 for x in found)])
    reach = max([abs(x) for x in found], default=1.0) or 1.0
    return -1.1 * reach, 1.1 * reach


def _bar(axes: Axes, row: int, bar: Bar, low: float, high: float) -> None:
    from matplotlib.transforms import blended_transform_factory

    right = blended_transform_factory(axes.transAxes, axes.transData)
    if bar.figures:
        axes.text(1.02, row, bar.figures, transform=right, va="center", fontsize=8.5)
    if bar.value is None:
        return
    inside = (1 / (1 + bar.room), 1 + bar.room) if axes.get_xscale() == "log" else (-bar.room, bar.room)
    axes.fill_betweenx([row - 0.5, row + 0.5], *inside, color=SHADE, linewidth=0, zorder=0.5)
    marker, colour = MARKERS.get(bar.verdict, ("o", INK))
    start = low if bar.low is None else min(max(bar.low, low), high)
    end = high if bar.high is None else min(max(bar.high, low), high)
    axes.plot([start, end], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt")
    for x, cut, arrow in ((start, bar.low, "<"), (end, bar.high, ">")):
        if cut is None or not low <= cut <= high:
            axes.plot([x], [row], marker=arrow, color=colour, markersize=4, clip_on=False)
    if low <= bar.value <= high:
        face = colour if bar.verdict in MARKERS else "none"
        axes.plot([bar.value], [row], marker=marker, color=colour, markerfacecolor=face, markersize=5.5)


# -- curves ------------------------------------------------------------------------------------------------------------


def curves(
    name: str, rows: Mapping[str, Sequence[Curve]], mark: tuple[float, str] | None = None, words: Words = WORDS
) -> str:
    """Medians over the seeds with a band, one above the other for each of ``rows`` (label of y -> arms).

    The band is the middle half of the seeds, or all of up to `FEW`. ``mark``: a level of the first row that gets a
    dotted line, and its label.
    """
    from matplotlib.ticker import FuncFormatter

    with canvas(name, 5.2, 3.9, _told(rows, words)) as (figure, out):
        all_axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
        last = max((curve.x[-1] for arms in rows.values() for curve in arms if len(curve.x)), default=0)
        unit, across = (1000.0, words.thousands) if last >= 5000 else (1.0, words.images)
        shown = FuncFormatter(lambda value, _: words.digits(plain(value)))
        for axes, (label, arms) in zip(all_axes, rows.items(), strict=True):
            axes.set_ylabel(label)
            ends = [_curve(axes, curve, k, unit) for k, curve in enumerate(arms)]
            finite = _finite(arms)
            if len(finite):
                axes.set_yscale("log")
                axes.set_ylim(finite.min() / 1.2, finite.max() * 1.2)
                log_ticks(axes.yaxis, finite.min() / 1.2, finite.max() * 1.2)
            axes.yaxis.set_major_formatter(shown)
            axes.margins(x=0.01)
            figure.canvas.draw()
            _labels(axes, ends)
        if mark is not None and mark[0] < all_axes[0].get_ylim()[1]:
            all_axes[0].axhline(mark[0], color=INK, linewidth=0.6, linestyle=":")
            wide = all_axes[0].get_yaxis_transform()  # from 0 to 1 over the axes, heights as data
            all_axes[0].text(0.99, mark[0], mark[1], fontsize=7.5, va="bottom", ha="right", transform=wide)
        all_axes[-1].xaxis.set_major_formatter(shown)
        all_axes[-1].set_xlabel(across)
    return out[0]


def middle(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(median, low, high) over the seeds (n, T), each (T,): the middle half, or all of up to `FEW` seeds.

    An infinite value, of a run that broke down, counts as the worst; a NaN is left out.
    """
    shares = (0.5, 0.0, 1.0) if len(values) <= FEW else (0.5, 0.25, 0.75)
    out = np.full((3, values.shape[1]), np.nan)
    for t in range(values.shape[1]):
        column = np.sort(values[~np.isnan(values[:, t]), t])
        for k, share in enumerate(shares if len(column) else ()):
            place = share * (len(column) - 1)
            below, above = column[math.floor(place)], column[math.ceil(place)]
            weight = place - math.floor(place)
            out[k, t] = below if weight == 0 or below == above else (1 - weight) * below + weight * above
    return out[0], out[1], out[2]


def _told(rows: Mapping[str, Sequence[Curve]], words: Words) -> str:
    """What curves show, for who does not see them."""
    ends = {label: f"{words.comma} ".join(_last(curve, words) for curve in arms) for label, arms in rows.items()}
    return " ".join([words.told, *(words.row.format(label=label, arms=arms) for label, arms in ends.items())])


def _last(curve: Curve, words: Words) -> str:
    """An arm's last median in words."""
    known = middle(curve.values)[0]
    known = known[np.isfinite(known)]
    if not len(known):
        return words.gone.format(arm=curve.label)
    return words.last.format(arm=curve.label, value=words.digits(f"{known[-1]:.3g}"))


def _finite(arms: Sequence[Curve]) -> np.ndarray:
    every = np.concatenate([np.concatenate(middle(curve.values)) for curve in arms]) if arms else np.zeros(0)
    return every[np.isfinite(every) & (every > 0)]


def _curve(axes: Axes, curve: Curve, k: int, unit: float) -> tuple[float, str, str] | None:
    """Draw one; (its last height, colour, label), or None if it has no finite value."""
    keep = slice(None, None, max(1, math.ceil(len(curve.x) / POINTS)))
    x = np.asarray(curve.x, dtype=float)[keep] / unit
    median, low, high = (np.where(np.isfinite(part), part, np.nan)[keep] for part in middle(curve.values))
    if not np.isfinite(median).any():
        return None
    colour = SERIES[k % len(SERIES)]
    axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(x, median, color=colour, linestyle=DASHES[k % len(DASHES)], linewidth=1.5)
    return float(median[np.isfinite(median)][-1]), colour, curve.label


def _labels(axes: Axes, ends: Sequence[tuple[float, str, str] | None]) -> None:
    """Names at the right end of their lines, pushed apart where they would overlap."""
    drawn = sorted((end for end in ends if end is not None), key=lambda end: end[0])
    if not drawn:
        return
    bottom, top = axes.transAxes.transform([(0, 0), (0, 1)])[:, 1]
    apart = 11.0 * axes.figure.dpi / 72
    at = spread([float(axes.transData.transform((0, height))[1]) for height, _, _ in drawn], apart, bottom, top)
    for y, (_, colour, label) in zip(at, drawn, strict=True):
        share = (y - bottom) / (top - bottom)
        axes.annotate(
            label,
            (1.02, share),
            xycoords="axes fraction",
            color=colour,
            fontsize=8.5,
            va="center",
            annotation_clip=False,
        )


def spread(at: Sequence[float], apart: float, bottom: float, top: float) -> list[float]:
    """Ascending places, moved by least squares until neighbours are ``apart``; within the ends if they fit."""
    steps = apart * np.arange(len(at))
    free = isotonic_regression(np.asarray(at) - steps).x
    return list(np.clip(free, bottom, max(bottom, top - steps[-1])) + steps)
