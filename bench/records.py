"""Small records for the tests: ``python bench/records.py RUN NAME`` copies a run of bench/doctor.py, in four figures.

tests/doctor/records/NAME gets the run's config.json, and of its metrics.jsonl the numbers that the doctor reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ayneh.__main__ import in_sentences
from ayneh.doctor.courses import SCORES
from ayneh.record.record import Record

OUT = Path(__file__).parent.parent / "tests" / "doctor" / "records"
MOST = 100  # lines


def main(run: Path, name: str) -> None:
    record, folder = Record.open(run), OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text((run / "config.json").read_text())
    found = record.lines()
    if len(found) > MOST:  # of an epoch for each step
        found = [line for line in found if line.keys() & {"vitals", "scores"}]
    lines = [json.dumps(slim(line), separators=(",", ":")) + "\n" for line in found]
    (folder / "metrics.jsonl").write_text("".join(lines))
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")


def slim(line: dict[str, Any]) -> dict[str, Any]:
    """The fields that the doctor reads, in four figures."""
    kept = {k: v for k, v in line.items() if k in ("epoch", "step", "images", "vitals") or k.startswith("mean_")}
    if "vitals" in kept:  # without those of each class, which no symptom reads
        kept["vitals"] = {name: value for name, value in kept["vitals"].items() if not name[-1].isdigit()}
    if "scores" in line:
        kept["scores"] = {
            name: [score and {k: score[k] for k in ("value", "n", "protocol")} for score in line["scores"][name]]
            for name in SCORES
            if name in line["scores"]
        }
    return rounded(kept)


def rounded(value: Any) -> Any:
    """Every number in it in four figures."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    in_sentences(lambda: main(Path(sys.argv[1]), sys.argv[2]))
