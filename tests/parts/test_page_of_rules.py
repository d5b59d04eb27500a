"""The examples of docs/parts.md on rules of one's own, played as they are printed."""

import re
from pathlib import Path

import pytest
import torch

import ayneh
from ayneh.engine.match import Match, replicas_of

PAGE = Path(__file__).parents[2] / "docs" / "parts.md"
RULES = ("Loss", "Penalty", "Prior", "Augmentation", "Optimiser", "Schedule")


@pytest.mark.parametrize("kind", RULES)
def test_the_example_of_each_section_plays_and_changes_the_game(kind):
    section = re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    base = ayneh.preset("digits").changed({"batch": 8, "prior.dim": 4, "net.name": "mlp", "net.width": 4,
                                           "rules.penalty": "r1", "rules.dropout": 0.0})  # fmt: skip
    space = {"ayneh": ayneh, "torch": torch, "config": base}
    exec(code, space)
    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))

    def played(config):
        match = Match(replicas_of(config), pixels, torch.device("cpu"))
        state = match.start()
        for i in range(3):
            state, _ = match.play(state, i)
        return state["dis"]

    ours = played(space["config"])
    assert ours.isfinite().all()
    assert not torch.equal(ours, played(base))
