"""The CSVs of bench/strangers.py: all that it needs of a run, so that any machine goes on from them.

runs.csv has a row for each run: its label, how it ended, what the doctor told and when, the margins of its findings.
looks.csv.gz has a row for each look: the judge's scores and the signs, of which five digits count.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import detector
from ayneh.errors import UserError
from ayneh.files.whole import atomically

if TYPE_CHECKING:
    from strangers import Stranger

RUNS, LOOKS = "runs.csv", "looks.csv.gz"
JUDGED = ("fd", "spread", "modes")
ABOUT = ("arm", "seed", "step", "signs")  # the last: whether the look has signs, 0 or 1
JUDGE, MARGIN = "judge ", "margin "  # begin the names of columns


def row(run: Stranger) -> dict[str, Any]:
    """A run in runs.csv; its label is "" where there is no plain run to compare it with."""
    case = run.case
    data, _, net = case.net.partition(" ")
    found: dict[str, Any] = {"data": data, "net": net, "kind": run.kind, "seed": case.seed, "label": case.label}
    found |= {
        "conditions": " + ".join(sorted(case.kinds)),
        "ended": run.ended(),
        "onset": case.onset,
        "fell": case.fell,
    }
    found |= {name: case.looks[-1][name] if case.looks else None for name in JUDGED}
    found |= {"looks": len(run.steps), "unlike": run.unlike, "copies": case.copies}
    found |= {"told": " + ".join(f"{name} @ {step}" for name, step in case.told.items())}
    return found | {MARGIN + name: f"{value:.6g}" for name, value in case.margins.items()}


def looks(run: Stranger) -> Iterator[dict[str, Any]]:
    """The rows of a run in looks.csv.gz: the looks of the detectors, those of the judge, or of both."""
    judged = {int(look["step"]): look for look in run.case.looks}
    signs = {int(step): values for step, values in zip(run.steps, run.table, strict=True)}
    for step in sorted({*judged, *signs}):
        about = {"arm": run.case.arm, "seed": run.case.seed, "step": step, "signs": int(step in signs)}
        about |= {JUDGE + name: judged.get(step, {}).get(name) for name in JUDGED}
        values = signs.get(step, [np.nan] * len(run.names))
        yield about | {n: f"{v:.5g}" if np.isfinite(v) else "" for n, v in zip(run.names, values, strict=True)}


def rounded(table: np.ndarray) -> np.ndarray:
    """Signs as looks.csv.gz has them; what is not finite is unknown."""
    flat = [float(f"{v:.5g}") if np.isfinite(v) else np.nan for v in table.ravel()]
    return np.array(flat).reshape(table.shape)


def read(folder: Path) -> list[tuple[detector.Case, float | None, np.ndarray, np.ndarray, tuple[str, ...]]]:
    """The runs in both files: case, share of strange images, steps (T,), table (T, F) and names. Empty without files.

    Raises UserError if the files do not belong together.
    """
    if not (folder / RUNS).is_file() or not (folder / LOOKS).is_file():
        return []
    by_run: dict[tuple[str, str], list[dict[str, str]]] = {}
    lines = _rows(gzip.decompress((folder / LOOKS).read_bytes()).decode())
    names = tuple(name for name in lines[0] if name not in ABOUT and not name.startswith(JUDGE))
    for line in lines:
        by_run.setdefault((line["arm"], line["seed"]), []).append(line)
    found = []
    for line in _rows((folder / RUNS).read_text()):
        arm = f"{line['data']} {line['net']}" + (f", {line['kind']}" if line["kind"] != "plain" else "")
        own = by_run.get((arm, line["seed"]), [])
        signed = [look for look in own if look["signs"] == "1"]
        if len(signed) != int(line.get("looks") or -1):
            raise UserError(
                f"{folder / LOOKS} has {len(signed)} looks of {arm}, seed {line['seed']}, {folder / RUNS} says "
                f"{line.get('looks')}: delete both files; what is in the run folders is read again."
            )
        scored = [look for look in own if look[JUDGE + "fd"]]
        judged = [{"step": int(look["step"])} | {name: float(look[JUDGE + name]) for name in JUDGED} for look in scored]
        told = (one.rpartition(" @ ") for one in line["told"].split(" + ") if one)
        margins = {name.removeprefix(MARGIN): float(v) for name, v in line.items() if name.startswith(MARGIN)}
        fell = int(line["fell"]) if line["fell"] else None
        case = detector.Case(arm, int(line["seed"]), judged, _number(line["copies"]), fell,
                             {name: int(step) for name, _, step in told}, margins)  # fmt: skip
        table = np.array([[float(look[name] or "nan") for name in names] for look in signed]).reshape(-1, len(names))
        steps = np.array([int(look["step"]) for look in signed], int)
        found.append((case, _number(line["unlike"]), steps, table, names))
    return found


def write(place: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """A CSV as a whole, packed if its name ends in .gz; nothing without rows."""
    found: Sequence[Mapping[str, Any]] = list(rows)
    if not found:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    sheet = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(found)
    whole = text.getvalue().encode()
    with atomically(place) as file:
        file.write(gzip.compress(whole, mtime=0) if place.suffix == ".gz" else whole)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
