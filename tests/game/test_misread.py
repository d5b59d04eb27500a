"""What D misreads of z: its scale, its gradient, and the priors that have none."""

import pytest
import torch

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.game.misread import misread
from ayneh.game.priors import PRIORS, make_prior

CPU = torch.device("cpu")
WITH_VARIANCE = sorted(name for name in PRIORS if name != "student-t")


@pytest.mark.parametrize("name", WITH_VARIANCE)
def test_reading_the_mean_is_one_and_reading_z_is_nought(name):
    prior = make_prior(name)
    z = prior.sample(20_000, 4, torch.Generator().manual_seed(0)).double()[None]
    mean, variance = prior.moments(4)
    mean, std = torch.tensor([[float(mean)]]).double(), torch.tensor([[variance**0.5]]).double()
    assert misread(torch.zeros_like(z), z, mean, std).mean().item() == pytest.approx(1, abs=0.05)
    assert misread((z - mean) / std, z, mean, std).abs().max() == 0


def test_the_gradient_is_twice_the_error_over_the_number_of_coordinates():
    read = torch.tensor([[[1.0, 2.0]]], requires_grad=True)  # one replica, one image, two coordinates
    z = torch.tensor([[[3.0, 7.0]]])
    loss = misread(read, z, torch.tensor([[1.0]]), torch.tensor([[2.0]]))  # z* = (1, 3)
    assert loss.item() == pytest.approx((0**2 + 1**2) / 2)
    loss.sum().backward()
    assert read.grad.flatten().tolist() == pytest.approx([0.0, 2 * (2 - 3) / 2])


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (Prior("student-t", dim=8, df=1.0), "is nan"),
        (Prior("student-t", dim=8, df=2.0), "is inf"),
    ],
)
def test_a_prior_without_variance_has_no_mirror(prior, words):
    pixels = torch.zeros(64, 1, 8, 8, dtype=torch.uint8)
    config = Config(batch=16, prior=prior, net=Net("mirror", width=4), rules=Rules(mirror_weight=1.0))
    with pytest.raises(UserError, match=words):
        Match([config], pixels, CPU)
    Match([Config(batch=16, prior=prior, net=Net("mirror", width=4))], pixels, CPU)  # without it: played as ever


def test_a_weight_below_nought_is_refused():
    with pytest.raises(UserError, match="--rules.mirror-weight is -1"):
        Config(rules=Rules(mirror_weight=-1.0))
    with pytest.raises(UserError, match=r"no reader of z \(--rules.mirror-reader\) called 'feature'"):
        Config(rules=Rules(mirror_reader="feature"))
    with pytest.raises(UserError, match="--net.features is 0"):
        Config(net=Net(features=0))
