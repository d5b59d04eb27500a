"""The evaluation of bench/doctor.py's runs: labels by the judge's scores alone, and how far the doctor agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.doctor.courses import Course
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.findings import Symptom
from ayneh.doctor.symptoms import SYMPTOMS, measured
from ayneh.record.record import Record
from ills import ARMS

FAR, NEAR = 4.0, 2.0  # times the usual distance: ill from here on, healthy up to there
CLASSES, SPREAD, COPIES = 5, 0.2, 0.02  # ill at most, at most, at least; copies are 1 in 1,000 by chance
IN_A_ROW = 3  # looks of the judge
LAST = 5  # looks at the end of a run


@dataclass
class Case:
    """One run: the judge's scores and the doctor's findings."""

    arm: str
    seed: int
    looks: list[dict[str, float]]  # {"step", "fd", "spread", "modes"}
    copies: float | None
    fell: int | None  # the step at which its numbers stopped being finite
    told: dict[str, int]  # finding -> the step at which it first appeared
    margins: dict[str, float]  # symptom -> the most that it was beyond its threshold throughout its patience
    label: str = ""
    kinds: set[str] = field(default_factory=set)  # conditions by the judge's scores
    onset: int | None = None  # step of the first look of visible damage

    @property
    def net(self) -> str:
        return self.arm.partition(",")[0]


def case_of(folder: Path) -> Case:
    """A run's record, read again as the doctor reads it."""
    record = Record.open(folder)
    end = record.outcome()
    assert end is not None, folder
    doctor, lines = Doctor(record.config()), record.lines()
    events = [event for line in lines for event in doctor.look(line)]
    if end["fallen"] is not None:
        events += doctor.fell(end["fallen"], lines[-1]["epoch"] if lines else 0, 0)
    looks = []
    for line in lines:
        if scores := line.get("scores"):
            looks.append(
                {"step": line["step"]} | {name: scores[name][0]["value"] for name in ("fd", "spread", "modes")}
            )
    told: dict[str, int] = {}
    for event in events:
        if event.appeared:
            told.setdefault(event.finding.name, event.step)
    margins = {name: sustained(symptom, doctor.course()) for name, symptom in SYMPTOMS.items()}
    return Case(end["arm"], end["seed"], looks, end.get("copying"), end["fallen"], told, margins)


def sustained(symptom: Symptom, course: Course) -> float:
    """The largest margin that held for the symptom's number of looks in a row; -9 if there is none."""
    values = measured(symptom, course)
    margins = symptom.margin(values[np.isfinite(values)])
    if len(margins) < symptom.patience:
        return -9.0
    windows = np.lib.stride_tricks.sliding_window_view(margins, symptom.patience)
    return float(np.clip(windows.min(1).max(), -9, 9))


def usual(cases: Sequence[Case]) -> dict[str, np.ndarray]:
    """The median distance of the plain arm of each net, look by look, over the even seeds."""
    found = {}
    for net in sorted({case.net for case in cases}):
        rows = [[look["fd"] for look in case.looks] for case in cases if case.arm == net and case.seed % 2 == 0]
        if rows:
            found[net] = np.median(np.array(rows), axis=0)
    return found


def label(case: Case, reference: Mapping[str, np.ndarray]) -> None:
    """Healthy, ill or between, by the judge's scores alone; the conditions; and the first look of visible damage."""
    base = reference[case.net]
    few = min(len(base), len(case.looks))
    ratio = np.array([case.looks[k]["fd"] for k in range(few)]) / base[:few]
    poor = np.array([look["modes"] <= CLASSES or look["spread"] <= SPREAD for look in case.looks[:few]], bool)
    damaged = (ratio >= FAR) | (poor & (ratio >= NEAR))
    stretch = _first_in_a_row(damaged, IN_A_ROW)
    if stretch is not None:
        case.onset = int(case.looks[stretch]["step"])
    tail = case.looks[few - LAST : few]
    late = damaged[few - LAST :]
    if case.fell is not None:
        case.kinds.add("not finite")
        case.onset = case.fell if case.onset is None else case.onset
    if case.copies is not None and case.copies >= COPIES:
        case.kinds.add("memorisation")
    if stretch is not None:
        case.kinds.add("damaged")
        if sum(look["modes"] <= CLASSES for look in tail) * 2 > len(tail):
            case.kinds.add("classes missing")
        if late.all() and np.median([look["spread"] for look in tail]) <= SPREAD:
            case.kinds.add("no spread")
    if _jumped([look["fd"] for look in case.looks]):
        case.kinds.add("jumped")
    if case.kinds:
        case.label = "ill"
    elif few >= LAST and (ratio[-LAST:] < NEAR).all():
        case.label = "healthy"
    else:
        case.label = "between"


def _first_in_a_row(flags: np.ndarray, n: int) -> int | None:
    for k in range(len(flags) - n + 1):
        if flags[k : k + n].all():
            return k
    return None


def _jumped(distances: Sequence[float]) -> bool:
    """A study's rule (studies/results.py): from some look on, all distances are five times the best before."""
    for k in range(2, len(distances)):
        best = min(distances[:k])
        if best < distances[0] / 2 and min(distances[k:]) >= 5 * best:
            return True
    return False


# -- agreement ---------------------------------------------------------------------------------------------------------

# The judge's condition of the runs in which a finding ought to appear; of other findings: ill runs meant to show them.
CONDITIONS = {
    "G ignores z": "no spread",
    "all alike": "no spread",
    "classes missing": "classes missing",
    "little covered": "damaged",
    "sudden jump": "jumped",
    "memorisation": "memorisation",
    "not finite": "not finite",
}
COUNTED = ("memorisation", *(name for name, symptom in SYMPTOMS.items() if symptom.severity == "severe"))


def agreement(cases: Sequence[Case]) -> dict[str, Any]:
    """The measures of the overall detector, and of each finding, on some runs."""
    well = [case for case in cases if case.label == "healthy"]
    ill = [case for case in cases if case.label == "ill"]
    overall = {
        "runs": len(cases),
        "healthy": len(well),
        "ill": len(ill),
        "between": len(cases) - len(well) - len(ill),
        "auc": auc([score(c) for c in ill], [score(c) for c in well]),
        "hits": sum(alarmed(c) for c in ill),
        "false_alarms": sum(alarmed(c) for c in well),
        "healthy_with_a_warning": sum(_warned(c) for c in well),
        "lead_steps": leads(ill, COUNTED),
        "lead_steps_of_any_finding": leads(ill, [n for n, s in SYMPTOMS.items() if s.severity != "note"]),
    }
    rows = {}
    for name in SYMPTOMS:
        wanted = [case for case in ill if _concerns(case, name)]
        rows[name] = {
            "condition": CONDITIONS.get(name, "meant, and ill"),
            "concerned": len(wanted),
            "hits": sum(name in case.told for case in wanted),
            "false_alarms": sum(name in case.told for case in well),
            "told": sum(name in case.told for case in cases),
            "told_of_ill": sum(name in case.told for case in ill),
            "auc": auc([c.margins[name] for c in wanted], [c.margins[name] for c in well]),
            "lead_steps": leads(wanted, [name]),
        }
    return {"overall": overall, "findings": rows}


def _concerns(case: Case, name: str) -> bool:
    condition = CONDITIONS.get(name)
    return condition in case.kinds if condition else name in ARMS[case.arm].meant


def score(case: Case) -> float:
    """How ill the doctor takes a run to be: the largest margin of any severe symptom, or of memorisation."""
    return max(9.0 if name == "not finite" and case.fell is not None else case.margins[name] for name in COUNTED)


def alarmed(case: Case) -> bool:
    """Whether a severe finding, or memorisation, appeared."""
    return any(name in case.told for name in COUNTED)


def _warned(case: Case) -> bool:
    return any(SYMPTOMS[name].severity != "note" for name in case.told)


def leads(cases: Sequence[Case], names: Sequence[str]) -> list[float] | None:
    """Quartiles of the steps from the first of these findings to the first look of visible damage; above 0 is ahead."""
    found = []
    for case in cases:
        steps = [case.told[name] for name in names if name in case.told]
        if steps and case.onset is not None:
            found.append(case.onset - min(steps))
    return [float(q) for q in np.quantile(found, [0.25, 0.5, 0.75])] if found else None


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """How often an ill run scores above a healthy one, ties counting half; None without either."""
    if not positives or not negatives:
        return None
    gap = np.subtract.outer(np.array(positives), np.array(negatives))
    return float((gap > 0).mean() + (gap == 0).mean() / 2)


# -- results -----------------------------------------------------------------------------------------------------------


def short(case: Case) -> dict[str, Any]:
    """A run in a line of the result."""
    said = {"arm": case.arm, "seed": case.seed, "label": case.label, "kinds": sorted(case.kinds), "onset": case.onset}
    last = round(case.looks[-1]["fd"], 1) if case.looks else None
    return said | {"fd": last, "score": round(score(case), 2), "told": case.told}


def table(found: dict[str, Any]) -> list[str]:
    """The findings of one half as a table in Markdown, and the detector as a whole in two lines."""
    whole = found["overall"]
    rows = [
        f"{whole['runs']} runs: {whole['healthy']} healthy, {whole['ill']} ill, {whole['between']} between",
        f"area under the curve {_figure(whole['auc'])}, hits {whole['hits']} of {whole['ill']}, false alarms "
        f"{whole['false_alarms']} of {whole['healthy']}, healthy with a warning {whole['healthy_with_a_warning']}, "
        f"lead {_quartiles(whole['lead_steps'])}, of any finding {_quartiles(whole['lead_steps_of_any_finding'])}",
        "",
        "| finding | expected in which runs | found in these | found in ill runs | found in healthy runs | "
        "area under the curve | lead, steps |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found["findings"].items():
        rows.append(
            f"| {name} | {row['condition']} | {row['hits']} of {row['concerned']} | {row['told_of_ill']} of "
            f"{whole['ill']} | {row['false_alarms']} of {whole['healthy']} | {_figure(row['auc'])} | "
            f"{_quartiles(row['lead_steps'])} |"
        )
    return rows


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _quartiles(values: list[float] | None) -> str:
    return "-" if values is None else f"{values[1]:.0f} ({values[0]:.0f} to {values[2]:.0f})"
