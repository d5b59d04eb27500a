"""Parts in other processes: what is sent, what another process makes of it, what cannot be sent."""

import json
import pickle
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file

from ayneh.errors import UserError
from ayneh.game.losses import Loss
from ayneh.parts.loading import add_nets, load
from ayneh.parts.registry import add, own
from ayneh.parts.shipped import File, Shipped, pack, unpack

LOSS = """import ayneh
import torch
from ayneh.game.losses import Loss
from ship_beside import halves
from ship_folder.deep import gen

ayneh.add("loss", "mine", Loss(lambda real, fake, smooth: halves(real, fake), gen))
"""
BESIDE = "import torch\n\ndef halves(real, fake):\n    return torch.relu(1 - real) / 2 + torch.relu(1 + fake) / 2\n"
DEEP = "def gen(real, fake):\n    return -fake\n"
NETS = """from torch import nn

class Gen(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.width = width
        self.layer = nn.Linear(8, 64)

    def forward(self, z):
        return self.layer(z).tanh().view(-1, 1, 8, 8)

class Dis(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 1)

    def forward(self, x):
        return self.layer(x.flatten(1))
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "parts of mine"
    (folder / "ship_folder").mkdir(parents=True)
    for name, text in {
        "my_parts.py": LOSS,
        "ship_beside.py": BESIDE,
        "ship_folder/deep.py": DEEP,
        "nets.py": NETS,
    }.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def arrived(unload):
    """``arrived(sent)``: what another process makes of it."""

    def arrive(sent: Shipped) -> None:
        blob = pickle.dumps(sent)
        unload()
        unpack(pickle.loads(blob))

    return arrive


def test_a_file_arrives_as_it_was_loaded_whatever_its_folder_holds_by_now(folder, arrived):
    load(str(folder / "my_parts.py"))
    before = own("loss", "mine")
    sent = pack([{"rules.loss": "mine"}])
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "ship_beside.py").write_text("1 / 0\n")
    arrived(sent)
    part = own("loss", "mine")
    assert part is not None
    assert before is not None
    real, fake = torch.tensor([[0.5, 2.0]]), torch.tensor([[0.0, 1.0]])
    assert part.value.dis(real, fake, 0.0).tolist() == [[0.75, 1.0]]
    assert (part.source.sha256, part.source.neighbours) == (before.source.sha256, before.source.neighbours)


def test_only_what_the_settings_name_is_sent(folder):
    load(str(folder / "my_parts.py"))
    assert pack([{"rules.loss": "hinge"}]) == Shipped()


def test_a_pair_named_on_the_command_line_arrives(folder, arrived):
    add_nets(f"{folder / 'nets.py'}:Gen(width=5)", f"{folder / 'nets.py'}:Dis")
    arrived(pack([{"net.name": "Gen+Dis"}]))
    part = own("net", "Gen+Dis")
    assert part is not None
    assert part.arguments == {"gen_args": {"width": 5}, "dis_args": {}}
    assert part.value[0](**part.arguments["gen_args"]).width == 5
    assert part.source.file == folder / "nets.py"


@pytest.mark.parametrize("far", [False, True])
def test_what_was_added_by_hand_arrives_by_its_code(arrived, far):
    space = {"__name__": "__main__"}
    exec("factor = 3\ndef dis(real, fake, smooth):\n    return fake * factor\n", space)
    add("loss", "typed", Loss(space["dis"], lambda real, fake: -fake))
    arrived(pack([{"rules.loss": "typed"}], far))
    part = own("loss", "typed")
    assert part is not None
    assert part.value.dis(None, torch.ones(1, 1), 0.0).item() == 3


def test_a_module_of_the_user_s_goes_by_its_code_to_another_machine(folder, arrived, monkeypatch):
    (folder / "ship_module.py").write_text("def gen(real, fake):\n    return fake * 7\n")
    monkeypatch.syspath_prepend(folder)
    import ship_module

    add("loss", "moved", Loss(ship_module.gen, ship_module.gen))
    sent = pack([{"rules.loss": "moved"}], far=True)
    shutil.rmtree(folder)
    arrived(sent)
    part = own("loss", "moved")
    assert part is not None
    assert part.value.gen(None, torch.ones(1)).item() == 7


def test_a_part_that_cannot_be_sent_is_one_sentence():
    lock = threading.Lock()
    add("loss", "locked", Loss(lambda real, fake, smooth: lock and fake, lambda real, fake: -fake))
    with pytest.raises(UserError) as refused:
        pack([{"rules.loss": "locked"}])
    assert str(refused.value) == (
        "The loss 'locked' cannot be sent to a worker process (TypeError: cannot pickle '_thread.lock' object): put it "
        "into a file and name that with --parts."
    )


def test_replicas_whose_part_cannot_be_sent_play_in_this_process(monkeypatch):
    from ayneh.config import Config, Net, Rules
    from ayneh.engine import stacks
    from ayneh.engine.match import Match, replicas_of

    lock = threading.Lock()
    add("loss", "locked", Loss(lambda real, fake, smooth: fake if lock else real, lambda real, fake: -fake))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(stacks, "seconds_of", lambda match, enough=0.0: 1e9 if len(match.replicas) > 1 else 1.0)

    def match(loss):
        config = Config(seeds=2, batch=4, net=Net("mlp", width=4), rules=Rules(loss=loss))
        return Match(replicas_of(config), torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.device("cpu"))

    assert stacks.choose_workers(match("hinge"), 100) == 2
    assert stacks.choose_workers(match("locked"), 100) == 0
    assert stacks.kept_here(match("hinge")) == ""
    assert "The loss 'locked' cannot be sent to a worker process" in stacks.kept_here(match("locked"))


@pytest.mark.slow
def test_a_part_that_fails_in_a_worker_is_one_sentence(monkeypatch):
    from ayneh.config import Config, Net
    from ayneh.engine import stacks
    from ayneh.engine.match import Match, replicas_of

    bad = File("ayneh_parts_bad", "/nowhere/bad.py", "import ayneh\nopen('/nowhere/at/all')\n", ())
    monkeypatch.setattr(stacks, "pack", lambda settings: Shipped((bad,), ()))
    config = Config(seeds=2, batch=4, net=Net("mlp", width=4))
    match = Match(replicas_of(config), torch.zeros(8, 1, 8, 8, dtype=torch.uint8), torch.device("cpu"))
    processes = stacks.Processes(match, match.start(), 0, workers=1)
    try:
        with pytest.raises(UserError, match=r"A worker process .*: bad.py cannot be loaded: line 2: FileNotFoundError"):
            processes.advance(1)
    finally:
        processes.close()


STUDY = """
name = "own"
base = "digits"
seeds = 2
outcomes = ["fd"]
images = 100
looks = [0]

[set]
epochs = 1
batch = 32
"data.resize" = 8
"data.limit" = 128
"net.width" = 4
"net.name" = "mlp"
"prior.dim" = 8
"rules.ema_halflife_images" = 0

[arms.usual]

[arms.mine]
"rules.loss" = "mine"
"""


@pytest.fixture
def train(ayneh, tiny):
    """``train(...)``: an epoch of perceptrons by the loss of these tests, as the study plays it."""
    flags = ["--epochs", 1, "--net.name", "mlp", "--rules.loss", "mine", "--quiet"]
    return lambda *args: ayneh("train", "digits", *tiny, *flags, *args)


@pytest.mark.slow
def test_a_study_with_a_part_on_two_workers_has_the_bits_of_runs_alone(folder, tmp_path, ayneh, train, unload):
    (tmp_path / "study.toml").write_text(STUDY)
    flags = ["--parts", folder / "my_parts.py"]
    code, _, err = ayneh("study", "run", tmp_path / "study.toml", "--out", tmp_path / "out", "--workers", 2, *flags)
    assert code == 0, err
    runs = sorted((tmp_path / "out" / "runs" / "mine").glob("seed-*"))
    assert len(runs) == 2
    for run in runs:
        head = json.loads((run / "config.json").read_text())
        assert [noted["name"] for noted in head["parts"]] == ["mine"]
        (theirs,) = (run / "checkpoints").glob("epoch-*.safetensors")
        alone = tmp_path / run.name
        code, _, err = train(*flags, "--seed", head["config"]["seed"], "--out", alone)
        assert code == 0, err
        ours, theirs = load_file(alone / "checkpoints" / theirs.name), load_file(theirs)
        weights = {name for name in theirs if name.startswith(("gen", "dis", "ema"))}
        assert weights
        assert all(ours[name].equal(theirs[name]) for name in weights)
    (folder / "my_parts.py").write_text(LOSS + "# changed\n")
    unload()
    code, _, err = ayneh("study", "run", tmp_path / "study.toml", "--out", tmp_path / "out", *flags)
    assert code == 2
    assert "whose source is another now" in err
    assert err.rstrip().endswith("put the former source back, or choose another --out.")
    assert ayneh("study", "report", tmp_path / "out")[0] == 0


@pytest.mark.slow
def test_replicas_in_processes_have_the_bits_of_those_in_this_one(folder, tmp_path, train, monkeypatch):
    from ayneh.engine import stacks

    flags = ["--parts", folder / "my_parts.py", "--seeds", 2]
    heads = {}
    for workers in (0, 2):
        monkeypatch.setattr(stacks, "choose_workers", lambda match, steps, n=workers: n)
        code, _, err = train(*flags, "--out", tmp_path / str(workers))
        assert code == 0, err
        heads[workers] = json.loads((tmp_path / str(workers) / "config.json").read_text())["engine"]["workers"]
    assert heads == {0: 0, 2: 2}
    last = "checkpoints/epoch-0000.safetensors"
    ours, theirs = (load_file(tmp_path / str(workers) / last) for workers in (0, 2))
    assert all(ours[name].equal(theirs[name]) for name in theirs if name.startswith(("gen", "dis", "ema")))


FAILS = """import multiprocessing
import ayneh

calls = []

def dis(real, fake):
    calls.append(1)
    if multiprocessing.parent_process() and len(calls) > 15:  # not on its trial
        raise {raised}
    return (1 - real).relu() + (1 + fake).relu()

ayneh.add("loss", "mine", ayneh.Loss(dis, gen=lambda fake: -fake))
"""


@pytest.mark.slow
@pytest.mark.parametrize("raised", ["ZeroDivisionError('odd')", "GeneratorExit('odd')"])
def test_a_part_that_fails_in_another_process_is_one_sentence_with_its_line(
    tmp_path, ayneh, train, monkeypatch, raised
):
    from ayneh.engine import stacks

    monkeypatch.setattr(stacks, "choose_workers", lambda match, steps: 2)
    parts, study = tmp_path / "fails.py", tmp_path / "study.toml"
    parts.write_text(FAILS.format(raised=raised))
    study.write_text(STUDY.replace("epochs = 1", "epochs = 9"))
    said = f": {raised.partition('(')[0]}: odd ({parts}:9). Correct it."
    code, _, err = train("--seeds", 2, "--epochs", 9, "--parts", parts, "--out", tmp_path / "run")
    assert code == 1
    assert f"A part of your own failed after step 8{said} `ayneh resume " in err
    code, _, err = ayneh("study", "run", study, "--out", tmp_path / "out", "--workers", 2, "--parts", parts)
    assert code == 2
    assert f"A part of your own failed{said}" in err
