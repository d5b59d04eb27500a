"""D as a plain module: an image's features and logit are its own, and those of D's weights."""

import pytest
import torch

from ayneh.engine import critic as critic_module
from ayneh.engine import sampler
from ayneh.engine.critic import critic_of
from ayneh.engine.sampler import STANDING_LATENTS
from ayneh.errors import UserError
from ayneh.game.layers import standing_statistics
from ayneh.record.record import Record


@pytest.fixture
def critic(tiny_run):
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(None)
    return critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 1)


def test_an_image_is_read_alike_whatever_stands_beside_it(critic):
    x = critic.sampler.images("some", 40)
    beside_others = torch.cat([x[:3], 2 * torch.rand(300, *x.shape[1:]) - 1])
    for read in (critic.features, critic.logits):
        torch.testing.assert_close(read(x)[:3], read(beside_others)[:3], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(read(x)[:1], read(x[:1]), rtol=1e-5, atol=1e-5)


def test_the_logit_is_the_head_of_the_features(critic):
    x = critic.sampler.images("some", 5)
    assert critic.features(x).shape == (5, 8)  # prior.dim of the tiny run
    with torch.no_grad():
        head = critic.dis.head(critic.features(x)[:, :, None, None]).flatten()
    torch.testing.assert_close(critic.logits(x), head)


def test_the_statistics_are_the_mean_over_batches_of_the_generators_images(critic):
    first = next(m for m in critic.dis.features if hasattr(m, "running_mean"))
    before = critic.dis.features[: list(critic.dis.features).index(first)]
    x = critic.sampler.images("critic", STANDING_LATENTS)
    with torch.no_grad():
        maps = before(x)
    torch.testing.assert_close(first.running_mean, maps.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)


def test_the_weights_are_those_of_the_replica(tiny_run):
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(None)
    for replica in (0, 1):
        dis = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica).dis
        for name, value in dis.named_parameters():
            assert torch.equal(value, checkpoint.tensors[f"dis/{name}"][replica])
    with pytest.raises(UserError, match="--replica is 2; the run has 2"):
        critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 2)


def test_the_untrained_control_is_the_d_that_the_run_started_with(tiny_run):
    from ayneh.training.begin import lay_out

    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(None)
    match, *_ = lay_out(checkpoint.config, "cpu")
    first = match.named(match.start())
    control = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 1, trained=False)
    for name, value in control.dis.named_parameters():
        assert torch.equal(value, first[f"dis/{name}"][1]), name


def test_latents_are_in_the_priors_units_and_only_where_d_learnt_to_read(critic, tmp_path, tiny, ayneh):
    x = critic.sampler.images("some", 5)
    with pytest.raises(UserError, match="--rules.mirror-weight"):
        critic.latents(x)
    prior = ["--prior.name", "uniform", "--prior.low", 5, "--prior.high", 7]
    run = tmp_path / "run"
    ayneh("train", "digits", *tiny, *prior, "--rules.mirror-weight", 1, "--epochs", 1, "--out", run)
    checkpoint = Record.open(run).checkpoints.at_epoch(None)
    reading = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
    read = reading.latents(x)
    with torch.no_grad():
        told = reading.dis(x, read=True)
    torch.testing.assert_close(read, 6 + told[:, 1:] / 3**0.5, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(reading.logits(x), told[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("batch", "images"), [(23, 2047), (1000, 2000), (2047, 2047), (3000, 3000), (64, 2048)])
def test_standing_statistics_are_of_whole_batches(tiny_run, monkeypatch, batch, images):
    """Each batch has the same weight in the average, however few images it has, and one image has no deviation."""
    checkpoint, sizes = Record.open(tiny_run).checkpoints.at_epoch(None), []

    def counted(net, batches):
        batches = list(batches)
        sizes.extend(len(x[0] if isinstance(x, tuple) else x) for x in batches)
        return standing_statistics(net, batches)

    for module in (sampler, critic_module):
        monkeypatch.setattr(module, "standing_statistics", counted)
    critic_of(checkpoint.config.changed({"batch": batch}), checkpoint.image_shape, checkpoint.tensors, 0)
    assert sizes == 2 * (images // batch) * [batch]  # of G and of D
