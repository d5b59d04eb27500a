"""The report played and its pages written: what the verb and Python call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ayneh.course.catalogue import LANGUAGES, Catalogue
from ayneh.course.facts import gathered
from ayneh.course.page import Written, files, write
from ayneh.course.plan import study_of
from ayneh.errors import UserError, typed_as
from ayneh.files.whole import refuse_unwritable
from ayneh.studies.ledger import Ledger
from ayneh.studies.play import play_in
from ayneh.studies.progress import tell
from ayneh.studies.report import refuse_without_packages, write_report
from ayneh.terminal.progress import Terminal

STUDY = "study"  # the folder of the runs within that of the report


@dataclass(frozen=True)
class Made:
    """A report that is written: its folder, its study, its pages by language."""

    folder: Path
    ledger: Ledger
    pages: dict[str, Written]


def make(data: str, length: str, lang: str, out: Path | None, workers: int | None, terminal: Terminal) -> Made:
    """Play what is not played yet, measure what is not measured yet, and write the pages.

    length: "5", "60" or "full"; lang: a language or "both". Raises UserError for others, where a package is missing and
    for a folder with other files, before anything is played; and Stopped if runs are left.
    """
    languages = [Catalogue(one) for one in (LANGUAGES if lang == "both" else [lang])]
    study, size = study_of(data, length)
    folder = out or Path("runs") / study.name
    refuse_without_packages("The page of the report")
    if folder.is_dir() and not (folder / STUDY / "study.json").exists() and {*os.listdir(folder)} - {STUDY}:
        raise UserError(f"{folder} is not empty and not a report of ayneh: choose another --out.")
    refuse_unwritable(*(path for one in languages for path in files(folder, one.language)))
    ledger = play_in(folder / STUDY, study, terminal, workers=workers)
    asked = "--full" if length == "full" else f"--minutes {length}"
    command = f"ayneh report {asked} --data {data} --lang {lang} --out {typed_as(folder.name)}"
    facts = gathered(ledger, size, command, terminal.say)
    write_report(ledger)  # its tables and its own page
    tell(ledger)
    return Made(folder, ledger, {t.language: write(folder, facts, t) for t in languages})
