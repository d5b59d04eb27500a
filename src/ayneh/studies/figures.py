"""The report's figures as SVG for a page: words stay words, colours are the page's own, equal data give equal bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Matplotlib draws in stand-ins that occur nowhere else; the page's style sheet says what they look like, by light or
# by dark or on paper.
INK, FAINT, SHADE = "#010203", "#010204", "#010205"
SERIES = tuple(f"#0102{16 + k:02x}" for k in range(6))
VARIABLES = {INK: "--ink", FAINT: "--faint", SHADE: "--shade"} | {c: f"--s{k + 1}" for k, c in enumerate(SERIES)}
# Lines differ by more than their colour.
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2, 1, 2, 1, 2)))
MARKERS = {"better": ("^", SERIES[2]), "worse": ("v", SERIES[1]), "equivalent": ("D", SERIES[0])}
MARKERS |= {"higher": ("^", SERIES[4]), "lower": ("v", SERIES[4])}
FEW = 5  # up to so many seeds a band is their whole range, not their middle half
POINTS = 120  # of a curve
TICKS = (  # (fewer decades than, ticks in each)
    (0.4, (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0)),
    (1.1, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)),
    (2.2, (1.0, 2.0, 5.0)),
    (4.0, (1.0, 3.0)),
)
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.parse_math": False,  # an arm may be called anything
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.axisbelow": True,
}


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
    """An arm over the images seen: ``values`` is (seeds, len(x)); NaN where there is none, inf where it broke down."""

    label: str
    x: Sequence[float]
    values: np.ndarray


@contextmanager
def _canvas(name: str, width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """A figure of so many inches, and a list that holds its SVG afterwards."""
    import matplotlib
    from matplotlib.figure import Figure

    out: list[str] = []
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": f"ayneh {name}"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, out
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        out.append(for_page(text.getvalue()))


def for_page(svg: str) -> str:
    """An SVG file as an element of a page: no header, no links, no idle names, the page's colours and typeface."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m.group(0) if m.group(1) in used else "", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg)
    size = f"{float(width.group(1)) / 0.75:.0f}px" if width else "100%"
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg", f'<svg role="img" style="max-width: {size}"', 1).strip()


def plain(value: float, _: object = None) -> str:
    """12000 -> "12000", 0.05 -> "0.05": a tick without powers of ten."""
    return f"{value:.6g}"


def _log_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks at round numbers, as many as can be read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    decades = math.log10(high / low)
    subs = next((subs for most, subs in TICKS if decades < most), (1.0,))
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


# -- forest plots ------------------------------------------------------------------------------------------------------


def forest(name: str, bars: Sequence[Bar], *, ratio: bool, label: str, sides: tuple[str, str]) -> str:
    """A row for each comparison: estimate, 95 % interval, verdict; the shaded strip is where arms count as equivalent.

    ``sides`` says what lies to the left and to the right. An interval that leaves the axis ends in an arrow.
    """
    with _canvas(name, 8.4, 0.9 + 0.235 * len(bars)) as (figure, out):
        axes = figure.subplots()
        low, high = _limits(bars, ratio)
        if ratio:
            axes.set_xscale("log")
        axes.set_xlim(low, high)
        if ratio:
            _log_ticks(axes.xaxis, low, high)
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
    """From the lowest to the highest finite end, with room, and never narrower than a doubling."""
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


def curves(name: str, rows: Mapping[str, Sequence[Curve]], *, log: bool, mark: tuple[float, str] | None = None) -> str:
    """Medians over the seeds with a band, one above the other for each of ``rows`` (label of y -> arms).

    The band is the middle half of the seeds, or all of them where there are `FEW`. ``mark`` is a level of the first
    row worth a line, with its words.
    """
    with _canvas(name, 5.2, 3.9) as (figure, out):
        all_axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
        last = max((curve.x[-1] for arms in rows.values() for curve in arms if len(curve.x)), default=0)
        unit, words = (1000.0, ", in thousands") if last >= 5000 else (1.0, "")
        for axes, (label, arms) in zip(all_axes, rows.items(), strict=True):
            axes.set_ylabel(label)
            ends = [_curve(axes, curve, k, unit) for k, curve in enumerate(arms)]
            finite = _finite(arms)
            if log and len(finite):
                axes.set_yscale("log")
                axes.set_ylim(finite.min() / 1.2, finite.max() * 1.2)
                _log_ticks(axes.yaxis, finite.min() / 1.2, finite.max() * 1.2)
            axes.margins(x=0.01)
            figure.canvas.draw()
            _labels(axes, ends)
        if mark is not None and mark[0] < all_axes[0].get_ylim()[1]:
            all_axes[0].axhline(mark[0], color=INK, linewidth=0.6, linestyle=":")
            across = all_axes[0].get_yaxis_transform()  # from 0 to 1 over the axes, heights as data
            all_axes[0].text(0.99, mark[0], mark[1], fontsize=7.5, va="bottom", ha="right", transform=across)
        all_axes[-1].set_xlabel(f"images seen by D{words}")
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


def _finite(arms: Sequence[Curve]) -> np.ndarray:
    every = np.concatenate([np.concatenate(middle(curve.values)) for curve in arms]) if arms else np.zeros(0)
    return every[np.isfinite(every) & (every > 0)]


def _curve(axes: Axes, curve: Curve, k: int, unit: float) -> tuple[float, str, str] | None:
    """Draw one; (its last height, colour, label), or None where there is nothing to see."""
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
    """Names at the right end of their lines, pushed apart where they would meet."""
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
    """Ascending places moved as little as may be until neighbours are ``apart``; as far as they fit, within the ends.

    Places that meet are one block around their mean (pool adjacent violators).
    """
    blocks: list[tuple[float, int]] = []  # (centre, places in it)
    for place in at:
        centre, n = place, 1
        while blocks and centre - blocks[-1][0] < apart * (n + blocks[-1][1]) / 2:
            other, m = blocks.pop()
            centre, n = (centre * n + other * m) / (n + m), n + m
        half = apart * (n - 1) / 2
        blocks.append((max(min(centre, top - half), bottom + half), n))
    return [centre + apart * (k - (n - 1) / 2) for centre, n in blocks for k in range(n)]
