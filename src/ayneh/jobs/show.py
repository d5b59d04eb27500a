"""The verbs `show` and `presets`: a run folder, and the package's presets, as tables in the terminal."""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from ayneh.config import Config, flatten
from ayneh.presets import PRESETS
from ayneh.record import Record


def show(run: tyro.conf.Positional[Path]) -> None:
    """Show a run: how far it is, its last losses and speed, and where its pictures and checkpoints are.

    Args:
        run: the run folder.
    """
    record = Record.open(run)
    config, lines, standing = record.config(), record.lines(), record.standing()
    console = Console(highlight=False, markup=False)
    changed = {k: v for k, v in flatten(config).items() if v != flatten(Config())[k]}
    console.print(f"{run}: {config.net.name} on {config.data.name}, {config.seeds} replica(s)", soft_wrap=True)
    console.print("settings: " + (", ".join(f"{k} {v}" for k, v in changed.items()) or "all default"), soft_wrap=True)
    if not lines:
        console.print("no step is written yet")
        return
    last = lines[-1]
    done = f"{standing.state}: epoch {standing.epochs} of {standing.wanted}, {last['images']:,} images"
    console.print(
        f"{done}, {last['wall_s']:.0f} s, {last['images'] * config.seeds / last['wall_s']:,.0f} images/s over all",
        soft_wrap=True,
    )
    table = Table(
        "seed", "loss D", "loss G", "D(real)", "D(fake)", "|grad D|", "|grad G|", title="means over the last tick"
    )
    for r in range(config.seeds):
        names = ("loss_d", "loss_g", "p_real", "p_fake", "grad_d", "grad_g")
        table.add_row(str(config.seed + r), *(f"{last[f'mean_{name}'][r]:.4g}" for name in names))
    console.print(table)
    pictures = list(record.pictures(config.seeds - 1, config.seeds).values())
    console.print(f"pictures: {pictures[-1] if pictures else 'none yet'}", soft_wrap=True)
    kept = ", ".join(map(str, record.checkpoints.epochs())) or "none yet"
    console.print(f"checkpoints after epochs: {kept}", soft_wrap=True)


def presets() -> None:
    """List the presets: what each shows, the minutes it takes on a CPU, and where it comes from."""
    table = Table("preset", "shows", "time", "source", show_lines=True)
    for name, preset in PRESETS.items():
        time = preset.time() + (f" ({preset.timed})" if preset.timed else "")
        table.add_row(name, preset.shows, time, preset.source)
    Console(highlight=False).print(table)
