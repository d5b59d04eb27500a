"""The answers about the runs named on the command line, by run, replica and epoch: no path of a request is opened."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.config import Config, flatten
from ayneh.errors import UserError
from ayneh.explorer.cache import Cache
from ayneh.explorer.exported import Exported, ExportedModel, opened
from ayneh.files.whole import without_nan
from ayneh.pages.sheet import name_of
from ayneh.pytorch import as_imported
from ayneh.record.checkpoint import Checkpoints
from ayneh.record.own import FOR_NETS
from ayneh.record.visited import Watched
from ayneh.terminal.text import plain
from ayneh.version import __version__

if TYPE_CHECKING:  # torch takes seconds to import: only once a net is asked for
    from ayneh.explorer.models import Model

KEPT_MODELS = 6  # checkpoints whose nets stay in memory
KEPT_ANSWERS = 128  # of at most a few megabytes each

BINARY, JSON, PNG = "application/octet-stream", "application/json", "image/png"


@dataclass(frozen=True)
class Answer:
    """A response to the page."""

    body: bytes
    kind: str  # its media type


class Absent(UserError):
    """There is no run, checkpoint or part of this name or number."""


# What reading a damaged file raises where no reader names the damage: a run's files may be anything.
DAMAGE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    AssertionError,
)
PATH = re.compile(r"(?<![\w.:/\\~])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>|:]+[/\\])+(?=[^\s/\\])")


class Library:
    """The runs named on the command line, by their number; they may be in training."""

    # Methods of `Model`, one file each, in the order in which a page needs them.
    PARTS = ("start", "generator", "discriminator", "levels", "encoder", "notes", "gallery")

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises UserError where a folder is not a run, its config is not readable or a part of its nets is missing."""
        self.records = [opened(folder) for folder in folders]
        for record in self.records:
            record.config()
            if not isinstance(record, Exported):  # whose nets need no code
                record.parts.need(*FOR_NETS)
        self.names = distinct([record.folder for record in self.records])
        self._models, self._answers = Cache(KEPT_MODELS), Cache(KEPT_ANSWERS)

    def runs(self) -> Answer:
        """Each run with its settings and the epochs that it keeps; of one that cannot be read, why."""
        return _json({"ayneh": __version__, "runs": [self._entry(record) for record in self.records]})

    def live(self, run: int, since: int = 0) -> Answer:
        """The progress of a run: the lines of metrics from number ``since``, its epochs, pictures and findings.

        "numbers" are the lines' own, since of a long run a part is sent; "count" is the number of all.
        """
        record = self._record(run)
        with self._read(record):
            lines, config = record.followed.read(), record.config()
            since = min(max(since, 0), record.followed.count)
            return _json(
                {
                    "since": since,
                    "count": record.followed.count,
                    "numbers": [number for number, _ in lines if number >= since],
                    "lines": [line for number, line in lines if number >= since],
                    "epochs": record.checkpoints.epochs(),
                    "films": record.films(),
                    "pictures": list(record.pictures(0, config.seeds)),
                    "findings": [_without_data(event) for event in record.events()],
                    "training": record.standing().state == "running",
                    "wanted_epochs": config.epochs,
                }
            )

    def picture(self, run: int, replica: int, epoch: int) -> Answer:
        """The picture that training made of its fixed noise after this epoch."""
        record = self._record(run)
        with self._read(record):
            pictures = record.pictures(replica, record.config().seeds)
            if epoch in pictures:
                return Answer(record.picture(pictures[epoch]), PNG)
        raise Absent(f"This run has no picture of epoch {epoch}, replica {replica}.")

    @as_imported()
    def part(self, run: int, replica: int, epoch: int, name: str) -> Answer:
        """One of PARTS of a checkpoint, made at the first request."""
        record = self._record(run)
        if name not in self.PARTS:
            raise Absent(f"A checkpoint has no part of this name; there are: {', '.join(self.PARTS)}.")
        with self._read(record):
            if replica not in range(record.config().seeds):
                raise Absent(f"This run has no replica {replica}.")
            place = record.checkpoints
            if name == "generator" and epoch not in place.epochs():
                place = record.generators
            if epoch not in place.epochs():
                raise Absent(f"This run keeps no checkpoint of epoch {epoch}.")
            key = run, replica, epoch, place.written_ns(epoch)  # the folder may hold another run by now

            def make() -> bytes:
                model: Model | ExportedModel = self._models.get(key, lambda: self._model(record, place, replica, epoch))
                with model.alone if name in ("levels", "notes", "gallery") else nullcontext():
                    body: bytes = getattr(model, name)()
                return body

            return Answer(self._answers.get((*key, name), make), BINARY)

    def warm(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Make the parts that the page requests first, in advance; an error is shown when the page requests them.

        ended: looked at before each part; true: no more are made.
        """
        try:  # a run that was deleted meanwhile has no epochs
            first = next(i for i, record in enumerate(self.records) if record.checkpoints.epochs())
            for name in self.PARTS:
                if ended():
                    return
                with suppress(UserError):  # the training images may not be there
                    self.part(first, 0, self.records[first].checkpoints.epochs()[-1], name)
        except (UserError, OSError, StopIteration, IndexError):
            return

    def without_paths(self, words: str) -> str:
        """A sentence without the folders of this machine: of each path its last part stays, of a run the folder."""
        for record in self.records:
            for folder in (os.path.realpath(record.folder), os.path.abspath(record.folder), str(record.folder)):
                if os.sep in folder:
                    words = words.replace(folder, name_of(record.folder))
        words = words.replace(str(Path.home()) + os.sep, "")
        return plain(PATH.sub("", words))

    @contextmanager
    def _read(self, record: Watched) -> Iterator[None]:
        """Around the reading of a run: whatever is wrong with its files is a UserError, in which no path is named."""
        name = self._name(record)
        gone = f"The run {name} is no longer there: its folder was deleted or moved."
        try:
            if not record.exists():
                raise Absent(gone)
            record.check()
            yield
        except Exception as error:
            if not record.exists():  # whatever its deletion led to
                raise Absent(gone) from error
            if isinstance(error, UserError):
                kind = Absent if isinstance(error, Absent) else UserError
                raise kind(self.without_paths(str(error))) from error
            if isinstance(error, OSError):
                raise UserError(f"A file of the run {name} cannot be read ({error.strerror}).") from error
            if isinstance(error, DAMAGE):
                what = type(error).__name__
                raise UserError(
                    f"The run {name} is damaged: a file does not hold what a run writes ({what})."
                ) from error
            raise

    def _entry(self, record: Watched) -> dict[str, Any]:
        try:
            with self._read(record):
                return self._about(record)
        except UserError as error:
            return {"name": self._name(record), "error": str(error), "data": "", "net": "", "loss": "", "odds": False,
                    "labels": "none", "settings": {}, "prior": {}, "seed": 0, "replicas": 1, "epochs": [], "films": [],
                    "wanted_epochs": 0, "training": False}  # fmt: skip

    def _name(self, record: Watched) -> str:
        return self.names[self.records.index(record)]

    def _record(self, run: int) -> Watched:
        if run not in range(len(self.records)):
            raise Absent(f"There is no run number {run}: {len(self.records)} were named, counted from 0.")
        return self.records[run]

    def _model(self, record: Watched, place: Checkpoints, replica: int, epoch: int) -> Model | ExportedModel:
        if isinstance(record, Exported):
            return ExportedModel(record.folder)
        from ayneh.explorer.models import Model

        return Model(place.at_epoch(epoch), replica)

    def _about(self, record: Watched) -> dict[str, Any]:
        from ayneh.doctor.symptoms import CROSS_ENTROPY

        config, usual = record.config(), flatten(Config())
        public = flatten(config.without_folders())
        return {
            "name": self._name(record),
            "data": _data(config),
            "net": config.net.name,
            "loss": config.rules.loss,
            "odds": config.rules.loss in CROSS_ENTROPY and not config.rules.label_smoothing,
            "labels": config.rules.labels,
            "exported": isinstance(record, Exported),
            "alone": isinstance(record, Exported) and record.alone,
            "card": record.card().splitlines() if isinstance(record, Exported) else [],
            "settings": {k: v for k, v in public.items() if v != usual[k]} | {"data.name": _data(config)},
            "prior": {"name": config.prior.name, "dim": config.prior.dim, **_prior(config)},
            "seed": config.seed,
            "replicas": config.seeds,
            "epochs": record.checkpoints.epochs(),
            "films": record.films(),
            "wanted_epochs": config.epochs,
            "training": record.standing().state == "running",
        }


def distinct(folders: Sequence[Path]) -> list[str]:
    """A name for each folder: its own, after as many of those above it as set it apart from the others.

    >>> distinct([Path("study/mirror/seed-000"), Path("study/plain/seed-000"), Path("runs/mirror")])
    ['mirror/seed-000', 'plain/seed-000', 'mirror']
    """
    parts = [Path(os.path.abspath(folder)).parts for folder in folders]
    names = []
    for own in parts:
        others = [part for part in set(parts) if part != own]
        depth = next((d for d in range(1, len(own)) if all(part[-d:] != own[-d:] for part in others)), len(own))
        names.append(plain("/".join(own[-depth:])))
    return [f"{name} ({names[:i].count(name) + 1})" if name in names[:i] else name for i, name in enumerate(names)]


def _data(config: Config) -> str:
    """The data set without its path: a page is shown to others."""
    return config.data.name.partition(":")[0]


def _without_data(event: Mapping[str, Any]) -> dict[str, Any]:
    """A line of findings whose command names no path of the data."""
    if not event.get("advice"):
        return dict(event)
    argv = [re.sub(r"^([a-z]+):.+", r"\1:...", word) for word in event["advice"]["argv"]]  # npz:/home/me/x.npz
    return {**event, "advice": {**event["advice"], "argv": argv}}


def _prior(config: Config) -> dict[str, Any]:
    """The prior's numbers, defaults included, its moments and its law in short."""
    from ayneh.engine.match import prior_of
    from ayneh.game.own_prior import Own

    prior: Any = prior_of(config)
    if isinstance(prior, Own):
        raise UserError(
            f"The page draws z itself and has the built-in priors alone; this run's is {config.prior.name!r}, of its "
            "author's own: look at it with `ayneh sample`."
        )
    mean, variance = prior.moments(config.prior.dim)
    return {"numbers": asdict(prior), "mean": mean, "variance": variance, "law": prior.describe()}


def _json(values: Any) -> Answer:
    return Answer(json.dumps(_plain(without_nan(values))).encode(), JSON)


def _plain(value: Any) -> Any:
    """The same with the control characters of its words shown."""
    if isinstance(value, dict):
        return {plain(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return plain(value) if isinstance(value, str) else value
