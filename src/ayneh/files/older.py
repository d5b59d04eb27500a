"""Files as earlier versions wrote them, read as today's: plain dictionaries in and out.

Each function takes what a file holds, today's or an older one's, and returns it as today's code writes it.
Earlier scores stood under their protocols (``fd_10k_mnist_test_cnn-1``); vitals and scores in metrics.jsonl were a list
with a dictionary for each replica; a score's interval was a pair, its floor a score.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

Plain = dict[str, Any]
PROTOCOL = re.compile(r"(?P<metric>.+?)_(?P<count>\d+)(?P<unit>[km]?)_(?P<against>.+)")
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
Z95 = 1.959964  # standard deviations on each side of a normal mean hold 95 %


def config(values: Any) -> Any:
    """A config, of config.json, a checkpoint or a study, with what earlier versions left unsaid.

    They held out test images of folders and arrays by their position (named sets have splits of their own), drew one
    ``gen_offset`` for all runs, and averaged G at each of its updates as if a step had one: the half-life was shorter
    by ``gen_steps``. Of the last kind are rules without ``labels``.
    """
    if not isinstance(values, Mapping):
        return values
    data, net, rules = (values.get(room) for room in ("data", "net", "rules"))
    found: Plain = {}
    if isinstance(data, Mapping) and "split" not in data and str(data.get("name")).startswith(("folder:", "npz:")):
        found["data"] = dict(data) | {"split": "position"}
    if isinstance(net, Mapping) and "gen_offset_draw" not in net and net.get("gen_offset"):
        found["net"] = dict(net) | {"gen_offset_draw": "once"}
    if isinstance(rules, Mapping) and "labels" not in rules:
        steps, halflife = rules.get("gen_steps", 1), rules.get("ema_halflife_images", 0)
        if isinstance(steps, int) and steps > 1 and isinstance(halflife, int | float):
            found["rules"] = dict(rules) | {"ema_halflife_images": halflife / steps}
    return dict(values) | found if found else values


def line(values: Mapping[str, Any]) -> Plain:
    """A line of metrics.jsonl: of every named thing a list with an entry for each replica."""
    now = dict(values)
    if isinstance(now.get("vitals"), list):
        now["vitals"] = _by_name(now["vitals"])
    if isinstance(now.get("scores"), list):
        now["scores"] = _by_name([_scores(one) for one in now["scores"]])
    return now


def evaluation(report: Mapping[str, Any]) -> Plain:
    """evaluation.json: its scores under short names, each with its protocol."""
    scores = report.get("scores")
    return dict(report) | ({"scores": _scores(scores)} if isinstance(scores, dict) else {})


def outcome(values: Mapping[str, Any]) -> Plain:
    """outcome.json of a study's run: the scores of its swaps under short names."""
    return dict(values) | {"swaps": {name: _scores(scores) for name, scores in values.get("swaps", {}).items()}}


def finding(event: dict[str, Any]) -> dict[str, Any]:
    """A line of findings.jsonl. Earlier lines had one sentence, "words", with title, evidence and command in it.

    ``value`` was not written; the cleared finding's first step, evidence, threshold, source and advice were not either.
    """
    if "words" not in event:
        return event
    said = re.sub(r"^(seed \d+: )?step \d+(, \w+)?: (no longer: )?", "", event["words"])
    known = {name: value for name, value in event.items() if name not in ("words", "cure")}
    evidence, cure = event.get("evidence"), event.get("cure")
    known["title"] = said.partition(f". {evidence}")[0] if evidence else said
    known |= {"until_step": None if event["appeared"] else event["step"], "value": None}
    for name in ("since_step", "threshold", "evidence", "source"):
        known.setdefault(name, None)
    known["advice"] = cure and cure | {"argv": shlex.split(said.partition(" Try: ")[2])}
    return known


def _by_name(rows: list[Plain]) -> Plain:
    """A dictionary for each replica -> a list for each name; None where a replica lacks it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _scores(scores: Mapping[str, Any]) -> Plain:
    """Scores under their protocols, as numbers or as reports had them -> under short names.

    Bins of training images (ndb) had "test" in their protocol.
    """
    now: Plain = {}
    for name, score in scores.items():
        if isinstance(score, dict) and "protocol" in score:
            now[name] = score
        else:
            short, start = _read(name)
            now[short] = start | _score(score)
    if isinstance(one := now.get("ndb"), dict):
        now["ndb"] = one | {"protocol": re.sub("_test$", "_train", str(one["protocol"]))}
    return now


def _read(name: str) -> tuple[str, Plain]:
    """ "fd_10k_mnist_test_cnn-1" -> "fd@cnn-1" and the score's n and protocol; a path in the name is left out."""
    found = PROTOCOL.fullmatch(name)
    if not found:
        return name, {"value": None, "protocol": name}
    metric, against, n = found["metric"], found["against"], int(found["count"]) * UNITS[found["unit"]]
    if ":" in against:  # of folder:/home/me/pictures_test
        against = against.partition(":")[0] + "_test"
    net = against.partition("_test_")[2]
    protocol = f"{metric}_{found['count']}{found['unit']}_{against}"
    return metric + (f"@{net}" if net else ""), {"value": None, "n": n, "protocol": protocol}


def _score(score: Any) -> Plain:
    if not isinstance(score, dict):
        return {"value": score}
    now = {key: value for key, value in score.items() if key not in ("interval", "floor")}
    if "interval" in score:
        now |= dict(zip(("low", "high"), score["interval"], strict=True))
    floor = score.get("floor", {})
    if isinstance(floor, dict) and floor.get("value") is not None:
        now["floor"] = floor["value"]
        if "standard_deviation" in floor:
            wide = Z95 * floor["standard_deviation"]
            now |= {"floor_low": floor["value"] - wide, "floor_high": floor["value"] + wide}
        if "interval" in floor:
            now |= dict(zip(("floor_low", "floor_high"), floor["interval"], strict=True))
    return now
