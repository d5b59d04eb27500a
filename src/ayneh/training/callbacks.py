"""Callbacks: objects that see a run's lines of metrics as they are written (``--callbacks NAME``, CALLBACKS).

A callback has any of these methods; a plain function is an ``on_tick``, and of a class each run makes an object:

- ``on_start(run, step, memory)``: before the first line. step: the last one that it saw in earlier processes;
  memory: a dictionary of its own, kept in the run folder as JSON
- ``on_tick(line)``: each line of metrics, a copy
- ``on_epoch(line, run)``: the line of an epoch's end, once pictures and checkpoint are written
- ``on_end(run)``: the last epoch is done
- ``close()``: the process stops playing this run, for whatever reason

callbacks.json keeps how far each of them is. So a resumed run, which writes the lines after its checkpoint again, does
not show them a line again that they have seen; only a kill while one works may repeat that line.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from ayneh.config import Config
from ayneh.errors import Stopped, UserError, brief, pick
from ayneh.files.reading import shown, typed
from ayneh.parts.calling import settings_kept, what_happened
from ayneh.parts.registry import table
from ayneh.record.record import CALLBACKS as NAME
from ayneh.record.record import Record
from ayneh.terminal.text import warn
from ayneh.training.loggers import MLflow, TensorBoard, WandB

if TYPE_CHECKING:
    import ayneh

CALLBACKS: dict[str, Any] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB}
METHODS = ("on_start", "on_tick", "on_epoch", "on_end", "close")


@dataclass
class Mark:
    """How far one callback is, as callbacks.json has it."""

    tick: int = 0  # step of the last line that it saw
    epoch: int = 0  # of the last end of an epoch
    end: int = 0  # of the last end of the run
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Marks:
    """callbacks.json."""

    callbacks: dict[str, Mark] = field(default_factory=dict)
    rescues: int = 0  # of the run so far: a rescue takes the marks back with it


def chosen(config: Config) -> dict[str, Any]:
    """The callbacks that a config names. Raises UserError for an unknown name."""
    names = dict.fromkeys(("tensorboard",) * config.keep.tensorboard + config.keep.callbacks)
    return {name: pick(table("callback", CALLBACKS), name, "callback") for name in names}


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no callback, as `ayneh.add` does."""
    if arguments:
        raise UserError(
            f"ayneh.add gives the callback {name!r} the argument {next(iter(arguments))!r}, and takes none: add an "
            "object that has it already, or a class without arguments."
        )
    if never := [one for one in (value, *(getattr(value, method) for method in _methods(value))) if _only_made(one)]:
        raise UserError(
            f"The callback {name!r} is asynchronous or a generator ({getattr(never[0], '__name__', '__call__')}), so "
            "that a call would not run it: define it by `def`, without yield."
        )
    if not callable(value) and not _methods(value):
        raise UserError(
            f"The callback {name!r} is {shown(value)}; it must be a function of a line, or an object with "
            "on_tick(line), on_epoch(line, run) or on_end(run)."
        )


def _only_made(one: Any) -> bool:
    """Whether a call makes an object which would still have to be run: async def, or a function with yield."""
    while isinstance(one, partial):
        one = one.func
    call = one if inspect.isroutine(one) or isinstance(one, type) else getattr(one, "__call__", one)  # noqa: B004
    kinds = inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction
    return any(kind(call) for kind in kinds)


def named(objects: Iterable[Any]) -> dict[str, Any]:
    """Callbacks given as objects, by names made from their functions or classes."""
    found: dict[str, Any] = {}
    for one in objects:
        name = getattr(one, "__name__", type(one).__name__)
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name}-{number}"
        found[free] = one
    return found


class Callbacks:
    """The callbacks of one run: they are called in order, and one that raises is called no more."""

    def __init__(
        self, record: Record, given: Mapping[str, Any], step: int = 0, rescued: tuple[int, int] = (0, 0)
    ) -> None:
        """step: from which the run goes on; rescued: number of rescues so far, and the step that the last went back to.

        Raises UserError for an object that is no callback, and for one that cannot start.
        """
        self.record, self.failure = record, ""
        self.objects = {name: _made(name, one) for name, one in given.items()}
        self.marks, self.rescues = self._read(step, *rescued) if given else {}, rescued[0]
        for name, one in self.objects.items():
            mark = self.marks[name]
            if start := getattr(one, "on_start", None):
                try:
                    with settings_kept():
                        start(self.run, mark.tick, mark.memory)
                except (UserError, Stopped):
                    raise
                except (Exception, SystemExit) as error:
                    raise UserError(f"The callback {name!r} cannot start: {what_happened(error)}.") from error
        if given:
            self._write()

    @cached_property
    def run(self) -> ayneh.Run:
        """The run as a person's code sees it."""
        import ayneh

        return ayneh.open(self.record.folder)

    def tick(self, line: Mapping[str, Any]) -> None:
        """A line of metrics is written."""
        self._each("on_tick", "tick", line["step"], lambda call: call(copy.deepcopy(dict(line))))

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch has ended, and all that is due is written."""
        self._each("on_epoch", "epoch", line["step"], lambda call: call(copy.deepcopy(dict(line)), self.run))

    def end(self, step: int) -> None:
        """The run has ended."""
        self._each("on_end", "end", step, lambda call: call(self.run))

    def close(self) -> None:
        """The process leaves the run. What a callback raises here is printed, and nothing is lost by it."""
        for name, one in self.objects.items():
            _close(name, one)
        self.objects = {}

    def _each(self, method: str, mark: str, step: int, how: Callable[[Callable[..., object]], object]) -> None:
        for name, one in list(self.objects.items()):
            if getattr(self.marks[name], mark) >= step:  # before a kill
                continue
            call = getattr(one, method, None)
            if call is None:
                continue
            try:
                with settings_kept():
                    how(call)
            except (Exception, SystemExit) as error:
                what = str(error).rstrip(".") if isinstance(error, Stopped) else what_happened(error)
                verb = "stopped the run" if isinstance(error, Stopped) else "raised"
                self.failure = self.failure or f"The callback {name!r} {verb} in {method} at step {step}: {what}."
                _close(name, self.objects.pop(name))
            setattr(self.marks[name], mark, step)
            self._write()

    def _read(self, step: int, rescues: int, to_step: int) -> dict[str, Mark]:
        """The marks so far; a damaged file is named in a warning, and its callbacks go on from ``step``."""
        try:
            found = typed(self.record.report(NAME) or {}, Marks, str(self.record.report_path(NAME)))
        except UserError as error:
            warn(f"{error} Its callbacks go on from step {step}.")
            found = Marks()
        marks = {name: found.callbacks.get(name) or Mark(step, step) for name in self.objects}
        if found.rescues != rescues:
            for mark in marks.values():
                mark.tick, mark.epoch, mark.end = (min(n, to_step) for n in (mark.tick, mark.epoch, mark.end))
        return marks

    def _write(self) -> None:
        try:
            self.record.write_report(NAME, asdict(Marks(self.marks, self.rescues)))
        except (TypeError, ValueError) as error:
            self.failure = self.failure or f"The memory of a callback is no JSON ({brief(error)}): keep plain values."
            for mark in self.marks.values():
                mark.memory = {}


def _made(name: str, one: Any) -> Any:
    """A callback's object. Raises UserError for what has none of the methods."""
    if isinstance(one, type):
        try:
            one = one()
        except (UserError, Stopped):
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"The callback {name!r} cannot be made: {what_happened(error)}.") from error
    check(name, one, {})
    return one if _methods(one) else _Function(one)


def _close(name: str, one: Any) -> None:
    """Close a callback; what it raises is printed."""
    try:
        with settings_kept():
            getattr(one, "close", lambda: None)()
    except (Exception, SystemExit) as error:
        warn(f"The callback {name!r} could not be closed: {what_happened(error)}.")


def _methods(one: Any) -> list[str]:
    return [method for method in METHODS if callable(getattr(one, method, None))]


class _Function:
    """A function as a callback."""

    def __init__(self, function: Callable[[Mapping[str, Any]], object]) -> None:
        self.on_tick = function
