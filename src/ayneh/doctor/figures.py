"""A run's courses as SVG: each series over the steps, thresholds as lines, the spans of findings shaded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ayneh.doctor.courses import Course
from ayneh.doctor.findings import Finding
from ayneh.doctor.symptoms import CROSS_ENTROPY, measured, symptoms
from ayneh.pages.canvas import DASHES, INK, SERIES, SHADE, canvas, course_in_words, log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400  # of a line


@dataclass(frozen=True)
class Panel:
    """Series in one pair of axes: name in the record -> words; ``findings``: those whose spans are shaded."""

    title: str
    series: Mapping[str, str]
    findings: tuple[str, ...]
    log: bool = False


PANELS = (
    Panel(
        "Losses, means over a tick",
        {"mean_loss_d": "D", "mean_loss_g": "G"},
        ("discriminator overpowering", "generator overpowering", "not finite"),
    ),
    Panel(
        "D's mean probability that an image is real",
        {"mean_p_real": "of real images", "mean_p_fake": "of fakes"},
        ("discriminator overpowering",),
    ),
    Panel(
        "Norms of the gradients",
        {"mean_grad_d": "D", "mean_grad_g": "G"},
        ("vanishing gradient", "exploding gradient"),
        log=True,
    ),
    Panel(
        "Variety of 128 samples over that of the data, and the share of 128 real images with a sample near them",
        {"spread": "spread", "alike": "distance to the nearest other", "coverage": "coverage"},
        ("G ignores z", "all alike", "little covered"),
    ),
    Panel(
        "How well D separates 128 real images from 128 fakes: area under the curve, 1/2 is guessing",
        {"separation": "separation"},
        ("generator overpowering", "discriminator overpowering"),
    ),
    Panel(
        "Distance of a sample to its nearest training image; new images of the same kind would give 1",
        {"memory": "memory"},
        ("memorisation",),
    ),
    Panel(
        "Change of the same noise's images from look to look; 2: unrelated images", {"drift": "drift"}, ("oscillation",)
    ),
    Panel(
        "Darkest and brightest pixels",
        {
            "low": "samples, darkest",
            "high": "samples, brightest",
            "data_low": "data, darkest",
            "data_high": "brightest",
        },
        ("range mismatch", "data range"),
    ),
    Panel(
        "Share of hidden units with the same output for every image",
        {"dead_gen": "G", "dead_dis": "D"},
        ("dead units",),
    ),
    Panel(
        "How far the class changes a sample, over the same of real images; 0: labels are ignored",
        {"label_effect": "effect"},
        ("labels ignored",),
    ),
    Panel(
        "Variety within a class over that of its training images",
        {"class_spread_median": "median class", "class_spread": "least varied class"},
        ("one class collapsed",),
    ),
    Panel(
        "Share of images whose class a small classifier finds",
        {"class_read": "samples: the class asked for", "data_class_read": "real images: their own"},
        ("labels ignored", "one class drawn for another", "labels at random"),
    ),
    Panel(
        "Share of a class's samples read as another class, the worst, beyond that of real images",
        {"class_swap": "share"},
        ("one class drawn for another",),
    ),
    Panel("The judge's Fréchet distance", {"fd": "fd"}, ("sudden jump",), log=True),
    Panel("Classes that the judge finds among the samples", {"modes": "classes"}, ("classes missing",)),
)


class Drawn(NamedTuple):
    """A panel as SVG."""

    title: str
    svg: str
    found: bool
    """Whether it has the course of a finding."""


def courses(course: Course, findings: Sequence[Finding]) -> Iterator[Drawn]:
    """Every panel for which the record has numbers."""
    for panel in PANELS:
        have = {name: words for name, words in panel.series.items() if np.isfinite(course.get(name)).any()}
        if not have:
            continue
        spans = [finding for finding in findings if finding.name in panel.findings]
        title = panel.title
        if "mean_p_real" in have and course.facts.get("rules.loss") not in CROSS_ENTROPY:
            title = f"Sigmoid of D's output; it is no probability with the loss {course.facts.get('rules.loss')}"
        told = "; ".join(f"{words} {course_in_words(course.steps, course.get(name))}" for name, words in have.items())
        with canvas(f"course {panel.title}", 6.2, 2.1, f"{title}: {told}.") as (figure, out):
            axes = figure.subplots()
            for k, (name, words) in enumerate(have.items()):
                _line(axes, course.steps, course.get(name), words, k)
            _scale(axes, [course.get(name) for name in have], panel.log)
            _shade(axes, spans, course)
            _finish(axes, course, legend=len(have) > 1)
        yield Drawn(title, out[0], bool(spans))


def measure(name: str, course: Course, findings: Sequence[Finding]) -> str | None:
    """The number that a symptom compares with its threshold, over the steps; None where there are fewer than two."""
    symptom = symptoms()[name]
    values = measured(symptom, course)
    if np.isfinite(values).sum() < 2:
        return None
    shown = np.append(values[np.isfinite(values)], symptom.threshold)
    side = "below" if symptom.below else "above"
    told = course_in_words(course.steps, values)
    alt = f"The number behind “{symptom.title}”: {told}; it is ill {side} {symptom.threshold:.3g}."
    with canvas(f"measure {name}", 6.2, 1.7, alt) as (figure, out):
        axes = figure.subplots()
        _line(axes, course.steps, values, "", 0)
        _scale(axes, [shown], log=bool(shown.min() > 0 and shown.max() / shown.min() > 50))
        axes.axhline(symptom.threshold, color=INK, linewidth=0.9, linestyle=":")
        across = axes.get_yaxis_transform()
        words = f"ill {side} {symptom.threshold:.3g}"
        axes.text(0.99, symptom.threshold, words, fontsize=7.5, va="bottom", ha="right", transform=across)
        _shade(axes, [finding for finding in findings if finding.name == name], course)
        _finish(axes, course, legend=False)
    return out[0]


def _line(axes: Axes, steps: np.ndarray, values: np.ndarray, label: str, k: int) -> None:
    keep = np.flatnonzero(np.isfinite(values))
    keep = keep[:: max(1, math.ceil(len(keep) / POINTS))]
    lone = "o" if len(keep) < 3 else None
    axes.plot(steps[keep], values[keep], color=SERIES[k % len(SERIES)], linestyle=DASHES[k % len(DASHES)],
              linewidth=1.4, label=label, marker=lone, markersize=3)  # fmt: skip


def _scale(axes: Axes, columns: Sequence[np.ndarray], log: bool) -> None:
    every = np.concatenate([column[np.isfinite(column)] for column in columns])
    if log and len(every) and every.max() > 0:
        low = max(float(every[every > 0].min()), 1e-9 * float(every.max())) / 1.3
        high = float(every.max()) * 1.3
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        log_ticks(axes.yaxis, low, high)
    elif len(every) and every.min() >= 0 > axes.get_ylim()[0]:  # of a share that is 0 always, too
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.1 * float(every.max())) if every.max() > 0 else 1)


def _shade(axes: Axes, findings: Sequence[Finding], course: Course) -> None:
    """From the first look of a finding to the one at which it cleared, or to the end."""
    last = float(course.steps[-1])
    for finding in findings:
        end = last if finding.until_step is None else finding.until_step
        axes.axvspan(
            finding.since_step, max(end, finding.since_step + 0.004 * last), color=SHADE, linewidth=0, zorder=0
        )
        axes.axvline(finding.found_step, color=INK, linewidth=0.7, linestyle=(0, (2, 2)))


def _finish(axes: Axes, course: Course, legend: bool) -> None:
    axes.set_xlim(0, max(1.0, float(course.steps[-1])))
    axes.set_xlabel("steps")
    if legend:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8.5, handlelength=1.6)
