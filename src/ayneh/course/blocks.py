"""What a claim's section is made of, for a page in HTML and one in Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

from ayneh.course.catalogue import Catalogue
from ayneh.course.facts import Facts
from ayneh.course.layers import Layer, Layers
from ayneh.course.plan import PART_B
from ayneh.doctor.cures import argv, shown
from ayneh.record.record import Record
from ayneh.studies.figures import Words
from ayneh.studies.results import Result


@dataclass(frozen=True)
class Block:
    """A paragraph, a table, lines as they were printed, pictures in a row, or a figure; the others are empty."""

    words: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()
    pictures: tuple[tuple[str, Path], ...] = ()  # (label, file)
    svg: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim of the report: what it says, what was played for it, what came of it, what a student can use."""

    number: int
    title: str
    said: str
    played: tuple[str, ...]  # sentences
    commands: tuple[str, ...]
    answer: str
    lesson: str
    blocks: list[Block] = field(default_factory=list)

    @property
    def name(self) -> str:
        """R1 to R12."""
        return f"R{self.number}"


def arm_name(t: Catalogue, arm: str) -> str:
    """An arm in this language; the name of a prior is the same in all."""
    return t.get(f"arm.{arm.replace(' ', '-')}", f"`{arm}`")


def words_of(t: Catalogue) -> Words:
    """What stands on the curves of this language's page."""
    texts = [one.name for one in fields(Words) if one.name not in ("arms", "digits")]
    arms = {arm: t.sentences[f"plot.{arm.replace(' ', '-')}"] for arm in PART_B}
    return Words(**{name: t.sentences[f"plot.{name}"] for name in texts}, arms=arms, digits=t.digits)


def made(t: Catalogue, facts: Facts, number: int, arms: list[str], answer: str, *blocks: Block) -> Claim:
    """A claim with its words of the catalogue, and the runs that were played for it."""
    key = f"r{number}"
    played = []
    for arm in arms:
        runs = facts.arm(arm)
        seeds, epochs = [run.run.seed for run in runs], runs[0].run.config.epochs
        values = {"runs": len(runs), "first": min(seeds), "last": max(seeds), "epochs": epochs}
        played.append(t("played.arm", arm=arm_name(t, arm), **values))
    commands = tuple(command_of(facts.middle(arm)) for arm in arms)
    return Claim(number, t(f"{key}.title"), t(f"{key}.said"), tuple(played), commands, answer,
                 t(f"{key}.lesson"), list(blocks))  # fmt: skip


def command_of(run: Result) -> str:
    """The command that trains this run alone."""
    return shown(argv(run.run.config.without_folders(), {}))


def picture(facts: Facts, run: Result, epoch: int) -> Path:
    """The file with a run's images after an epoch."""
    return Record(facts.ledger.path(run.run)).sample_path(epoch, 0, 1)


def layer_table(t: Catalogue, rows: list[Layer]) -> Block:
    """The layers of one net."""
    head = tuple(t(f"layer.{name}") for name in ("layer", "shape", "parameters"))
    cells = [(*layer_cells(t, one), t.shown(one.parameters)) for one in rows]
    total = (t("layer.total"), "", t.shown(sum(one.parameters for one in rows)))
    return Block(head=head, rows=(*cells, total))


def layer_cells(t: Catalogue, one: Layer) -> tuple[str, str]:
    """A layer in words, and the shape of its output."""
    words = t(f"layer.{one.kind}", **{name: t.digits(f"{value:g}") for name, value in one.numbers.items()})
    return words, t.digits(" × ".join(map(str, one.shape)))


def sizes(t: Catalogue, layers: Layers) -> dict[str, str]:
    """The parameters of both nets as values of a sentence."""
    gen, dis = layers.parameters
    return {"gen": t.shown(gen), "dis": t.shown(dis)}
