"""A study: arms over seeds, and the runs, groups and comparisons that follow from them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from ayneh.config import Config, Prior, changed, to_dict
from ayneh.engine.hyper import structure
from ayneh.errors import UserError, pick, unknown
from ayneh.presets import PRESETS
from ayneh.studies.names import folders_of, refuse_alike, refuse_unreadable, slug

Changes = Mapping[str, Any]  # {"optimizer.lr": 1e-3}: leaves of a Config by their dotted names
T = TypeVar("T")
MOST_ARMS, MOST_RUNS = 500, 4_000  # of a study: weeks of training, and a page that still opens


@dataclass(frozen=True)
class Ask:
    """One comparison: is ``arm`` better than, worse than or equivalent to ``reference``?"""

    arm: str
    reference: str
    question: str = ""


@dataclass(frozen=True)
class Run:
    """One training: an arm under one seed. ``folder``: the arm's, within ``runs`` (default: its slug)."""

    arm: str
    config: Config
    folder: str = ""

    @property
    def seed(self) -> int:
        """Equal seeds of two arms share data order and noise: they are a pair."""
        return self.config.seed

    @property
    def place(self) -> str:
        """Its run folder within the study's."""
        return f"runs/{self.folder or slug(self.arm)}/seed-{self.seed:03d}"


@dataclass(frozen=True)
class Study:
    """Arms over seeds. docs/study.md describes the file."""

    name: str
    question: str = ""
    """The question that the study answers."""
    base: str = "digits"
    """The preset that every arm starts from."""
    set: Changes = field(default_factory=dict)
    """Changes to the preset in every arm."""
    arms: Mapping[str, Changes] = field(default_factory=dict)
    """Named arms: the changes of each; ``seeds`` among them is the arm's own number of seeds."""
    factors: Mapping[str, Mapping[str, Changes]] = field(default_factory=dict)
    """Factors with their levels, by label: every arm is played at every combination of those that it does not fix."""
    seeds: int = 5
    """Seeds of an arm, counted from ``first_seed``."""
    first_seed: int = 0
    outcomes: tuple[str, ...] = ("fd",)
    """What is compared; the first is the main one."""
    asks: tuple[Ask, ...] = ()
    """Comparisons (default: every arm against the first)."""
    margin: float = 0.10
    """Arms are equivalent if the ratio of their geometric means is shown to lie from 1 / (1 + margin) to 1 + margin."""
    failures: float = 0.05
    """... and if it is shown that less than this share of the runs of either arm fails (5 %: 59 runs without one)."""
    pairs: str = ""
    """Why runs of two arms with the same seed are alike: then pairs are compared. Without a reason, all runs are."""
    looks: tuple[int, ...] = ()
    """Epochs (from 0) after which a run is scored and pictured; the last always is (default: about ten of them)."""
    images: int = 1000
    """Images behind each score."""
    swaps: Mapping[str, Changes] = field(default_factory=dict)
    """Other priors to sample each finished run with, by name."""
    budget_minutes: float | None = None
    """Refuse to start if the study would take longer."""

    older_folders: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Folders of arms that an earlier version named otherwise."""

    def __post_init__(self) -> None:
        self._check_names()
        self._check_numbers()
        if len(self.cells()) < 2:
            raise UserError(f"{self.name} has {len(self.cells())} arm; a comparison needs two: add arms or a factor.")
        for swap, changes in self.swaps.items():
            self._check_swap(swap, changes)
        if not self._runs:  # every config is sound
            raise UserError(f"{self.name} has no runs.")
        for look in self.looks:
            if not 0 <= look < max(self.config().epochs, *self._lengths):
                raise UserError(f"{self.name}: looks has {look}; the epochs run from 0 to {max(self._lengths) - 1}.")
        self.comparisons()

    def _check_names(self) -> None:
        refuse_unreadable(self.name, "The study's name")
        for names, what in ((self.arms, "arm"), (self.swaps, "swap"), (self.factors, "factor")):
            for name in names:
                refuse_unreadable(name, f"{self.name}: the name of {'an' if what == 'arm' else 'a'} {what}")
            refuse_alike(names, f"{self.name}: the {what}s")
        for name, levels in self.factors.items():
            for label in levels:
                refuse_unreadable(label, f"{self.name}: the label of a level of {name}")
            refuse_alike(levels, f"{self.name}: the levels of {name}")

    def _check_numbers(self) -> None:
        bounds = {"seeds": (1, MOST_RUNS), "first_seed": (0, 2**31), "images": (100, 100_000)}
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                wanted = f"at least {least}" if type(value) is int and value < least else f"at most {most:,}"
                wanted = wanted if type(value) is int else "a whole number"
                raise UserError(f"{self.name}: {name} is {value!r}; it must be {wanted}.")
        if not 0 < self.margin < 1:
            raise UserError(f"{self.name}: margin is {self.margin:g}; it must lie between 0 and 1 (0.1 is 10 %).")
        if not 0 < self.failures < 1:
            raise UserError(f"{self.name}: failures is {self.failures:g}; it must lie between 0 and 1 (0.05 is 5 %).")
        if self.budget_minutes is not None and not 0 < self.budget_minutes < math.inf:
            raise UserError(
                f"{self.name}: budget_minutes is {self.budget_minutes:g}; it must be more than 0 and finite (leave it "
                "out for no budget)."
            )
        if not self.outcomes or len(set(self.outcomes)) < len(self.outcomes):
            raise UserError(f"{self.name}: outcomes is {list(self.outcomes)}; it must name at least one, each once.")
        for name, levels in self.factors.items():
            if len(set(levels)) < 2:
                raise UserError(
                    f"{self.name}: the factor {name} has one level ({list(levels)}); give it two, or set it."
                )
        arms = sum(math.prod(map(len, self._open(changes))) for changes in (self.arms or {"": {}}).values())
        if arms > MOST_ARMS:
            raise UserError(
                f"{self.name} has {arms:,} arms, the product of its factors' levels counted; at most {MOST_ARMS} are "
                "allowed: leave out levels, or make several studies."
            )

    def _check_swap(self, swap: str, changes: Changes) -> None:
        """Raise UserError unless these are changes to the prior: a swap is played after hours of training."""
        where = f"{self.name}: swaps.{swap}"
        for leaf in changes:
            if not leaf.startswith("prior.") or leaf == "prior.dim":
                raise UserError(f"{where} changes {leaf}; a swap may change the prior alone, and not its dim.")
        swapped(self.config(), changes, where)

    def config(self) -> Config:
        """The base with the study's changes."""
        start = replace(pick(PRESETS, self.base, "preset").config, device="cpu")
        return changed(start, _only_fields(self.set, f"{self.name}: set"), f"{self.name}: set")

    def cells(self) -> dict[str, Changes]:
        """Each arm at each combination of levels of the factors that it does not fix: name -> changes.

        Raises UserError if two of them have one name.
        """
        return self._cells

    @cached_property
    def _cells(self) -> dict[str, Changes]:
        cells: dict[str, Changes] = {}
        for arm, changes in (self.arms or {"": {}}).items():
            for chosen in itertools.product(*(levels.items() for levels in self._open(changes))):
                name = ", ".join([arm] * bool(arm) + [label for label, _ in chosen])
                if name in cells:
                    raise UserError(f"{self.name}: two arms are called {name!r}: rename the arm or the levels.")
                cells[name] = {leaf: value for _, level in chosen for leaf, value in level.items()} | dict(changes)
        return cells

    def _open(self, changes: Changes) -> list[Mapping[str, Changes]]:
        """The factors that an arm with these changes does not fix."""
        return [levels for levels in self.factors.values() if not any(set(c) & set(changes) for c in levels.values())]

    def runs(self) -> Iterator[Run]:
        """Every training of the study."""
        return iter(self._runs)

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        base, cells = self.config(), self.cells()
        refuse_alike(cells, f"{self.name}: the arms")
        folders = folders_of(cells) | dict(self.older_folders)
        wanted = {arm: self._seeds_of(arm, changes) for arm, changes in cells.items()}
        if (total := sum(wanted.values())) > MOST_RUNS:
            raise UserError(
                f"{self.name} has {total:,} runs ({len(cells)} arms with their seeds); at most {MOST_RUNS:,} are "
                "allowed: fewer seeds or arms."
            )
        runs = []
        for arm, changes in cells.items():
            where = f"{self.name}: {arm}"
            config = changed(base, _only_fields(changes, where), where)
            for seed in range(self.first_seed, self.first_seed + wanted[arm]):
                runs.append(Run(arm, replace(config, seed=seed, seeds=1), folders[arm]))
        return tuple(runs)

    def _seeds_of(self, arm: str, changes: Changes) -> int:
        seeds = changes.get("seeds", self.seeds)
        if type(seeds) is not int or seeds < 1:
            raise UserError(f"{self.name}: {arm}: seeds is {seeds!r}; it must be a whole number from 1.")
        return seeds

    def groups(self) -> list[list[Run]]:
        """The runs that may share a stack: they differ in seeds, priors and numbers alone."""
        return self._groups

    @cached_property
    def _groups(self) -> list[list[Run]]:
        # Random numbers that one arm of a group needs are drawn for all its runs; the others do not use them.
        return list(grouped(self.runs(), lambda run: repr(structure(run.config))).values())

    def look_epochs(self) -> list[int]:
        """The epochs (from 0) after which some run is scored and pictured."""
        return sorted({look for epochs in self._lengths for look in self.looks_of(epochs)})

    def looks_of(self, epochs: int) -> list[int]:
        """The epochs (from 0) after which a run of so many is scored and pictured; its last one is among them."""
        longest = max(self._lengths)
        every = max(1, round(longest / 10))
        looks = self.looks or [0, *range(every - 1, longest, every)]
        return sorted({look for look in looks if look < epochs} | {epochs - 1})

    @cached_property
    def _lengths(self) -> frozenset[int]:
        return frozenset(run.config.epochs for run in self.runs())

    def comparisons(self) -> list[Ask]:
        """The comparisons, at every combination of the factors that both sides share."""
        cells = self.cells()
        if not self.asks:
            first = next(iter(cells))
            return [Ask(arm, first) for arm in cells if arm != first]
        found = []
        for ask in self.asks:
            arms, references = self._levels_of(ask.arm), self._levels_of(ask.reference)
            pairs = [(a, b) for a in arms for b in references if self._alike(cells[a], cells[b])]
            if not pairs:
                raise UserError(
                    f"{self.name}: {ask.arm!r} and {ask.reference!r} share no level of a factor to compare."
                )
            found += [Ask(a, b, ask.question) for a, b in pairs]
        return found

    def _levels_of(self, arm: str) -> list[str]:
        """The cells of an arm: its own name, or one for each combination of the factors that it leaves open.

        Of two arms "a" and "a, b" each has its own alone.
        """
        cells = [name for name in self.cells() if name == arm or name.startswith(f"{arm}, ")]
        longer = [other for other in self.arms if other.startswith(f"{arm}, ")]
        cells = [name for name in cells if not any(f"{name}, ".startswith(f"{other}, ") for other in longer)]
        if not cells:
            raise UserError(f"{self.name}: {unknown('arm', arm, [*self.arms, *self.cells()])}")
        return cells

    def _alike(self, a: Changes, b: Changes) -> bool:
        """Whether two cells have the same level of every factor."""
        leaves = {leaf for levels in self.factors.values() for level in levels.values() for leaf in level}
        return all(a.get(leaf) == b.get(leaf) for leaf in leaves)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, with the base's config written out, as study.json keeps it."""
        values = dataclasses.asdict(self) | {"config": to_dict(self.config())}
        return {name: value for name, value in values.items() if name != "older_folders"}


def swapped(config: Config, changes: Changes, where: str) -> Config:
    """The config with another prior of the same dim. UserError, which ``where`` begins, for changes that are wrong."""
    return changed(replace(config, prior=Prior(dim=config.prior.dim)), changes, where)


def grouped(things: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Things by their key, in the order in which the keys occur."""
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def _only_fields(changes: Changes, where: str) -> Changes:
    if taken := {"seed", "keep.score_epochs"} & set(changes):
        raise UserError(f"{where}: {', '.join(taken)} is set by the study: use seeds, first_seed and looks.")
    return {name: value for name, value in changes.items() if name != "seeds"}
