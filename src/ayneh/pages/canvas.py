"""Figures as SVG for a page: words as text, in the page's colours; equal data give equal bytes."""

from __future__ import annotations

import html
import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ayneh.terminal import text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Matplotlib draws in placeholder colours; the page's style sheet has theirs for light, dark and paper.
INK, FAINT, SHADE = "#010203", "#010204", "#010205"
SERIES = tuple(f"#0102{16 + k:02x}" for k in range(6))
VARIABLES = {INK: "--ink", FAINT: "--faint", SHADE: "--shade"} | {c: f"--s{k + 1}" for k, c in enumerate(SERIES)}
# Lines differ by more than their colour.
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2, 1, 2, 1, 2)))
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


@contextmanager
def canvas(name: str, width: float, height: float, alt: str) -> Iterator[tuple[Figure, list[str]]]:
    """A figure of so many inches, and a list that holds its SVG afterwards. alt: what it shows, in words."""
    import matplotlib
    from matplotlib.figure import Figure

    out: list[str] = []
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": f"ayneh {name}"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the page's own typeface draws the letters
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, out
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        out.append(for_page(file.getvalue(), alt))


def for_page(svg: str, alt: str) -> str:
    """An SVG file as an element of a page: no header, no links, no unused ids, the page's colours and typeface."""
    svg = text.plain(svg[svg.index("<svg") :], lines=True)
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m.group(0) if m.group(1) in used else "", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    for attribute in ("width", "height"):
        svg = re.sub(rf'(<svg[^>]*?) {attribute}="[^"]*"', r"\1", svg)
    size = f"{float(width.group(1)) / 0.75:.0f}px" if width else "100%"
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    label = html.escape(text.plain(alt))
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}" style="max-width: {size}"', 1).strip()


def course_in_words(steps: Iterable[float], values: Iterable[float]) -> str:
    """A line of a figure in words: "from 1.2 at step 5 to 0.4 at step 90, between 0.3 and 1.2"."""
    known = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    if not known:
        return "no number"
    (first, start), (last, end) = known[0], known[-1]
    low, high = (pick(value for _, value in known) for pick in (min, max))
    return f"from {start:.3g} at step {first:.0f} to {end:.3g} at step {last:.0f}, between {low:.3g} and {high:.3g}"


def plain(value: float, _: object = None) -> str:
    """12000 -> "12000", 0.05 -> "0.05": a tick without powers of ten."""
    return f"{value:.6g}"


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks at round numbers, as many as can be read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    decades = math.log10(high / low)
    subs = next((subs for most, subs in TICKS if decades < most), (1.0,))
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
