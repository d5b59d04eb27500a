"""The layout of arms on a page: by the factors' levels, in panels of a few lines each."""

from __future__ import annotations

from collections.abc import Sequence

from ayneh.studies.design import Ask, Study, grouped

IN_A_PANEL = 6  # lines that the eye distinguishes


def levels(study: Study, arm: str) -> dict[str, str]:
    """{factor: label} of an arm, whether combined or fixed by the arm; a level outside the factors is left out."""
    changes = study.cells()[arm]
    return {
        factor: label
        for factor, found in study.factors.items()
        for label, level in found.items()
        if all(leaf in changes and changes[leaf] == value for leaf, value in level.items())
    }


def sections(study: Study) -> dict[str, list[Ask]]:
    """Comparisons by the levels that both sides of every comparison share ("" where there are none)."""
    asks = study.comparisons()
    sides = [(levels(study, ask.arm), levels(study, ask.reference)) for ask in asks]
    shared = [f for f in study.factors if all(f in a and a[f] == b.get(f) for a, b in sides)]
    return grouped(asks, lambda ask: ", ".join(levels(study, ask.arm)[f] for f in shared))


def short(arm: str, section: str) -> str:
    """The arm's name without the levels that its section names."""
    return arm.removesuffix(f", {section}") if section else arm


def panels(asks: Sequence[Ask]) -> list[tuple[list[str], list[str]]]:
    """(questions, arms) of each panel: questions in their order, as many as fit `IN_A_PANEL` arms."""
    found: list[tuple[list[str], list[str]]] = []
    for question, group in grouped(asks, lambda ask: ask.question).items():
        first = group[0].reference
        arms = list(dict.fromkeys([first, *(arm for ask in group for arm in (ask.reference, ask.arm))]))
        if found and len(union := list(dict.fromkeys(found[-1][1] + arms))) <= IN_A_PANEL:
            found[-1] = ([*found[-1][0], question], union)
            continue
        others = arms[1:]
        for start in range(0, len(others), IN_A_PANEL - 1):
            found.append(([question], [first, *others[start : start + IN_A_PANEL - 1]]))
    return found


def left_over(study: Study) -> list[str]:
    """Arms that no comparison names."""
    named = {arm for ask in study.comparisons() for arm in (ask.arm, ask.reference)}
    return [arm for arm in study.cells() if arm not in named]
