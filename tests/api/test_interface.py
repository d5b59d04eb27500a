"""The public names: types, help, examples, and what an import costs."""

import doctest
import importlib
import pkgutil
import pydoc
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ayneh
import ayneh.api
from ayneh import _AT

from .conftest import TINY

EXAMPLE = Path(__file__).parent / "example.py"


def test_a_users_file_runs(tmp_path, capsys):
    from math import isfinite

    assert isfinite(runpy.run_path(str(EXAMPLE))["main"](tmp_path / "run"))
    assert "(3,) (4, 1, 8, 8) " in capsys.readouterr().out


@pytest.mark.slow
def test_a_users_file_passes_a_strict_type_check(tmp_path):
    (tmp_path / "good.py").write_text(EXAMPLE.read_text())
    (tmp_path / "bad.py").write_text("import ayneh\n\nx: int = ayneh.preset('fast')\nayneh.trian\n")
    flags = ["--strict", "--config-file", "", "--cache-dir", str(tmp_path)]
    command = [sys.executable, "-m", "mypy", *flags, "good.py", "bad.py"]
    out = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "good.py" not in out, out
    assert 'expression has type "Config"' in out
    assert 'Module has no attribute "trian"' in out


def test_an_import_loads_no_torch_and_dir_and_all_agree():
    code = "import sys, ayneh; print('torch' in sys.modules, 'numpy' in sys.modules, {*ayneh.__all__} <= {*dir(ayneh)})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "False False True\n"
    for name in ayneh.__all__:
        assert getattr(ayneh, name).__doc__.strip(), name
    with pytest.raises(AttributeError, match="module 'ayneh' has no attribute 'trian'; it has train, "):
        ayneh.trian  # noqa: B018


def test_help_names_everything_that_is_public():
    text = pydoc.plain(pydoc.render_doc(ayneh))
    for name in ayneh.__all__:
        assert name in text
    assert "run = ayneh.train(config, images" in text


def test_every_public_method_has_a_docstring():
    import inspect

    for name in ayneh.__all__:
        thing = getattr(ayneh, name)
        for attribute, value in vars(thing).items() if inspect.isclass(thing) else ():
            value = getattr(value, "func", getattr(value, "fget", value))  # of a property
            if not attribute.startswith("_") and inspect.isfunction(value):
                assert value.__doc__, f"{name}.{attribute}"


MODULES = [f"ayneh.api.{module.name}" for module in pkgutil.iter_modules(ayneh.api.__path__)]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder with the run that the examples open."""
    folder = tmp_path_factory.mktemp("house")
    run = ayneh.train(ayneh.preset("digits").changed(TINY).changed(epochs=3), out=folder / "runs" / "mine", quiet=True)
    run.export()
    shutil.copytree(run.folder, folder / "runs" / "other")
    return folder


@pytest.mark.parametrize("module", [*MODULES, *sorted({_AT[name] for name in ayneh.__all__} - {*MODULES})])
def test_the_examples_of_docstrings_are_true(module, house, monkeypatch):
    monkeypatch.chdir(house)
    monkeypatch.delenv("AYNEH_DATA", raising=False)  # an example needs no data that would have to be downloaded
    failed, _ = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not failed


GIVEN = {"Comparison", "Report", "Results", "Verdict", "open_study"}  # what compare, report and Study give


@pytest.mark.parametrize("name", ayneh.__all__)
def test_every_public_name_has_an_example(name):
    thing = getattr(ayneh, name)
    found = doctest.DocTestFinder().find(thing, name, module=sys.modules[_AT[name]])
    assert any(one.examples for one in found) or name in GIVEN, name
