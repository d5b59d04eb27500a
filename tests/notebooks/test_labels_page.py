"""docs/labels.md: its blocks of Python are one program, which runs to its end."""

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "labels.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program: dict = {"__name__": "__main__"}
    for block in BLOCKS:
        block = block.replace('"epochs": 2', '"epochs": 2, "data.limit": 256, "batch": 32')
        exec(compile(block, str(PAGE), "exec"), program)
    assert "('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')" in capsys.readouterr().out
    assert program["sevens"].shape == (64, 1, 16, 16)
    assert program["three"].shape == (300, 1, 16, 16)
    assert program["same"].shape == (50, 1, 16, 16)
    assert program["walk"].shape == (9, 1, 16, 16)
    assert program["logits"].shape == (10,)
    assert not torch.equal(program["one"][0], program["one"][1])
    assert program["own"].finished
    assert program["own"].sample(4, classes=7).shape == (4, 1, 16, 16)
