"""What study.json notes of parts of one's own, so that a study is reported on, and its command given, without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ayneh.config import flatten
from ayneh.errors import UserError
from ayneh.files.reading import typed
from ayneh.judge.own import metric_of
from ayneh.parts.registry import own
from ayneh.parts.used import flag_of, used
from ayneh.studies.design import Study, swapped


@dataclass(frozen=True)
class OwnOutcome:
    """A metric of one's own that is an outcome: what the report needs to know of it."""

    words: str
    better: str | None
    """lower, higher, or None: neither is good as such."""
    scale: str
    """ratio or difference."""
    asked: bool = False
    """Whether runs with labels alone have it."""


@dataclass(frozen=True)
class Notes:
    """The part of study.json that is read here; an earlier version's has none of it."""

    own_outcomes: dict[str, OwnOutcome] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    """What is given with --parts."""

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values; without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}


def notes_of(study: Study) -> Notes:
    """What is known of the parts of one's own that are loaded now and that this study uses."""
    outcomes = {}
    for name in study.outcomes:
        if part := own("metric", name):
            one = metric_of(part.value)
            better = None if one.better == "floor" else one.better
            outcomes[name] = OwnOutcome(f"last images' {one.title or name}", better, one.scale, "asked" in one.needs)
    configs = list({run.arm: run.config for run in study.runs()}.values())
    configs += [swapped(study.config(), changes, f"swaps.{name}") for name, changes in study.swaps.items()]
    found = {part: None for config in configs for part in used(flatten(config))}
    return Notes(outcomes, list(dict.fromkeys(filter(None, map(flag_of, found)))))


def read_notes(values: Mapping[str, Any], study: Study, where: str) -> Notes:
    """Those of study.json, and of what is loaded now where it has none. UserError for damaged ones."""
    there = typed({name: values[name] for name in ("own_outcomes", "parts") if name in values}, Notes, where)
    for name, one in there.own_outcomes.items():
        if one.better not in ("lower", "higher", None) or one.scale not in ("ratio", "difference"):
            raise UserError(f"{where}: own_outcomes.{name} is damaged (better is {one.better}, scale is {one.scale}).")
    now = notes_of(study)
    return Notes(there.own_outcomes | now.own_outcomes, there.parts or now.parts)
