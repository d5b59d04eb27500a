"""A study as a small file: TOML, or the study.json of its folder, read into a `Study`. docs/study.md describes it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ayneh.config import Config, Data, flatten
from ayneh.errors import UserError, pick, unknown
from ayneh.files.home import at_home
from ayneh.files.reading import shown, toml_in, typed
from ayneh.idle import idle
from ayneh.judge.own import metric_of
from ayneh.parts.registry import own
from ayneh.presets import PRESETS, nearest
from ayneh.studies.design import Ask, Changes, Study
from ayneh.studies.unplayed import UNPLAYED, as_played, refuse_unplayed
from ayneh.terminal.text import warn_once

BUILT_IN = Path(__file__).parent / "builtin"
ANCHORED = {  # settings with paths -> their absolute ones
    "data.name": lambda name: Data(name).anchored().name,
    "data.test": lambda test: Data("folder:.", test=test).anchored().test,
}
OWN = {"seeds", *UNPLAYED} - {"rescue", "rescue_slows"}  # settings that a study gives its runs
OF_CLASSES = ("class_accuracy", "spread_within_class", "spread_worst_class")  # outcomes of runs with labels alone
NAMED = 4  # arms in a sentence
UNJUDGED = ("loss_d", "loss_g", "d_gap", "wall_s")  # outcomes that no real images are behind


def read(where: str) -> Study:
    """The study in this TOML file, or the built-in one of this name. UserError if there is none or it is wrong."""
    path = at_home(where)
    if not path.is_file():
        names = {p.stem: p for p in BUILT_IN.glob("*.toml")}
        if path.suffix == ".toml" or len(path.parts) > 1:
            raise UserError(f"There is no study file {where}; the built-in studies are {', '.join(sorted(names))}.")
        path = pick(names, where, "study")
    values = toml_in(path)
    return planned(values | {"name": values.get("name", path.stem)}, str(path))


def planned(values: Mapping[str, Any], where: str) -> Study:
    """`from_dict`, with absolute paths to data, of a study that is to be played.

    Raises UserError also for settings that its runs would not play by, for equal arms, for a comparison that is asked
    twice, and for comparisons of scores against different images. An earlier version's study in its folder may have
    them: it is read by `from_dict`, and reported on.
    """
    study = _anchored(from_dict(values, where))
    refuse_unplayed(study, where)
    _refuse_equal_arms(study, where)
    _refuse_asked_twice(study, where)
    _refuse_unlike_images(study, where)
    _refuse_unlabelled(study, where)
    _warn_of_idle(study)
    return study


def base_of(config: Config) -> tuple[str, Changes]:
    """A config as a study's ``base`` and ``set``: the preset that it differs least from, and the differences.

    What a study sets itself is left out (`OWN`). A rescue is not: who asked for one shall know that there is none.
    """
    return nearest(flatten(config), OWN)


def _warn_of_idle(study: Study) -> None:
    """Name the settings of the study that change nothing in any arm that has them, a line each."""
    usual = flatten(PRESETS[study.base].config)
    where: dict[tuple[str, Any], dict[str, str]] = {}  # (setting, value) -> arm -> why it changes nothing, or ""
    for arm, config in {run.arm: run.config for run in study.runs()}.items():
        none = idle(config)
        for name, value in flatten(config).items():
            if value != usual[name] and name not in OWN:
                where.setdefault((name, value), {})[arm] = none.get(name, "")
    for (name, value), why in where.items():
        if all(why.values()):
            arms = "" if len(why) == len(study.cells()) else f" in {', '.join(map(repr, why))}"
            arms = f" in {len(why)} arms" if arms and len(why) > NAMED else arms
            warn_once(f"{name} is {value}{arms}, {next(iter(why.values()))}.")


def _refuse_equal_arms(study: Study, where: str) -> None:
    """Raise UserError for two arms with the same settings: with the same seeds they are the same runs."""
    seen: dict[str, str] = {}
    for arm, config in {run.arm: run.config for run in study.runs()}.items():
        played = replace(as_played(config), seed=0)
        key = repr(flatten(played) | {"rules.gamma": played.rules.weight})  # the penalty's own where none is given
        if (other := seen.setdefault(key, arm)) != arm:
            raise UserError(
                f"{where}: the arms {other!r} and {arm!r} have the same settings, so that nothing could differ between "
                "them: change one, or leave it out."
            )


def _refuse_asked_twice(study: Study, where: str) -> None:
    """Raise UserError for a comparison of an arm with itself, and for one that is asked twice.

    Holm's correction counts each, so that the others would need smaller p.
    """
    seen: dict[frozenset[str], Ask] = {}
    for ask in study.comparisons():
        pair = f"{ask.arm!r} against {ask.reference!r}"
        if ask.arm == ask.reference:
            raise UserError(f"{where}: asks has {pair}, which is the same arm: name two arms, or leave it out.")
        other = seen.setdefault(frozenset((ask.arm, ask.reference)), ask)
        if other is not ask:
            first = f"{other.arm!r} against {other.reference!r}"
            both = f"{pair} twice" if pair == first else f"{first} and {pair}, which is the same comparison"
            raise UserError(f"{where}: asks has {both}: leave one out, since the correction of p would count both.")


def _refuse_unlike_images(study: Study, where: str) -> None:
    """Raise UserError if scores of two arms would be compared that are taken against different images."""
    judged = [name for name in study.outcomes if name not in UNJUDGED]
    data = {run.arm: run.config.data for run in study.runs()}
    for ask in study.comparisons() if judged else ():
        for one in dataclasses.fields(Data):
            a, b = (getattr(data[arm], one.name) for arm in (ask.arm, ask.reference))
            named = one.name == "limit" and data[ask.arm].path() is None  # whose judge is the same at any limit
            if a != b and one.name != "pad_to" and not named:
                raise UserError(
                    f"{where}: {ask.arm!r} and {ask.reference!r} have different images (data.{one.name} is {shown(a)} "
                    f"and {shown(b)}), so that their {judged[0]} cannot be compared: name pairs of arms with the same "
                    "images in [[asks]], or make a study for each."
                )


def _refuse_unlabelled(study: Study, where: str) -> None:
    """Raise UserError for an outcome of classes that were asked for, if no arm has labels."""
    if any(run.config.rules.labelled for run in study.runs()):
        return
    for name in filter(_of_classes, study.outcomes):
        raise UserError(
            f"{where}: {name} is an outcome of runs with labels, and no arm has them: set rules.labels in an arm, or "
            "leave it out."
        )


def _of_classes(outcome: str) -> bool:
    """Whether only runs with labels have this outcome; `judge.metrics.ASKED` would import torch."""
    part = own("metric", outcome)
    return outcome in OF_CLASSES or (part is not None and "asked" in metric_of(part.value).needs)


def _anchored(study: Study) -> Study:
    """With absolute paths to data, so that the study can be continued from any folder."""

    def anchor(table: Mapping[str, Changes]) -> dict[str, Changes]:
        return {
            label: {k: ANCHORED[k](v) if k in ANCHORED and isinstance(v, str) else v for k, v in changes.items()}
            for label, changes in table.items()
        }

    factors = {name: anchor(levels) for name, levels in study.factors.items()}
    return replace(study, set=anchor({"": study.set})[""], arms=anchor(study.arms), factors=factors)


def from_dict(values: Any, where: str) -> Study:
    """A study of plain values, as a file holds them; ``where`` begins an error message.

    Raises UserError with the field, its value and what it must be; for an unknown field, with the nearest.
    """
    fields = {f.name for f in dataclasses.fields(Study)} - {"older_folders"}
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: the study is {shown(values)}; it must be an object with fields.")
    values = {name: value for name, value in values.items() if name != "config"}
    _refuse_init(values, where)
    for name in values:
        if name not in fields:
            raise UserError(f"{where}: {unknown('field of a study', name, fields)}")
    for name in ("set", "arms", "factors", "swaps"):
        _refuse_no_table(values.get(name, {}), f"{where}: {name}")
    for name in ("arms", "swaps"):
        for label, changes in values.get(name, {}).items():
            _refuse_no_table(changes, f"{where}: {name}.{label}")
    for number, ask in enumerate(values.get("asks", ()) if isinstance(values.get("asks"), Sequence) else ()):
        for name in ask if isinstance(ask, Mapping) else ():
            if name not in (allowed := [f.name for f in dataclasses.fields(Ask)]):
                raise UserError(f"{where}: asks[{number}]: {unknown('field of a comparison', name, allowed)}")
    tables = {
        "set": _flat(values.get("set", {})),
        "arms": {arm: _flat(changes) for arm, changes in values.get("arms", {}).items()},
        "factors": {name: _levels(name, levels, where) for name, levels in _factors(values.get("factors", {})).items()},
        "swaps": {name: _flat(changes) for name, changes in values.get("swaps", {}).items()},
    }
    try:
        return typed(values | tables, Study, where)
    except UserError as error:  # a study's own errors begin with its name
        raise UserError(str(error).replace(f"{where}: {values.get('name')}: ", f"{where}: ", 1)) from error


def _refuse_init(values: Mapping[str, Any], where: str) -> None:
    """Raise UserError where a study names a run to begin with, as `ayneh train` takes it."""
    for name, value in values.items():
        if str(name).replace("-", "_").startswith("init_from"):
            raise UserError(
                f"{where}: {name} is set, and the runs of a study begin with weights of their own seeds: train single "
                "runs by `ayneh train --init-from RUN --seed N`, and compare them by `ayneh evaluate`."
            )
        if isinstance(value, Mapping):
            _refuse_init(value, where)


def _refuse_no_table(value: Any, where: str) -> None:
    if not isinstance(value, Mapping):
        raise UserError(f"{where} should be a table, not {shown(value)}.")


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


def _levels(name: str, levels: Any, where: str) -> dict[str, Changes]:
    """`rules.dropout = [0.0, 0.3]` or `net = [{ name = "mlp", width = 64 }, ...]` -> changes by label.

    A label is what distinguishes a level from the others: its first field, and where that is not enough all fields in
    which the levels differ, their numbers written out. Raises UserError for two equal levels.
    """
    if isinstance(levels, Mapping):
        return {label: dict(changes) for label, changes in levels.items()}
    found = levels if isinstance(levels, list | tuple) else [levels]
    changes = [_flat(level, f"{name}.") if isinstance(level, Mapping) else _flat({name: level}) for level in found]
    for i, one in enumerate(changes):
        if not one:
            raise UserError(f"{where}: the factor {name} has a level that changes nothing ({{}}): leave it out.")
        for j in range(i):
            if changes[j] == one:
                pair = f"{shown(found[j])} and {shown(found[i])}"
                raise UserError(f"{where}: the factor {name} has the same level twice ({pair}): leave one out.")
    labels = [_label(name, level, one) for level, one in zip(found, changes, strict=True)]
    for label in {label for label in labels if labels.count(label) > 1}:
        alike = [i for i, other in enumerate(labels) if other == label]
        leaves = dict.fromkeys(leaf for i in alike for leaf in changes[i])
        apart = [leaf for leaf in leaves if len({_exact(changes[i].get(leaf)) for i in alike}) > 1]
        for i in alike:
            table = isinstance(found[i], Mapping)
            parts = [f"{leaf.rpartition('.')[2]} {_exact(changes[i].get(leaf))}" for leaf in apart]
            labels[i] = ", ".join([label] * table + parts)
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        first, second = (shown(found[i]) for i, label in enumerate(labels) if label == twice)
        raise UserError(f"{where}: the factor {name} has two levels called {twice!r}: {first} and {second}.")
    return dict(zip(labels, changes, strict=True))


def _label(name: str, level: Any, changes: Changes) -> str:
    if isinstance(level, Mapping):
        first = next(iter(changes.values()))
        return f"{first:g}" if isinstance(first, float) else str(first)
    return f"{name.rpartition('.')[2]} {f'{level:g}' if isinstance(level, float) else level}"


def _exact(value: Any) -> str:
    """A value with all its digits; of no value: "none"."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
