"""The attack from the command line: python tests/attack NAME [--size small|half|full] [--seed N] [--only PART]."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a forked child has one thread


def main() -> int:
    """Run one attacker -> 1 if anything failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("attacker")
    parser.add_argument("--size", choices=("small", "half", "full"), default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    preload()
    root = Path(tempfile.mkdtemp(prefix="ayneh-attack-")).resolve()
    try:
        tally = importlib.import_module(asked.attacker).attack(asked.size, asked.seed, root, asked.only)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if asked.json:
        tally.write(asked.json)
    print(tally.words())
    return int(any(row.failures for row in tally.rows.values()))


def preload() -> None:
    """Import what verbs import, so that children need not."""
    import torch

    torch.set_num_threads(1)
    for name in ("train", "sample", "evaluate", "judge", "study", "mirror", "diagnose", "explore", "export", "show"):
        importlib.import_module(f"ayneh.jobs.{name}")
    for name in (
        *("ayneh.training.fit", "ayneh.engine.stacks", "ayneh.studies.play", "ayneh.studies.report", "ayneh.loading"),
        *("ayneh.studies.forecast", "ayneh.export.write", "ayneh.explorer.models", "ayneh.explorer.single"),
        *("ayneh.judge.verdict", "ayneh.judge.training", "ayneh.data.sources", "ayneh.probe", "tyro"),
        *("sklearn.datasets", "PIL.Image", "onnxruntime", "onnx", "pyarrow.parquet", "matplotlib.figure"),
    ):
        importlib.import_module(name)
    importlib.import_module("ayneh.__main__")._write_report = show
    gc.freeze()  # a forked child shares this memory as long as its collector does not touch it


def show(error: Exception, args: Sequence[str]) -> Path:
    """An error that is not foreseen shows its traceback here, which is a failure, and writes no file."""
    traceback.print_exception(error)
    return Path("report.txt")


if __name__ == "__main__":
    sys.exit(main())
