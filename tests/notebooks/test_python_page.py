"""docs/python.md: its blocks are one program, which runs to its end."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_what_the_page_calls_is_public():
    import ayneh

    text = PAGE.read_text(encoding="utf-8")
    names = set(re.findall(r"\bayneh\.([A-Za-z_]\w*)", text))
    assert len(names) > 8
    assert names <= set(ayneh.__all__)
    for name in re.findall(r"\brun\.(\w+)", text):
        assert hasattr(ayneh.Run, name), name
    for name in re.findall(r"\bresults\.(\w+)", text):
        assert hasattr(ayneh.Results, name), name


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program: dict = {"__name__": "__main__"}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), program)
    said = capsys.readouterr().out
    assert program["run"].finished
    assert program["run"].config.rules.loss == "hinge"
    assert (tmp_path / "losses.svg").stat().st_size > 500
    assert re.search(r"fd_500_digits_test: \d+\.\d \(\d+\.\d to \d+\.\d\); real images: 1\.\d\d", said)
    assert program["digits"].shape == (64, 1, 16, 16)
    assert program["walk"].shape == (9, 1, 16, 16)
    assert program["logits"].shape == (9,)
    assert program["moment"].step == 20
    assert program["own"].finished
    assert len(program["results"].verdicts) == 1
    assert "Did you mean 'rules.loss'?" in said
