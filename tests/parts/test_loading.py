"""Files, modules and packages with parts: what they add, and what a user reads of broken ones."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.errors import UserError
from ayneh.game.own import OwnPair
from ayneh.game.own_prior import made_of
from ayneh.parts import loading, packages
from ayneh.parts.loading import add_nets, load
from ayneh.parts.registry import add, every, own, table
from ayneh.parts.shipped import Shipped, pack

GOOD = '''"""My parts."""
import ayneh
from beside import shrink

def mine(net):
    """A tenth of what it was."""
    shrink(net)

ayneh.add("init", "tenth", mine)
'''
BESIDE = "def shrink(net):\n    for p in net.parameters():\n        p.data.mul_(0.1)\n"


@pytest.fixture(autouse=True)
def unloaded(monkeypatch):
    """What a test loads is gone after it, but for libraries: NumPy cannot be loaded twice in a process."""
    before = set(sys.modules)
    loading.loaded.clear()
    monkeypatch.setattr(packages, "_tried", set())
    monkeypatch.setattr(packages, "_searched", [])
    yield
    for name in set(sys.modules) - before:
        if "site-packages" not in str(getattr(sys.modules[name], "__file__", None) or "site-packages"):
            del sys.modules[name]


@pytest.fixture
def good(tmp_path) -> Path:
    (tmp_path / "beside.py").write_text(BESIDE)
    path = tmp_path / "my_parts.py"
    path.write_text(GOOD)
    return path


def test_a_file_adds_its_parts_and_imports_its_neighbours(good):
    before = list(sys.path)
    load(str(good))
    part = own("init", "tenth")
    assert part is not None
    assert part.value.__doc__ == "A tenth of what it was."
    assert (part.source.file, part.source.text) == (good, GOOD)
    assert part.source.neighbours == {"beside": ("beside.py", BESIDE)}
    assert sys.path == before


def test_a_file_is_loaded_once(good, monkeypatch):
    one = load(str(good))
    monkeypatch.chdir(good.parent)
    assert load("my_parts.py") is one


def test_a_name_in_the_current_folder_is_a_file_and_not_a_module(good, monkeypatch):
    monkeypatch.chdir(good.parent)
    assert load("my_parts.py").source.file == good
    with pytest.raises(UserError, match="There is no file or module 'my_parts' with parts: name a file"):
        load("my_parts")


def test_a_neighbour_that_another_file_has_imported_already_counts_too(good, tmp_path):
    load(str(good))
    (tmp_path / "more.py").write_text("import beside\n")
    assert load(str(tmp_path / "more.py")).source.neighbours == {"beside": ("beside.py", BESIDE)}


def test_two_files_with_namesakes_beside_them_are_refused(good, tmp_path):
    load(str(good))
    other = tmp_path / "other"
    other.mkdir()
    (other / "beside.py").write_text(BESIDE)
    (other / "more.py").write_text("import beside\n")
    with pytest.raises(UserError, match=r"beside.py and .*other/beside.py would both be imported as 'beside': rename"):
        load(str(other / "more.py"))


def test_two_files_that_add_the_same_name_are_refused(good, tmp_path):
    load(str(good))
    (tmp_path / "again.py").write_text(GOOD)
    with pytest.raises(UserError, match="both add an initialisation called 'tenth': rename one of them"):
        load(str(tmp_path / "again.py"))


BROKEN = {
    "x = 1\n\ny = z\n": "broken.py cannot be loaded: line 3: NameError: name 'z' is not defined.",
    "x = (\n": r"broken.py cannot be loaded: line 1: SyntaxError: '\(' was never closed.",
    "import nowhere_at_all\n": "broken.py cannot be loaded: line 1: ModuleNotFoundError: No module named 'nowhere_at_a",
    "import sys\nsys.exit(3)\n": "broken.py cannot be loaded: line 2: SystemExit: 3.",
    "class Odd(BaseException):\n    pass\nraise Odd(4)\n": "broken.py cannot be loaded: line 3: Odd: 4.",
    "import sys\nsys.path.pop(0)\n1 / 0\n": "broken.py cannot be loaded: line 3: ZeroDivisionError: division by zero.",
    "import ayneh\nayneh.add('lss', 'a', 1)": "line 2: There is no kind of part called 'lss'. Did you mean 'loss'",
    "import ayneh\nayneh.add('loss', 'hinge', 1)": "line 2: There is a built-in loss called 'hinge'",
    "def f():\n    1 / 0\n\nf()\n": "broken.py cannot be loaded: line 2: ZeroDivisionError: division by zero.",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_one_sentence_with_its_line_and_leaves_nothing(tmp_path, text):
    path = tmp_path / "broken.py"
    path.write_text(f"{text}")
    modules = set(sys.modules)
    with pytest.raises(UserError, match=BROKEN[text]) as refused:
        load(str(path))
    assert str(refused.value).count("\n") == 0
    assert not {name for name in set(sys.modules) - modules if name.startswith("ayneh_parts")}


def test_of_a_file_that_fails_in_its_middle_no_part_stays(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("import ayneh\nayneh.add('init', 'first', print)\n1 / 0\n")
    with pytest.raises(UserError, match="line 3: ZeroDivisionError"):
        load(str(path))
    assert every() == []


def test_an_interrupt_while_a_file_is_loaded_is_one(tmp_path):
    (tmp_path / "long.py").write_text("import ayneh\nayneh.add('init', 'first', print)\nraise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load(str(tmp_path / "long.py"))
    assert every() == []


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(UserError, match="binary.py cannot be read as Python source"):
        load(str(tmp_path / "binary.py"))
    with pytest.raises(UserError, match="There is no file .*missing.py with parts: check the path"):
        load(str(tmp_path / "missing.py"))


def test_a_module_is_imported_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "lab_of_tests").mkdir()
    text = "import ayneh\nayneh.add('init', 'of-lab', print)\n"
    (tmp_path / "lab_of_tests" / "__init__.py").write_text("")
    (tmp_path / "lab_of_tests" / "parts.py").write_text(text)
    (tmp_path / "lab_of_tests" / "ill.py").write_text("import nothing_of_the_kind\n")
    monkeypatch.syspath_prepend(tmp_path)
    load("lab_of_tests.parts")
    part = own("init", "of-lab")
    assert part is not None
    assert (part.source.module, part.source.text) == ("lab_of_tests.parts", text)
    with pytest.raises(
        UserError, match="The module lab_of_tests.ill cannot be imported: ModuleNotFoundError: No module"
    ):
        load("lab_of_tests.ill")
    with pytest.raises(UserError, match="There is no file or module 'lab_of_tests.no' with parts"):
        load("lab_of_tests.no")


NETS = """from torch import nn

class Gen(nn.Module):
    def __init__(self, width=3, table=None):
        super().__init__()

def dis(**given):
    return nn.Linear(1, 1)
"""


def test_a_pair_of_nets_is_named_on_the_command_line(tmp_path):
    path = tmp_path / "my_nets.py"
    path.write_text(NETS)
    part = add_nets(f"{path}:Gen(width=32, table={{'a': [1, 'b:c(d)']}})", f"{path}:dis")
    assert part.name == "Gen+dis"
    assert [value.__name__ for value in part.value] == ["Gen", "dis"]
    assert part.arguments == {"gen_args": {"width": 32, "table": {"a": [1, "b:c(d)"]}}, "dis_args": {}}
    assert (part.source.file, part.source.text) == (path, NETS)


@pytest.mark.parametrize(
    ("nets", "words"),
    [
        ("Gen", "one of them is 'Gen': name the file and the class"),
        ("{path}:Gen(32)", "its arguments must be name=value"),
        ("{path}:Gen(width=width)", "its arguments must be name=value"),
        ("{path}:Gen(width=__import__('os').getcwd())", "its arguments must be name=value"),
        ("{path}:Gen(**{{'width': 3}})", "its arguments must be name=value"),
        ("{path}:Gan", "has no class or function called 'Gan'"),
        ("{path}:nn", "has no class or function called 'nn'"),
        ("nowhere.py:Gen", "There is no file nowhere.py with parts"),
    ],
)
def test_a_net_that_cannot_be_found_is_one_sentence(tmp_path, nets, words):
    path = tmp_path / "my_nets.py"
    path.write_text(NETS)
    with pytest.raises(UserError) as refused:
        add_nets(nets.format(path=path), f"{path}:dis")
    assert words in str(refused.value)


def installed(site: Path, name: str, text: str, entry: str) -> None:
    """A package as pip leaves it: its module and a dist-info with an entry point."""
    (site / f"{name}.py").write_text(text)
    info = site / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[ayneh.parts]\n{name} = {entry}\n")


def test_a_package_s_parts_are_found_when_nothing_else_has_the_name(tmp_path, monkeypatch):
    installed(tmp_path, "lab_pack", "import ayneh\nayneh.add('init', 'packed', print)\n", "lab_pack")
    monkeypatch.syspath_prepend(tmp_path)
    names = table("init", {"usual": max})
    assert "usual" in names
    assert "lab_pack" not in sys.modules  # a built-in name does not load it
    assert names["packed"] is print
    part = own("init", "packed")
    assert part is not None
    assert (part.source.package, part.source.module) == ("lab_pack 1.2", "lab_pack")
    assert pack([{"net.init": "packed"}]) == Shipped()  # a worker process finds it as this one did


def test_a_function_that_a_package_names_is_called(tmp_path, monkeypatch):
    text = "import ayneh\ndef give():\n    ayneh.add('init', 'given', print)\n"
    installed(tmp_path, "lab_gives", text, "lab_gives:give")
    monkeypatch.syspath_prepend(tmp_path)
    assert "given" in table("init", {})


def test_a_broken_package_is_one_warning(tmp_path, monkeypatch, capsys):
    installed(tmp_path, "lab_ill", "1 / 0\n", "lab_ill")
    installed(tmp_path, "lab_well", "import ayneh\nayneh.add('init', 'well', print)\n", "lab_well")
    monkeypatch.syspath_prepend(tmp_path)
    names = table("init", {})
    assert "well" in names
    assert "no such" not in names
    monkeypatch.syspath_prepend(tmp_path / "another")  # packages are looked for again, and this one is not tried again
    assert "no such" not in names
    said = capsys.readouterr().err
    assert said.count("The parts of the package lab_ill 1.2 are left out, since they cannot be loaded (ZeroDiv") == 1


def test_the_verb_lists_all_with_their_sources(good, ayneh, monkeypatch):
    installed(good.parent, "lab_pack", "import ayneh\nayneh.add('schedule', 'packed', print)\n", "lab_pack")
    monkeypatch.syspath_prepend(good.parent)
    code, out, err = ayneh("--parts", good, "parts")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert any(line.startswith("packed  (package lab_pack 1.2)") for line in lines)
    assert any(line.startswith("hinge  (built in)") for line in lines)
    assert "A tenth of what it was." in out
    assert str(good) in out.replace("\n", "").replace("  ", "")


@pytest.mark.parametrize(
    "args", [["--parts", "no.py", "presets"], ["presets", "--parts", "no.py"], ["presets", "--parts=no.py"]]
)
def test_every_place_of_the_flag_is_read(ayneh, args):
    code, out, err = ayneh(*args)
    assert (code, out) == (2, "")
    assert "There is no file no.py with parts: check the path." in err


def test_a_flag_without_a_file_is_refused(ayneh):
    code, _, err = ayneh("presets", "--parts")
    assert code == 2
    assert "--parts needs a file or a module: --parts my_parts.py." in err


CHANGES = """
import os, warnings
import numpy as np
import torch
def change(folder=os.path.dirname(__file__)):
    os.chdir(folder)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="of a library's")
    torch.set_num_threads(7)
    torch.set_flush_denormal(True)
    torch.set_default_dtype(torch.float64)
"""
USES = {
    "a file": "change()",
    "a constructor": """
class Gen(torch.nn.Linear):
    def __init__(self):
        change()
        super().__init__(1, 1)
""",
    "a prior": """
class Law:
    def __init__(self, mean=0.0):
        change()
    def sample(self, n, dim, generator):
        return torch.rand(n, dim, generator=generator)
""",
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("what", USES)
def test_what_a_file_sets_for_the_process_is_put_back(tmp_path, what):
    (tmp_path / "my_parts.py").write_text(CHANGES + USES[what])

    def process():
        tiny = torch.tensor([1e-310], dtype=torch.float64)
        return os.getcwd(), np.geterr(), torch.get_num_threads(), float(tiny * 1), torch.get_default_dtype()

    before, filters = process(), list(warnings.filters)
    try:
        module = load(str(tmp_path / "my_parts.py")).module
        if what == "a constructor":
            OwnPair(module.Gen, module.Gen).make("gen", 0)
        elif what == "a prior":
            add("prior", "mine", module.Law)
            made_of(own("prior", "mine"), mean=1.0)
        assert process() == before
        assert warnings.filters[1:] == filters
        assert warnings.filters[0][0] == "ignore"
    finally:
        torch.set_flush_denormal(False)
        np.seterr(**before[1])
        os.chdir(before[0])
