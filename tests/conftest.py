"""What tests of whole verbs share: the command line in this process and in a real one, small runs, recorded runs."""

import gc
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples at every run; --hypothesis-profile=default looks for new ones.
settings.register_profile("same examples", derandomize=True)
settings.load_profile("same examples")
# Before torch is imported. As worker processes have it: a sum of floats depends on how it is split among threads.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

if hasattr(signal, "SIGHUP"):  # under nohup it is ignored, by every process that a test starts, too
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TINY = [
    *("--data.resize", "8", "--data.limit", "128", "--batch", "32", "--net.width", "4", "--prior.dim", "8"),
    *("--rules.ema-halflife-images", "0", "--keep.score-epochs", "0"),
    *("--keep.sample-epochs", "1", "--keep.checkpoint-epochs", "1"),
]
CLOCK = ("wall_s", "images_per_s")
# Recorded findings are compared by these fields; their sentences may be reworded.
FINDING = ("step", "epoch", "replica", "name", "severity", "appeared", "since_step", "threshold", "value", "rescue")


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="record the golden values anew (tests/golden)")
    parser.addoption("--attack-size", choices=("small", "half", "full"), default="small", help="of tests/attack")
    parser.addoption("--attack-seed", type=int, default=0, help="the seed of the chance in tests/attack")
    parser.addoption("--attack-table", help="the file to write what tests/attack counted into")


def pytest_collection_finish():
    """What was imported stays: the garbage collector need not look through it a hundred times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Flags of a run of four small steps an epoch."""
    return TINY


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache folder of this test process: floors measured by one test serve the next, and nobody else's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AYNEH_CACHE", str(tmp_path_factory.mktemp("ayneh-cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_files():
    """Files are not forced onto the disk, 8 % of the time of tests of whole verbs: no test cuts the power.

    Processes that tests start do force them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture(autouse=True)
def own_parts(unload):
    """A part that a test adds is gone after it."""
    from ayneh.parts.loading import loaded
    from ayneh.parts.registry import every

    parts, files = every(), set(loaded)
    yield
    unload(parts, files)


@pytest.fixture(scope="session")
def unload():
    """``unload()``: as in a new process, no part is there and no file with parts is loaded, but for those given."""

    def taken_out(but=(), but_files=()) -> None:
        from ayneh.parts import shipped
        from ayneh.parts.loading import loaded
        from ayneh.parts.registry import every, forget

        forget([part for part in every() if part not in but])
        shipped._unpacked.clear()
        for name in set(loaded) - set(but_files):
            rooms = {name, *(module.partition(".")[0] for module in loaded.pop(name).source.neighbours)}
            for module in [module for module in sys.modules if module.partition(".")[0] in rooms]:
                del sys.modules[module]

    return taken_out


@pytest.fixture(autouse=True)
def same_chance():
    """Draws without a seed of their own are the same in every order of the tests."""
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def mnist():
    """Skips where there is no MNIST."""
    if not (Path(os.environ.get("AYNEH_DATA", "/nowhere")) / "mnist").is_dir():
        pytest.skip("AYNEH_DATA does not name a folder with mnist in it")


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
def process():
    """``process("train", ...)`` starts the command line as a process of its own."""
    started = []

    def start(*args: object, **env: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "ayneh", *map(str, args)]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | env,
        )  # fmt: skip
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def wait_until():
    """``wait_until(lambda: path.exists(), child)``: look until it is so; a child that ends meanwhile is an error.

    The seconds are what a busy machine may take at most.
    """

    def wait(true: Callable[[], bool], child: subprocess.Popen | None = None, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert child is None or child.poll() is None, child.communicate()
            assert time.monotonic() < end, f"it was not so within {seconds} seconds"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A finished run of three epochs of four steps, two replicas, for tests that only read it."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main(["train", "digits", *TINY, "--epochs", "3", "--seeds", "2", "--keep.keep-epochs", "1", "--out", str(folder)])
    before = written(folder)
    yield folder
    assert written(folder) == before, "a test wrote into the run that others read: let it take own_run"


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def own_run(tiny_run, tmp_path) -> Path:
    """A copy of the tiny run, free to be changed."""
    return Path(shutil.copytree(tiny_run, tmp_path / "tiny"))


FILE_EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def at_each_operation(within: Path, do: Callable[[int, str], object]) -> None:
    """From now on in this process, ``do(k, "open .../file")`` before its k-th operation on a file in this folder."""
    count = itertools.count()

    def look(event: str, args: tuple) -> None:
        if event in FILE_EVENTS and args and str(within) in str(args[0]):
            do(next(count), f"{event} {str(args[0]).partition(str(within))[2]}")

    sys.addaudithook(look)


def forked(work: Callable[[], object]) -> int:
    """Do the work in a child; the status that it ended with."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return status
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


@pytest.fixture
def killed_at() -> Callable[[int, Callable[[], object], Path], bool]:
    """``killed_at(k, work, within)``: do the work in a child that kills itself at its k-th operation on a file in this
    folder; whether it came to k."""

    def killed(k: int, work: Callable[[], object], within: Path) -> bool:
        def child() -> None:
            at_each_operation(within, lambda count, _: os.kill(os.getpid(), signal.SIGKILL) if count == k else None)
            work()

        return os.WIFSIGNALED(forked(child))

    return killed


@pytest.fixture
def kinds_of_operation(tmp_path) -> Callable[[Callable[[], object], Path], list[int]]:
    """``kinds_of_operation(work, within)``: of all operations on files in this folder, the numbers of the first and the
    last of each kind (what is done to which file, whatever numbers are in its name)."""

    def numbers(work: Callable[[], object], within: Path) -> list[int]:
        told = tmp_path / "operations.txt"

        def child() -> None:
            with told.open("w", encoding="utf-8") as lines:
                at_each_operation(within, lambda _, what: print(what, file=lines))
                work()

        forked(child)
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, line in enumerate(told.read_text(encoding="utf-8").splitlines()):
            kind = re.sub(r"\b[0-9a-f]{8}\b|\d+", "0", line)
            first.setdefault(kind, k)
            last[kind] = k
        return sorted({*first.values(), *last.values()})

    return numbers


# -- recorded runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def observed():
    """``observed(folder)``: what a run folder holds but for the clock, as JSON values."""
    return observe


def comparable(found: dict) -> dict:
    """What was observed in today's form; of scores what older ones have too: no intervals, no warnings."""
    from ayneh.files import older

    def bare(score: dict | None) -> dict | None:
        return score and {name: score[name] for name in ("value", "n", "protocol")}

    lines = [older.line(line) for line in found["metrics"]]
    for line in lines:
        if "scores" in line:
            line["scores"] = {name: [bare(score) for score in scores] for name, scores in line["scores"].items()}
    now = found | {"metrics": lines}
    if "outcome" in found:
        outcome = older.outcome(found["outcome"])
        swaps = {swap: {name: bare(score) for name, score in one.items()} for swap, one in outcome["swaps"].items()}
        now["outcome"] = outcome | {"swaps": swaps}
    return now


@pytest.fixture(scope="session")
def comes_to(observed, arithmetic):
    """``comes_to(folder, expected, made_with)``: the run holds what was recorded with the arithmetic ``made_with``.

    Equal bit for bit on a machine of the same arithmetic, but for the sentences of findings; elsewhere the first losses
    agree to three figures.
    """

    def check(folder: Path, expected: dict, made_with: str) -> None:
        found = observed(folder)
        if made_with == arithmetic:
            found, expected = comparable(found), comparable(expected)
            events, recorded = found.pop("findings"), expected["findings"]
            assert len(events) == len(recorded)
            for event, one in zip(events, recorded, strict=True):
                compared = [name for name in FINDING if name in one]
                assert [event.get(name) for name in compared] == [one[name] for name in compared]
            assert found == {name: value for name, value in expected.items() if name != "findings"}
        else:
            first, wanted = found["metrics"][0], expected["metrics"][0]
            for name in ("mean_loss_d", "mean_loss_g"):
                assert first[name] == pytest.approx(wanted[name], rel=1e-3)

    return check


@pytest.fixture(scope="session")
def arithmetic() -> str:
    """A sum over results that depend on the order in which this machine adds."""
    import torch

    chance = torch.Generator().manual_seed(0)
    x, w = torch.randn(8, 16, 16, 16, generator=chance), torch.randn(32, 16, 4, 4, generator=chance)
    y = torch.nn.functional.conv2d(x, w, stride=2, padding=1)
    z = y.flatten(1) @ y.flatten(1).T
    return hashlib.sha256(y.numpy().tobytes() + z.numpy().tobytes()).hexdigest()[:16]


def observe(folder: Path) -> dict:
    """What a run folder holds but for the clock: tensors of its checkpoints by their sums, metrics, findings."""
    from safetensors.torch import load_file

    found: dict = {"checkpoints": {}}
    for path in sorted((folder / "checkpoints").glob("*.safetensors")):
        tensors = load_file(path)
        found["checkpoints"][path.stem] = {
            key: hashlib.sha256(x.numpy().tobytes()).hexdigest()[:16] for key, x in sorted(tensors.items())
        }
    for name in ("metrics", "findings"):
        path = folder / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        found[name] = [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]
    if (folder / "outcome.json").exists():
        outcome = json.loads((folder / "outcome.json").read_text())
        found["outcome"] = {key: value for key, value in outcome.items() if key not in CLOCK}
    return found


# -- notebooks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """``notebook("cell", ...)``: the cells executed by a real kernel in the test's folder -> the saved notebook.

    Of each cell, ``saved(cell)`` has what is written into the file: its outputs as JSON.
    """
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    for name in ("JPY_PARENT_PID", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")

    def execute(*cells: str, allow_errors: bool = False):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        resources = {"metadata": {"path": str(tmp_path)}}
        client = nbclient.NotebookClient(book, timeout=240, allow_errors=allow_errors, resources=resources)
        done = client.execute()
        nbformat.validate(done)
        return done

    return execute


@pytest.fixture
def saved():
    """``saved(cell)``: the outputs of an executed cell as its notebook's file holds them."""
    return lambda cell: json.dumps(cell.outputs, indent=1, ensure_ascii=False)
