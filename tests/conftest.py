"""What every test of a whole verb needs: the command line in this process, and in a real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TINY = [
    *("--data.resize", "8", "--data.limit", "128", "--batch", "32", "--net.width", "4", "--prior.dim", "8"),
    *("--rules.ema-halflife-images", "0", "--keep.score-epochs", "0"),
    *("--keep.sample-epochs", "1", "--keep.checkpoint-epochs", "1"),
]


@pytest.fixture
def tiny() -> list[str]:
    """Flags of a run of four small steps an epoch."""
    return TINY


@pytest.fixture
def ayneh(capsys):
    """``ayneh("train", ...)`` in this process -> (exit status, stdout, stderr)."""
    from ayneh.__main__ import main

    def call(*args: object) -> tuple[int, str, str]:
        status = 0
        try:
            main([str(a) for a in args])
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        out = capsys.readouterr()
        return status, out.out, out.err

    return call


@pytest.fixture
def one_thread():
    """One thread, as worker processes have it: a sum of floats depends on how it is split among threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def process():
    """``process("train", ...)`` starts the command line as a process of its own, with one thread."""
    started = []

    def start(*args: object, **env: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "ayneh", *map(str, args)]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        )  # fmt: skip
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """A finished run of three epochs of four steps, two replicas."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main(["train", "digits", *TINY, "--epochs", "3", "--seeds", "2", "--keep.keep-epochs", "1", "--out", str(folder)])
    return folder
