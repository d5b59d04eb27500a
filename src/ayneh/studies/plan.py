"""A study as a small file: a base preset, arms, seeds, outcomes; and the runs and groups that follow from it."""

from __future__ import annotations

import dataclasses
import itertools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ayneh.config import Config, Data, changed, to_dict
from ayneh.engine.hyper import structure
from ayneh.errors import UserError, pick, unknown
from ayneh.presets import PRESETS

Changes = Mapping[str, Any]  # {"optimizer.lr": 1e-3}: leaves of a Config by their dotted names
T = TypeVar("T")
ANCHORED = {  # settings with paths -> their absolute ones
    "data.name": lambda name: Data(name).anchored().name,
    "data.test": lambda test: Data("folder:.", test=test).anchored().test,
}
BUILT_IN = Path(__file__).parent / "builtin"


@dataclass(frozen=True)
class Ask:
    """One comparison: is ``arm`` better than, worse than or equivalent to ``reference``?"""

    arm: str
    reference: str
    question: str = ""


@dataclass(frozen=True)
class Run:
    """One training: an arm under one seed."""

    arm: str
    config: Config

    @property
    def seed(self) -> int:
        """Equal seeds of two arms share data order and noise: they are a pair."""
        return self.config.seed

    @property
    def place(self) -> str:
        """Its run folder within the study's."""
        return f"runs/{slug(self.arm)}/seed-{self.seed:03d}"


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
    """Arms whose ratio is shown to lie between 1 / (1 + margin) and 1 + margin are equivalent."""
    looks: tuple[int, ...] = ()
    """Epochs (from 0) after which a run is scored and pictured; the last always is (default: about ten of them)."""
    images: int = 1000
    """Images behind each score."""
    swaps: Mapping[str, Changes] = field(default_factory=dict)
    """Other priors to sample each finished run with, by name."""
    budget_minutes: float | None = None
    """Refuse to start if the study would take longer."""

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("first_seed", 0), ("images", 100)):
            if getattr(self, name) < least:
                raise UserError(f"{self.name}: {name} is {getattr(self, name)}; it must be at least {least}.")
        if not 0 < self.margin < 1:
            raise UserError(f"{self.name}: margin is {self.margin:g}; it must lie between 0 and 1 (0.1 is 10 %).")
        for name, levels in self.factors.items():
            if len(set(levels)) < 2:
                raise UserError(
                    f"{self.name}: the factor {name} has one level ({list(levels)}); give it two, or set it."
                )
        if len(self.cells()) < 2:
            raise UserError(f"{self.name} has {len(self.cells())} arm; a comparison needs two: add arms or a factor.")
        slugs: dict[str, str] = {}
        for arm in self.cells():
            if (other := slugs.setdefault(slug(arm), arm)) != arm:
                raise UserError(f"{self.name}: the arms {other!r} and {arm!r} would share one folder: rename one.")
        for look in self.looks:
            if not 0 <= look < self.config().epochs:
                raise UserError(f"{self.name}: looks has {look}; the epochs run from 0 to {self.config().epochs - 1}.")
        list(self.runs())  # every config is sound
        self.comparisons()

    def config(self) -> Config:
        """The base with the study's changes."""
        start = replace(pick(PRESETS, self.base, "preset").config, device="cpu")
        return changed(start, _only_fields(self.set, f"{self.name}: set"), f"{self.name}: set")

    def cells(self) -> dict[str, Changes]:
        """Each arm at each combination of levels of the factors that it does not fix: name -> changes."""
        cells: dict[str, Changes] = {}
        for arm, changes in (self.arms or {"": {}}).items():
            open_ = [
                levels for levels in self.factors.values() if not any(set(c) & set(changes) for c in levels.values())
            ]
            for chosen in itertools.product(*(levels.items() for levels in open_)):
                name = ", ".join([arm] * bool(arm) + [label for label, _ in chosen])
                cells[name] = {leaf: value for _, level in chosen for leaf, value in level.items()} | dict(changes)
        return cells

    def runs(self) -> Iterator[Run]:
        """Every training of the study."""
        base = self.config()
        for arm, changes in self.cells().items():
            seeds = changes.get("seeds", self.seeds)
            where = f"{self.name}: {arm}"
            if type(seeds) is not int or seeds < 1:
                raise UserError(f"{where}: seeds is {seeds}; it must be a whole number from 1.")
            config = changed(base, _only_fields(changes, where), where)
            for seed in range(self.first_seed, self.first_seed + seeds):
                yield Run(arm, replace(config, seed=seed, seeds=1))

    def groups(self) -> list[list[Run]]:
        """The runs that may share a stack: they differ in seeds, priors and numbers alone."""
        # Random numbers that one arm of a group needs are drawn for all its runs; the others do not use them.
        return list(grouped(self.runs(), lambda run: repr(structure(run.config))).values())

    def look_epochs(self) -> list[int]:
        """The epochs (from 0) after which every run is scored and pictured; the last of each arm is among them."""
        lengths = {run.config.epochs for run in self.runs()}
        every = max(1, round(max(lengths) / 10))
        looks = self.looks or [0, *range(every - 1, max(lengths), every)]
        return sorted({*looks, *(epochs - 1 for epochs in lengths)})

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
        """The cells of an arm: its own name, or one for each combination of the factors."""
        cells = [name for name in self.cells() if name == arm or name.startswith(f"{arm}, ")]
        if not cells:
            raise UserError(f"{self.name}: {unknown('arm', arm, [*self.arms, *self.cells()])}")
        return cells

    def _alike(self, a: Changes, b: Changes) -> bool:
        """Whether two cells have the same level of every factor."""
        leaves = {leaf for levels in self.factors.values() for level in levels.values() for leaf in level}
        return all(a.get(leaf) == b.get(leaf) for leaf in leaves)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, with the base's config written out, as study.json keeps it."""
        return dataclasses.asdict(self) | {"config": to_dict(self.config())}


def grouped(things: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Things by their key, in the order in which the keys occur."""
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def slug(words: str) -> str:
    """A name for a folder: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-.")


def read(where: str) -> Study:
    """The study in this TOML file, or the built-in one of this name. UserError if there is none or it is wrong."""
    path = Path(where)
    if not path.is_file():
        names = {p.stem: p for p in BUILT_IN.glob("*.toml")}
        if path.suffix == ".toml" or len(path.parts) > 1:
            raise UserError(f"There is no study file {where}; the built-in studies are {', '.join(sorted(names))}.")
        path = pick(names, where, "study")
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable TOML: {error}.") from error
    return _anchored(from_dict(values | {"name": values.get("name", path.stem)}, str(path)))


def _anchored(study: Study) -> Study:
    """With absolute paths to data, so that the study can be continued from any folder."""

    def anchor(table: Mapping[str, Changes]) -> dict[str, Changes]:
        return {
            label: {k: ANCHORED[k](v) if k in ANCHORED and isinstance(v, str) else v for k, v in changes.items()}
            for label, changes in table.items()
        }

    factors = {name: anchor(levels) for name, levels in study.factors.items()}
    return replace(study, set=anchor({"": study.set})[""], arms=anchor(study.arms), factors=factors)


def from_dict(values: Mapping[str, Any], where: str) -> Study:
    """A study of plain values, as a file holds them; ``where`` begins an error message."""
    fields = {f.name for f in dataclasses.fields(Study)}
    values = {name: value for name, value in values.items() if name != "config"}
    for name in values:
        if name not in fields:
            raise UserError(f"{where}: {unknown('field of a study', name, fields)}")
    tables = {name: _table(values.get(name, {}), f"{where}: {name}") for name in ("set", "arms", "factors", "swaps")}
    read: dict[str, Any] = dict(values)
    read["set"] = _flat(tables["set"])
    for name in ("arms", "swaps"):
        read[name] = {arm: _flat(_table(c, f"{where}: {name}.{arm}")) for arm, c in tables[name].items()}
    read["factors"] = {name: _levels(name, levels) for name, levels in _factors(tables["factors"]).items()}
    for name in ("outcomes", "looks"):
        read[name] = tuple(values.get(name, getattr(Study, name)))
    try:
        read["asks"] = tuple(Ask(**ask) for ask in values.get("asks", ()))
        return Study(**read)
    except TypeError as error:
        raise UserError(f"{where}: a value is of the wrong kind ({error}).") from error


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where} should be a table, not {value!r}.")
    return value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """TOML's `prior.name = ...` makes a table in a table: back to dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return {name.replace("-", "_"): value for name, value in flat.items()}


def _factors(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Factors by their dotted names; in study.json the levels have their labels already."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        labelled = isinstance(value, Mapping) and all(isinstance(level, Mapping) for level in value.values())
        if isinstance(value, Mapping) and not labelled:
            found |= _factors(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _levels(name: str, levels: Any) -> dict[str, Changes]:
    """`rules.dropout = [0.0, 0.3]` or `net = [{ name = "mlp", width = 64 }, ...]` -> changes by label."""
    if isinstance(levels, Mapping):
        return {label: dict(changes) for label, changes in levels.items()}
    found: dict[str, Changes] = {}
    for level in levels if isinstance(levels, list | tuple) else [levels]:
        if isinstance(level, Mapping):
            changes = _flat(level, f"{name}.")
            label = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in list(changes.values())[:1])
        else:
            changes = _flat({name: level})
            label = f"{name.rpartition('.')[2]} {f'{level:g}' if isinstance(level, float) else level}"
        found[label] = changes
    return found


def _only_fields(changes: Changes, where: str) -> Changes:
    if taken := {"seed", "keep.score_epochs"} & set(changes):
        raise UserError(f"{where}: {', '.join(taken)} is set by the study: use seeds, first_seed and looks.")
    return {name: value for name, value in changes.items() if name != "seeds"}
