"""The results of a study's runs: values by arm and seed, failures, curves; also as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ayneh.errors import UserError, brief, pick, typed_as
from ayneh.files.whole import atomically
from ayneh.judge.metrics import ASKED, METRICS, Metric, metrics
from ayneh.parts.registry import MISSING
from ayneh.record.owner import playing
from ayneh.record.visited import Visited
from ayneh.studies.comparable import lacking_in, of_one_protocol
from ayneh.studies.design import Run
from ayneh.studies.ledger import Ledger

HALF_THE_CLASSES = 0.5  # of the data's classes, or fewer, in the last images, which vary: poor
LITTLE_SPREAD = 0.2  # of the data's spread, or less, in the last images: collapsed
JUMP = 5.0  # times the best distance before, from some look to the end: jumped
LATE = 0.2  # of the training, at its end, over which losses are averaged


@dataclass(frozen=True)
class Outcome:
    """A number by which arms are compared."""

    words: str
    better: Literal["lower", "higher"] | None  # None: neither is good as such
    scale: Literal["ratio", "difference"]
    asked: bool = False  # whether runs with labels alone have it


def _of_metrics(metrics: Mapping[str, Metric]) -> dict[str, Outcome]:
    return {
        name: Outcome(
            f"last images' {metric.title}",
            None if metric.better == "floor" else metric.better,
            metric.scale,
            bool(ASKED & set(metric.needs)),
        )
        for name, metric in metrics.items()
        if metric.quick and metric.scale
    }


OUTCOMES = _of_metrics(METRICS) | {
    "fd_best": Outcome("smallest Fréchet distance of any look", "lower", "ratio"),
    "fd_mean": Outcome("geometric mean of the Fréchet distances of all looks", "lower", "ratio"),
    "loss_d": Outcome("D's loss over the last fifth of the training", None, "ratio"),
    "loss_g": Outcome("G's loss over the last fifth of the training", None, "ratio"),
    "d_gap": Outcome("D(real) - D(fake) over the last fifth of the training: how strong D is", None, "difference"),
    "wall_s": Outcome("seconds of the run", "lower", "ratio"),
}


def outcomes() -> dict[str, Outcome]:
    """OUTCOMES, and the metrics of one's own that follow a training."""
    return OUTCOMES | {name: one for name, one in _of_metrics(metrics()).items() if name not in OUTCOMES}


@dataclass(frozen=True)
class Result:
    """One finished run. ``looks``: {"epoch", "images", "wall_s", "fd", "spread", ...}; ``lines``: all its metrics."""

    run: Run
    looks: list[dict[str, float]]
    lines: list[dict[str, Any]]
    end: dict[str, Any]
    protocols: dict[str, str]  # "fd" -> "fd_500_digits_test"
    own: Mapping[str, Outcome] = field(default_factory=dict)  # the study's outcomes that are metrics of one's own

    def value(self, outcome: str) -> float | None:
        """The run's value; None if there is none (it broke down before)."""
        last = self.looks[-1] if self.looks and not self.end["diverged"] else {}
        distances = [look["fd"] for look in self.looks if "fd" in look] if last else []
        if outcome == "fd_best":
            return min(distances, default=None)
        if outcome == "fd_mean":
            logs = [math.log(max(d, 1e-12)) for d in distances]
            return math.exp(sum(logs) / len(logs)) if logs else None
        if outcome in ("loss_d", "loss_g", "d_gap"):
            return self._late(outcome) if last else None
        if outcome == "wall_s":
            return float(self.end["wall_s"])
        if outcome.startswith("fd_swap_"):
            swapped = self.end["swaps"].get(outcome.removeprefix("fd_swap_"), {})
            return _value(swapped.get("fd"))
        return last.get(outcome)

    def failure(self) -> str | None:
        """diverged, jumped, collapsed, poor, or None; the first of these that holds."""
        if self.end["diverged"]:
            return "diverged"
        if self.jumped():
            return "jumped"
        if self.collapsed():
            return "collapsed"
        return "poor" if self.poor() else None

    def collapsed(self) -> bool:
        """Whether the last images are nearly all alike."""
        return self._last().get("spread", math.inf) <= LITTLE_SPREAD

    def poor(self) -> bool:
        """Whether the last images show few classes: they lack a part of the data, or are no such images."""
        return self._last().get("modes", math.inf) <= HALF_THE_CLASSES * (self.end.get("classes") or 10)

    def _last(self) -> dict[str, float]:
        return self.looks[-1] if self.looks else {}

    def jumped(self) -> bool:
        """Report R9: after a best below half of the first distance, all from some look on are `JUMP` times it."""
        distances = [look["fd"] for look in self.looks if "fd" in look]
        for k in range(2, len(distances)):
            best = min(distances[:k])
            if best < distances[0] / 2 and min(distances[k:]) >= JUMP * best:
                return True
        return False

    def _late(self, name: str) -> float | None:
        """The mean over the last lines that have it: a damaged one may not."""
        tail = self.lines[-max(1, round(LATE * len(self.lines))) :]
        needed = ("mean_p_real", "mean_p_fake") if name == "d_gap" else (f"mean_{name}",)
        found = [[(line.get(need) or [None])[0] for need in needed] for line in tail]
        whole = [row for row in found if None not in row]
        if not whole:
            return None
        return sum(row[0] - row[1] if name == "d_gap" else row[0] for row in whole) / len(whole)


def results(ledger: Ledger) -> list[Result]:
    """The results of all finished runs, in the study's order; a run whose files are damaged is noted and left out."""
    found, own = [], own_outcomes(ledger)
    for run in ledger.runs:
        if (end := ledger.outcome(run)) is None:
            continue
        again = "It is not counted; to train it again, delete its folder."
        try:
            result = result_of(ledger, run, end, own)
        except (LookupError, TypeError, ValueError) as error:
            why = brief(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            ledger.notes[run.place] = f"{ledger.path(run)} is damaged ({why}). {again}"
            continue
        if not end["diverged"] and (lacking := lacking_in(ledger.study.looks_of(run.config.epochs), result)):
            ledger.notes[run.place] = f"{ledger.path(run)} is finished and {lacking}. {again}"
            continue
        found.append(result)
    return of_one_protocol(ledger, found)


def own_outcomes(ledger: Ledger) -> dict[str, Outcome]:
    """The study's outcomes that are metrics of one's own, loaded or not: the runs' files have their values.

    An earlier version did not note which way is better: then neither is, and a note names what to load.
    """
    found: dict[str, Outcome] = {}
    for name in ledger.study.outcomes:
        if name in OUTCOMES or name.startswith("fd_swap_"):
            continue
        if one := ledger.own.own_outcomes.get(name):
            found[name] = Outcome(one.words, one.better, one.scale, one.asked)  # type: ignore[arg-type]
            continue
        found[name] = Outcome(f"last images' {name}", None, "difference")
        files = " ".join(ledger.parts_of("metric", name)) or "the file with it"
        ledger.notes[f"outcome {name}"] = (
            f"{name} is a metric of your own that is not loaded, so that arms are higher or lower in it, and neither "
            f"better nor worse: give --parts {files}."
        )
    return found


def result_of(ledger: Ledger, run: Run, end: dict[str, Any], own: Mapping[str, Outcome]) -> Result:
    """What is in a run's folder, with this end; own: `own_outcomes`.

    Raises UserError, or an error of Python, if it is damaged.
    """
    record = Visited(ledger.path(run), ledger.folder)
    record.check()
    if "diverged" not in end:
        raise UserError("outcome.json: diverged is missing")
    seed, arm = record.config().seed, end.get("arm", run.arm)
    if seed != run.seed or (arm != run.arm and arm in ledger.study.cells()):  # an arm may have been renamed
        raise UserError(f"it is a run of {arm!r}, seed {seed}, and was copied here")
    lines = record.lines()
    protocols: dict[str, str] = {}
    looks = []
    for line in lines:
        if "scores" in line:
            scores = {name: score for name, (score,) in line["scores"].items() if score}
            protocols |= {name: score["protocol"] for name, score in scores.items()}
            values = {name: value for name, score in scores.items() if (value := _value(score)) is not None}
            looks.append({k: line[k] for k in ("epoch", "images", "wall_s")} | values)
    return Result(run, looks, lines, end, protocols, own)


def check_outcomes(names: Sequence[str], swaps: Sequence[str]) -> None:
    """Raise UserError for an unknown outcome."""
    for name in names:
        try:
            pick(outcomes() | {f"fd_swap_{swap}": None for swap in swaps}, name, "outcome")
        except UserError as error:
            raise UserError(f"{error}{MISSING.format('a metric')}") from error


def outcome_named(name: str) -> Outcome:
    """An entry of OUTCOMES; the distance of images from another prior than the training's is ``fd_swap_NAME``."""
    if name.startswith("fd_swap_"):
        return Outcome(f"Fréchet distance of images drawn from {name.removeprefix('fd_swap_')}", "lower", "ratio")
    return pick(outcomes(), name, "outcome")


def outcome_of(found: Sequence[Result], name: str) -> Outcome:
    """`outcome_named`, also of a metric of one's own that is not loaded, which the study of these results notes."""
    own = found[0].own if found else {}
    return own[name] if name in own else outcome_named(name)


def measured(found: Sequence[Result], outcome: str) -> bool:
    """Whether any run has this outcome: data without classes have no modes."""
    return any(result.value(outcome) is not None for result in found)


def rows(found: Sequence[Result]) -> list[dict[str, Any]]:
    """A flat row for each run: arm, seed, failure, every outcome and score."""
    table = []
    names = outcomes() | dict(found[0].own if found else {})
    names = {name: one for name, one in names.items() if not one.asked or measured(found, name)}
    for result in found:
        row: dict[str, Any] = {"arm": result.run.arm, "seed": result.run.seed, "failure": result.failure() or ""}
        row |= {name: result.value(name) for name in names}
        row |= {f"fd_swap_{name}": result.value(f"fd_swap_{name}") for name in result.end["swaps"]}
        table.append(row)
    return table


TABLES = ("results.csv", "curves.csv", "results.parquet")


def write_tables(ledger: Ledger, found: Sequence[Result]) -> list[str]:
    """results.csv and curves.csv, and results.parquet where pyarrow is installed; returns their names."""
    looks = [{"arm": r.run.arm, "seed": r.run.seed} | look for r in found for look in r.looks]
    tables = {"results": rows(found), "curves": looks}
    written = []
    for name, table in tables.items():
        columns = list(dict.fromkeys(column for row in table for column in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        with atomically(ledger.folder / f"{name}.csv") as file:
            file.write(text.getvalue().encode())
        written.append(f"{name}.csv")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return written
    with atomically(ledger.folder / "results.parquet") as file:
        pq.write_table(pa.Table.from_pylist(tables["results"]), file)
    return [*written, "results.parquet"]


def missing(ledger: Ledger, found: Sequence[Result]) -> dict[str, tuple[int, int]]:
    """Arms with unfinished runs: {arm: (finished, planned)}."""
    done, planned = Counter(result.run.arm for result in found), Counter(run.arm for run in ledger.runs)
    return {arm: (done[arm], n) for arm, n in planned.items() if done[arm] < n}


def need_some(ledger: Ledger, found: Sequence[Result]) -> None:
    """Raise UserError if no run is finished yet."""
    if not found:
        raise UserError(
            f"No run of {ledger.folder} is finished yet: watch it with `ayneh study status {typed_as(ledger.folder)}`, "
            f"or play it with `{playing(ledger.folder, ledger.own.parts)}`."
        )


def _value(score: dict[str, Any] | None) -> float | None:
    return score["value"] if score else None
