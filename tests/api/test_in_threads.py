"""Several trainings at once, each in a thread of one process: each has the bits that it has alone."""

import hashlib
import sys
import threading

import numpy as np
import pytest
from torch import nn

import ayneh

IMAGES = np.random.default_rng(0).integers(0, 256, (96, 8, 8), dtype=np.uint8)
THREADS, ROUNDS = 4, 3


class Gen(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(128, 64), nn.Dropout(0.3), nn.Tanh())

    def forward(self, z):
        return self.main(z).view(-1, 1, 8, 8)


class Dis(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))

    def forward(self, x):
        return self.main(x).view(-1)


def weights(folder, own):
    """Those at the end of two epochs, as a digest."""
    config = ayneh.preset("digits-normal").changed({"epochs": 2, "batch": 16, "keep.score_epochs": 0})
    ayneh.train(config, IMAGES, nets=(Gen, Dis) if own else None, out=folder, threads=1, quiet=True)
    last = sorted((folder / "checkpoints").glob("*"))[-1]
    return hashlib.sha256(last.read_bytes()).hexdigest()


@pytest.fixture
def often():
    """Threads that take turns often, so that what they share is met in all states."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("own", [False, True])
def test_trainings_at_once_have_the_bits_that_each_has_alone(tmp_path, often, own):
    alone = weights(tmp_path / "alone", own)
    found = {}
    for number in range(ROUNDS):
        gate = threading.Barrier(THREADS)

        def train(thread, number=number, gate=gate):
            gate.wait()
            found[number, thread] = weights(tmp_path / f"{number}-{thread}", own)

        threads = [threading.Thread(target=train, args=(thread,)) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert list(found.values()) == [alone] * ROUNDS * THREADS
