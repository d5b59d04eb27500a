"""`make demo` installs little: with those packages alone a run is trained, scored, diagnosed and explored."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVELOPERS = {"pytest", "hypothesis", "ruff", "mypy", "playwright", "pyarrow", "import-linter", "pre-commit", "pandas"}


def closure(extra):
    """Names of the distributions that ayneh with this extra brings, of those that are installed here."""
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    seen, todo = set(), [Requirement(line) for line in PROJECT["dependencies"]]
    todo.append(Requirement(f"ayneh[{extra}]"))
    while todo:
        one = todo.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name == "ayneh":
            lines = [line for chosen in extras for line in PROJECT["optional-dependencies"][chosen]]
        else:
            lines = (installed[name].requires or []) if name in installed else []
        for need in map(Requirement, lines):
            if need.marker is None or any(need.marker.evaluate({"extra": chosen}) for chosen in extras or {""}):
                todo.append(need)
    return {name for name, _ in seen}


def made(target):
    """The commands of a target on a fresh machine."""
    fresh = [f"--assume-new={name}" for name in ("pyproject.toml", "constraints.txt")]
    done = subprocess.run(["make", "-n", *fresh, target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_demo_installs_the_light_packages_and_the_tests_all():
    assert re.findall(r"-e '\.\[(\w+)\]'", made("demo")) == ["light"]
    assert re.findall(r"-e '\.\[(\w+)\]'", made("test")) == ["dev"]
    assert re.findall(r"-e '\.\[(\w+)\]'", made(".venv/.installed")) == ["dev"]


@pytest.mark.parametrize("extra", ["light", "lab"])
def test_the_light_packages_are_none_of_the_developers(extra):
    assert not closure(extra) & DEVELOPERS
    assert {"torch", "starlette", "matplotlib", "jinja2"} <= closure(extra) <= closure("dev")


TINY_STUDY = """
base = "digits"
seeds = 1
images = 100
set = { epochs = 1, data.limit = 200, net.width = 4 }
arms = { usual = {}, slow = { optimizer.lr = 1e-4 } }
"""
ALONE = """
import sys
from importlib.metadata import packages_distributions
kept = set(sys.argv[1].split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in others:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
names = packages_distributions()
others = {top for top, owners in names.items() if not {o.lower().replace("_", "-") for o in owners} & kept} - {"ayneh"}
sys.meta_path.insert(0, Absent())
from ayneh.__main__ import main
for words in (
    "train digits --out run --epochs 1 --data.limit 200 --keep.keep-epochs 1 --net.width 4", "show run",
    "diagnose run", "explore run --pretrained --save page.html", "study run tiny.toml --out study --workers 1",
):
    try:
        main(words.split())
    except SystemExit as done:
        assert not done.code, words
assert "pyarrow" not in sys.modules and "pytest" not in sys.modules
assert "pyarrow" in others and "pytest" in others
"""


@pytest.mark.slow
def test_a_run_is_trained_diagnosed_and_explored_with_the_light_packages_alone(tmp_path):
    kept = ",".join(closure("light"))
    (tmp_path / "tiny.toml").write_text(TINY_STUDY)
    done = subprocess.run([sys.executable, "-c", ALONE, kept], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "page.html").exists()
    assert (tmp_path / "study" / "report.html").exists()
    assert (tmp_path / "run" / "diagnosis.html").exists()
