"""Runs with parts of one's own: what the folder notes, and what verbs do with and without the part."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from ayneh.errors import UserError
from ayneh.parts.origin import sha256_of

LOSS = """import ayneh
from ayneh.game.losses import Loss
from mine_beside import halves

def dis(real, fake, smooth):
    return halves(real, fake)

def gen(real, fake):
    return -fake

ayneh.add("loss", "mine", Loss(dis, gen))
"""
BESIDE = "import torch\n\ndef halves(real, fake):\n    return torch.relu(1 - real) / 2 + torch.relu(1 + fake) / 2\n"
PRIOR = '''from dataclasses import dataclass
import ayneh
from ayneh.game.priors import Normal

@dataclass(frozen=True)
class Wide(Normal):
    """N(0, 4)."""
    name = "wide"
    std: float = 2.0

ayneh.add("prior", "wide", Wide)
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny, unload) -> Path:
    """A folder with parts, and a run of two epochs that was trained with them."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("own")
    (folder / "my_parts.py").write_text(LOSS)
    (folder / "mine_beside.py").write_text(BESIDE)
    (folder / "wide.py").write_text(PRIOR)
    flags = ["--parts", str(folder / "my_parts.py"), f"--parts={folder / 'wide.py'}"]
    named = ["--rules.loss", "mine", "--prior.name", "wide"]
    main(["train", "digits", *tiny, "--quiet", *flags, *named, "--epochs", "2", "--out", str(folder / "run")])
    unload()
    return folder


@pytest.fixture
def own(made, tmp_path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "own"))


@pytest.fixture
def train(ayneh, tiny):
    """``train("--epochs", 2, ...)``: a tiny run on digits."""
    return lambda *args: ayneh("train", "digits", *tiny, "--quiet", *args)


def flags(folder: Path) -> list[str]:
    return ["--parts", str(folder / "my_parts.py"), "--parts", str(folder / "wide.py")]


def test_the_run_notes_its_parts_and_copies_their_sources(own):
    loss, prior = json.loads((own / "run" / "config.json").read_text())["parts"]
    assert loss == {
        "kind": "loss",
        "name": "mine",
        "sha256": sha256_of(LOSS),
        "file": "my_parts.py",
        "flag": "my_parts.py",
        "copy": "parts/my_parts.py",
        "beside": {"mine_beside.py": sha256_of(BESIDE)},
    }
    assert (prior["kind"], prior["name"], prior["sha256"]) == ("prior", "wide", sha256_of(PRIOR))
    copies = {path.name: path.read_text() for path in (own / "run" / "parts").iterdir()}
    assert copies == {"my_parts.py": LOSS, "mine_beside.py": BESIDE, "wide.py": PRIOR}


def test_a_run_without_own_parts_notes_none(tiny_run):
    assert "parts" not in json.loads((tiny_run / "config.json").read_text())
    assert not (tiny_run / "parts").exists()


NEED_NETS = {
    "sample": ["--out", "x.npz"],
    "evaluate": [],
    "mirror": ["--images", "100", "--invert", "0"],
    "export": ["--to", "safetensors"],
    "diagnose": ["--probe", "--probe-steps", "2", "--probe-epochs", "1"],
    "explore": ["--save", "x.html"],
    "resume": [],
}


@pytest.mark.parametrize("verb", NEED_NETS)
def test_without_its_parts_a_verb_says_which_file_it_needs(own, ayneh, verb, monkeypatch):
    monkeypatch.chdir(own)
    flags = ["--parts", "my_parts.py"]  # the loss alone
    code, _, err = ayneh(verb, "run", *NEED_NETS[verb], *flags)
    assert code == 2, err
    assert err.splitlines()[-1] == (
        "ayneh: run was trained with the prior 'wide' of wide.py, which has not been loaded: give the command --parts "
        "wide.py, with its path; its source as it was is in run/parts/wide.py."
    )


@pytest.mark.parametrize(("verb", "parts"), [("show", []), ("diagnose", ["wide.py"])])
def test_verbs_that_need_no_nets_need_no_nets_and_losses(own, ayneh, verb, parts):
    code, out, err = ayneh(verb, own / "run", *(word for file in parts for word in ("--parts", own / file)))
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("verb", ["sample", "evaluate", "mirror", "diagnose"])
def test_with_its_parts_a_verb_works(own, ayneh, verb, monkeypatch):
    monkeypatch.chdir(own)
    code, _, err = ayneh(verb, "run", *NEED_NETS[verb], *flags(own))
    assert code == 0, err


def test_a_loss_is_not_needed_to_draw_images(own, ayneh):
    code, _, err = ayneh("sample", own / "run", "--out", own / "x.npz", "--parts", own / "wide.py")
    assert (code, err) == (0, "")


def test_resume_goes_on_bit_for_bit(own, ayneh, train):
    assert ayneh("resume", own / "run", "--epochs", "3", *flags(own))[0] == 0
    tail = ["--rules.loss", "mine", "--prior.name", "wide", "--epochs", "3", "--out", own / "whole"]
    assert train(*flags(own), *tail)[0] == 0
    last = "checkpoints/epoch-0002.safetensors"
    from safetensors.torch import load_file

    ours, theirs = load_file(own / "run" / last), load_file(own / "whole" / last)
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_line_ends_do_not_change_a_part(own, ayneh):
    (own / "my_parts.py").write_bytes(LOSS.replace("\n", "\r\n").encode())
    code, _, err = ayneh("resume", own / "run", "--quiet", *flags(own))
    assert (code, err) == (0, "")


@pytest.mark.parametrize("changed", ["my_parts.py", "mine_beside.py"])
def test_another_source_is_a_warning_and_resume_refuses(own, ayneh, changed):
    text = (own / changed).read_text()
    (own / changed).write_text(text + "# another line\n")
    code, _, err = ayneh("show", own / "run", *flags(own))
    assert code == 0
    copy = own / "run" / "parts" / "my_parts.py"
    of = "the loss 'mine' of my_parts.py"
    said = f"{own / 'run'} was trained with {of}, whose source is another now (as it was: {copy})"
    assert err == f"{said}: its results may differ.\n"
    code, _, err = ayneh("resume", own / "run", "--epochs", "3", *flags(own))
    assert code == 2
    assert err.splitlines()[-1] == (
        f"ayneh: {said}: put the former source back, or go on with this one by --changed-parts."
    )
    assert json.loads((own / "run" / "config.json").read_text())["config"]["epochs"] == 2


def test_resume_with_changed_parts_notes_the_source_of_today_and_keeps_the_former(own, ayneh, unload):
    (own / "my_parts.py").write_text(LOSS + "# another line\n")
    assert ayneh("resume", own / "run", "--epochs", "3", "--changed-parts", *flags(own))[0] == 0
    loss = json.loads((own / "run" / "config.json").read_text())["parts"][0]
    assert loss["sha256"] == sha256_of(LOSS)
    assert loss["changed"] == [
        {
            "sha256": sha256_of(LOSS + "# another line\n"),
            "copy": "parts/my_parts-2.py",
            "beside": {"mine_beside.py": sha256_of(BESIDE)},
        }
    ]
    assert (own / "run" / "parts" / "my_parts.py").read_text() == LOSS
    assert (own / "run" / "parts" / "my_parts-2.py").read_text() == LOSS + "# another line\n"
    assert ayneh("resume", own / "run", "--epochs", "4", "--quiet", *flags(own))[::2] == (0, "")
    (own / "my_parts.py").write_text(LOSS)
    unload()
    code, _, err = ayneh("resume", own / "run", "--epochs", "5", *flags(own))
    assert (code, "whose source is another now" in err) == (2, True)


def test_also_a_second_change_of_a_file_beside_it_is_noticed_and_copied(own, ayneh, unload):
    for n in (2, 3):
        (own / "mine_beside.py").write_text(f"{BESIDE}# {n}\n")
        unload()
        assert ayneh("resume", own / "run", *flags(own))[0] == 2
        assert ayneh("resume", own / "run", "--changed-parts", "--quiet", *flags(own))[0] == 0
        assert (own / "run" / "parts" / f"mine_beside-{n}.py").read_text() == f"{BESIDE}# {n}\n"
    assert (own / "run" / "parts" / "mine_beside.py").read_text() == BESIDE


def test_each_source_has_a_copy_whatever_its_file_is_called(tmp_path):
    from ayneh.config import Config, Rules
    from ayneh.parts.origin import Source
    from ayneh.parts.registry import add, from_source
    from ayneh.record.record import Record

    long = "نام" * 60 + ".py"  # 363 bytes
    texts = {"a/b.py": "b = 1", "a-b.py": "b = 2", long: "b = 3", f"x{long}": "b = 4"}
    source = Source("mine", tmp_path / "a-b.py", "b = 5")
    source.neighbours = {f"module{i}": one for i, one in enumerate(texts.items())}
    with from_source(source):
        add("schedule", "mine", abs)
    Record.create(tmp_path / "run", Config(rules=Rules(gamma_schedule="mine")), {"device": "cpu"})
    copies = {path.name: path.read_text() for path in (tmp_path / "run" / "parts").iterdir()}
    assert {"a-b.py": "b = 1", "a-b-2.py": "b = 2", "a-b-3.py": "b = 5"}.items() < copies.items()
    assert sorted(copies.values()) == [f"b = {n}" for n in range(1, 6)]


def test_a_file_that_no_longer_adds_the_part_is_named(own, ayneh):
    (own / "wide.py").write_text("import ayneh\n")
    code, _, err = ayneh("sample", own / "run", "--out", own / "x.npz", "--parts", own / "wide.py")
    assert code == 2
    assert "the prior 'wide' of wide.py, but this file adds none of this name now: add it there by ayneh.add" in err


HOSTILE = [
    {"module": "evil", "file": "evil.py", "flag": "evil", "copy": "parts/evil.py"},
    {"module": "evil", "file": "evil.py", "objects": ["mark"], "arguments": {"path": "x"}, "copy": "../../evil.py"},
    {"module": "evil", "package": "evil 1.0", "copy": "/etc/passwd"},
    {"module": "os", "file": "my_parts.py", "objects": ["__builtins__"]},
]


@pytest.mark.parametrize("noted", HOSTILE)
@pytest.mark.parametrize("verb", NEED_NETS)
def test_nothing_is_imported_because_a_run_folder_names_it(own, ayneh, verb, noted, monkeypatch):
    marker = own / "marker"
    evil = f"from pathlib import Path\nPath({str(marker)!r}).write_text('imported')\n"
    for place in (own, own / "run", own / "run" / "parts"):
        (place / "evil.py").write_text(evil)
    head = json.loads((own / "run" / "config.json").read_text())
    head["parts"].append({"kind": "net", "name": "mirror-2", "sha256": sha256_of(evil), **noted})
    (own / "run" / "config.json").write_text(json.dumps(head))
    monkeypatch.chdir(own)
    monkeypatch.syspath_prepend(own)
    code, _, err = ayneh(verb, "run", *NEED_NETS[verb], *flags(own))
    assert code == 2
    assert "run was trained with the net 'mirror-2'" in err
    assert "passwd" not in err
    assert not marker.exists()
    assert "evil" not in sys.modules


@pytest.mark.parametrize("parts", [3, ["x"], [{"kind": 3}], [{"kind": "loss", "name": "mine"}], {"kind": "loss"}])
def test_notes_that_are_damaged_are_one_sentence(own, ayneh, parts):
    head = json.loads((own / "run" / "config.json").read_text())
    (own / "run" / "config.json").write_text(json.dumps(head | {"parts": parts}))
    code, _, err = ayneh("sample", own / "run", "--out", own / "x.npz")
    assert code == 2
    assert err.startswith(f"ayneh: {own / 'run' / 'config.json'}: parts")
    assert err.count("\n") == 1


def test_overwrite_removes_the_former_run_s_copies(own, train):
    assert train("--epochs", "1", "--out", own / "run", "--overwrite")[0] == 0
    assert not (own / "run" / "parts").exists()


def test_a_part_of_this_process_has_its_source_copied_though_it_has_no_file(tmp_path, unload):
    from ayneh.config import Config, Rules
    from ayneh.parts.registry import add
    from ayneh.record.record import Record

    space = {"__name__": "__main__"}
    exec("def gen(real, fake):\n    return -fake\n", space)
    add("schedule", "typed", space["gen"])
    config = Config(rules=Rules(gamma_schedule="typed"))
    record = Record.create(tmp_path / "run", config, {"device": "cpu"})
    (noted,) = record.parts.noted()
    assert (noted.flag, noted.copy) == ("", "")  # its source is not to be had
    unload()
    with pytest.raises(UserError, match="which came from a notebook or a script: add it again by"):
        record.parts.need()
