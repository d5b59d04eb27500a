"""A run in the terminal: how far it is, its last losses and speed, where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ayneh.config import Config, flatten
from ayneh.labels import SHOWN
from ayneh.record.visited import Visited
from ayneh.terminal.screen import Rows, say
from ayneh.terminal.screen import show as show_rows


def show(record: Visited) -> None:
    """Print it."""
    config, lines, standing = record.config(), record.lines(), record.standing()
    usual = flatten(Config())
    changed = {k: v for k, v in flatten(config).items() if v != usual[k]}
    say(f"{record.folder}: {config.net.name} on {config.data.name}, {config.seeds} replica(s)")
    say("settings: " + (", ".join(f"{k} {v}" for k, v in changed.items()) or "all default"))
    if config.rules.labelled:
        labels = record.labels()  # of a checkpoint; none is written yet before the first
        words = labels.line(config.rules.labels, config.rules.classes, SHOWN) if labels else config.rules.labels
        say(f"labels: {words}")
    if begun := record.beginning():
        whose = {"gen": "G's weights", "dis": "D's weights"}.get(begun.players, "weights")
        more = " with the optimiser's memory" if begun.optimizer else ""
        say(f"began with: {whose} of {begun.run}, step {begun.step:,}{more}", whole=True)
    if own := [f"{noted.words()} (SHA-256 {noted.latest().sha256[:12]})" for noted in record.parts.noted()]:
        say(f"parts of its own: {', '.join(own)}", whole=True)
    if not lines:
        say("no step is written yet")
        return
    last = lines[-1]
    done = f"{standing.state}: epoch {standing.epochs} of {standing.wanted}, {last['images']:,} images"
    speed = f"{last['images'] * config.seeds / last['wall_s']:,.0f}" if last["wall_s"] else "?"
    say(f"{done}, {last['wall_s']:.0f} s, {speed} images/s over all")
    names: tuple[str, ...] = ("loss_d", "loss_g", "p_real", "p_fake", "grad_d", "grad_g")
    columns: tuple[str, ...] = ("seed", "loss D", "loss G", "D(real)", "D(fake)", "|grad D|", "|grad G|")
    if "mean_class_real" in last:  # the shares of images whose class D's class head reads right
        names, columns = (*names, "class_real", "class_fake"), (*columns, "class(real)", "class(fake)")
    means = [[str(config.seed + r), *(_number(last, name, r) for name in names)] for r in range(config.seeds)]
    show_rows(Rows(columns, means, "means over the last tick"))
    pictures = list(record.pictures(config.seeds - 1, config.seeds).values())
    say(f"pictures: {pictures[-1] if pictures else 'none yet'}", whole=True)
    kept = ", ".join(map(str, record.checkpoints.epochs())) or "none yet"
    say(f"checkpoints after epochs: {kept}")


def _number(line: Mapping[str, Any], name: str, replica: int) -> str:
    """The mean of this name; a question mark where the line has none."""
    try:
        return f"{line[f'mean_{name}'][replica]:.4g}"
    except (LookupError, TypeError, ValueError):
        return "?"
