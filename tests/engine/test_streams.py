"""A recording on CUDA's streams, which are played here by names."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from ayneh.engine.graph import record


class Streams:
    """Stands for torch.cuda: streams by name, and a graph that is what was played while it recorded."""

    def __init__(self):
        self.now, self.made, self.log = "main", 0, []

    def stream_class(self):
        self.made += 1
        return SimpleNamespace(name=f"s{self.made}", wait_stream=lambda other: self.log.append("wait"))

    @contextmanager
    def stream(self, stream):
        before, self.now = self.now, stream.name
        yield
        self.now = before

    @contextmanager
    def graph(self, graph, stream):
        self.now = stream.name
        self.log.append("begin")
        yield
        self.log.append("end")
        self.now = "main"

    def set_stream(self, stream):
        self.now = stream.name


@pytest.fixture
def streams(monkeypatch):
    fake = Streams()
    main = SimpleNamespace(name="main", wait_stream=lambda other: fake.log.append("wait"))

    @contextmanager
    def on(device):
        yield

    for name, value in {
        "device": on, "current_stream": lambda: main, "Stream": fake.stream_class, "stream": fake.stream,
        "CUDAGraph": lambda: SimpleNamespace(replay="replay"), "graph": fake.graph, "set_stream": fake.set_stream,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    return fake


def test_a_recording_is_warmed_up_on_one_stream_and_made_on_another(streams):
    replay = record(torch.device("cuda"), lambda: streams.log.append(f"play on {streams.now}"))
    assert replay == "replay"
    assert streams.log == ["wait", *["play on s1"] * 3, "wait", "begin", "play on s2", "end"]
    assert streams.now == "main"


def test_a_recording_that_fails_gives_the_stream_back(streams):
    def play():
        if streams.now == "s2":
            raise RuntimeError("not permitted")

    with pytest.raises(RuntimeError, match="not permitted"):
        record(torch.device("cuda"), play)
    assert streams.now == "main"
