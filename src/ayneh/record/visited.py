"""A run folder as the window and the pages read it: of its pictures and checkpoints only those that lie in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from ayneh.errors import UserError
from ayneh.files.inside import names_inside, read_png, refuse_links
from ayneh.files.whole import size_of, written_s
from ayneh.record.checkpoint import Checkpoint, Checkpoints, Damaged
from ayneh.record.follow import Followed
from ayneh.record.names import epoch_name
from ayneh.record.record import MADE, Record
from ayneh.terminal.text import warn_once

LARGE = 128 << 20  # bytes of metrics.jsonl: some 100,000 lines
LARGEST_FINDINGS = 32 << 20  # bytes of findings.jsonl


class Visited(Record):
    """A record that is only read. ``root``: the folder that no link may leave, by default the run's own."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        super().__init__(folder)
        self.root = root or folder
        self.checkpoints = OwnCheckpoints(self.checkpoints.folder, self)
        self.generators = OwnCheckpoints(self.generators.folder, self)
        self.followed = Followed(self.metrics)
        self._found: dict[Path, tuple[tuple[float, int], list[dict[str, Any]]]] = {}

    def check(self) -> None:
        """Raise UserError if the run is no longer there, or a file that is read is a link to a place outside."""
        if not self.exists():
            raise UserError(f"There is no run in {self.folder}: it has no config.json.")
        refuse_links(self.folder, MADE, self.root)

    def lines(self) -> list[dict[str, Any]]:
        """All lines of metrics in today's form; of a file larger than `LARGE` a part, with a sentence on stderr."""
        if (size := size_of(self.metrics)) <= LARGE:
            return self._once(self.metrics, super().lines)
        found = [values for _, values in self.followed.read()]
        part = f"{len(found):,} of its {self.followed.count:,} lines are read, evenly through it"
        warn_once(f"{self.metrics} has {size:,} bytes: {part}.")
        return found

    def events(self) -> list[dict[str, Any]]:
        """All lines of findings. Raises UserError for a file larger than `LARGEST_FINDINGS`."""
        if (size := size_of(self.findings)) > LARGEST_FINDINGS:
            raise UserError(f"{self.findings} has {size:,} bytes; at most {LARGEST_FINDINGS:,} are read.")
        return self._once(self.findings, super().events)

    def _once(self, path: Path, read: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """What ``read`` finds in this file, which is read again when it has changed."""
        now = written_s(path), size_of(path)
        if path not in self._found or self._found[path][0] != now:
            self._found[path] = now, read()
        return self._found[path][1]

    def films(self) -> list[int]:
        """The epochs (from 0) of which G is there, with the rest of the state or alone."""
        return sorted({*self.checkpoints.epochs(), *self.generators.epochs()})

    def pictures(self, replica: int, replicas: int) -> dict[int, Path]:
        """The pictures of a replica by their epochs (from 0), in order; no links to places outside."""
        own = names_inside(self.samples, self.root)
        return {epoch: path for epoch, path in super().pictures(replica, replicas).items() if path.name in own}

    def picture(self, path: Path) -> bytes:
        """The PNG of `pictures` at this path. Raises UserError if it is none, or lies elsewhere."""
        return read_png(path, self.root)


class Watched(Visited):
    """A run that may be in training while it is shown: its metrics are read once, not at every question."""

    def lines(self) -> list[dict[str, Any]]:
        """The lines of metrics: of more than `follow.MOST` a part, the last one among them."""
        return [values for _, values in self.followed.read()]


class OwnCheckpoints(Checkpoints):
    """The checkpoints that lie in the run folder."""

    def __init__(self, folder: Path, record: Visited) -> None:
        super().__init__(folder, record.config, record.parts)
        self._root = record.root

    def epochs(self) -> list[int]:
        """The epochs (from 0) whose checkpoints are there."""
        own = names_inside(self.folder, self._root)
        return [epoch for epoch in super().epochs() if self.path(epoch_name(epoch)).name in own]

    def newest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        """The undamaged checkpoint with the most steps. Raises UserError if one lies outside."""
        for path in self.folder.glob("*.safetensors"):
            self._refuse_outside(path)
        return super().newest()

    def at_epoch(self, epoch: int | Literal["best"] | None) -> Checkpoint:
        """The checkpoint after this epoch (from 0), the best, or (None) the newest; UserError if there is none."""
        if epoch is not None:
            self._refuse_outside(self.path(epoch if epoch == "best" else epoch_name(int(epoch))))
        return super().at_epoch(epoch)

    def _refuse_outside(self, path: Path) -> None:
        if (path.is_symlink() or path.exists()) and path.name not in names_inside(self.folder, self._root):
            raise UserError(f"{path} is a link to a place outside of {self._root}, or no regular file: it is not read.")
