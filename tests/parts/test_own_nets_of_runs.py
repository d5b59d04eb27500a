"""Runs with nets and losses of one's own that are found again, refused, or fail."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def train(ayneh, tiny):
    """``train("--epochs", 2, ...)``: a tiny run on digits."""
    return lambda *args: ayneh("train", "digits", *tiny, "--quiet", *args)


def flags(folder: Path) -> list[str]:
    return ["--parts", str(folder / "my_parts.py"), "--parts", str(folder / "wide.py")]


NETS = """from torch import nn

class Gen(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 64), nn.Tanh())

    def forward(self, z):
        return self.layers(z).view(-1, 1, 8, 8)

class Dis(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def forward(self, x):
        return self.layers(x)

def mark(path, **given):
    open(path, "w").close()
    return nn.Identity()
"""


def test_nets_named_on_the_command_line_are_found_again_by_their_file_alone(tmp_path, ayneh, train, unload):
    path, run = tmp_path / "my_nets.py", tmp_path / "run"
    path.write_text(NETS)
    nets = ["--nets", f"{path}:Gen(width=5)", f"{path}:Dis"]
    code, _, err = train(*nets, "--epochs", "1", "--out", run)
    assert code == 0, err
    (noted,) = json.loads((run / "config.json").read_text())["parts"]
    assert (noted["name"], noted["objects"]) == ("Gen+Dis", ["Gen", "Dis"])
    assert noted["arguments"] == {"gen_args": {"width": 5}, "dis_args": {}}
    unload()
    code, _, err = ayneh("sample", run, "--out", tmp_path / "x.npz")
    assert code == 2
    assert (
        "trained with the net 'Gen+Dis' of my_nets.py, which has not been loaded: give the command --parts my_n" in err
    )
    assert ayneh("sample", run, "--out", tmp_path / "x.npz", "--parts", path)[0] == 0
    unload()
    assert ayneh("resume", run, "--epochs", "2", "--parts", path)[0] == 0


def test_a_function_of_the_user_s_is_not_called_because_a_run_folder_names_it(tmp_path, ayneh, train, unload):
    path, run, marker = tmp_path / "my_nets.py", tmp_path / "run", tmp_path / "marker"
    path.write_text(NETS)
    nets = ["--nets", f"{path}:Gen", f"{path}:Dis"]
    assert train(*nets, "--epochs", "1", "--out", run)[0] == 0
    unload()
    head = json.loads((run / "config.json").read_text())
    head["parts"][0] |= {"objects": ["mark", "Dis"], "arguments": {"gen_args": {"path": str(marker)}, "dis_args": {}}}
    (run / "config.json").write_text(json.dumps(head))
    code, _, err = ayneh("sample", run, "--out", tmp_path / "x.npz", "--parts", path)
    assert code == 2
    assert "but this file adds none of this name now" in err
    assert not marker.exists()


@pytest.mark.parametrize(
    "raised",
    ["SystemExit(0)", "ValueError('odd')", "RecursionError('deep')", "OSError(28, 'full')", "GeneratorExit('odd')"],
)
def test_a_loss_that_fails_in_the_middle_of_a_game_is_one_sentence_and_its_run_goes_on(ayneh, train, tmp_path, raised):
    """In particular one that ends the process, which would look like a run that is done."""
    text = f"""import os
import ayneh

def dis(real, fake):
    if os.path.exists({str(tmp_path / "bad")!r}):
        raise {raised}
    return (1 - real).relu() + (1 + fake).relu()

def tick(line):
    if line["epoch"] == 0:
        open({str(tmp_path / "bad")!r}, "w").close()

ayneh.add("loss", "mine", ayneh.Loss(dis, gen=lambda fake: -fake))
ayneh.add("callback", "breaks", tick)
"""
    (tmp_path / "mine.py").write_text(text)
    parts, run = ["--parts", tmp_path / "mine.py"], tmp_path / "run"
    flags = [*parts, "--rules.loss", "mine", "--epochs", 2, "--callbacks", "breaks"]
    status, _, err = train(*flags, "--out", run)
    assert status == 1
    assert f"A part of your own failed after step 4: {raised.partition('(')[0]}: " in err
    assert f"({tmp_path / 'mine.py'}:6). Correct it. `ayneh resume" in err
    (tmp_path / "bad").unlink()
    assert ayneh("resume", run, *parts, "--quiet")[0] == 0
