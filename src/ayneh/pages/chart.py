"""Line charts as SVG by plain code, for places without matplotlib: readable on light and on dark ground."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 640, 190  # pixels of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 34, 26  # pixels around its axes
COLOURS = ("#3b82c4", "#e0712d", "#3f9b6c", "#b0589e", "#8c8c2e", "#7a6fd0")  # of middle lightness
DASHES = ("", "6 3", "2 2", "8 3 2 3", "4 4", "1 3")  # lines differ by more than their colour
INK = "#808080"
POINTS = 500  # of a line
TICKS = 4


@dataclass(frozen=True)
class Panel:
    """Series over the steps in one pair of axes, (T,) each; NaN where there is no number."""

    title: str
    series: Mapping[str, np.ndarray]
    log: bool = False


def charts(steps: np.ndarray, panels: Sequence[Panel]) -> str:
    """Panels one above another as one SVG file. steps: (T,), ascending; those without a number are left out."""
    shown = [panel for panel in panels if any(np.isfinite(series).any() for series in panel.series.values())]
    parts = [_panel(panel, steps, HEIGHT * k) for k, panel in enumerate(shown)]
    height = HEIGHT * max(1, len(shown))
    alt = "; ".join(f"{one.title}: {', '.join(one.series)}" for one in shown) or "Nothing is written yet."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{html.escape(alt)}" font-family="system-ui, sans-serif" font-size="11">'
        f"{''.join(parts) or _empty()}</svg>"
    )


def _empty() -> str:
    return f'<text x="{LEFT}" y="{TOP}" fill="{INK}">nothing is written yet</text>'


def _panel(panel: Panel, steps: np.ndarray, down: int) -> str:
    series = {name: values for name, values in panel.series.items() if np.isfinite(values).any()}
    every = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    log = panel.log and bool((every > 0).any())
    low, high = _ends(every[every > 0] if log else every, log)
    first, last = 0.0, max(1.0, float(steps[-1]))
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(step: float) -> float:
        return LEFT + across * (step - first) / (last - first)

    def y(value: float) -> float:
        share = (math.log(value / low) / math.log(high / low)) if log else (value - low) / (high - low)
        return TOP + up * (1 - share)

    drawn = [f'<g transform="translate(0 {down})"><text x="{LEFT}" y="14" fill="{INK}" font-weight="600">']
    drawn.append(f"{html.escape(panel.title)}</text>")
    for tick in _ticks(low, high, log):
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="{INK}" '
            f'stroke-opacity="0.25"/><text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" fill="{INK}" text-anchor="end">'
            f"{tick:.4g}</text>"
        )
    for tick in _ticks(first, last, False):
        drawn.append(
            f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 14}" fill="{INK}" text-anchor="middle">{tick:,.0f}</text>'
        )
    drawn.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 2}" fill="{INK}" text-anchor="end">steps</text>')
    at = LEFT
    for k, (name, values) in enumerate(series.items()):
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        good = np.isfinite(values) & ((values > 0) if log else True)
        keep = np.flatnonzero(good)
        keep = keep[:: max(1, math.ceil(len(keep) / POINTS))]
        points = " ".join(f"{x(float(steps[i])):.1f},{y(float(values[i])):.1f}" for i in keep)
        line = f'fill="none" stroke="{colour}" stroke-width="1.5"' + (f' stroke-dasharray="{dash}"' if dash else "")
        drawn.append(f'<polyline points="{points}" {line}/>')
        if len(keep) == 1:
            drawn.append(f'<circle cx="{points.split(",")[0]}" cy="{points.split(",")[1]}" r="2.5" fill="{colour}"/>')
        if len(series) > 1:
            drawn.append(f'<line x1="{at}" x2="{at + 22}" y1="24" y2="24" {line}/>')
            drawn.append(f'<text x="{at + 27}" y="28" fill="{INK}">{html.escape(name)}</text>')
            at += 44 + 7 * len(name)
    return "".join([*drawn, "</g>"])


def _ends(values: np.ndarray, log: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if log:
        low = max(low, high * 1e-9)
        return low / 1.2, high * 1.2
    margin = 0.05 * (high - low) or abs(high) * 0.1 or 1.0
    if low >= 0 > low - margin:  # a share is never negative, and one that is 0 always has an axis up to 1
        return 0.0, high + margin if high > 0 else 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Round numbers from low to high."""
    if log and high / low > 30:
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        return [10.0**power for power in powers[:: max(1, math.ceil(len(powers) / TICKS))]]
    raw = (high - low) / TICKS
    unit = 10.0 ** math.floor(math.log10(raw))
    step = unit * next((m for m in (1, 2, 5) if m * unit >= raw), 10)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
