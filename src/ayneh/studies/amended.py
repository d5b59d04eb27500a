"""What was changed in a study's plan once results were known: a test that is chosen then finds more than it should."""

from __future__ import annotations

from ayneh.files.reading import shown
from ayneh.studies.design import Study, grouped
from ayneh.terminal.text import counted

TESTED_BY = {
    "margin": "The margin was", "failures": "The share of failures was", "pairs": "The reason for pairs was",
    "outcomes": "The outcomes were",
}  # fmt: skip


def amendments(before: Study, now: Study, ended: int) -> list[str]:
    """A sentence for each change of what is tested, and how; none before the first run has ended. ended: runs."""
    if not ended:
        return []
    when = f"after {counted(ended, 'run')} had ended"
    found = [
        f"{words} changed from {shown(old)} to {shown(new)} {when}."
        for name, words in TESTED_BY.items()
        if (old := getattr(before, name)) != (new := getattr(now, name))
    ]
    asked, asks = ({(ask.arm, ask.reference) for ask in study.comparisons()} for study in (before, now))
    if asked != asks:
        found.append(
            f"The comparisons were changed {when}: of {len(asked)}, {len(asked - asks)} were left out, and "
            f"{len(asks - asked)} were added."
        )
    fewer, more = (grouped(study.runs(), lambda run: run.arm) for study in (before, now))
    seeds = {(len(fewer[arm]), len(more[arm])) for arm in fewer if arm in more and len(fewer[arm]) != len(more[arm])}
    if seeds:
        pairs = ", ".join(f"from {old} to {new}" for old, new in sorted(seeds))
        found.append(f"The number of seeds was changed {pairs} {when}.")
    return found
