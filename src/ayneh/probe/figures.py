"""A probe's figures as SVG: a column for each epoch, over the steps of the fresh discriminators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.pages.canvas import DASHES, INK, SERIES, canvas, log_ticks, plain
from ayneh.probe.sentences import LN2

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = dict[str, Any]
Line = tuple[str, str, str]  # arm, series, words
ERRORS: tuple[Line, ...] = (
    ("plain", "error_train", "training images"),
    ("plain", "error_single", "held-out images"),
    ("null", "error_train", "real against real, training"),
    ("null", "error_single", "real against real, held out"),
)
GRADIENTS: tuple[Line, ...] = (
    ("plain", "gradient log(1-D)", "log(1 - D)"),
    ("plain", "gradient -log D", "-log D"),
    ("noised", "gradient log(1-D)", "log(1 - D), noised"),
    ("noised", "gradient -log D", "-log D, noised"),
)
BATCHES: tuple[Line, ...] = (
    ("played", "error_held_out", "judged in batches"),
    ("played", "error_single", "judged one by one"),
)
CONTROLS = {
    "plain": "as they are",
    "rounded": "8 bits",
    "dequantised": "one grey level of noise",
    "noised": "Gaussian noise",
    "null": "real against real",
}
HEIGHT, WIDTH = 2.2, 1.75  # inches of a panel


def figures(values: Values) -> list[tuple[str, str]]:
    """(title, SVG) of each figure; none if no epoch was measured."""
    measured = [one for one in values["epochs"] if "arms" in one]
    if not measured:
        return []
    n, steps = measured[-1]["n"]["held_out_a_side"], values["protocol"]["steps"]
    each = f"{n:,} held-out images a side; {steps:,} steps"
    bounds = tuple((arm, "bound", shows) for arm, shows in CONTROLS.items())
    errors = tuple((arm, "error_single", shows) for arm, shows in CONTROLS.items())
    drawn = [
        (
            f"Error of a fresh D: 0 if it is always right, 1/2 if it guesses ({each})",
            _errors("errors", measured, ERRORS),
        ),
        ("Norm of G's gradient through the fresh D, under both of G's losses", _gradients(measured)),
        (
            f"At least so far apart: lower bound of the Jensen-Shannon divergence, in nats ({each})",
            _bounds(measured, bounds),
        ),
        (f"Held-out error under each control ({each})", _errors("controls", measured, errors)),
    ]
    if any("played" in one["arms"] for one in measured):
        title = f"A D that is shown batches apart, as in the game: held-out error ({each})"
        drawn.append((title, _errors("batches", measured, BATCHES)))
    return [*drawn, *_still(values, measured)]


def _errors(name: str, measured: Sequence[Values], lines: Sequence[Line]) -> str:
    def dress(axes: Axes) -> None:
        axes.set_ylim(-0.03, 0.63)
        axes.axhline(0.5, color=INK, linewidth=0.6, linestyle=":")

    return _panels(name, measured, lines, "error", dress)


def _bounds(measured: Sequence[Values], lines: Sequence[Line]) -> str:
    def dress(axes: Axes) -> None:
        axes.set_ylim(-0.04, 0.8)
        axes.axhline(LN2, color=INK, linewidth=0.6, linestyle=":")
        axes.text(0.02, LN2 + 0.01, "ln 2", fontsize=8, transform=axes.get_yaxis_transform())

    return _panels("bounds", measured, lines, "nats", dress)


def _gradients(measured: Sequence[Values]) -> str:
    norms = [
        norm
        for one in measured
        for arm, series, _ in GRADIENTS
        if arm in one["arms"]
        for norm in one["arms"][arm][series]
        if norm
    ]

    def dress(axes: Axes) -> None:
        if norms:
            _log(axes, norms)

    return _panels("gradients", measured, GRADIENTS, "norm", dress)


def _panels(
    name: str, measured: Sequence[Values], lines: Sequence[Line], label: str, dress: Callable[[Axes], None]
) -> str:
    """A panel for each epoch with a line for each of its arms; names below."""
    drawn = ", ".join(shows for _, _, shows in lines)
    epochs = ", ".join(str(one["epoch"]) for one in measured)
    alt = f"{label[:1].upper()}{label[1:]} over steps of D, after the epochs {epochs}: {drawn}."
    with canvas(f"probe {name}", WIDTH * len(measured) + 0.5, HEIGHT + 0.5, alt) as (figure, out):
        row = figure.subplots(1, len(measured), sharey=True, squeeze=False)[0]
        for axes, one in zip(row, measured, strict=True):
            for k, (arm, series, shows) in enumerate(lines):
                if arm not in one["arms"]:
                    continue
                steps, heights = one["arms"][arm]["step"], one["arms"][arm][series]  # None: a gap
                axes.plot(
                    steps, np.array(heights, float), color=SERIES[k], linestyle=DASHES[k], marker="o", markersize=2.5,
                    label=shows, linewidth=1.5, clip_on=False,
                )  # fmt: skip
            axes.set_xscale("symlog", linthresh=1, linscale=0.4)
            shown = _marked(next(iter(one["arms"].values()))["step"])
            axes.set_xticks(shown, [str(step) for step in shown], fontsize=8)
            axes.minorticks_off()
            axes.set_title(f"epoch {one['epoch']}", fontsize=9)
            axes.set_xlabel("steps of D")
            dress(axes)
        row[0].set_ylabel(label)
        handles, names = max((axes.get_legend_handles_labels() for axes in row), key=lambda pair: len(pair[0]))
        figure.legend(
            handles, names, loc="outside lower center", ncols=min(len(names), max(1, len(measured))), frameon=False
        )
    return out[0]


def _marked(steps: Sequence[int]) -> list[int]:
    """The steps with a tick: 0, powers of ten, and the last where there is room for it."""
    tens = [step for step in steps if step == 0 or str(step).strip("0") == "1"]
    return tens if tens[-1] and steps[-1] < 4 * tens[-1] else [*tens, steps[-1]]


def _log(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis around these, with ticks in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(values) / 1.5, max(values) * 1.5
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    if high / low < 1e3:
        log_ticks(axes.yaxis, low, high)
        return
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.yaxis.set_major_formatter(FuncFormatter(plain))
    axes.yaxis.set_minor_locator(NullLocator())


def _still(values: Values, measured: Sequence[Values]) -> list[tuple[str, str]]:
    """The two figures without steps: dimensions, and singular values."""
    points = values["protocol"]["dimension_points"]
    return [
        (f"Intrinsic dimension of {points:,} images, by the number of neighbours", _dimensions(values, measured)),
        (f"Singular values of dG/dz, the median over {measured[0]['jacobian']['latents']} latents", _spectra(measured)),
    ]


def _dimensions(values: Values, measured: Sequence[Values]) -> str:
    sets = [("data", values["dimension"]), *((f"G, epoch {one['epoch']}", one["dimension"]) for one in measured)]
    told = "; ".join(
        f"{label} {found['two_nn']['value']:.3g}" for label, found in sets if found["two_nn"]["value"] is not None
    )
    with canvas("probe dimensions", 4.6, 2.8, f"Intrinsic dimensions, by TwoNN: {told or 'none'}.") as (figure, out):
        axes = figure.subplots()
        names = [name for name in values["dimension"] if name.startswith("mle_")]
        places = [*range(len(names)), len(names) + 0.3]
        for k, (label, found) in enumerate(sets):
            scores = np.array([found[name]["value"] for name in names], float)  # None as NaN: a gap
            axes.plot(
                places[:-1], scores, color=SERIES[k % 6], linestyle=DASHES[k % 6], marker="o", markersize=3, label=label
            )
            if found["two_nn"]["value"] is not None:
                axes.plot(places[-1:], [found["two_nn"]["value"]], color=SERIES[k % 6], marker="D", markersize=5)
        axes.set_xticks(places, [*(f"k = {name[4:]}" for name in names), "TwoNN"])
        axes.set_ylim(bottom=0)
        axes.set_ylabel("dimension")
        figure.legend(loc="outside lower center", ncols=len(sets), frameon=False)
    return out[0]


def _spectra(measured: Sequence[Values]) -> str:
    told = "; ".join(
        f"epoch {one['epoch']}: {max(one['jacobian']['singular_values'], default=0):.3g}" for one in measured
    )
    with canvas("probe spectra", 4.6, 2.8, f"Singular values of dG/dz; the largest after {told}.") as (figure, out):
        axes = figure.subplots()
        for k, one in enumerate(measured):
            values = [value if value > 0 else float("nan") for value in one["jacobian"]["singular_values"]]
            axes.plot(
                range(1, len(values) + 1), values, color=SERIES[k % 6], linestyle=DASHES[k % 6],
                label=f"epoch {one['epoch']}",
            )  # fmt: skip
        every = [value for one in measured for value in one["jacobian"]["singular_values"] if value > 0]
        if every:
            _log(axes, every)
        axes.set_xlabel("singular value, from the largest")
        axes.set_ylabel("change of an image")
        figure.legend(loc="outside lower center", ncols=len(measured), frameon=False)
    return out[0]
