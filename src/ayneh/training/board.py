"""The metrics as TensorBoard's event files too (``--keep.tensorboard``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ayneh.errors import extra


class Board:
    """Event files in a folder; those of steps after ``step`` are hidden."""

    def __init__(self, folder: Path, step: int) -> None:
        """Raises UserError where TensorBoard is not installed."""
        with extra("tensorboard", "--keep.tensorboard"):
            from torch.utils.tensorboard import SummaryWriter
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, line: Mapping[str, object]) -> None:
        """One line of metrics; a value for each replica."""
        groups = {name: value for name, value in line.items() if isinstance(value, dict)}
        for group, table in {"": line, **groups}.items():
            for name, values in table.items():
                for r, value in enumerate(values if isinstance(values, list) else []):
                    number = value["value"] if isinstance(value, dict) else value
                    if number is not None:
                        self.writer.add_scalar("/".join(filter(None, (group, name, str(r)))), number, line["step"])
        self.writer.flush()
