"""The verb `export`: a run's nets as files for other programs, checked against PyTorch, with a model card."""

from __future__ import annotations

from pathlib import Path

import tyro

from ayneh.record.names import asked
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import say


def export(
    run: tyro.conf.Positional[Path],
    to: str = "onnx",
    out: Path | None = None,
    epoch: int | None = None,
    best: bool = False,
    replica: int = 0,
    overwrite: bool = False,
    small: bool = False,
    quiet: bool = False,
) -> None:
    """Write a run's generator, discriminator and encoder into a folder that other programs can read, with a model card.

    In Python, `ayneh.load(FOLDER)` reads an ONNX export by onnxruntime, without torch. docs/export.md
    describes each file.

    Args:
        run: the run folder.
        to: onnx, or safetensors (PyTorch's weights by name).
        out: the folder to write (default: export-onnx or export-safetensors in the run folder).
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        best: the checkpoint with the best score, if the run was scored (--keep.score-epochs).
        replica: which of the run's replicas, counted from 0.
        overwrite: replace an earlier export in the folder.
        small: the generator alone, its weights in half precision: a fifth of the size.
        quiet: print the result only.
    """
    from ayneh.export.write import export as write

    terminal, record = Terminal(quiet), Record.open(run)
    checkpoint = record.checkpoints.at_epoch(asked(epoch, best))
    written = write(record, checkpoint, out or record.export_path(to), to, replica, overwrite, small, terminal.say)
    for net in written.about["nets"].values():
        apart = f"differs from PyTorch by at most {net['difference']:.1e} on {written.about['checked']} draws"
        say(f"{written.folder / net['file']}: {net['numbers']:,} numbers, {apart}", whole=True)
    say(f"{written.folder / 'README.md'}: the model card", whole=True)
