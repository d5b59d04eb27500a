"""A discriminator whose weights are computed of others: PyTorch copies none, and it stays as the student has it."""

import copy

import pytest
import torch
from torch import nn

from ayneh import lab


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("normed", ["weight_norm", "spectral_norm"])
def test_a_discriminator_that_pytorch_does_not_copy_is_right_and_stays_as_it_is(normed):
    norm = getattr(torch.nn.utils, normed)
    own = nn.Sequential(nn.Flatten(), norm(nn.Linear(256, 64)), nn.BatchNorm1d(64), nn.Tanh(), nn.Linear(64, 1))
    own = nn.Sequential(own, nn.Flatten(0))
    images = torch.randn(8, 1, 16, 16)
    own(images).sum().backward()
    with pytest.raises(RuntimeError):
        copy.deepcopy(own)
    weights = {name: value.clone() for name, value in own.state_dict().items()}
    slopes = [weight.grad.clone() for weight in own.parameters()]
    assert (found := lab.check_discriminator(lambda: own)), found
    assert all(torch.equal(value, weights[name]) for name, value in own.state_dict().items())
    assert [value.dtype for value in own.state_dict().values()] == [value.dtype for value in weights.values()]
    assert all(torch.equal(weight.grad, slope) for weight, slope in zip(own.parameters(), slopes, strict=True))
    assert own[0][1].weight.dtype == torch.float32
    assert all(one.training for one in own.modules())
    own(images).sum().backward()  # it can still be trained
