"""The benches as a reader starts them: bad input is one sentence with the exit status 2, and no traceback."""

import re
import runpy
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
FOLDER = "is a folder where a file should be"
CASES = [  # a script, arguments that it refuses, what the sentence has
    ("best", ["full", "{there}", "--table", "none.csv"], "There are no trials of"),
    ("best", ["trials", "{there}", "--table", "file/x.csv"], "file/x.csv"),
    ("bigan", ["--result", "{there}"], FOLDER),
    ("encoder", ["--result", "{there}"], FOLDER),
    ("reader", ["--result", "{there}"], FOLDER),
    ("speedrun", ["play", "file/none.toml"], "file/none.csv"),
    ("starts", ["file/out.csv", "2"], "file/out.csv"),
    ("strangers", ["--csv", "file/of"], "file"),
    ("strangers_ills", ["--csv", "file/of"], "file"),
    ("whose_figures", ["--mirror", "{there}"], "There is no study in"),
    ("whose_figures", ["--mirror", "{there}", "--out", "file"], "file"),
]


def test_every_script_ends_in_sentences():
    scripts = {path.stem: path.read_text() for path in BENCH.glob("*.py") if path.stem != "figures_parts"}
    ends = {name: text.partition('if __name__ == "__main__":')[2] for name, text in scripts.items()}
    assert not [name for name, end in ends.items() if end and "in_sentences(" not in end]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "args", "words"), CASES)
def test_bad_input_is_a_sentence(name, args, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(BENCH)
    monkeypatch.setattr(sys, "argv", [str(BENCH / f"{name}.py"), *(arg.format(there=tmp_path) for arg in args)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCH / f"{name}.py"), run_name="__main__")
    err = capsys.readouterr().err
    assert ended.value.code == 2, err
    (line,) = [line for line in err.splitlines() if line.startswith("ayneh: ")]
    assert re.search(words, line), line
    assert "Traceback" not in err
