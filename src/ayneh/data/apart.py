"""Decoders that a damaged file can end together with their process run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PATIENCE_S = 600


def run_apart(code: str, *args: str | Path) -> str:
    """What Python prints that runs ``code`` with these arguments in sys.argv[1:], in a process of its own.

    Raises ValueError with the last line of its errors if it fails, and if the process is ended by a signal.
    """
    command = [sys.executable, "-c", code, *map(str, args)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"it was not read within {PATIENCE_S} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        ended = done.returncode < 0 or not lines
        raise ValueError("the decoder broke off" if ended else lines[-1].partition(": ")[2] or lines[-1])
    return done.stdout.decode()
