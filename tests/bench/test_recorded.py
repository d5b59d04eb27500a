"""Steps of plain PyTorch that are recorded on a GPU, replayed on a CPU by the tape of the engine's tests."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from ayneh.engine.critic import critic_of
from ayneh.engine.match import Match, replicas_of
from ayneh.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tape():
    spec = importlib.util.spec_from_file_location("of_graph", Path(__file__).parents[1] / "engine" / "test_graph.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tape


@pytest.fixture
def as_on_a_gpu(bench, monkeypatch):
    """Let a script use the Adam of a GPU and record in this way; whether each recording was kept."""
    bench_recorded = bench("recorded")

    def adam(parameters, rate, betas=(0.9, 0.999)):
        return bench_recorded.recordable(list(parameters), rate, betas)

    def patch(script, capture):
        kept = []

        def recorded(play, nets, adams, device):
            found = bench_recorded.recorded(play, nets, adams, device, capture)
            kept.append(found is not play)
            return found

        monkeypatch.setattr(script, "recorded", recorded)
        monkeypatch.setattr(script, "adam", adam)
        return kept

    return patch


@pytest.mark.slow
def test_a_recorded_game_of_bigan_is_the_plain_one_bit_for_bit(bench, as_on_a_gpu, tape, tmp_path):
    bigan = bench("bigan")
    pixels = torch.randint(0, 256, (70, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    as_on_a_gpu(bigan, lambda play: lambda: play())
    plain = bigan.played(3, pixels, 2, tmp_path / "plain.pt")
    kept = as_on_a_gpu(bigan, tape)
    bigan.played(3, pixels, 1, tmp_path / "fast.pt")
    fast = bigan.played(3, pixels, 2, tmp_path / "fast.pt")  # recorded anew from a checkpoint
    assert kept == [True, True]
    assert (fast.steps, fast.epochs) == (plain.steps, plain.epochs) == (2, 2)
    for name in ("gen", "enc", "dis", "gen_mean", "enc_mean"):
        ours, theirs = (getattr(players, name).state_dict() for players in (fast, plain))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.slow
def test_recorded_encoders_read_what_the_plain_ones_read(bench, as_on_a_gpu, tape, tmp_path):
    encoder, readings = bench("encoder"), bench("readings")
    config = readings.base(0)
    match = Match(replicas_of(config), torch.zeros(64, 1, 28, 28, dtype=torch.uint8), CPU)
    watched = encoder.Watched.on(CPU, critic_of(config, match.image_shape, match.named(match.start()), 0))
    z, x, given = watched.fakes("held out", 64)
    plain, _ = encoder.taught(watched, tmp_path / "plain.pt", 4)
    kept = as_on_a_gpu(encoder, tape)
    fast, _ = encoder.taught(watched, tmp_path / "fast.pt", 4)
    assert kept == [True]
    for name, net in fast.items():
        torch.testing.assert_close(net(x, given), plain[name](x, given), rtol=0.02, atol=0.02)
        assert (net(x, given) - z).square().mean() > 0  # and not z itself
    again, _ = encoder.taught(watched, tmp_path / "fast.pt", 4)  # finished: nothing is trained
    assert torch.equal(again["both"](x, given), fast["both"](x, given))


def test_a_recording_that_plays_another_game_is_given_up_and_its_steps_are_taken_back(bench, capsys):
    recorded, net = bench("recorded").recorded, nn.Linear(2, 1)
    adam = bench("recorded").recordable(list(net.parameters()), 0.1, (0.9, 0.999))
    before = net.weight.detach().clone()

    def play():
        adam.zero_grad()
        net(torch.ones(1, 2)).square().sum().backward()
        adam.step()

    def forgetful(play):
        play()
        return lambda: None

    assert recorded(play, [net], [adam], CPU, forgetful) is play
    assert "off by 1 of a step" in capsys.readouterr().err

    def failing(play):
        play()
        raise RuntimeError("no graph here\nand more")

    assert recorded(play, [net], [adam], CPU, failing) is play
    assert "RuntimeError: no graph here" in capsys.readouterr().err
    assert torch.equal(net.weight, before)
    assert all(float(x.abs().max()) == 0 for x in bench("recorded").memory_of(adam))
    assert recorded(play, [net], [adam], CPU) is play  # a CPU records nothing


def test_seeds_are_runs_on_a_cpu_and_replicas_of_one_run_on_a_gpu(bench, monkeypatch, tmp_path):
    readings, asked = bench("readings"), []
    monkeypatch.setattr(readings, "finished", lambda folder, config: asked.append((folder.name, config)))
    assert readings.replica_of(tmp_path, "fast-z16", 2, (1, 2, 3), "cpu", limit=100)[1] == 0
    assert readings.replica_of(tmp_path, "fast-z16", 2, (1, 2, 3), "cuda", limit=100)[1] == 1
    (one, alone), (all_of_them, stack) = asked
    assert (one, all_of_them) == ("fast-z16-2", "fast-z16-1-2-3")
    assert (alone.seed, alone.seeds, stack.seed, stack.seeds, stack.device) == (2, 1, 1, 3, "cuda")
    assert alone.rules == stack.rules
    assert alone.optimizer == stack.optimizer
    assert alone.data == stack.data
    assert replicas_of(stack)[1].seed == alone.seed
    with pytest.raises(UserError, match="follow one another"):
        readings.replica_of(tmp_path, "fast-z16", 2, (2, 4), "cuda")
