"""What loggers wrote, read back by their own readers: every number of every line, also over a stop and a resume."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ayneh.record.record import Record
from ayneh.training.loggers import MLflow, TensorBoard, WandB, numbers

FLAGS = ["--epochs", 2, "--keep.tick-steps", 2, "--keep.vitals-steps", 4]


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed: pip install 'ayneh[{package}]'")


def stopped_and_resumed(ayneh, run: Path, tiny: list[str], logger: str) -> None:
    """A run that a callback stops after step 6 of 8, in the middle of an epoch, and that is resumed."""
    from ayneh.training.callbacks import CALLBACKS

    def breaks(line):
        if line["step"] == 6:
            raise RuntimeError("stop here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CALLBACKS, "breaks", breaks)
        status, _, err = ayneh("train", "digits", *tiny, *FLAGS, "--callbacks", logger, "breaks", "--out", run)
        assert status == 1, err
    status, _, err = ayneh("resume", run, "--callbacks", logger)
    assert status == 0, err


def expected(run: Path) -> dict[str, list[tuple[int, float]]]:
    """{"loss_d": [(2, 1.4), ...]}: what metrics.jsonl has, by the names that loggers give it."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in Record.open(run).lines():
        for name, value in numbers(line, short=True).items():
            found.setdefault(name, []).append((line["step"], pytest.approx(value)))
    assert [step for step, _ in found["loss_d"]] == [2, 4, 6, 8]
    assert len(found["vitals/spread"]) == 2
    return found


def test_numbers_of_a_line_have_names():
    line = {
        "step": 2,
        "loss_d": [1.0, 2.0],
        "vitals": {"spread": [0.5, None]},
        "scores": {"fd": [{"value": 3.0}, None]},
    }
    assert numbers(line) == {"loss_d/0": 1.0, "loss_d/1": 2.0, "vitals/spread/0": 0.5, "scores/fd/0": 3.0}
    assert numbers(line, short=True) == numbers(line)
    assert numbers({"loss_d": [1.0], "scores": {"fd": [{"value": 3.0}]}}, short=True) == {
        "loss_d": 1.0,
        "scores/fd": 3.0,
    }


@pytest.mark.parametrize(("logger", "package"), [(TensorBoard, "tensorboard"), (MLflow, "mlflow"), (WandB, "wandb")])
def test_a_missing_package_is_one_sentence(ayneh, tmp_path, tiny, monkeypatch, logger, package):
    for name in (package, "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    status, _, err = ayneh("train", "digits", *tiny, "--callbacks", package, "--out", tmp_path / "run")
    assert status == 2
    assert f"The callback {package} needs a package that is missing" in err
    assert f"pip install 'ayneh[{package}]'" in err


def test_tensorboard_goes_on_over_a_stop(ayneh, tmp_path, tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stopped_and_resumed(ayneh, tmp_path / "run", tiny, "tensorboard")
    board = EventAccumulator(str(tmp_path / "run" / "events")).Reload()
    found = {tag.removesuffix("/0"): [(e.step, e.value) for e in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
    assert found == expected(tmp_path / "run")


@pytest.mark.slow
@needs("mlflow")
def test_mlflow_has_one_run_with_every_number(ayneh, tmp_path, tiny, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = tmp_path / "run"
    stopped_and_resumed(ayneh, run, tiny, "mlflow")
    client = MlflowClient((tmp_path / "mlruns").as_uri())
    (one,) = client.search_runs([client.get_experiment_by_name("ayneh").experiment_id])
    assert (one.info.run_name, one.info.status) == ("run", "FINISHED")
    assert one.data.params["prior.dim"] == "8"
    histories = {name: client.get_metric_history(one.info.run_id, name) for name in one.data.metrics}
    assert {name: [(m.step, m.value) for m in history] for name, history in histories.items()} == expected(run)
    assert ayneh("resume", run)[0] == 0  # a finished run stays finished
    assert client.get_run(one.info.run_id).info.status == "FINISHED"


READ = """
import json, struct, sys
from wandb.proto.wandb_internal_pb2 import Record
data = open(sys.argv[1], "rb").read()
place, parts = 7, []  # the header; then LevelDB's log format: blocks of 32 KiB, records in one part or several
while place + 7 <= len(data):
    if 32768 - place % 32768 < 7:
        place += 32768 - place % 32768
        continue
    _, length, kind = struct.unpack("<IHB", data[place : place + 7])
    parts.append(data[place + 7 : place + 7 + length])
    place += 7 + length
    if kind in (1, 4):
        record = Record.FromString(b"".join(parts))
        parts = []
        if record.WhichOneof("record_type") == "history":
            print(json.dumps({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}))
        if record.WhichOneof("record_type") == "run":
            print(json.dumps({"run": record.run.run_id, "name": record.run.display_name}))
"""


@pytest.mark.slow
@needs("wandb")
def test_wandb_offline_has_one_run_with_every_number(ayneh, tmp_path, tiny, monkeypatch):
    import json

    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    run = tmp_path / "run"
    stopped_and_resumed(ayneh, run, tiny, "wandb")
    files = sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2  # one for each process, of the same run
    found: dict[str, list[tuple[int, float]]] = {}
    heads = []
    for file in files:
        read = subprocess.run([sys.executable, "-c", READ, file], capture_output=True, text=True, check=True)
        for one in map(json.loads, read.stdout.splitlines()):
            if "run" in one:
                heads.append(one)
            for name, value in one.items() if "_step" in one else ():
                if not name.startswith("_"):
                    found.setdefault(name, []).append((one["_step"], value))
    assert found == expected(run)
    assert {tuple(head.values()) for head in heads} == {(heads[0]["run"], "run")}
