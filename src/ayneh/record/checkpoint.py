"""A checkpoint: the whole state of a run after some step, in a sealed safetensors file; and those of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ayneh.config import Config, from_dict, to_dict
from ayneh.dataset import MEMORY
from ayneh.errors import UserError
from ayneh.files import sealed
from ayneh.files.whole import atomically
from ayneh.labels import Labels
from ayneh.record.head import Head, Origin, digest, head_in
from ayneh.record.names import BEST, HEALTHY, INITIAL, INTERRUPTED, NAMES, epoch_name, named, numbered
from ayneh.record.own import FOR_NETS, OwnParts
from ayneh.terminal.text import warn_once

if TYPE_CHECKING:  # `ayneh show` reads a record without waiting for torch
    from torch import Tensor


LARGEST_HEADER = 64 * 2**20  # bytes
LONGEST = 300  # letters of a reason that a library gives


class Damaged(UserError):
    """A checkpoint file that is incomplete or altered: its path and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after ``step`` steps: tensors by name (``gen/0.weight`` is (R, ...)), and its config."""

    path: Path
    step: int
    config: Config
    image_shape: tuple[int, int, int]  # of the generator's images: (C, S, S)
    meter_steps: int
    tensors: dict[str, Tensor]
    data: Origin | None = None  # what it was trained on; earlier versions did not write it
    line: dict[str, Any] | None = None  # of metrics, where the step is the last of an epoch
    labels: Labels | None = None  # the classes of a labelled run

    @property
    def run(self) -> Path:
        """The folder of its run."""
        return self.path.parent.parent


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises Damaged if it is truncated or differs in a bit from what was written."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        blob = _readable(path).read_bytes()
        head, tensors = _head(path, sealed.header_of(blob)), load(blob)
    except (SafetensorError, OSError) as error:
        raise Damaged(f"The checkpoint {path} is damaged ({str(error)[:LONGEST]}).") from error
    whole = sealed.holds(blob)
    if whole is None and head.sha256 is not None:  # of an earlier version
        whole = digest(tensors) == head.sha256
    if not whole:
        raise Damaged(f"The checkpoint {path} is damaged (its checksum does not match its contents).")
    config = from_dict(head.config, str(path))
    if config.rules.labelled and head.labels is None:
        raise Damaged(f"The checkpoint {path} is damaged (its run is labelled, and its header has no classes).")
    return Checkpoint(
        path, head.step, config, head.image_shape, head.meter_steps, tensors, head.data, head.line, head.labels
    )


def read_head(path: Path) -> Head:
    """The header of a checkpoint; the tensors are not read, nor is the checksum compared. Raises Damaged."""
    try:
        with _readable(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return _head(path, file.read(min(length, LARGEST_HEADER)))
    except OSError as error:
        raise Damaged(f"The checkpoint {path} is damaged ({error}).") from error


def _readable(path: Path) -> Path:
    if path.exists() and not path.is_file():  # a pipe would make a reader wait for ever
        raise Damaged(f"The checkpoint {path} is not a regular file.")
    return path


def _head(path: Path, header: bytes) -> Head:
    """The part of ours in the header of a safetensors file."""
    try:
        text = json.loads(header)["__metadata__"]["ayneh"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Damaged(f"The checkpoint {path} is damaged (it has no readable header).") from error
    try:
        return head_in(str(text), "its header")
    except UserError as error:
        raise Damaged(f"The checkpoint {path} is damaged ({str(error).removesuffix('.')}).") from error


class Checkpoints:
    """The folder with the checkpoints of one run."""

    def __init__(self, folder: Path, config: Callable[[], Config], parts: OwnParts | None = None) -> None:
        """config: reads the run's config, whose path to the data is used for all checkpoints, since images may move."""
        self.folder, self._config, self._parts = folder, config, parts

    def path(self, name: str) -> Path:
        """The path of the checkpoint of this name: `epoch_name(e)`, INTERRUPTED, BEST or HEALTHY-0031."""
        return self.folder / f"{name}.safetensors"

    def has(self, name: str) -> bool:
        """Whether there is a checkpoint of this name."""
        return self.path(name).exists()

    def written_ns(self, epoch: int) -> int:
        """When the checkpoint of this epoch was written: another run may use the folder later."""
        return self.path(epoch_name(epoch)).stat().st_mtime_ns

    def write(
        self,
        name: str,
        step: int,
        config: Config,
        image_shape: tuple[int, int, int],
        tensors: Mapping[str, Tensor],
        meter_steps: int,
        data: Origin | None = None,
        line: Mapping[str, Any] | None = None,
        labels: Labels | None = None,
    ) -> None:
        """Write a checkpoint atomically. data: what the run is trained on; line: of metrics, at an epoch's end.

        labels: the classes of a labelled run.
        """
        from safetensors.torch import save
        from torch import contiguous_format

        # Cloned, because safetensors refuses tensors that share memory, and without a moving average ema is gen itself.
        tensors = {k: v.detach().cpu().clone(memory_format=contiguous_format) for k, v in tensors.items()}
        head: dict[str, Any] = {"step": step, "meter_steps": meter_steps, "image_shape": image_shape}
        head |= {"config": to_dict(config), "seal": sealed.SLOT}
        head |= {"data": asdict(data)} if data else {}
        head |= {"line": line} if line else {}
        head |= {"labels": asdict(labels)} if labels else {}
        with atomically(self.path(name)) as file:
            file.write(sealed.seal(save(tensors, {"ayneh": json.dumps(head)})))

    def newest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        """The undamaged checkpoint with the most steps (None: there is none), and the damage of newer ones."""
        return self._newest_of(named(self.folder, NAMES, "*.safetensors"))

    def whole(self, name: str, step: int) -> Checkpoint | None:
        """The undamaged checkpoint of this name if it is of this step; else None."""
        try:
            found = read_checkpoint(self.path(name)) if self.has(name) else None
        except Damaged:
            return None
        return found if found and found.step == step else None

    def step_of(self, name: str) -> int | None:
        """The step of the checkpoint of this name; None if there is none, or it is damaged."""
        try:
            return read_checkpoint(self.path(name)).step if self.has(name) else None
        except Damaged:
            return None

    def at_epoch(self, epoch: int | Literal["best"] | None) -> Checkpoint:
        """The checkpoint after this epoch (from 0), the best, or (None) the newest; UserError if there is none.

        Also if a part of one's own that its nets need has not been loaded.
        """
        return self._with_parts(self._at_epoch(epoch))

    def _with_parts(self, found: Checkpoint) -> Checkpoint:
        if self._parts:
            self._parts.need(*FOR_NETS)
        return found

    def _at_epoch(self, epoch: int | Literal["best"] | None) -> Checkpoint:
        run = self.folder.parent
        if epoch is None:
            newest, damaged = self.newest()
            if newest is None:
                raise damaged[0] if damaged else UserError(f"{run} has no checkpoint yet: train an epoch first.")
            for problem in damaged:
                warn_once(f"{problem} {newest.path.name}, after step {newest.step}, is used instead.")
            return newest
        path = self.path(BEST if epoch == BEST else epoch_name(int(epoch)))
        if epoch == BEST and not path.exists():
            raise UserError(f"{run} has no best checkpoint: its training was not scored (--keep.score-epochs).")
        if not path.exists():
            kept = ", ".join(map(str, self.epochs())) or "none"
            raise UserError(f"{run} has no checkpoint of epoch {epoch}; there are: {kept}.")
        return self._relocated(read_checkpoint(path))

    def epochs(self) -> list[int]:
        """The epochs (from 0) whose checkpoints are there."""
        return list(numbered(self.folder, "epoch", r"\.safetensors"))

    def by_step(self) -> dict[int, str]:
        """The names of the checkpoints of epochs and of the interrupted one, by their steps; damaged ones left out."""
        names = [*map(epoch_name, self.epochs()), *[INTERRUPTED] * self.has(INTERRUPTED)]
        return {head.step: name for name in names if (head := _head_of(self.path(name)))}

    def called(self, name: str) -> Checkpoint:
        """The checkpoint of this name. Raises Damaged; UserError where a part of one's own is not loaded."""
        return self._with_parts(self._relocated(read_checkpoint(self.path(name))))

    def labels(self) -> Labels | None:
        """The classes of a labelled run, from the header of a checkpoint; None: it has none yet, or no labels."""
        return next((head.labels for head in self._heads() if head.labels), None)

    def origin(self) -> Origin | None:
        """The images that the run is trained on, from the header of a checkpoint; None: no header has them."""
        return next((head.data for head in self._heads() if head.data), None)

    def _heads(self) -> Iterator[Head]:
        """The headers of the undamaged checkpoints."""
        yield from filter(None, map(_head_of, named(self.folder, NAMES, "*.safetensors")))

    def thin_out(self, keep_epochs: int, now: int) -> None:
        """Delete the interrupted checkpoint, and those of epochs but for the last two and every ``keep_epochs``-th.

        now: the epoch that has ended. A file with the name of a later one is not the run's, and does not count.
        """
        for epoch in [epoch for epoch in self.epochs() if epoch <= now][:-2]:
            if (epoch + 1) % keep_epochs:
                self.path(epoch_name(epoch)).unlink(missing_ok=True)
        self.path(INTERRUPTED).unlink(missing_ok=True)

    def healthy_before(self, step: int) -> Checkpoint | None:
        """The last undamaged healthy checkpoint after at most ``step`` steps, else the initial one; None: neither."""
        return self._newest_of(path for path in self._healthy() if not _is_after(path, step))[0] or self.initial()

    def initial(self) -> Checkpoint | None:
        """The state before the first step, of a run that begins with the weights of another one."""
        return self.whole(INITIAL, 0)

    def thin_healthy(self, n: int) -> None:
        """Delete all healthy checkpoints but the last n."""
        for path in self._healthy()[:-n]:
            path.unlink()

    def set_aside(self, step: int, attic: Path) -> None:
        """Move those after ``step``, and damaged ones, into another folder."""
        for path in named(self.folder, NAMES, "*.safetensors"):
            if _is_after(path, step):
                attic.mkdir(parents=True, exist_ok=True)
                path.rename(attic / path.name)

    def _healthy(self) -> list[Path]:
        return list(numbered(self.folder, HEALTHY, r"\.safetensors").values())

    def _newest_of(self, paths: Iterable[Path]) -> tuple[Checkpoint | None, list[Damaged]]:
        damaged: list[Damaged] = []
        found: list[tuple[int, Path]] = []
        for path in paths:
            try:
                found.append((read_head(path).step, path))
            except Damaged as error:
                damaged.append(error)
        for _, path in sorted(found, reverse=True):
            try:
                return self._relocated(read_checkpoint(path)), damaged
            except Damaged as error:
                damaged.append(error)
        return None, damaged

    def _relocated(self, checkpoint: Checkpoint) -> Checkpoint:
        theirs, ours = checkpoint.config.data, self._config().data
        if MEMORY in (kinds := [data.name.partition(":")[0] for data in (theirs, ours)]) and theirs.name != ours.name:
            return replace(checkpoint, config=replace(checkpoint.config, data=ours))  # saved, or given again
        if theirs.path() is None or kinds[0] != kinds[1]:
            return checkpoint
        test = ours.test if theirs.test_path() and ours.test_path() else theirs.test
        return replace(checkpoint, config=replace(checkpoint.config, data=replace(theirs, name=ours.name, test=test)))


def drawn_from(kept: Checkpoints, alone: Checkpoints, epoch: int | Literal["best"] | None) -> Checkpoint:
    """What images after this epoch are drawn from: its checkpoint, or G alone where none stays. As `at_epoch`."""
    early = isinstance(epoch, int) and epoch not in kept.epochs() and epoch in alone.epochs()
    return (alone if early else kept).at_epoch(epoch)


def _is_after(path: Path, step: int) -> bool:
    """Whether this file holds more than ``step`` steps, or is damaged."""
    head = _head_of(path)
    return head is None or head.step > step


def _head_of(path: Path) -> Head | None:
    """The header of a checkpoint; None if it is damaged."""
    try:
        return read_head(path)
    except Damaged:
        return None
