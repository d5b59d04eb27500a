"""The report as one self-contained page, and as Markdown with links to the runs' own pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayneh.course.blocks import Claim
from ayneh.course.catalogue import Catalogue
from ayneh.course.claims import claims
from ayneh.course.facts import Facts
from ayneh.errors import UserError, extra
from ayneh.files.inside import read_png
from ayneh.files.whole import atomically
from ayneh.pages.language import coded
from ayneh.pages.sheet import data_address, environment_of, name_of, read_picture
from ayneh.studies import settings


@dataclass(frozen=True)
class Written:
    """A page in one language: its files, and the sentence on each claim."""

    html: Path
    markdown: Path
    answers: dict[str, str]  # by the name of the claim


def files(folder: Path, language: str) -> tuple[Path, Path]:
    """The page in this language, in HTML and in Markdown."""
    mark = "" if language == "en" else f".{language}"
    return folder / f"report{mark}.html", folder / f"report{mark}.md"


def write(folder: Path, facts: Facts, t: Catalogue) -> Written:
    """Write report.html and report.md into the folder (in Persian report.fa.html and report.fa.md)."""
    with extra("study", "The page"):
        found = claims(t, facts)
        pages = render(folder, facts, t, found)
    paths = files(folder, t.language)
    for path, page in zip(paths, pages, strict=True):
        with atomically(path) as file:
            file.write(page.encode())
    return Written(*paths, {one.name: t.laid_out(one.answer) for one in found})


def render(folder: Path, facts: Facts, t: Catalogue, found: Sequence[Claim]) -> tuple[str, str]:
    """The page in one language, in HTML and in Markdown."""
    from markupsafe import Markup

    values: dict[str, Any] = {
        "t": t,
        "claims": found,
        "command": facts.command,
        "done": len(facts.found),
        "planned": len(facts.ledger.runs),
        "minutes": sum(run.end["wall_s"] for run in facts.found) / 60,
        "versions": settings.machine(),
        "study": os.path.relpath(facts.ledger.folder, folder),
        "protocols": sorted({name for run in facts.found for name in run.protocols.values()}),
        "name": name_of(folder),
    }
    environment = environment_of("course")
    environment.filters |= {"code": lambda words: Markup(coded(words)), "address": lambda path: _address(path, facts)}
    page = environment.get_template("report.html.j2").render(**values)
    environment.autoescape = False
    environment.filters["link"] = lambda path: os.path.relpath(path, folder).replace(os.sep, "/").replace(" ", "%20")
    return t.laid_out(page), t.laid_out(environment.get_template("report.md.j2").render(**values))


def _address(path: Path, facts: Facts) -> str:
    """A picture of a run as a data address; "" where there is none."""
    try:
        return data_address(read_picture(read_png(path, facts.ledger.folder)))
    except UserError:
        return ""
