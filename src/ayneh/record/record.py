"""The run folder. Every path in it is made in this room alone. Plain files, no pickles.

While a run trains:

- ``config.json``: the settings asked for, and how this machine runs them
- ``metrics.jsonl``: a line for each tick
- ``findings.jsonl``: a line for each finding of the doctor that appeared or cleared
- ``metrics.jsonl.damaged``: the file as it was, where a line of it was damaged and is left out now
- ``samples/epoch-0099.png``: images from the fixed noise after epoch 99 (``-replica-1`` if there are several replicas)
- ``samples/animation.gif``: these pictures of all epochs, one after another
- ``checkpoints/epoch-0099.safetensors``: the whole state after epoch 99, with the config
- ``generators/epoch-0004.safetensors``: G alone after the epochs 0, 1, 2, 4, 8, ...: nothing resumes there
- ``checkpoints/interrupted.safetensors``: the same at the step where Ctrl-C stopped the run
- ``checkpoints/best.safetensors``: the same after the epoch with the lowest Fréchet distance
- ``checkpoints/healthy-0031.safetensors``: the same after an epoch at which the doctor found nothing (``--rescue``)
- ``rescues.json``: what each rescue went back to and changed; ``abandoned.jsonl``, ``abandoned/1/`` and
  ``samples/abandoned-1-epoch-0031.png``: the metrics, checkpoints and pictures that it gave up
- ``events/``: the metrics as TensorBoard's event files (``--keep.tensorboard``)
- ``callbacks.json``: how far each callback has seen the lines, and what it keeps (``--callbacks``)
- ``parts/``: copies of the sources of the parts of one's own, which config.json names (own.py)
- ``run.lock``: locked by the process that trains here
- ``replaced.run/``: the former run, while one begun with --overwrite has no checkpoint yet (aside.py)

A study adds, at the end of each of its runs:

- ``outcome.json``: whether the run broke down, its seconds, its scores with other priors
- ``samples/swap-NAME.png``: images from another prior

Other verbs add (``-epoch-0099`` for one epoch, ``-replica-1`` for a replica other than the first):

- ``evaluation.json``: scores against the test images (`ayneh evaluate`)
- ``mirror.json``, ``mirror.png``: how far D inverts G, and images after a round trip (`ayneh mirror`)
- ``probe.json``: fresh discriminators trained against G at some epochs (`ayneh diagnose --probe`)
- ``diagnosis.html``: the doctor's page; ``export-onnx/``, ``export-safetensors/``: nets for others (`ayneh export`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from ayneh.config import Config, flatten, from_dict, to_dict
from ayneh.errors import UserError
from ayneh.files import older
from ayneh.files.inside import refuse_links
from ayneh.files.lines import append_lines, mended_lines, read_lines, write_lines
from ayneh.files.reading import formatted, json_in, typed
from ayneh.files.whole import held, locked, sweep, write_json
from ayneh.labels import Labels
from ayneh.parts.used import used
from ayneh.record import aside
from ayneh.record.absent import refuse_gone, refuse_no_run
from ayneh.record.checkpoint import Checkpoint, Checkpoints
from ayneh.record.forms import Begun, Engine, Event, Line, Outcome
from ayneh.record.names import epoch_name, number_in, numbered
from ayneh.record.own import OwnParts
from ayneh.record.standing import Standing, standing_of
from ayneh.terminal.text import warn
from ayneh.version import __version__

FORMAT = 1
RESCUES, CALLBACKS, OUTCOME = "rescues", "callbacks", "outcome.json"
LOCK = "run.lock"
MADE = (  # by training and by verbs that look at a run
    "evaluation*.json", "mirror*.json", "mirror*.png", "probe*.json", "diagnosis*.html", "abandoned.jsonl",
    f"{RESCUES}.json", f"{CALLBACKS}.json", OUTCOME, "findings.jsonl*", "metrics.jsonl*", "config.json",
)  # fmt: skip


class Record:
    """One run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples = folder / "samples"
        self.parts = OwnParts(folder, self._head)
        self.checkpoints = Checkpoints(folder / "checkpoints", self.config, self.parts)
        self.generators = Checkpoints(folder / "generators", self.config, self.parts)
        self._config = folder / "config.json"
        self.metrics, self.findings = folder / "metrics.jsonl", folder / "findings.jsonl"

    # -- its beginning ---------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        folder: Path,
        config: Config,
        engine: dict[str, Any],
        images: dict[str, Any] | None = None,
        init_from: dict[str, Any] | None = None,
    ) -> Record:
        """Make a record in a folder that `refuse_taken` found free; for the holder of its lock.

        images: what is noted of images that no file holds; init_from: of where its first weights are from.
        """
        record, config = cls(folder), replace(config, data=config.data.anchored())
        folder.mkdir(parents=True, exist_ok=True)
        values = {"format": FORMAT, "ayneh": __version__, "config": to_dict(config), "engine": engine}
        parts = used(flatten(config))
        more = {"images": images, "init_from": init_from, "parts": record.parts.notes(parts)}
        write_json(record._config, values | {name: value for name, value in more.items() if value})
        record.parts.write_copies(parts)
        for place in (record.samples, record.checkpoints.folder):
            place.mkdir(exist_ok=True)
        return record

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The record in this folder; a run comes back that an --overwrite was to replace and that was killed.

        Raises UserError if there is none.
        """
        record = cls(folder)
        if aside.unsettled(folder) and not held(folder / LOCK):
            with record.locked():
                pass
        refuse_no_run(folder, record.checkpoints.epochs)
        refuse_links(folder, MADE)
        record.parts.warn_changed()
        return record

    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return self._config.is_file()

    def config(self) -> Config:
        """The settings asked for."""
        values = self._head().get("config", {})
        config = from_dict(values, str(self._config))
        if "epochs" not in values:  # a default would train for hours
            raise UserError(f"{self._config}: config.epochs is missing: write the number of epochs there.")
        return config

    def labels(self) -> Labels | None:
        """The classes of a labelled run, once it has a checkpoint; None of others."""
        return self.checkpoints.labels() if self.config().rules.labelled else None

    def engine(self) -> dict[str, Any]:
        """How this machine runs it: device, threads, workers."""
        head = self._head()
        if "engine" not in head:
            raise UserError(
                f'{self._config}: engine is missing; it must be an object such as {{"device": "cpu", "threads": 1, '
                '"workers": 0}.'
            )
        return asdict(typed(head["engine"], Engine, str(self._config), "engine."))

    def beginning(self) -> Begun | None:
        """Which run's weights it began with (`--init-from`); None if with none."""
        found = self._head().get("init_from")
        return typed(found, Begun, str(self._config), "init_from.") if found else None

    def set_config(self, config: Config, images: dict[str, Any] | None = None) -> None:
        """Write another config (with more epochs) into config.json; images as for `create`."""
        head = {name: value for name, value in self._head().items() if name != "images"}
        write_json(self._config, head | {"config": to_dict(config)} | ({"images": images} if images else {}))

    def set_engine(self, engine: dict[str, Any]) -> None:
        """Write how another machine runs it into config.json."""
        write_json(self._config, self._head() | {"engine": engine})

    def _head(self) -> dict[str, Any]:
        return formatted(self._config, FORMAT, "the config of a run")

    @contextmanager
    def locked(self, advice: str = "wait for it") -> Iterator[None]:
        """Keep other processes from training in this folder, and end what a killed one has left here.

        Raises UserError, with this advice, if another process trains here.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK, f"Another process is training in {self.folder}; {advice}."):
            for words in aside.settle(self.folder):
                warn(words)
            for place in (self.folder, self.samples, self.checkpoints.folder, self.generators.folder):
                sweep(place)
            yield

    def discard_replaced(self) -> list[str]:
        """Delete the run that this one replaces, now that it has a checkpoint; a sentence for each renamed export."""
        return aside.discard(self.folder) if aside.unsettled(self.folder) else []

    # -- how far it is ---------------------------------------------------------------------------------------------

    def standing(self, ended: bool | None = None) -> Standing:
        """How far the run is. ended: whether it has ended, if the caller gives it (None: by its files)."""
        return standing_of(self, ended)

    def lively(self) -> bool:
        """Whether a process trains here."""
        return held(self.folder / LOCK)

    def outcome(self) -> dict[str, Any] | None:
        """The outcome of a study's run; None until it has ended."""
        path = self.folder / OUTCOME
        values = json_in(path, constants=True)
        if values is None:
            return None
        typed(values, Outcome, str(path))
        return _today(older.outcome, values, path)

    def write_outcome(self, values: dict[str, Any]) -> None:
        """Write the outcome; with it a run of a study has ended."""
        write_json(self.folder / OUTCOME, values, indent=1)

    # -- metrics and findings --------------------------------------------------------------------------------------

    def append(self, line: dict[str, Any]) -> None:
        """Add a line of metrics."""
        append_lines(self.metrics, line)

    def lines(self) -> list[dict[str, Any]]:
        """All lines of metrics in today's form, without a last one that a kill cut off."""
        return [older.line(line) for line in read_lines(self.metrics, Line)]

    def note_finding(self, event: dict[str, Any]) -> None:
        """Add a line of findings: one that appeared or cleared."""
        append_lines(self.findings, event)

    def events(self) -> list[dict[str, Any]]:
        """All lines of findings; those of earlier versions as today's."""
        return [older.finding(line) for line in read_lines(self.findings, Event)]

    def rewind(self, step: int) -> None:
        """Delete the lines and findings after ``step``, which training will write again."""
        for path, kind in ((self.metrics, Line), (self.findings, Event)):
            if path.exists():
                whole = mended_lines(path, kind)
                write_lines(path, [line for line in whole if line["step"] <= step or "rescue" in line])

    # -- pictures --------------------------------------------------------------------------------------------------

    def sample_path(self, epoch: int, replica: int, replicas: int) -> Path:
        """The path of the picture of this epoch (from 0) and replica."""
        return self.samples / f"{epoch_name(epoch)}{_suffix(replica, replicas)}.png"

    def pictures(self, replica: int, replicas: int) -> dict[int, Path]:
        """The pictures of a replica by their epochs (from 0), in order."""
        return numbered(self.samples, "epoch", rf"{_suffix(replica, replicas)}\.png")

    def animation_path(self, replica: int, replicas: int) -> Path:
        """The path of the animation over the epochs."""
        return self.samples / f"animation{_suffix(replica, replicas)}.gif"

    def swap_path(self, name: str) -> Path:
        """The path of the picture of a study's swap of this name."""
        return self.samples / f"swap-{name}.png"

    # -- reports ---------------------------------------------------------------------------------------------------

    def report_path(self, name: str, epoch: int | None = None, replica: int = 0, suffix: str = ".json") -> Path:
        """The path of the report of this name on an epoch (None: the newest) and a replica."""
        parts = [name] + ([epoch_name(epoch)] if epoch is not None else [])
        return self.folder / ("-".join(parts + ([f"replica-{replica}"] if replica else [])) + suffix)

    def write_report(self, name: str, values: dict[str, Any], epoch: int | None = None, replica: int = 0) -> None:
        """Write what a verb found out about this run as JSON."""
        refuse_gone(self.folder)
        write_json(self.report_path(name, epoch, replica), values)

    def report(self, name: str, epoch: int | None = None, replica: int = 0) -> dict[str, Any] | None:
        """The report by `write_report`, in today's form; None if there is none. UserError if it is not readable."""
        path = self.report_path(name, epoch, replica)
        values = json_in(path, constants=True)
        return _today(older.evaluation, values, path) if values and name == "evaluation" else values

    def export_path(self, form: str) -> Path:
        """The default folder of an export in this form."""
        return self.folder / f"export-{form}"

    def evaluations(self) -> list[dict[str, Any]]:
        """All reports of `ayneh evaluate`, in the order of their files' names. UserError if one is not readable."""
        found = {path: json_in(path, constants=True) for path in sorted(self.folder.glob("evaluation*.json"))}
        return [_today(older.evaluation, report, path) for path, report in found.items() if report is not None]

    def epoch_of(self, checkpoint: Checkpoint) -> int | None:
        """The epoch (from 0) of the checkpoint's last step; None if no file has it."""
        if checkpoint.path.stem.startswith("epoch-") and (epoch := number_in(checkpoint.path)) is not None:
            return epoch
        return max((line["epoch"] for line in self.lines() if line["step"] <= checkpoint.step), default=None)


def _today(now: Callable[[dict[str, Any]], dict[str, Any]], values: dict[str, Any], path: Path) -> dict[str, Any]:
    """A file's values in today's form. Raises UserError for what no version wrote."""
    try:
        return now(values)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise UserError(
            f"{path} does not hold what ayneh writes there ({error!r}): remove it, and make it again."
        ) from error


def _suffix(replica: int, replicas: int) -> str:
    return f"-replica-{replica}" if replicas > 1 else ""
