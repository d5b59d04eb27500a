"""A run's metrics as curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ayneh.api.metrics import Metrics
from ayneh.api.pictures import Curves
from ayneh.pages.chart import Panel, charts

Measures = tuple[str, Mapping[str, str], bool]
PANELS: tuple[Measures, ...] = (  # title, measures with what they are called, log scale
    ("Losses, means over a tick", {"mean_loss_d": "D", "mean_loss_g": "G"}, False),
    (
        "Sigmoid of D's output (with a cross-entropy loss its probability of “real”)",
        {"mean_p_real": "of real images", "mean_p_fake": "of fakes"},
        False,
    ),
    ("Norms of the gradients", {"mean_grad_d": "D", "mean_grad_g": "G"}, True),
    (
        "Variety of samples over that of the data, and the share of real images with a sample near them",
        {"vitals.spread": "spread", "vitals.coverage": "coverage"},
        False,
    ),
    ("The judge's Fréchet distance", {"scores.fd": "fd"}, True),
    (
        "Share of images whose class D reads right",
        {"mean_class_real": "of real images", "mean_class_fake": "of fakes"},
        False,
    ),
)


def curves_of(metrics: Metrics, names: tuple[str, ...], replica: int, usual: tuple[Measures, ...] = PANELS) -> Curves:
    """These measures, a panel each; ``usual`` where none is named."""
    panels = [Panel(name, {name: _row(metrics, name, replica)}) for name in names]
    if not names:
        for title, measures, log in usual:
            series = {words: _row(metrics, name, replica) for name, words in measures.items() if name in metrics}
            panels.append(Panel(title, series, log))
    return Curves(charts(metrics.steps, panels))


def _row(metrics: Metrics, name: str, replica: int) -> np.ndarray:
    values = np.asarray(metrics[name], np.float64)
    return values if values.ndim == 1 else values[:, replica]
