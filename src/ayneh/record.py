"""The run folder: every file a run leaves, and the only code that reads or writes them. Plain files, no pickles.

- ``config.json``: what was asked for, and how this machine runs it
- ``metrics.jsonl``: a line per tick
- ``samples/epoch-0099.png``: the fixed noise after epoch 99, with its losses (``-replica-1`` where there are several)
- ``samples/animation.gif``: the same over all epochs
- ``checkpoints/epoch-0099.safetensors``: the whole state, with the config inside
- ``checkpoints/interrupted.safetensors``: the same, after Ctrl-C in the middle of an epoch
- ``checkpoints/best.safetensors``: the same, after the epoch that the judge liked best
- ``checkpoints/healthy-0031.safetensors``: the same, from when the doctor was content (``--rescue``)
- ``findings.jsonl``: what the doctor said, a line for each finding that appeared or cleared
- ``rescues.json``, ``abandoned.jsonl``, ``abandoned/``: how the run was brought back; metrics and checkpoints given up
- ``mirror.json``, ``mirror.png``: how far D is an inverse of G, and round trips of images (`ayneh mirror`)
- ``probe.json``: fresh discriminators against G as it stood at some checkpoints (`ayneh diagnose --probe`)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from ayneh import __version__
from ayneh.checkpoint import Checkpoint, Damaged, read_checkpoint, read_head, write_checkpoint
from ayneh.config import Config, differences, from_dict, to_dict
from ayneh.errors import UserError
from ayneh.files import atomically

if TYPE_CHECKING:  # `ayneh show` reads a record without waiting for torch
    from torch import Tensor

FORMAT = 1
INTERRUPTED = "interrupted"
BEST = "best"
HEALTHY = "healthy"
RESCUES = "rescues"


class Record:
    """One run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples, self.checkpoints = folder / "samples", folder / "checkpoints"
        self.metrics, self.findings = folder / "metrics.jsonl", folder / "findings.jsonl"

    # -- its beginning ---------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, folder: Path, config: Config, engine: dict[str, Any]) -> Record:
        """A new record; `refuse_taken` says beforehand whether the folder is free."""
        record = cls(folder)
        for place in (record.samples, record.checkpoints):
            place.mkdir(parents=True, exist_ok=True)
        values = {"format": FORMAT, "ayneh": __version__, "config": to_dict(config), "engine": engine}
        with atomically(folder / "config.json") as file:
            file.write(json.dumps(values, indent=2).encode() + b"\n")
        return record

    @classmethod
    def refuse_taken(cls, folder: Path, config: Config) -> None:
        """Raise UserError if a new run of ``config`` cannot go into ``folder``: it holds another, or something else."""
        if (folder / "config.json").exists():
            other = differences(cls(folder).config(), config)
            raise UserError(
                f"{folder} holds another run ({other or 'with the same settings'}): choose another --out, go on with "
                f"it by `ayneh resume {folder}`, or replace it with --overwrite."
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is not empty and not a run of ayneh: choose another --out.")

    @classmethod
    def open(cls, folder: Path) -> Record:
        """An existing record. Raises UserError if there is none."""
        if not (folder / "config.json").is_file():
            raise UserError(f"There is no run in {folder}: it has no config.json.")
        return cls(folder)

    def remove(self) -> None:
        """Delete what training writes, and nothing else that lies in the folder."""
        for place in (self.samples, self.checkpoints, self.folder / "events", self.folder / "abandoned"):
            shutil.rmtree(place, ignore_errors=True)
        for file in (
            *self.folder.glob("evaluation*.json"),
            *self.folder.glob("mirror*.json"),
            *self.folder.glob("mirror*.png"),
            *self.folder.glob("probe*.json"),
            *self.folder.glob("diagnosis*.html"),
            *(self.folder / name for name in ("abandoned.jsonl", f"{RESCUES}.json")),
            self.findings,
            self.metrics,
            self.folder / "config.json",
        ):
            file.unlink(missing_ok=True)  # the config last: until then this is still a run

    def config(self) -> Config:
        """What was asked for."""
        return from_dict(self._head().get("config", {}), str(self.folder / "config.json"))

    def engine(self) -> dict[str, Any]:
        """How this machine runs it: device, threads, workers."""
        engine: dict[str, Any] = self._head().get("engine", {})
        return engine

    def set_config(self, config: Config) -> None:
        """Write another config (a larger number of epochs) into config.json."""
        values = self._head() | {"config": to_dict(config)}
        with atomically(self.folder / "config.json") as file:
            file.write(json.dumps(values, indent=2).encode() + b"\n")

    def _head(self) -> dict[str, Any]:
        path = self.folder / "config.json"
        try:
            values = json.loads(path.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is not readable JSON ({error}): mend it or start anew in another folder."
            ) from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise UserError(f"{path} is not the config of a run in format {FORMAT}; was it written by another version?")
        return values

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else trains in this folder meanwhile; the system frees the lock of a process that died."""
        lock = FileLock(self.folder / "run.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"Another process is training in {self.folder}; wait for it or choose another --out."
            ) from None
        try:
            yield
        finally:
            lock.release()

    # -- metrics ---------------------------------------------------------------------------------------------------

    def append(self, line: dict[str, Any]) -> None:
        """One more line of metrics."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """All lines of metrics; a last one that was cut off by a kill is left out."""
        return _lines(self.metrics)

    def rewind(self, step: int) -> None:
        """Forget the lines and findings after ``step``: they will be written again."""
        for path in (self.metrics, self.findings):
            kept = [line for line in _lines(path) if line["step"] <= step or "rescue" in line]
            if path.exists():
                _write_lines(path, kept)

    def note_finding(self, event: dict[str, Any]) -> None:
        """One more line of findings: one that appeared or cleared."""
        with self.findings.open("a") as file:
            file.write(json.dumps(event) + "\n")

    def events(self) -> list[dict[str, Any]]:
        """All lines of findings."""
        return _lines(self.findings)

    def abandon(self, step: int, number: int) -> None:
        """Give up what came after ``step``, for the rescue of this number (from 1): nothing of it is taken up again.

        Its checkpoints move to abandoned/1/, its lines to abandoned.jsonl, its pictures to abandoned-1-epoch-0031.png.
        """
        attic = self.folder / "abandoned" / str(number)
        attic.mkdir(parents=True, exist_ok=True)
        for path in self.checkpoints.glob("*.safetensors"):
            try:
                late = read_head(path)["step"] > step
            except Damaged:
                late = True
            if late:
                path.rename(attic / path.name)
        lost = [line for line in self.lines() if line["step"] > step]
        with (self.folder / "abandoned.jsonl").open("a") as file:
            file.write("".join(json.dumps({"rescue": number} | line) + "\n" for line in lost))
        if self.findings.exists():  # what was found stays, marked
            found = _lines(self.findings)
            _write_lines(self.findings, [{"rescue": number} | one if one["step"] > step else one for one in found])
        for epoch in {line["epoch"] for line in lost}:
            for path in [
                *self.samples.glob(f"{epoch_name(epoch)}.png"),
                *self.samples.glob(f"{epoch_name(epoch)}-*.png"),
            ]:
                path.rename(path.with_name(f"abandoned-{number}-{path.name}"))
        self.rewind(step)

    # -- pictures --------------------------------------------------------------------------------------------------

    def sample_path(self, epoch: int, replica: int, replicas: int) -> Path:
        """Where the picture of this epoch (from 0) and replica goes."""
        return self.samples / f"epoch-{epoch:04d}{_suffix(replica, replicas)}.png"

    def sample_paths(self, replica: int, replicas: int) -> list[Path]:
        """All the pictures of a replica, in the order of their epochs."""
        return sorted(self.samples.glob(f"epoch-[0-9][0-9][0-9][0-9]{_suffix(replica, replicas)}.png"))

    def animation_path(self, replica: int, replicas: int) -> Path:
        """Where the animation over the epochs goes."""
        return self.samples / f"animation{_suffix(replica, replicas)}.gif"

    # -- reports ---------------------------------------------------------------------------------------------------

    def report_path(self, name: str, epoch: int | None = None, replica: int = 0, suffix: str = ".json") -> Path:
        """Where the report of this name goes; that of a certain epoch, and of a replica but the first, has its own."""
        parts = [name] + ([epoch_name(epoch)] if epoch is not None else [])
        return self.folder / ("-".join(parts + ([f"replica-{replica}"] if replica else [])) + suffix)

    def write_report(self, name: str, values: dict[str, Any], epoch: int | None = None, replica: int = 0) -> Path:
        """Write what a verb found out about this run as JSON, whole or not at all."""
        path = self.report_path(name, epoch, replica)
        with atomically(path) as file:
            file.write(json.dumps(values, indent=2).encode() + b"\n")
        return path

    def report(self, name: str, epoch: int | None = None, replica: int = 0) -> dict[str, Any] | None:
        """What `write_report` wrote; None if nothing was, or it is not readable."""
        try:
            values = json.loads(self.report_path(name, epoch, replica).read_text())
        except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
            return None
        return values if isinstance(values, dict) else None

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def write_checkpoint(
        self,
        name: str,
        step: int,
        config: Config,
        image_shape: tuple[int, int, int],
        tensors: dict[str, Tensor],
        meter_steps: int,
    ) -> Path:
        """Atomically: a reader sees the old file or the new one, whole. ``name``: `epoch_name(e)` or INTERRUPTED."""
        path = self.checkpoints / f"{name}.safetensors"
        write_checkpoint(path, step, config, image_shape, tensors, meter_steps)
        return path

    def newest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        """The whole checkpoint with the most steps (None: there is none), and what is wrong with the newer ones."""
        damaged: list[Damaged] = []
        found: list[tuple[int, Path]] = []
        for path in self.checkpoints.glob("*.safetensors"):
            try:
                found.append((read_head(path)["step"], path))
            except Damaged as error:
                damaged.append(error)
        for _, path in sorted(found, reverse=True):
            try:
                return read_checkpoint(path), damaged
            except Damaged as error:
                damaged.append(error)
        return None, damaged

    def at_epoch(self, epoch: int | Literal["best"] | None) -> Checkpoint:
        """The checkpoint after this epoch (from 0), the best, or (None) the newest; UserError if there is none."""
        if epoch is None:
            newest, damaged = self.newest()
            if newest is None:
                raise (
                    damaged[0] if damaged else UserError(f"{self.folder} has no checkpoint yet: train an epoch first.")
                )
            return newest
        path = self.checkpoints / f"{BEST if epoch == BEST else epoch_name(int(epoch))}.safetensors"
        if epoch == BEST and not path.exists():
            raise UserError(f"{self.folder} has no best checkpoint: its training was not scored (--keep.score-epochs).")
        if not path.exists():
            kept = ", ".join(map(str, self.kept_epochs())) or "none"
            raise UserError(f"{self.folder} has no checkpoint of epoch {epoch}; there are: {kept}.")
        return read_checkpoint(path)

    def healthy_before(self, step: int) -> Checkpoint | None:
        """The latest whole checkpoint from when the doctor was content, at this step or before; None: there is none."""
        for path in reversed(self._healthy()):
            try:
                if read_head(path)["step"] <= step:
                    return read_checkpoint(path)
            except Damaged:
                continue
        return None

    def thin_healthy(self, n: int) -> None:
        """Delete all but the last n of them."""
        for path in self._healthy()[:-n]:
            path.unlink()

    def _healthy(self) -> list[Path]:
        return sorted(self.checkpoints.glob(f"{HEALTHY}-*.safetensors"), key=lambda path: int(path.stem.split("-")[1]))

    def kept_epochs(self) -> list[int]:
        """The epochs (from 0) whose checkpoints are there."""
        return sorted(int(path.stem.split("-")[1]) for path in self.checkpoints.glob("epoch-*.safetensors"))

    def thin_out(self, keep_epochs: int) -> None:
        """Delete all checkpoints but the last two and those worth keeping; the interrupted one has had its day."""
        for epoch in self.kept_epochs()[:-2]:
            if (epoch + 1) % keep_epochs:
                (self.checkpoints / f"{epoch_name(epoch)}.safetensors").unlink(missing_ok=True)
        (self.checkpoints / f"{INTERRUPTED}.safetensors").unlink(missing_ok=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break  # cut off by a kill
    return lines


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    with atomically(path) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def _suffix(replica: int, replicas: int) -> str:
    return f"-replica-{replica}" if replicas > 1 else ""


def epoch_name(epoch: int) -> str:
    """The name of the checkpoint after this epoch, counted from 0 as in the report."""
    return f"epoch-{epoch:04d}"
