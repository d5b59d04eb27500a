"""Loggers: callbacks that write the metrics where other programs show them: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import importlib
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ayneh.config import flatten
from ayneh.errors import extra

PROJECT = "ayneh"  # of MLflow's experiment, and of the project at Weights & Biases


def numbers(line: Mapping[str, Any], short: bool = False) -> dict[str, float]:
    """{"loss_d/0": 1.4, "scores/fd/0": 3.2, ...}: the numbers of a line, those of the replicas apart.

    short: where there is one replica, without its number.
    """
    found = {}
    groups = {name: value for name, value in line.items() if isinstance(value, dict)}
    for group, table in {"": line, **groups}.items():
        for name, values in table.items():
            for r, value in enumerate(values if isinstance(values, list) else []):
                number = value["value"] if isinstance(value, dict) else value
                last = () if short and len(values) == 1 else (str(r),)
                if number is not None:
                    found["/".join(filter(None, (group, name, *last)))] = float(number)
    return found


class TensorBoard:
    """Event files in the run's ``events/``; those of steps that are played again are hidden."""

    def __init__(self) -> None:
        """Raises UserError where TensorBoard is not installed."""
        with extra("tensorboard", "The callback tensorboard"):
            from torch.utils.tensorboard import SummaryWriter
        self.make = SummaryWriter

    def on_start(self, run: Any, step: int, memory: dict[str, Any]) -> None:
        self.writer = self.make(str(run.folder / "events"), purge_step=step + 1)

    def on_tick(self, line: Mapping[str, Any]) -> None:
        for name, number in numbers(line).items():
            self.writer.add_scalar(name, number, line["step"])
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


class MLflow:
    """A run of MLflow's experiment "ayneh": in MLFLOW_TRACKING_URI, else in a folder ``mlruns`` beside the run's."""

    def __init__(self) -> None:
        """Raises UserError where MLflow is not installed."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        with extra("mlflow", "The callback mlflow"):
            self.mlflow: Any = importlib.import_module("mlflow")

    def on_start(self, run: Any, step: int, memory: dict[str, Any]) -> None:
        place = os.environ.get("MLFLOW_TRACKING_URI")
        if not place:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow's own default is a database
            place = (Path(run.folder).absolute().parent / "mlruns").as_uri()
        self.client = self.mlflow.MlflowClient(place)
        if "run" in memory and self._is_there(memory["run"]):
            self.client.update_run(memory["run"], status="RUNNING")
        else:
            experiment = self.client.get_experiment_by_name(PROJECT)
            number = experiment.experiment_id if experiment else self.client.create_experiment(PROJECT)
            memory["run"] = self.client.create_run(number, run_name=run.folder.name).info.run_id
            settings = flatten(run.config.without_folders())
            entries = [self.mlflow.entities.Param(name, str(value)) for name, value in settings.items()]
            self.client.log_batch(memory["run"], params=entries)
        self.run, self.memory = memory["run"], memory

    def _is_there(self, run: str) -> bool:
        try:
            return bool(self.client.get_run(run).info.lifecycle_stage == "active")
        except self.mlflow.MlflowException:  # the store was emptied
            return False

    def on_tick(self, line: Mapping[str, Any]) -> None:
        now, step = int(time.time() * 1000), line["step"]
        metrics = [self.mlflow.entities.Metric(*pair, now, step) for pair in numbers(line, short=True).items()]
        self.client.log_batch(self.run, metrics=metrics)
        self.memory["status"] = "KILLED"  # unless it goes on to its end

    def on_end(self, run: Any) -> None:
        self.memory["status"] = "FINISHED"

    def close(self) -> None:
        self.client.set_terminated(self.run, self.memory.get("status", "KILLED"))


class WandB:
    """A run of Weights & Biases, project "ayneh": offline unless WANDB_MODE is another mode, in ``wandb`` beside it."""

    def __init__(self) -> None:
        """Raises UserError where wandb is not installed."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        with extra("wandb", "The callback wandb"):
            self.wandb: Any = importlib.import_module("wandb")

    def on_start(self, run: Any, step: int, memory: dict[str, Any]) -> None:
        memory.setdefault("run", uuid.uuid4().hex[:8])
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        self.run = self.wandb.init(
            id=memory["run"],
            resume="allow",
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.folder.name,
            config=flatten(run.config.without_folders()),
            dir=os.environ.get("WANDB_DIR", str(run.folder.absolute().parent)),
            mode=mode,
            settings=self.wandb.Settings(silent=True, console="off"),
        )

    def on_tick(self, line: Mapping[str, Any]) -> None:
        self.run.log(numbers(line, short=True), step=line["step"])

    def close(self) -> None:
        self.run.finish()
