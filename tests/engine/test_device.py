"""The choice of device and arithmetic, and its refusals."""

import pytest
import torch

from ayneh.engine.device import choose_device, choose_precision, describe
from ayneh.errors import UserError

CPU = torch.device("cpu")


def test_auto_takes_the_best_that_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == "cuda"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "no device called 'gpu'"),
        ("cdua", "mean 'cuda'"),
        ("cpu:x", "not a device"),
        ("cpu:1", "only one cpu"),
    ],
)
def test_unknown_devices_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="no cuda device on this machine.*--device cpu or auto"):
        choose_device("cuda:0")


def test_precisions():
    assert choose_precision("auto", CPU) == (torch.float32, None)
    assert choose_precision("float64", CPU) == (torch.float64, None)
    assert choose_precision("bfloat16", CPU) == (torch.float32, torch.bfloat16)
    with pytest.raises(UserError, match="MPS has no float64"):
        choose_precision("float64", torch.device("mps"))


def test_the_description_says_how_many_threads(monkeypatch):
    assert describe(CPU) == "cpu (1 thread)"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert describe(CPU) == "cpu (2 threads)"
