"""The recorded step: its buffers in float64 on any machine, the recording itself where there is CUDA."""

import re
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.graph import SWITCH, Blocks, Captured, captured, distance, record, steps_in_block
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.noise import Chance
from ayneh.engine.stacks import Inline, in_process
from ayneh.game.priors import make_prior

CPU = torch.device("cpu")
SMALL = Config(batch=8, prior=Prior(dim=8), net=Net("mlp", width=8), precision="float64")
RULES = {
    "plain": Rules(),
    "penalties on both sides": Rules(penalty="r1+r2", gamma=0.1),
    "relativistic": Rules(loss="relativistic", penalty="r1"),
    "two of D, two of G": Rules(dis_steps=2, gen_steps=2, penalty="wgan-gp"),
    "fading noise": Rules(instance_noise=0.3, instance_noise_images=150, penalty="dragan"),
    "moving average, shifts": Rules(ema_halflife_images=100.0, translation=0.2, cutout=0.3),
    "mirror": Rules(mirror_weight=0.5),
}


def match_of(config, device=CPU, images=70):
    pixels = torch.randint(0, 256, (images, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))
    return Match(replicas_of(config), pixels, device)


def same(play):
    """Records nothing: what is replayed is the function itself."""
    return play


def assert_alike(ours, theirs, tolerance=1e-12):
    assert ours.keys() == theirs.keys()
    for name in theirs:
        torch.testing.assert_close(
            ours[name], theirs[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m
        )


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_the_recorded_step_plays_the_plain_game(rules, seeds):
    config = replace(SMALL, rules=rules, seeds=seeds)
    match = match_of(config)  # 8 steps an epoch, or 4: 24 steps cross its end
    start = match.start()
    fast = captured(match, start, 0, same)
    assert type(fast) is Captured
    slow = Inline(match, start, 0)
    for n in (1, 9, 14):
        assert_alike(fast.advance(n), slow.advance(n))
    assert fast.step == slow.step == 24
    assert_alike(fast.state, slow.state)
    untouched = match.start()
    assert all(torch.equal(start[name], untouched[name]) for name in start)


def test_the_mirror_nets_too():
    match = match_of(replace(SMALL, net=Net("mirror", width=4), seeds=2, prior=Prior("mixture", dim=8)))
    fast, slow = captured(match, match.start(), 0, same), Inline(match, match.start(), 0)
    assert type(fast) is Captured
    assert_alike(fast.advance(20), slow.advance(20))
    assert_alike(fast.state, slow.state)


def test_going_on_from_the_middle_is_not_having_stopped():
    config = replace(SMALL, rules=Rules(penalty="r1", ema_halflife_images=50.0), seeds=2)
    match = match_of(config)
    whole = captured(match, match.start(), 0, same)
    whole.advance(11)
    saved = {name: value.clone() for name, value in match.named(whole.state).items()}
    rest = whole.advance(12)
    other = match_of(config)
    resumed = captured(other, other.restored(saved), 11, same)
    assert_alike(resumed.advance(12), rest, 0)
    assert_alike(resumed.state, whole.state, 0)


def test_a_replica_plays_as_it_would_alone():
    stack, alone = match_of(replace(SMALL, seeds=3)), match_of(replace(SMALL, seed=1))
    fast, one = captured(stack, stack.start(), 0, same), captured(alone, alone.start(), 0, same)
    fast.advance(10)
    one.advance(10)
    assert_alike({name: value[1:2] for name, value in fast.state.items()}, one.state, 1e-10)


def refuses(play):
    try:
        raise ValueError("operation not permitted when stream is capturing.\nCUDA kernel errors might ...")
    except ValueError:
        raise RuntimeError("the capture was invalidated")  # noqa: B904  # as the end of a capture does


def test_a_recording_that_fails_is_said_and_the_plain_way_plays(capsys):
    match = match_of(SMALL)
    stack = captured(match, match.start(), 0, refuses)
    assert type(stack) is Inline
    out, err = capsys.readouterr()
    assert not out
    assert err == (
        "The step could not be recorded as one CUDA graph (ValueError: operation not permitted when stream is "
        "capturing); operations are launched one by one instead, which is slower.\n"
    )
    assert_alike(stack.advance(3), Inline(match, match.start(), 0).advance(3), 0)


def stale(play):
    """A recording that took the first batch for a constant."""
    played = []

    def replay():
        if not played:
            played.append(play())

    return replay


def broken(play):
    def replay():
        play()
        play.__self__.state["gen"].fill_(float("nan"))

    return replay


@pytest.mark.parametrize(("capture", "off"), [(stale, r"off by [0-9.]+ of"), (broken, "off by nan of")])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_recording_that_plays_another_game_is_found_out(capture, off, precision, capsys):
    match = match_of(replace(SMALL, precision=precision))
    stack = captured(match, match.start(), 0, capture)
    assert type(stack) is Inline
    assert stack.step == 0
    err = capsys.readouterr().err
    assert err.startswith("The step recorded as a CUDA graph did not play the same game as the plain one")
    assert re.search(off, err)
    assert err.count("\n") == 1
    assert torch.equal(stack.state["gen"], match.start()["gen"])


def test_a_replica_that_is_broken_already_proves_nothing():
    match = match_of(replace(SMALL, seeds=2))
    state = match.start()
    state["gen"][1] = float("nan")
    assert type(captured(match, state, 0, same)) is Captured


def test_it_can_be_turned_off_and_the_chance_stays_the_same(monkeypatch, capsys):
    match, other = match_of(SMALL), match_of(SMALL)
    fast = captured(match, match.start(), 0, same)
    monkeypatch.setenv(SWITCH, "0")
    plain = captured(other, other.start(), 0, same)
    assert type(plain) is Inline
    assert capsys.readouterr().err == ""
    assert_alike(plain.advance(10), fast.advance(10))


def test_a_cpu_records_nothing_and_keeps_its_chance():
    match = match_of(SMALL)
    stack = in_process(match, match.start(), 0)
    assert type(stack) is Inline
    assert type(match.chance) is Chance


def test_distance_is_measured_in_steps_of_the_game():
    start, theirs = {"a": torch.zeros(2, 4)}, {"a": torch.full((2, 4), 0.5)}
    assert distance(theirs, theirs, start) == 0
    assert distance({"a": torch.full((2, 4), 0.55)}, theirs, start) == pytest.approx(0.1, rel=1e-3)
    assert distance(start, theirs, start) == pytest.approx(1, rel=1e-3)  # nothing was played
    still = {"a": torch.ones(2, 4)}
    assert distance(still, still, still) == 0
    assert distance({"a": torch.full((2, 4), 1.1)}, still, still) > 1000


# -- chance by blocks ------------------------------------------------------------------------------------------------


def blocks(*seeds, prior="normal", turn=0):
    return Blocks(Chance(seeds, [make_prior(prior) for _ in seeds], 5, CPU, torch.float32, turn))


DRAWS = {
    "z": lambda c, i: c.z(i, "z", 6),
    "uniform": lambda c, i: c.uniform(i, "u", 6, 3),
    "normal": lambda c, i: c.normal(i, "n", 6, 3),
    "large": lambda c, i: c.uniform(i, "large", 3, 300_000),  # two steps a block
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_draw_does_not_depend_on_history_or_on_the_stack(draw):
    a, b = blocks(1), blocks(0, 1, 2)
    steps = (0, 1, 63, 64, 65, 130)
    forwards = [draw(a, i).clone() for i in steps]
    for i, one in reversed(list(zip(steps, forwards, strict=True))):
        assert torch.equal(draw(b, i)[1:2], one)
    flat = {tuple(one.flatten()[:20].tolist()) for one in forwards}
    assert len(flat) == len(steps)
    assert not torch.equal(draw(blocks(1, turn=1), 0), forwards[0])


def test_a_block_is_bounded_whatever_a_draw_needs():
    assert steps_in_block(10) == 64
    assert steps_in_block(128 * 32 * 32) == 16
    assert steps_in_block(10**8) == 1


def test_steps_seeds_and_purposes_are_not_correlated():
    chance = blocks(0, 1, 2)
    rows = torch.cat([chance.normal(i, p, 2000) for i in (0, 1, 62, 63, 64, 128) for p in ("a", "b")])  # (36, 2000)
    off = torch.corrcoef(rows) - torch.eye(len(rows))
    assert off.abs().max() < 5 / 2000**0.5
    assert abs(float(rows.mean())) < 5 / rows.numel() ** 0.5
    assert abs(float(rows.var()) - 1) < 5 * (2 / rows.numel()) ** 0.5


# -- CUDA ------------------------------------------------------------------------------------------------------------


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("net", ["mlp", "mirror"])
@pytest.mark.parametrize("rules", [RULES[name] for name in ("plain", "penalties on both sides", "fading noise")])
def test_on_cuda_the_recorded_step_plays_the_plain_game(rules, net, seeds, capsys):
    device = torch.device("cuda")
    match = match_of(replace(SMALL, rules=rules, net=Net(net, width=8), seeds=seeds), device)
    fast = in_process(match, match.start(), 0)
    assert type(fast) is Captured, capsys.readouterr().err
    slow = Inline(match, match.start(), 0)
    for n in (1, 9, 14):
        assert_alike(fast.advance(n), slow.advance(n), 1e-8)
    assert_alike(fast.state, slow.state, 1e-8)
