"""Modes and KL of a stacked-MNIST run against the images it has seen: a table, and docs/figures/stacked.png.

    ayneh train stacked --keep.keep-epochs 1 --out runs/stacked
    for e in 0 1 3 7 15 31; do ayneh evaluate runs/stacked --epoch $e; done
    python bench/stacked.py runs/stacked [MORE RUNS]

Of several runs, or replicas of one, the curves and the last table are medians, at the epochs that all of them have;
bench/stacked_seeds.sh trains and evaluates five. Reads only the evaluation-epoch-*.json that `ayneh evaluate` wrote
into the run folders, and their metrics. Of replicas the seconds are those of all together.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import Any

from ayneh.__main__ import in_sentences
from ayneh.errors import UserError, typed_as
from ayneh.record.record import Record

PICTURE = Path(__file__).parent.parent / "docs" / "figures" / "stacked.png"


def rows_of(run: Path) -> dict[str, list[dict[str, float]]]:
    """Of the run, or of each replica that was evaluated, by its name, a row for each epoch that was.

    epoch, images, wall seconds, modes, plug-in KL at 26,000 and its floor, corrected KL. UserError for a run without
    evaluations, or on other data.
    """
    record = Record.open(run)
    reports = record.evaluations()
    if not reports:
        raise UserError(f"{run} has no evaluations: `ayneh evaluate {typed_as(run)}` makes one.")
    if "modes" not in reports[0]["scores"]:
        raise UserError(f"{run} is of {record.config().data.name}, whose modes are not counted: name runs of stacked.")
    one = record.config().seeds == 1
    return {
        run.name if one else f"{run.name}, replica {replica}": _rows(
            record, [report for report in reports if report["replica"] == replica]
        )
        for replica in sorted({report["replica"] for report in reports})
    }


def _rows(record: Record, reports: list[dict[str, Any]]) -> list[dict[str, float]]:
    lines, rows = record.lines(), []
    for report in {report["step"]: report for report in reports}.values():
        line = next(line for line in lines if line["step"] == report["step"])
        scores = report["scores"]
        rows.append(
            {
                "epoch": line["epoch"] + 1,
                "images": line["images"],
                "seconds": line["wall_s"],
                "modes": scores["modes"]["value"],
                "kl": scores["kl"]["value"],
                "floor": scores["kl"]["floor"],
                "corrected": scores["kl_corrected"]["value"],
                "n": report["n"],
            }
        )
    return sorted(rows, key=lambda row: row["epoch"])


def draw(rows: list[dict[str, float]]) -> None:
    """KL falls, modes rise, along one axis of images."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    images = [row["images"] for row in rows]
    left.plot(images, [row["modes"] for row in rows], "o-", color="C0")
    left.axhline(1000, color="black", lw=0.8, ls=":")
    left.set(xscale="log", xlabel="images seen", ylabel="modes of 1000, in 26,000 images")
    right.plot(images, [row["kl"] for row in rows], "o-", color="C1", label="plug-in, against uniform shares")
    right.plot(images, [row["corrected"] for row in rows], "s-", color="C2", label="bias-corrected, against the data's")
    right.axhline(rows[0]["floor"], color="C1", lw=0.8, ls=":", label="plug-in of a perfect sampler")
    right.set(xscale="log", yscale="log", xlabel="images seen", ylabel="KL in nats")
    right.legend(frameon=False)
    for panel in (left, right):
        panel.grid(alpha=0.25, which="both")
    figure.savefig(PICTURE, dpi=80)


def medians(runs: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """One row for each epoch that every run has, its numbers the medians over the runs."""
    tables = [{row["epoch"]: row for row in rows} for rows in runs]
    common = sorted(set.intersection(*(set(table) for table in tables)))
    if not common:
        raise UserError("The runs were evaluated after different epochs: `ayneh evaluate RUN --epoch E` adds one.")
    return [{key: median(table[epoch][key] for table in tables) for key in tables[0][epoch]} for epoch in common]


def show(rows: list[dict[str, float]]) -> None:
    """A Markdown table."""
    print("| epochs | images | seconds | modes | plug-in KL, 26k | bias-corrected KL, n |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['epoch']} | {row['images']:,.0f} | {row['seconds']:,.0f} | {row['modes']:.0f} "
            f"| {row['kl']:.4f} | {row['corrected']:.4f}, {row['n']:,.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    folders = parser.parse_args().runs
    named = [(name, rows) for folder in folders for name, rows in rows_of(folder).items()]
    runs = [rows for _, rows in named]
    for name, rows in named:
        print(f"\n{name}\n")
        show(rows)
    if len(runs) > 1:
        print(f"\nmedians of {len(runs)} runs\n")
        show(medians(runs))
        for key in ("kl", "corrected", "modes"):
            last = [rows[-1][key] for rows in runs]
            print(f"\n{key} at the end: {min(last):.4g} to {max(last):.4g}")
    draw(medians(runs))
    print(PICTURE)


if __name__ == "__main__":
    in_sentences(main)
