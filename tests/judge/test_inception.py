"""Inception by torch-fidelity, whose place a recorder takes: what it is given, and what is said when it is missing."""

import hashlib
import sys
from types import SimpleNamespace

import pytest
import torch

from ayneh.errors import UserError
from ayneh.judge import inception
from ayneh.judge.inception import inception_fid

IMAGES = torch.arange(2 * 64, dtype=torch.uint8).view(2, 1, 8, 8)


@pytest.fixture
def fidelity(monkeypatch):
    """Stands in for torch_fidelity and keeps its arguments."""
    calls = []

    def calculate_metrics(**options):
        calls.append(options)
        return {"frechet_inception_distance": 12.5}

    monkeypatch.setitem(sys.modules, "torch_fidelity", SimpleNamespace(calculate_metrics=calculate_metrics))
    return calls


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights file under a name that carries its checksum, as the real one's does."""
    name = f"weights-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    monkeypatch.setattr(inception, "FILE", name)
    (tmp_path / name).write_bytes(b"weights")
    return tmp_path


def test_grey_is_tiled_and_both_sets_arrive(fidelity, weights):
    score = inception_fid(IMAGES, IMAGES[:1], weights)
    assert (score.value, score.n) == (12.5, 1)
    call = fidelity[0]
    assert (len(call["input1"]), len(call["input2"])) == (1, 2)
    first = call["input1"][0]
    assert first.shape == (3, 8, 8)
    assert all(torch.equal(channel, IMAGES[0, 0]) for channel in first)


def test_missing_weights_say_where_to_put_them(fidelity, tmp_path):
    with pytest.raises(UserError, match=rf"put https://.*\.pth at {tmp_path}"):
        inception_fid(IMAGES, IMAGES, tmp_path)


def test_damaged_weights_are_refused(fidelity, weights):
    (weights / inception.FILE).write_bytes(b"other")
    with pytest.raises(UserError, match="damaged"):
        inception_fid(IMAGES, IMAGES, weights)


def test_a_missing_torch_fidelity_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(UserError, match="pip install torch-fidelity"):
        inception_fid(IMAGES, IMAGES, tmp_path)
