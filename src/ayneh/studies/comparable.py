"""Which finished runs of a study may be compared: those scored after the planned epochs, by the same protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ayneh.studies.design import grouped

if TYPE_CHECKING:  # it imports this module
    from ayneh.studies.ledger import Ledger
    from ayneh.studies.results import Result


def lacking_in(planned: Sequence[int], result: Result) -> str:
    """Words on a finished run that lacks scores of planned epochs, or went on beyond them; empty for any other."""
    scored = [int(look["epoch"]) for look in result.looks]
    if planned[-1] not in scored:
        return "has no scores of its last epoch"
    if lacking := sorted(set(planned) - set(scored)):
        return f"has no scores of epoch {', '.join(map(str, lacking))}"
    return f"was trained on, to epoch {scored[-1]}" if scored[-1] != planned[-1] else ""


def of_one_protocol(ledger: Ledger, found: Sequence[Result]) -> list[Result]:
    """Those whose scores were taken as those of most runs on the same images were; the others are noted."""
    kept, judged = list(found), {"fd", *ledger.study.outcomes}
    for same in grouped(found, lambda result: repr(result.run.config.data)).values():
        counts = Counter(pair for one in same for pair in one.protocols.items())
        usual = dict(pair for pair, _ in reversed(counts.most_common()))
        for one in same:
            others = [name for metric, name in one.protocols.items() if metric in judged and name != usual[metric]]
            if not others:
                continue
            kept.remove(one)
            ledger.notes[one.run.place] = (
                f"{ledger.path(one.run)} has scores of another protocol ({others[0]}) than most of the study's runs on "
                "these images. It is not counted; to train it again, delete its folder."
            )
    return kept
