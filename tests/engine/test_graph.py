"""The recorded step: its buffers in float64 on any machine, the recording itself where there is CUDA."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.func import vmap
from torch.utils._python_dispatch import TorchDispatchMode

from ayneh.config import Config, Data, Keep, Net, Optimizer, Prior, Rules
from ayneh.engine.graph import SWITCH, Captured, captured, distance
from ayneh.engine.inline import Inline
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.noise import Chance
from ayneh.engine.replicas import Net as Stack
from ayneh.engine.stacks import stack_of
from ayneh.game import narrow, pairs
from ayneh.game.nets import NETS
from ayneh.game.own import OwnPair
from ayneh.jobs.train import resume, train
from ayneh.labels import Labels
from ayneh.presets import PRESETS
from ayneh.record.record import Record

CPU = torch.device("cpu")
SMALL = Config(batch=8, prior=Prior(dim=8), net=Net("mlp", width=8), precision="float64")
RULES = {
    "plain": Rules(),
    "penalties on both sides": Rules(penalty="r1+r2", gamma=0.1),
    "a lazy penalty": Rules(penalty="r1", gamma=0.1, penalty_every=3),
    "a lazy penalty, two of D": Rules(penalty="wgan-gp", penalty_every=3, dis_steps=2),
    "relativistic": Rules(loss="relativistic", penalty="r1"),
    "two of D, two of G": Rules(dis_steps=2, gen_steps=2, penalty="wgan-gp"),
    "fading noise and rates": Rules(instance_noise=0.3, instance_noise_images=60, penalty="dragan"),
    "moving average, shifts": Rules(ema_halflife_images=100.0, translation=0.2, cutout=0.3),
    "mirror": Rules(mirror_weight=0.5),
    "labels": Rules(labels="concat", penalty="dragan", dis_steps=2, gen_steps=2),
    "labels, paired": Rules(labels="projection", penalty="wgan-gp"),
    "a class head": Rules(labels="auxiliary", classes="even"),
}


def match_of(config, device=CPU, images=70):
    pixels = torch.randint(0, 256, (images, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))
    classes = torch.arange(images) % 3, Labels(("a", "b", "c"), (0.5, 0.3, 0.2))
    return Match(replicas_of(config), pixels, device, labelled=classes)


def same(play):
    """Records nothing: what is replayed is the function itself."""
    return play


class Tape(TorchDispatchMode):
    """What a CUDA graph does, on a CPU: the operations that were launched, at the addresses they had.

    Whatever Python decided or computed while it was recorded stays as it was then.
    """

    def __init__(self, play):
        super().__init__()
        self.launched = []
        with self:
            play()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        if operation.namespace != "profiler":  # of torch's own optimisers: it launches nothing
            self.launched.append((operation, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def replay(self):
        for operation, args, kwargs, out in self.launched:
            aliases = [returned.alias_info for returned in operation._schema.returns]
            if any(alias is not None and not alias.is_write for alias in aliases):
                continue  # a view launches nothing: it shows what lies there now
            new = operation(*args, **kwargs)
            if any(aliases):
                continue  # in place
            for old, fresh in zip(out, new, strict=True) if isinstance(out, tuple | list) else [(out, new)]:
                if fresh is not None:
                    old.copy_(fresh)


def tape(play):
    return Tape(play).replay


def assert_alike(ours, theirs, tolerance=1e-12):
    assert ours.keys() == theirs.keys()
    for name in theirs:
        torch.testing.assert_close(
            ours[name], theirs[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m
        )


@pytest.mark.parametrize(
    ("rules", "seeds"),
    [
        pytest.param(rules, seeds, id=f"{name}-{seeds}", marks=[pytest.mark.slow] * (rules.labelled and seeds == 1))
        for name, rules in RULES.items()
        for seeds in (1, 3)
    ],
)
def test_the_recorded_step_plays_the_plain_game(rules, seeds, capsys):
    fading = Optimizer(decay_images=100 if rules.instance_noise_images else 0)
    config = replace(SMALL, rules=rules, seeds=seeds, optimizer=fading)
    match = match_of(config, images=35)  # 4 steps an epoch, or 2: 10 steps cross its end
    start = match.start()
    fast = captured(match, start, 0, tape)
    assert type(fast) is Captured, capsys.readouterr().err
    slow = Inline(match, start, 0)
    for n in (1, 4, 5):
        assert_alike(fast.advance(n), slow.advance(n))
    assert fast.step == slow.step == 10
    assert_alike(fast.state, slow.state)
    untouched = match.start()
    assert all(torch.equal(start[name], untouched[name]) for name in start)


@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(penalty="r1+r2", gamma=0.1), Rules(labels="concat"), Rules(labels="projection", penalty="wgan-gp")],
    ids=["plain", "penalties", "labels", "labels, paired"],
)
def test_the_mirror_nets_in_one_launch_too(rules, monkeypatch, capsys):
    """As on an accelerator: the stack under vmap, with the convolutions of the library."""
    for module in (narrow, pairs):
        monkeypatch.setattr(module, "serves", lambda *_: False)
    monkeypatch.setattr(
        Stack, "__call__", lambda net, theta, x, **o: vmap(lambda row, one, o: net.forward(row, one, **o))(theta, x, o)
    )
    match = match_of(replace(SMALL, net=Net("mirror", width=4), seeds=3, prior=Prior("mixture", dim=8), rules=rules))
    fast, slow = captured(match, match.start(), 0, tape), Inline(match, match.start(), 0)
    assert type(fast) is Captured, capsys.readouterr().err
    assert_alike(fast.advance(10), slow.advance(10))  # 8 steps an epoch
    assert_alike(fast.state, slow.state)


def test_a_number_that_python_keeps_is_found_out(capsys):
    """The tape records as a graph would: a step that counts in Python plays its first step for ever."""
    match = match_of(SMALL)
    count = iter(range(100))
    loss = match.game.loss
    match.game = replace(match.game, loss=loss._replace(gen=lambda r, f: loss.gen(r, f) * (1 + next(count))))
    assert type(captured(match, match.start(), 0, tape)) is Inline
    assert "did not play the same game" in capsys.readouterr().err


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


def state_of(play):
    """Where the stack that plays has its state."""
    return play.func.__self__.state


def late(play):
    """A recording that forgets to put the new state in the place of the old."""

    def replay():
        state = state_of(play)
        kept = {name: value.clone() for name, value in state.items()}
        play()
        for name, value in kept.items():
            state[name].copy_(value)

    return replay


def broken(play):
    def replay():
        play()
        state_of(play)["gen"].fill_(float("nan"))

    return replay


@pytest.mark.parametrize(
    ("capture", "off"),
    [(stale, r"off by [0-9.]+ of a step"), (late, "off by 1 of a step"), (broken, "off by nan of a step")],
)
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


def test_it_can_be_turned_off_and_plays_the_same(monkeypatch, capsys):
    match, other = match_of(SMALL), match_of(SMALL)
    fast = captured(match, match.start(), 0, same)
    monkeypatch.setenv(SWITCH, "0")
    plain = captured(other, other.start(), 0, same)
    assert type(plain) is Inline
    assert capsys.readouterr().err == ""
    assert_alike(plain.advance(10), fast.advance(10))


def test_a_cpu_records_nothing_and_keeps_its_chance():
    match = match_of(SMALL)
    stack = stack_of(match, match.start(), 0)
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


# -- CUDA ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("net", ["mlp", "mirror"])
@pytest.mark.parametrize(
    "rules", [RULES[name] for name in ("plain", "penalties on both sides", "fading noise and rates")]
)
def test_on_cuda_the_recorded_step_plays_the_plain_game(rules, net, seeds, capsys):
    device = torch.device("cuda")
    match = match_of(replace(SMALL, rules=rules, net=Net(net, width=8), seeds=seeds), device)
    fast = stack_of(match, match.start(), 0)
    assert type(fast) is Captured, capsys.readouterr().err
    slow = Inline(match, match.start(), 0)
    for n in (1, 9, 14):
        assert_alike(fast.advance(n), slow.advance(n), 1e-8)
    assert_alike(fast.state, slow.state, 1e-8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("seeds", [1, 3])
def test_on_cuda_a_run_repeats_its_bits_and_goes_on_with_them(seeds, tmp_path):
    config = replace(
        PRESETS["mirror"].config, device="cuda", data=Data("digits"), net=Net("mirror", width=6), seeds=seeds,
        keep=Keep(tick_steps=5, vitals_steps=5),
    )  # fmt: skip
    for name, epochs in (("whole", 4), ("again", 4), ("cut", 2)):
        train(replace(config, epochs=epochs), out=tmp_path / name, quiet=True)
    resume(tmp_path / "cut", epochs=4, quiet=True)
    whole, *others = (
        Record.open(tmp_path / name).checkpoints.at_epoch(3).tensors for name in ("whole", "again", "cut")
    )
    for other in others:
        assert all(torch.equal(other[name], value) for name, value in whole.items())


def test_a_step_of_nets_that_remember_is_recorded_and_one_of_nets_that_draw_is_not(monkeypatch, capsys):
    def gen():
        return nn.Sequential(
            nn.ConvTranspose2d(8, 4, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2), nn.Tanh()
        )

    def dis(p):
        return nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.Dropout(p), nn.Conv2d(4, 1, 4))

    monkeypatch.setitem(NETS, "mine", OwnPair(gen, lambda: dis(0.0)[0:2].append(nn.Conv2d(4, 1, 4))))
    match = match_of(replace(SMALL, net=Net("mine"), seeds=2))
    fast, slow = captured(match, match.start(), 0, tape), Inline(match, match.start(), 0)
    assert type(fast) is Captured, capsys.readouterr().err
    assert_alike(fast.advance(9), slow.advance(9))
    assert_alike(fast.state, slow.state)
    assert fast.state["gen_buffers/1.num_batches_tracked"].tolist() == [9, 9]
    monkeypatch.setitem(NETS, "mine", OwnPair(gen, lambda: dis(0.3)))
    match = match_of(replace(SMALL, net=Net("mine")))
    assert type(captured(match, match.start(), 0, tape)) is Inline
