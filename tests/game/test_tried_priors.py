"""Priors of one's own, tried before a game: what fits plays, what does not is one sentence."""

from dataclasses import replace

import pytest
import torch

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.match import Match, replicas_of
from ayneh.errors import UserError
from ayneh.game import own_prior
from ayneh.parts.registry import add

CPU = torch.device("cpu")
SMALL = Config(batch=8, seeds=2, prior=Prior(dim=4), net=Net("mlp", width=4))


def played(config: Config, steps: int = 3) -> dict[str, torch.Tensor]:
    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))
    match = Match(replicas_of(config), pixels, CPU)
    state = match.start()
    measures = {}
    for i in range(steps):
        state, measures = match.play(state, i)
    return state | measures


def same_bits(one: Config, other: Config) -> None:
    ours, theirs = played(one), played(other)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


class Shifted(own_prior.Prior):
    """The built-in normal prior, written anew."""

    def __init__(self, mean=0.0, std=1.0):
        self.mean, self.std = mean, std

    def sample(self, n, dim, generator):
        return self.mean + self.std * torch.randn(n, dim, generator=generator, device=generator.device)


def with_prior(**prior) -> Config:
    return replace(SMALL, prior=Prior(dim=4, **prior))


def test_a_prior_of_ones_own_plays_the_same_bits_and_its_moments_are_measured():
    add("prior", "mine", Shifted)
    same_bits(with_prior(name="mine", mean=0.5, std=2.0), with_prior(name="normal", mean=0.5, std=2.0))
    from ayneh.engine.match import prior_of

    prior = prior_of(with_prior(name="mine", mean=0.5, std=2.0))
    mean, variance = prior.moments(4)
    assert mean == pytest.approx(0.5, abs=0.02)
    assert variance == pytest.approx(4, rel=0.02)
    assert prior.describe() == "mine"
    assert prior_of(with_prior(name="mine", mean=0.5, std=2.0)) is prior  # its moments are not measured again
    add("prior", "mine", Shifted)
    assert prior_of(with_prior(name="mine", mean=0.5, std=2.0)) is not prior
    a, b = prior.sample(2, 4, torch.Generator().manual_seed(1))
    path = prior.interpolate(a, b, torch.linspace(0, 1, 5))
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    torch.testing.assert_close(path[2], (a + b) / 2)
    mirror = replace(with_prior(name="mine"), rules=Rules(mirror_weight=0.5))
    assert played(mirror)["misread"].isfinite().all()  # z is standardised by the measured moments


class Silent:
    """No base class, and no word on its moments; what it does not need is left out."""

    def sample(self, n, dim, generator):
        return torch.rand(n, dim, generator=generator)

    def moments(self, dim):
        return 0.5, 1 / 12

    def describe(self):
        return "u"


@pytest.mark.parametrize("value", [Silent, Silent()])
def test_a_class_or_an_object_with_sample_is_a_prior(value):
    add("prior", "mine", value)
    from ayneh.engine.match import prior_of

    prior = prior_of(with_prior(name="mine"))
    assert (prior.moments(4), prior.describe()) == ((0.5, 1 / 12), "u")
    with pytest.raises(UserError, match="The prior 'mine' has no std: it takes no numbers"):
        prior_of(with_prior(name="mine", std=2.0))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (lambda self, n, dim, generator: torch.randn(n, dim), "does not draw from the generator that it is given"),
        (lambda self, n, dim, generator: torch.ones(n, dim), "does not draw from the generator that it is given"),
        (lambda self, n, dim, generator: torch.rand(n, generator=generator), r"gave \(8,\) for n=8 and dim=4"),
        (lambda self, n, dim, generator: torch.rand(n, dim, generator=generator) / 0, "not finite"),
        (lambda self, n, dim: torch.rand(n, dim), "sample failed"),
        (
            lambda self, n, dim, generator: torch.randn(n, dim, generator=generator, dtype=torch.complex64),
            "gave complex numbers, and z is real",
        ),
    ],
)
def test_a_prior_that_cannot_be_repeated_or_has_another_shape_is_refused_in_a_sentence(sample, said):
    add("prior", "mine", type("Mine", (own_prior.Prior,), {"sample": sample}))
    with pytest.raises(UserError, match=said):
        played(with_prior(name="mine"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (lambda self, a, b, t: (a + b) / 2, r"gave \(4,\) for 5 steps .* of \(4,\): it must give a tensor of \(5, 4\)"),
        (lambda self, a, b, t: [a, b], r"gave \[tensor\(.*: it must give a tensor of \(5, 4\)"),
        (lambda self, a, b, t: torch.zeros(5, 4) * 1j, "gave complex numbers, and z is real"),
    ],
)
def test_a_path_of_another_shape_is_refused_in_a_sentence(path, said):
    add("prior", "mine", type("Mine", (Shifted,), {"interpolate": path}))
    from ayneh.engine.match import prior_of

    with pytest.raises(UserError, match=said):
        prior_of(with_prior(name="mine")).interpolate(torch.zeros(4), torch.ones(4), torch.linspace(0, 1, 5))
