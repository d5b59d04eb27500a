"""Runs of every precision are drawn, exported, mirrored and probed in float32."""

import json

import pytest
import torch

from ayneh.config import to_dict
from ayneh.engine.critic import critic_of
from ayneh.export.players import built, players_of, weights_in
from ayneh.record.record import Record


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_a_run_of_this_precision_is_of_use_to_every_verb(ayneh, tiny, tmp_path, precision):
    run = tmp_path / "run"
    args = ["--precision", precision, "--rules.mirror-weight", 1, "--epochs", 1]
    assert ayneh("train", "digits", *tiny, *args, "--out", run)[0] == 0
    for verb in (
        ["export", run],
        ["export", run, "--to", "safetensors"],
        ["mirror", run, "--images", 100, "--invert", 1],
        ["diagnose", run, "--probe", "--probe-steps", 1],
    ):
        status, _, err = ayneh(*verb)
        assert status == 0, err
    checkpoint = Record.open(run).checkpoints.at_epoch(None)
    critic = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
    assert critic.sampler.gen(critic.sampler.latents("some", 2)).dtype == torch.float32


def test_weights_of_a_run_in_tf32_are_built_on_a_machine_without_it(tiny_run):
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(None)
    players, _ = players_of(checkpoint, 0, None)
    about = {
        "config": to_dict(checkpoint.config.changed({"precision": "tf32"})),
        "images": {"channels": 1, "size": 8},
        "latents": {"mean": 0.0, "variance": 1.0},
        "nets": {"discriminator": {"statistics": "none"}},
    }
    again = built(about, {name: weights_in(net) for name, net in players.nets().items()})
    z = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.gen(z), players.gen(z))


def test_a_reader_of_z_is_no_chance(ayneh, tiny, tmp_path):
    run = tmp_path / "run"
    assert ayneh("train", "digits", *tiny, "--rules.mirror-weight", 1, "--epochs", 1, "--out", run)[0] == 0
    assert ayneh("export", run)[0] == 0
    about = json.loads((run / "export-onnx" / "config.json").read_text())
    assert [net["chance"] for net in about["nets"].values()] == [False] * 3
    assert "draws random numbers" not in (run / "export-onnx" / "README.md").read_text()
