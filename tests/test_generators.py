"""The process's own generators of random numbers are left as they were by all that ayneh does."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import ayneh
from ayneh import lab
from ayneh.generators import drawn, seeded
from ayneh.judge.features import shipped
from ayneh.judge.training import random_net, train_classifier, train_encoder

PIXELS = torch.randint(0, 256, (128, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(128) % 2


def numbers():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]


def test_one_seed_is_one_sequence_also_within_another():
    with seeded(3):
        alone = numbers()
    with seeded(3):
        first = numbers()
        with seeded(4):
            assert numbers() != first
        second = numbers()
    with seeded(3):
        assert (numbers(), numbers()) == (alone, second)
    assert first == alone


def test_they_go_on_as_before_also_after_an_error():
    begin()
    expected = [numbers(), numbers()]
    begin()
    found = [numbers()]
    with pytest.raises(KeyError):
        fails()
    assert [*found, numbers()] == expected


def begin():
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)


@seeded(0)
def fails():
    numbers()
    raise KeyError


FORKED = """
import os, threading
from ayneh.files.reading import TURN as READING
from ayneh.generators import TURN, seeded

def hold():
    with TURN, READING:
        held.set()
        threading.Event().wait()

held = threading.Event()
threading.Thread(target=hold, daemon=True).start()
held.wait()
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with seeded(0), READING:
    os._exit(7)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have():
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], timeout=60, check=False).returncode == 7


def train(tmp_path):
    config = ayneh.preset("digits-normal").changed({"epochs": 1, "batch": 16, "keep.score_epochs": 0})
    ayneh.train(config, PIXELS[:, 0].numpy(), out=tmp_path / "run", quiet=True)


@pytest.mark.parametrize(
    "does",
    [
        lambda _: random_net(PIXELS, 8, seed=0),
        lambda _: train_classifier(PIXELS, CLASSES, 2, 8, seed=0, epochs=1, report=lambda _: None),
        lambda _: train_encoder(PIXELS, 8, seed=0, epochs=1, report=lambda _: None),
        lambda _: shipped("digits-cnn-0"),
        lambda _: lab.play(epochs=1),
        lambda _: ayneh.pretrained("conditional").generate(n=2),
        train,
    ],
    ids=["random net", "classifier", "encoder", "shipped judge", "lab", "pretrained", "train"],
)
def test_what_a_user_draws_next_stays_as_it_is(does, tmp_path):
    before = drawn()
    does(tmp_path)
    assert drawn() == before
