"""The course report, from Python: played and written by the same function as by `ayneh report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ayneh.api.pictures import Page
from ayneh.arguments import checked
from ayneh.errors import Interrupted
from ayneh.terminal.progress import Terminal

if TYPE_CHECKING:
    from ayneh.api.results import Results, Verdicts
    from ayneh.course.play import Made


class Report(Page):
    """The report that `ayneh.report` wrote: its page, in a frame in a notebook, and what is on it.

    ``pages`` has the page of each language, ``markdown`` the path of the same in Markdown; the report itself is the
    first of the pages. ``answers`` are the sentences on the claims, {"R1": ..., ..., "R12": ...}; ``results`` those of
    its study, and ``verdicts`` its comparisons on the distance.
    """

    def __init__(self, made: Made) -> None:
        """made: the pages that are written."""
        from ayneh.api.results import open_study

        self.folder = made.folder
        self.pages = {lang: Page(one.html.read_text(encoding="utf-8"), one.html) for lang, one in made.pages.items()}
        self.markdown = {lang: one.markdown for lang, one in made.pages.items()}
        self.answers = next(iter(made.pages.values())).answers
        self.results: Results = open_study(made.ledger.folder)
        first = next(iter(self.pages.values()))
        super().__init__(first.html, first.path)

    @property
    def verdicts(self) -> Verdicts:
        """The comparisons on the distance; ``results.verdicts_on("loss_d")`` has those on D's loss."""
        return self.results.verdicts

    def __repr__(self) -> str:
        runs = f"{self.results.finished} of {self.results.planned} runs finished"
        pages = ", ".join(str(page.path) for page in self.pages.values())
        return "\n".join([f"Report({runs}; {pages})", *(f"  {name}: {one}" for name, one in self.answers.items())])


@checked
def report(
    minutes: Literal[5, 60] = 5,
    *,
    full: bool = False,
    data: Literal["digits", "mnist", "hoda"] = "digits",
    lang: Literal["en", "fa", "both"] = "en",
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> Report:
    """Play the course report that ayneh grew from, and write it with what was measured; what `ayneh report` does.

    Args:
        minutes: how long it may take on two idle cores.
        full: the report's own nets and epochs instead, some five hours.
        data: digits come with ayneh, mnist is downloaded, hoda is read from $AYNEH_DATA/hoda.
        lang: the language of the pages: English, Persian, or both.
        out: the folder of the report (None: runs/report- with the data and the length).
        workers: processes (None: one for each core).
        quiet: show no progress.

    The same call goes on after an interrupt, and repeats nothing. Raises UserError for bad input and for a folder of
    another report, and Stopped where runs are left.

    >>> import ayneh
    >>> ayneh.report(5, data="hoda")
    Traceback (most recent call last):
    ayneh.errors.UserError: No report is laid out for --data hoda --minutes 5; there is one for ...
    """
    from ayneh.course.play import make

    length, folder = "full" if full else str(minutes), None if out is None else Path(out)
    try:
        return Report(make(data, length, lang, folder, workers, Terminal(quiet)))
    except Interrupted as stopped:
        raise Interrupted(stopped.where, "the same call goes on.") from None
