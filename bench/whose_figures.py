"""Whose figures were they? The losses of played studies against those that the report prints (R2, R12).

python bench/whose_figures.py --mirror runs/study-figures-mirror --mlp runs/study-figures-mlp

Writes into --out: losses.csv, a row for each epoch of each candidate (its means and its last batch); whose-figures.md,
the candidates by their distance; and the plot of both parts to --figure. docs/findings/preregistered.md defines the
distance. Any study may be left out or unfinished: runs of an earlier losses.csv in --out stay in it.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ayneh.__main__ import in_sentences
from ayneh.errors import UserError
from ayneh.files.whole import refuse_unwritable
from ayneh.pages.canvas import log_ticks
from ayneh.studies.ledger import Ledger
from ayneh.studies.results import Result, result_of, results

COLUMNS = ("part", "arm", "seed", "epoch", "loss_d", "loss_g", "last_batch_d", "last_batch_g", "fd", "end")
CUT = "cut off after epoch"
LAST = 5  # epochs at the end whose mean losses are a candidate's point
NAMED = 4  # arms with a name in the plot: the nearest
LEAST_D = 0.01  # in the plot: a candidate whose D loses less is drawn at the edge, with its losses
# Those of ayneh's pages, and three more.
COLOURS = ("#0072b2", "#c2500a", "#00805c", "#a0398a", "#836600", "#5d6470", "#1c1c1e", "#e08aa0", "#58b6e8", "#9a2a2a")
Point = tuple[float, float]  # losses of D and G


@dataclass(frozen=True, eq=False)
class Part:
    """What the report prints in one part: losses of D and G on an epoch's last batch."""

    title: str
    points: dict[int, Point]  # by epoch
    near: float  # a distance of at most the logarithm of this factor is near

    @property
    def centre(self) -> Point:
        """The mean losses of its points."""
        d, g = zip(*self.points.values(), strict=True)
        return fmean(d), fmean(g)

    def distance(self, point: Point) -> float:
        """Between a point and the centre, in natural logarithms of both losses; infinite where one of them is 0."""
        if min(point) <= 0:
            return math.inf
        return math.hypot(*(math.log(x / c) for x, c in zip(point, self.centre, strict=True)))

    def holds(self, point: Point) -> bool:
        """Whether both losses are within the range of the report's points; of a single point within the near factor."""
        room = self.near if len(self.points) == 1 else 1.0
        sides = zip(point, zip(*self.points.values(), strict=True), strict=True)
        return all(min(range_) / room <= x <= max(range_) * room for x, range_ in sides)


MIRROR = Part(
    "Part B, mirror nets", {67: (0.0600, 4.948), 86: (0.324, 6.835), 87: (0.607, 8.199), 99: (0.295, 3.215)}, 1.5
)
MLP = Part("Part A, normal noise, perceptrons", {99: (1.3221588134765625, 0.856677770614624)}, 1.2)


@dataclass(frozen=True)
class Candidate:
    """One run: its losses at each epoch, its distances at some, and how it ended ("": well)."""

    part: Part
    arm: str
    seed: int
    means: list[Point]
    last_batches: list[Point]
    distances: dict[int, float] = field(default_factory=dict)  # epoch -> fd
    end: str = ""  # how it failed, and after which epoch it was cut off

    @property
    def name(self) -> str:
        """Its arm, and its seed if it is not the first."""
        return f"{self.arm} (seed {self.seed})" if self.seed else self.arm

    @property
    def family(self) -> str:
        """What its arm's name begins with: the setting that it is about."""
        return self.arm.split(", ")[0]

    @property
    def cut(self) -> bool:
        """Whether it was stopped before its last epoch."""
        return CUT in self.end

    @property
    def point(self) -> Point | None:
        """The mean losses of its last epochs; None if its numbers stopped being finite."""
        if "diverged" in self.end or not self.means:
            return None
        d, g = zip(*self.means[-LAST:], strict=True)
        return fmean(d), fmean(g)

    @property
    def distance(self) -> float:
        """Its point's distance from the report; infinite without a point."""
        return self.part.distance(self.point) if self.point else math.inf

    @property
    def near(self) -> bool:
        """Whether it comes near, and did not fail: an untrained game has losses of 1.39 and 0.69."""
        return self.distance <= math.log(self.part.near) and (not self.end or self.end.startswith(CUT))

    @property
    def inside(self) -> float:
        """The share of its epochs whose last batch is in the report's range."""
        return fmean(map(self.part.holds, self.last_batches)) if self.last_batches else 0.0


def played(ledger: Ledger) -> Iterator[tuple[Result, bool]]:
    """The finished runs, and, marked True, those that were cut off after `LAST` epochs or later."""
    yield from ((result, False) for result in results(ledger))
    for run in ledger.runs:
        if ledger.outcome(run) is None and ledger.path(run).is_dir():
            result = result_of(ledger, run, {"diverged": None, "swaps": {}}, {})
            if result.lines and result.lines[-1]["epoch"] >= LAST - 1:
                yield result, True


def candidates(folders: Sequence[Path], part: Part) -> list[Candidate]:
    """The runs of these studies."""
    found = []
    for result, cut in (one for folder in folders for one in played(Ledger.open(folder))):
        ends = {line["epoch"]: line for line in result.lines}.values()  # the last line of each epoch
        means, last = ([(line[f"{of}loss_d"][0], line[f"{of}loss_g"][0]) for line in ends] for of in ("mean_", ""))
        distances = {int(look["epoch"]): look["fd"] for look in result.looks if "fd" in look}
        words = (result.failure(), f"{CUT} {len(means) - 1}" if cut else None)
        end = ", ".join(word for word in words if word)
        found.append(Candidate(part, result.run.arm, result.run.seed, means, last, distances, end))
    return found


def write_losses(path: Path, found: Sequence[Candidate]) -> None:
    """A row for each epoch of each candidate."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for one in found:
            for epoch, row in enumerate(zip(one.means, one.last_batches, strict=True)):
                losses = [f"{x:.6g}" for point in row for x in point]
                fd = f"{one.distances[epoch]:.6g}" if epoch in one.distances else ""
                table.writerow([one.part.title, one.arm, one.seed, epoch, *losses, fd, one.end])


def read_losses(path: Path) -> list[Candidate]:
    """The candidates of an earlier losses.csv; none if there is no such file."""
    rows: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in csv.DictReader(path.read_text().splitlines()) if path.is_file() else ():
        rows.setdefault((row["part"], row["arm"], row["seed"]), []).append(row)
    parts, found = {part.title: part for part in (MIRROR, MLP)}, []
    for (title, arm, seed), own in rows.items():
        means, last = ([(float(row[f"{of}_d"]), float(row[f"{of}_g"])) for row in own] for of in ("loss", "last_batch"))
        distances = {int(row["epoch"]): float(row["fd"]) for row in own if row["fd"]}
        found.append(Candidate(parts[title], arm, int(seed), means, last, distances, own[0]["end"]))
    return found


def together(new: Iterable[Candidate], earlier: Iterable[Candidate]) -> list[Candidate]:
    """Each run once, part by part, nearest first: as it is now, unless that is cut off and the earlier one is not."""
    found = {(one.part.title, one.arm, one.seed): one for one in earlier}
    for one in new:
        before = found.get((one.part.title, one.arm, one.seed))
        if before is None or before.cut or not one.cut:
            found[one.part.title, one.arm, one.seed] = one
    return sorted(found.values(), key=lambda one: (one.part is not MIRROR, one.distance))


def table(found: Sequence[Candidate]) -> str:
    """The candidates of both parts in Markdown."""
    heads = [
        "candidate",
        "D",
        "G",
        "distance",
        "near",
        "last batches in the report's range",
        "least and last fd",
        "end",
    ]
    lines = []
    for part in dict.fromkeys(one.part for one in found):
        (d, g), near = part.centre, math.log(part.near)
        lines += [f"## {part.title}", ""]
        lines += [f"Report: D {d:.3f}, G {g:.3f}; a distance of at most {near:.3f} is near.", ""]
        lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for one in (one for one in found if one.part is part):
            at = [f"{x:.3f}" for x in one.point] if one.point else ["", ""]
            distances = [one.distances[epoch] for epoch in sorted(one.distances)]
            fd = f"{min(distances):.1f}, {distances[-1]:.1f}" if distances else ""
            cells = [one.name, *at, f"{one.distance:.2f}", "yes" if one.near else "", f"{one.inside:.0%}", fd]
            lines.append(f"| {' | '.join([*cells, one.end])} |")
        lines.append("")
    return "\n".join(lines)


def draw(path: Path, found: Sequence[Candidate]) -> None:
    """All candidates against the report's points, a panel for each part; lines are the epochs' means."""
    parts = list(dict.fromkeys(one.part for one in found))
    style = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "axes.axisbelow": True}
    with rc_context(style):
        figure = Figure(figsize=(6.4 * len(parts), 5.6), layout="constrained")
        for axes, part in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            panel(axes, part, [one for one in found if one.part is part and one.point])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


def panel(axes: Axes, part: Part, found: Sequence[Candidate]) -> None:
    """One part. Filled: dropout; open: none. The dashed ring is what counts as near."""
    families = list(dict.fromkeys(sorted(one.family for one in found)))
    colours = {family: COLOURS[k % len(COLOURS)] for k, family in enumerate(families)}
    for one in found:
        assert one.point
        colour = colours[one.family]
        axes.plot(*zip(*one.means, strict=True), color=colour, linewidth=0.6, alpha=0.45)
        face = "none" if one.arm.endswith("no dropout") else colour
        d, g = one.point
        at, mark = (max(d, LEAST_D), g), "o" if d >= LEAST_D else "<"
        axes.plot(*at, mark, color=colour, markerfacecolor=face, markersize=6)
        if d < LEAST_D:
            axes.annotate(
                f"{one.name}: D {d:.1g}, G {g:.0f}", at, xytext=(7, 4), textcoords="offset points", fontsize=7.5
            )
    first: dict[str, Candidate] = {}
    for one in found:
        first.setdefault(one.arm, one)  # the nearest run of each arm
    named = list(first.values())[:NAMED]
    for k, one in enumerate(sorted(named, key=lambda one: -max(one.point or (0.0,)))):
        assert one.point
        line = {"arrowstyle": "-", "linewidth": 0.5, "color": colours[one.family], "relpos": (1, 0.5)}
        place = {"xytext": (0.03, 0.22 - 0.05 * k), "textcoords": "axes fraction"}
        axes.annotate(one.name, one.point, fontsize=7.5, va="center", arrowprops=line, **place)
    for epoch, point in part.points.items():
        axes.plot(*point, "kx", markersize=8, markeredgewidth=2)
        axes.annotate(f"report, epoch {epoch}", point, xytext=(7, -9), textcoords="offset points", fontsize=7.5)
    (d, g), turns = part.centre, [k * math.tau / 120 for k in range(121)]
    ring = [(d * part.near ** math.cos(a), g * part.near ** math.sin(a)) for a in turns]
    axes.plot(*zip(*ring, strict=True), "k--", linewidth=0.8)
    for family in families:
        axes.plot([], [], "o", color=colours[family], label=family)
    axes.set_xlim(max(axes.get_xlim()[0], LEAST_D * 0.8), axes.get_xlim()[1] * 1.3)
    axes.set(xscale="log", yscale="log", title=part.title, xlabel="D's loss", ylabel="G's loss")
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        log_ticks(axis, *limits)
    axes.grid(linewidth=0.4)
    axes.legend(
        fontsize=7.5,
        loc="center left" if part is MIRROR else "upper right",
        title="filled: dropout, open: none",
        title_fontsize=7.5,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mirror", type=Path, nargs="*", default=[], help="folders of figures-mirror and figures-mirror-near"
    )
    parser.add_argument("--mlp", type=Path, nargs="*", default=[], help="folders of figures-mlp, figures-mlp-near")
    parser.add_argument("--out", type=Path, default=Path("docs/findings/studies/figures"))
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/whose-figures.png"))
    args = parser.parse_args()
    refuse_unwritable(args.out / "losses.csv", args.out / "whose-figures.md", args.figure)
    new = [one for part, folders in ((MIRROR, args.mirror), (MLP, args.mlp)) for one in candidates(folders, part)]
    found = together(new, read_losses(args.out / "losses.csv"))
    if not found:
        raise UserError("No finished run: name the folder of a played study by --mirror or --mlp.")
    args.out.mkdir(parents=True, exist_ok=True)
    write_losses(args.out / "losses.csv", found)
    (args.out / "whose-figures.md").write_text(table(found))
    draw(args.figure, found)
    print(table(found))


if __name__ == "__main__":
    in_sentences(main)
