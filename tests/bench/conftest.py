"""The benches are scripts, not a package: they find one another as neighbours in their folder."""

import importlib
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    """``bench("counting")``: a script of that folder as a module."""
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module
