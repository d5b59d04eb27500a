"""The verb `report`: the course report that ayneh grew from, played and written in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import say


def report(
    minutes: Literal["5", "60"] = "5",
    full: bool = False,
    data: Literal["digits", "mnist", "hoda"] = "digits",
    lang: Literal["en", "fa", "both"] = "en",
    out: Path | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> None:
    """Play the course report that ayneh grew from, and write it: every claim R1 to R12 with what was measured of it.

    Normal, uniform and centred uniform noise with perceptrons, the mirror nets with and without dropout, several seeds
    each; then the judge, the doctor, the mirror's reading and the support probe. The same command goes on after an
    interrupt, and repeats nothing.

    Args:
        minutes: how long it may take on two idle cores.
        full: the report's own nets and epochs instead, some five hours.
        data: digits come with ayneh, mnist is downloaded, hoda is read from $AYNEH_DATA/hoda.
        lang: the language of the pages: English, Persian, or both.
        out: the folder of the report (default: runs/report- with the data and the length).
        workers: processes (default: one for each core).
        quiet: print the result only.
    """
    from ayneh.course.play import make

    made = make(data, "full" if full else minutes, lang, out, workers, Terminal(quiet))
    for one in made.pages.values():
        say(f"{one.html}: open it in a browser; {one.markdown.name} is the same in Markdown", whole=True)
