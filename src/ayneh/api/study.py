"""A study, from Python: arms over seeds, planned, played and reported by the same functions as `ayneh study`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.api.own import Parts
from ayneh.api.train import laid_out
from ayneh.arguments import checked, plain
from ayneh.config import Config
from ayneh.dataset import MEMORY
from ayneh.errors import Interrupted, UserError, typed_as
from ayneh.terminal.progress import Terminal

if TYPE_CHECKING:
    from ayneh.api.images import Images
    from ayneh.api.results import Results
    from ayneh.api.table import Table

Changes = Mapping[str, Any]


class Study:
    """Arms over seeds, compared by tests that are chosen before the first run.

    >>> import ayneh
    >>> config = ayneh.preset("digits").changed({"epochs": 5, "data.resize": 8})
    >>> study = ayneh.Study("rates", config, arms={"usual": {}, "slow": {"optimizer.lr": 5e-4}}, seeds=8)
    >>> study
    Study('rates': 2 arms, usual and slow, over 8 seeds; 16 runs)
    >>> ayneh.Study("rates", config, factors={"optimizer.lr": [1e-3, 5e-4], "rules.dropout": [0.0, 0.3]}).arms
    ['lr 0.001, dropout 0', 'lr 0.001, dropout 0.3', 'lr 0.0005, dropout 0', 'lr 0.0005, dropout 0.3']
    """

    @checked
    def __init__(
        self,
        name: str,
        config: Config | str = "digits",
        images: Any = None,
        *,
        nets: Any = None,
        parts: Parts = (),
        arms: Mapping[str, Changes] | None = None,
        factors: Mapping[str, Any] | None = None,
        seeds: int | None = None,
        first_seed: int | None = None,
        asks: Iterable[Any] = (),
        outcomes: str | Sequence[str] = ("fd",),
        question: str = "",
        scored: int = 1000,
        looks: Sequence[int] = (),
        swaps: Mapping[str, Changes] | None = None,
        margin: float = 0.10,
        failures: float = 0.05,
        pairs: str = "",
    ) -> None:
        """
        Args:
            name: of the study.
            config: the settings that every arm starts from, or the name of a preset.
            images: what all arms learn from, as `ayneh.images` takes them; they replace the settings' own ``data``.
            nets: a pair of one's own for all arms, as `ayneh.train` takes it.
            parts: files or modules that call `ayneh.add`, loaded before.
            arms: {"usual": {}, "slow": {"optimizer.lr": 5e-4}}: what each arm changes; ``seeds`` is its own number.
            factors: {"rules.dropout": [0.0, 0.3]}: every arm is played at every combination of these levels.
            seeds: of every arm (None: those of the settings where there are several, else 5).
            first_seed: the first of them (None: the settings' own).
            asks: comparisons, ("slow", "usual") or ("slow", "usual", "question") each (default: each arm against the
                first).
            outcomes: what is compared, the main one first: "fd", "modes", "loss_d", ... (docs/study.md).
            question: what the study answers.
            scored: generated images behind each score.
            looks: epochs, from 0, after which a run is scored (default: about ten, the last among them).
            swaps: {"wide": {"prior.name": "uniform"}}: other priors to sample each finished run with.
            margin: arms whose ratio is shown to lie between 1 / (1 + margin) and 1 + margin are equivalent ...
            failures: ... if less than this share of the runs of either is shown to fail (5 %: 59 runs without a
                failure).
            pairs: why runs of two arms with the same seed are alike; then pairs are compared, else all runs.

        Raises UserError with the field, its value and what it must be.
        """
        from ayneh.studies.plan import base_of, planned

        if isinstance(images, int):
            raise UserError(
                f"images is {images}; it is what the arms learn from. Images behind a score: scored={images}."
            )
        config, self._given = laid_out(config, images, nets, parts)
        self._device = config.device
        base, differences = base_of(config)
        values = {
            "name": name,
            "question": question,
            "base": base,
            "set": differences,
            "arms": arms or {},
            "factors": factors or {},
            "seeds": seeds if seeds is not None else config.seeds if config.seeds > 1 else 5,
            "first_seed": config.seed if first_seed is None else first_seed,
            "outcomes": [outcomes] if isinstance(outcomes, str) else list(outcomes),
            "asks": [_ask(one) for one in asks],
            "margin": margin,
            "failures": failures,
            "pairs": pairs,
            "looks": list(looks),
            "images": scored,
            "swaps": swaps or {},
        }
        self._design = planned(_as_in_a_file(plain(values), f"The study {name!r}"), f"The study {name!r}")

    @property
    def name(self) -> str:
        """Its name."""
        return self._design.name

    @property
    def arms(self) -> list[str]:
        """The names of its arms, at each combination of the factors' levels."""
        return list(self._design.cells())

    @checked
    def config(self, arm: str) -> Config:
        """The settings of an arm, under its first seed. Raises UserError for an unknown arm, with the nearest one."""
        from ayneh.errors import pick

        first: dict[str, Config] = {}
        for run in self._design.runs():
            first.setdefault(run.arm, run.config)
        return pick(first, arm, "arm")

    @checked
    def plan(self, workers: int | None = None, device: str | None = None, quiet: bool = True) -> Plan:
        """The minutes that it would take on this machine, from a few steps of each group of arms; nothing is written.

        workers: processes (None: one for each core). Raises UserError for an arm that cannot be played.
        """
        from ayneh.api.table import Table
        from ayneh.studies.forecast import COLUMNS, cost_of, rows_of, words_of

        cost = cost_of(self._design, workers, device or self._usual_device(), Terminal(quiet).say)
        table = Table([dict(zip(COLUMNS, row, strict=True)) for row in rows_of(cost)])
        return Plan(cost.minutes, cost.runs, words_of(self._design, cost), table)

    @checked
    def run(
        self,
        out: str | os.PathLike[str] | None = None,
        *,
        workers: int | None = None,
        engine: str = "local",
        address: str | None = None,
        device: str | None = None,
        budget_minutes: float | None = None,
        quiet: bool = False,
    ) -> Results:
        """Play its runs, those that are not finished, and compare the arms; what `ayneh study run` does.

        Args:
            out: the study's folder (None: runs/study- and its name). A folder of this study is gone on with, and
                `ayneh study status FOLDER` and `ayneh study report FOLDER` work on it.
            workers: processes (None: one for each core).
            engine: "local", or "ray".
            address: of a Ray cluster (None: a local one).
            device: None for the settings' own, of which "auto" is the CPU.
            budget_minutes: refuse to start if it would take longer.
            quiet: show no progress.

        Images in memory are written into the folder once, as an .npz file: worker processes and later commands read
        them there. An interrupted kernel (or Ctrl-C) stops after the present step; what is finished is compared, and
        the same call goes on. Raises UserError for bad input and for a folder of another study, and Stopped where
        workers died.
        """
        from ayneh.api.results import open_study
        from ayneh.studies.names import file_name
        from ayneh.studies.play import play_in

        if engine not in ("local", "ray"):
            raise UserError(f"engine is {engine!r}; it is 'local' or 'ray'.")
        folder = Path(out) if out is not None else Path("runs") / f"study-{file_name(self.name)}"
        terminal, design = Terminal(quiet), replace(self._design, budget_minutes=budget_minutes)
        prepare: Callable[[], object] = lambda: None  # noqa: E731
        if held := self._held():
            place = folder / f"{held.name.partition(':')[2]}.npz"
            design = replace(design, set={**design.set, "data.name": f"file:{place.absolute()}"})
            prepare = lambda: _write(held, place, terminal)  # noqa: E731
        try:
            play_in(
                folder, design, terminal, workers=workers, engine=engine, address=address,
                device=device or self._usual_device(), prepare=prepare,
            )  # fmt: skip
        except Interrupted as stopped:
            print(f"{stopped.where}: study.run({typed_as(folder)!r}) goes on.", file=sys.stderr)
        return open_study(folder)

    def _usual_device(self) -> str:
        return "cpu" if self._device == "auto" else self._device

    def _held(self) -> Images | None:
        """The images that are in memory alone."""
        return self._given if self._given and self._given.name.startswith(f"{MEMORY}:") else None

    def __repr__(self) -> str:
        arms, runs = self.arms, len(list(self._design.runs()))
        named = ", ".join(arms[:-1]) + f" and {arms[-1]}" if len(arms) < 6 else f"{arms[0]} to {arms[-1]}"
        return f"Study({self.name!r}: {len(arms)} arms, {named}, over {self._design.seeds} seeds; {runs} runs)"


class Plan:
    """What a study would take: ``minutes``, ``runs``, ``words``, and ``table`` with a row for each group of arms."""

    def __init__(self, minutes: float, runs: int, words: str, table: Table) -> None:
        self.minutes, self.runs, self.words, self.table = minutes, runs, words, table

    def __repr__(self) -> str:
        return f"Plan({self.words})"

    def _repr_html_(self) -> str:
        return self.table._repr_html_() + f"<p>{self.words}</p>"


def _ask(one: Any) -> dict[str, str]:
    """A comparison as a study file has it."""
    if isinstance(one, Mapping):
        return dict(one)
    parts = list(one) if isinstance(one, list | tuple) else []
    if len(parts) not in (2, 3) or not all(isinstance(part, str) for part in parts):
        raise UserError(f'asks has {one!r}; a comparison is ("arm", "reference") or ("arm", "reference", "question").')
    return dict(zip(("arm", "reference", "question"), parts, strict=False))


def _as_in_a_file(value: Any, where: str) -> Any:
    """The same, whose names are text and whose values are numbers, text, lists and dictionaries of these."""
    if isinstance(value, Mapping):
        if others := [key for key in value if not isinstance(key, str)]:
            raise UserError(f"{where} has {others[0]!r} as a name; names are text.")
        return {key: _as_in_a_file(one, f"{where}: {key}") for key, one in value.items()}
    if isinstance(value, list):
        return [_as_in_a_file(one, where) for one in value]
    if value is None:
        raise UserError(
            f"{where} is None, which a study's file cannot say: leave it out here, and set it in the others."
        )
    if not isinstance(value, str | bool | int | float):
        raise UserError(f"{where} is of type {type(value).__name__}; settings are numbers and words.")
    return value


def _write(images: Images, place: Path, terminal: Terminal) -> None:
    """Write images that are in memory into the study's folder, if they are not there yet."""
    if not place.exists():
        images.save(place)
        size = place.stat().st_size / 1e6
        terminal.say(f"{place}: a copy of the images in memory ({size:.1f} MB), which workers and later commands read")
