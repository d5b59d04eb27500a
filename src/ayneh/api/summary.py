"""A run in a notebook's cell: its last picture, its losses, what the doctor finds."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from ayneh.api.curves import PANELS, curves_of
from ayneh.api.drawn import as_html
from ayneh.errors import UserError
from ayneh.labels import SHOWN

if TYPE_CHECKING:
    from ayneh.api.run import Run


def line_of(run: Run, folder: Path) -> str:
    """The run's `repr`: what plays on what, and how far it is. folder: as it was given."""
    try:
        config, state, begun = run.config, run.state, (-1 if run.epoch is None else run.epoch) + 1
    except UserError:  # its folder was deleted
        return f"Run({str(folder)!r}, which cannot be read)"
    who = f"{config.seeds} x " if config.seeds > 1 else ""
    labels = f" with labels ({config.rules.labels})" if config.rules.labelled else ""
    what = f"{who}{config.net.name} on {config.data.name}{labels}"
    return f"Run({str(folder)!r}: {what}, {state}, {begun} of {config.epochs} epochs)"


def summary_of(run: Run) -> str:
    """The summary as HTML; of a run that cannot be read why."""
    try:
        return _summary_of(run)
    except UserError as error:
        return f"<p>{html.escape(str(error))}</p>"


def _summary_of(run: Run) -> str:
    parts = [f"<p><b>{html.escape(repr(run))}</b></p>"]
    if labels := run.labels:
        rules = run.config.rules
        parts.append(f"<p>labels: {html.escape(labels.line(rules.labels, rules.classes, SHOWN))}</p>")
    try:
        picture = run.picture()
        parts.append(as_html(picture, picture.title))
    except UserError as error:
        parts.append(f"<p>{html.escape(str(error))}</p>")
    if metrics := run.metrics:
        parts.append(f'<div style="max-width: 640px">{curves_of(metrics, (), 0, (PANELS[0], PANELS[-1])).svg}</div>')
        found = [f"<p>{html.escape(str(one))}</p>" for one in run.findings]
        parts += found or ["<p>The doctor finds nothing.</p>"]
    return "".join(parts)
