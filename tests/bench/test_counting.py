"""The floor rests on a count by hand; PyTorch's counter, real nets and the engine's own step must agree with it."""

import inspect
import math
import os
from pathlib import Path

import pytest
import torch

from ayneh.engine.match import Match
from ayneh.game.nets import Spec, make_nets


def test_by_hand_as_in_the_report(bench):
    counting = bench("counting")
    assert counting.rungs(counting.ladder(32, 16, 128, 1)) == [65_536, 524_288, 524_288, 131_072]


@pytest.mark.parametrize(("size", "width", "z_dim", "channels"), [(32, 16, 128, 1), (16, 8, 20, 3), (64, 4, 10, 1)])
def test_forward_passes_of_the_nets(bench, size, width, z_dim, channels):
    counting = bench("counting")
    gen, dis = make_nets("mirror", Spec(z_dim=z_dim, channels=channels, size=size, width=width))
    layers = sum(counting.rungs(counting.ladder(size, width, z_dim, channels)))
    with torch.no_grad():
        assert counting.counted(lambda: gen(torch.randn(2, z_dim))) == 2 * 2 * layers
        assert counting.counted(lambda: dis(torch.randn(2, channels, size, size))) == 2 * 2 * (layers + z_dim)


def test_the_game_on_the_plain_nets(bench):
    counting = bench("counting")
    assert counting.counted(lambda: counting.lean_game(4)) == counting.step_flops(4)


def test_the_plain_loop_also_makes_gradients_that_it_throws_away(bench):
    counting, players = bench("counting"), bench("players")
    layers = sum(counting.rungs(counting.ladder(32, 16, 128, 1))) + 128
    step = players.memory_loop(players.stand_ins(n=8), 4, "cpu")
    assert counting.counted(step) == counting.step_flops(4) + 2 * 4 * layers


def test_the_tuned_loop_makes_no_gradient_that_it_does_not_use(bench):
    counting, players = bench("counting"), bench("players")
    step = players.memory_loop(players.stand_ins(n=8), 4, "cpu", tuned=True)
    assert counting.counted(step) == counting.step_flops(4)


def test_both_plain_loops_play_the_same_game(bench):
    plain, ends = bench("plain"), {}
    images = torch.rand(8, 1, 32, 32, dtype=torch.float64) * 2 - 1
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        for tuned in (False, True):
            torch.manual_seed(3)
            step = (plain.tuned_loop if tuned else plain.plain_loop)(plain.in_memory(images, 4))
            for _ in range(5):
                step()
            within = inspect.getclosurevars(step).nonlocals
            ends[tuned] = [p.detach() for opt in ("opt_g", "opt_d") for p in within[opt].param_groups[0]["params"]]
    finally:
        torch.set_default_dtype(before)
    for ours, theirs in zip(*ends.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("size", "width"), [(32, 16), (16, 8), (64, 16)])
def test_the_engines_step_by_hand(bench, size, width):
    counting, players, scaling = bench("counting"), bench("players"), bench("scaling")
    step = players.engine_loop(players.stand_ins(size, 8), scaling.config_of(4, width), "cpu")
    assert counting.counted(step) == counting.engine_flops(4, size, width)


def test_the_engine_needs_fewer_than_the_layers_one_by_one(bench):
    counting = bench("counting")
    assert counting.engine_flops(128) < 0.82 * counting.step_flops(128)


def test_bytes_by_hand(bench):
    counting, players = bench("counting"), bench("players")
    match = Match([players.CONFIG], players.stand_ins(n=128), torch.device("cpu"))
    parameters = sum(match.gen.sizes) + sum(match.dis.sizes)
    gen = 64 * 4 * 4 + 32 * 8 * 8 + 16 * 16 * 16 + 32 * 32
    dis = 32 * 32 + 16 * 16 * 16 + 32 * 8 * 8 + 64 * 4 * 4 + 128 + 1
    assert counting.step_bytes(128, parameters) == 4 * (128 * 2 * (gen + 3 * dis) + 8 * (172_449 + 172_881))


def test_a_power_law_is_recovered(bench):
    fit = bench("scaling").fit
    xs = [8, 16, 32, 64]
    power = fit(xs, [3 * x**1.7 for x in xs])
    assert power.k == pytest.approx(1.7)
    assert math.exp(power.a) == pytest.approx(3)
    assert power.error == pytest.approx(0, abs=1e-12)
    assert math.isnan(fit(xs[:2], xs[:2]).error)


def test_the_standard_error_is_that_of_a_regression(bench):
    from scipy.stats import linregress

    xs, ys = [8, 16, 32, 64, 128], [1.0, 2.6, 3.1, 9.0, 14.0]
    reference = linregress([math.log(x) for x in xs], [math.log(y) for y in ys])
    power = bench("scaling").fit(xs, ys)
    assert (power.k, power.error) == pytest.approx((reference.slope, reference.stderr))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's own count of pages")
def test_peak_memory_is_in_bytes(bench):
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    now = pages * os.sysconf("SC_PAGESIZE")
    # What the kernel has not added up yet is a few pages a thread.
    assert 0.98 * now <= bench("memory").resident() < 1000 * now
