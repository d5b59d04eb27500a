"""Every loss against torch's own, its value at a draw, and the best D by theory; what D misreads of z."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.game.losses import LOSSES, misread
from ayneh.game.priors import PRIORS, make_prior

LN2 = math.log(2)
WITH_VARIANCE = sorted(name for name in PRIORS if name != "student-t")
P = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)  # the data
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)  # the fakes
DRAW = {  # the logit at which D is undecided, its loss there and G's
    "non-saturating": (0.0, 2 * LN2, LN2),
    "saturating": (0.0, 2 * LN2, -LN2),
    "least-squares": (0.5, 0.25, 0.125),
    "hinge": (0.0, 2.0, 0.0),
    "wasserstein": (0.0, 0.0, 0.0),
    "relativistic": (0.0, LN2, LN2),
}


def logits(seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return tuple(3 * torch.randn(2, 5, generator=g, dtype=dtype) for _ in range(2))


def expected(name: str, logit: Tensor, smooth: float = 0.0) -> Tensor:
    """E over x ~ P, x' ~ Q of D's loss, D being a free logit for each of the four points."""
    pairs = LOSSES[name].dis(logit[:, None].expand(4, 4), logit[None].expand(4, 4), smooth)
    return (P[:, None] * Q[None] * pairs).sum()


def best(name: str, smooth: float = 0.0) -> tuple[Tensor, float]:
    """The minimising logits and the minimum, found blindly by L-BFGS."""
    logit = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [logit], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        loss = expected(name, logit, smooth)
        loss.backward()
        return loss

    search.step(closure)
    return logit.detach(), expected(name, logit, smooth).item()


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    m = (p + q) / 2
    return ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()).item() / 2


def test_every_loss_has_its_draw() -> None:
    assert DRAW.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_values_when_d_cannot_tell(name: str) -> None:
    logit, dis, gen = DRAW[name]
    level = torch.full((2, 3), logit)
    torch.testing.assert_close(LOSSES[name].dis(level, level, 0.0), torch.full((2, 3), dis))
    torch.testing.assert_close(LOSSES[name].gen(level, level), torch.full((2, 3), gen))


@pytest.mark.parametrize("smooth", [0.0, 0.1, torch.tensor([[0.0], [0.3]], dtype=torch.float64)])
def test_cross_entropy_is_torchs_own(smooth: float | Tensor) -> None:
    real, fake = logits(0)
    bce, one = partial(F.binary_cross_entropy_with_logits, reduction="none"), torch.ones_like(real)
    theirs = bce(real, one - smooth) + bce(fake, 0 * one)
    for name in ("non-saturating", "saturating"):
        torch.testing.assert_close(LOSSES[name].dis(real, fake, smooth), theirs)
    torch.testing.assert_close(LOSSES["non-saturating"].gen(None, fake), bce(fake, one))
    torch.testing.assert_close(LOSSES["saturating"].gen(None, fake), (1 - fake.sigmoid()).log())


@pytest.mark.parametrize("smooth", [0.0, 0.25])
def test_least_squares_is_torchs_own(smooth: float) -> None:
    real, fake = logits(1)
    mse, one = partial(F.mse_loss, reduction="none"), torch.ones_like(real)
    theirs = mse(real, one - smooth) + mse(fake, 0 * one)
    torch.testing.assert_close(LOSSES["least-squares"].dis(real, fake, smooth), theirs / 2)
    torch.testing.assert_close(LOSSES["least-squares"].gen(None, fake), mse(fake, one) / 2)


def test_hinge_is_torchs_own() -> None:
    real, fake = logits(2)
    hinge = partial(F.hinge_embedding_loss, target=-torch.ones_like(real), reduction="none")  # max(0, 1 - input)
    theirs = hinge(real) + hinge(-fake)
    torch.testing.assert_close(LOSSES["hinge"].dis(real, fake, 0.0), theirs)


def test_relativistic_is_cross_entropy_of_the_difference() -> None:
    real, fake = logits(3)
    bce, one = partial(F.binary_cross_entropy_with_logits, reduction="none"), torch.ones_like(real)
    torch.testing.assert_close(LOSSES["relativistic"].dis(real, fake, 0.0), bce(real - fake, one))
    torch.testing.assert_close(LOSSES["relativistic"].gen(real, fake), bce(fake - real, one))


@pytest.mark.parametrize("name", ["non-saturating", "saturating"])
def test_best_d_of_cross_entropy_is_the_log_ratio_and_measures_jensen_shannon(name: str) -> None:
    logit, loss = best(name)
    torch.testing.assert_close(logit, (P / Q).log(), rtol=0, atol=1e-5)
    assert loss == pytest.approx(2 * LN2 - 2 * jensen_shannon(P, Q), abs=1e-9)


def test_smoothing_caps_the_best_d() -> None:
    logit, _ = best("non-saturating", smooth=0.2)
    torch.testing.assert_close(logit.sigmoid(), 0.8 * P / (P + Q), rtol=0, atol=1e-5)
    logit, _ = best("least-squares", smooth=0.2)
    torch.testing.assert_close(logit, 0.8 * P / (P + Q), rtol=0, atol=1e-5)


def test_best_d_of_least_squares_is_the_share_of_the_data() -> None:
    logit, loss = best("least-squares")
    torch.testing.assert_close(logit, P / (P + Q), rtol=0, atol=1e-5)
    assert loss == pytest.approx((P * Q / (P + Q)).sum().item() / 2, abs=1e-9)


def test_best_d_of_hinge_is_the_sign_and_measures_total_variation() -> None:
    total_variation = (P - Q).abs().sum().item() / 2
    corners = torch.cartesian_prod(*[torch.linspace(-2, 2, 9, dtype=torch.float64)] * 4)
    losses = torch.stack([expected("hinge", corner) for corner in corners])
    torch.testing.assert_close(corners[losses.argmin()], (P - Q).sign())
    assert losses.min().item() == pytest.approx(2 - 2 * total_variation, abs=1e-12)


def test_wasserstein_within_bounds_measures_total_variation() -> None:
    total_variation = (P - Q).abs().sum().item() / 2
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)] * 4)
    losses = torch.stack([expected("wasserstein", corner) for corner in corners])
    torch.testing.assert_close(corners[losses.argmin()], (P - Q).sign())
    assert losses.min().item() == pytest.approx(-2 * total_variation, abs=1e-12)


def test_best_relativistic_d_is_the_log_ratio_up_to_a_constant() -> None:
    logit, loss = best("relativistic")
    torch.testing.assert_close(logit - logit.mean(), (P / Q).log() - (P / Q).log().mean(), rtol=0, atol=1e-5)
    pairs = P[:, None] * Q[None]  # what D compares: (data, fake) against (fake, data)
    assert loss == pytest.approx(LN2 - jensen_shannon(pairs, pairs.T), abs=1e-9)


def test_minimax_is_zero_sum() -> None:
    real, fake = logits(4)
    dis, gen = LOSSES["saturating"].dis(real, fake, 0.0), LOSSES["saturating"].gen(None, fake)
    torch.testing.assert_close(dis + gen, F.softplus(-real))  # what is left does not depend on G


@pytest.mark.parametrize("certainty", [5.0, 20.0, 60.0])
def test_only_the_saturating_gradient_dies_under_a_confident_d(certainty: float) -> None:
    slopes = {}
    for name in ("saturating", "non-saturating"):
        fake = torch.full((1, 1), -certainty, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(LOSSES[name].gen(None, fake).sum(), fake)
        slopes[name] = slope.item()
    caught = 1 / (1 + math.exp(certainty))  # D(G(z))
    assert slopes["saturating"] == pytest.approx(-caught, rel=1e-9)
    assert slopes["non-saturating"] == pytest.approx(caught - 1, rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_against_finite_differences(name: str) -> None:
    real, fake = (x.requires_grad_() for x in logits(5))
    smooth = 0.1 if LOSSES[name].smooths else 0.0
    assert torch.autograd.gradcheck(lambda r, f: LOSSES[name].dis(r, f, smooth), (real, fake))
    assert torch.autograd.gradcheck(lambda r, f: LOSSES[name].gen(r, f), (real, fake))


@pytest.mark.parametrize("name", LOSSES)
def test_huge_logits_stay_finite_in_float32(name: str) -> None:
    huge = torch.tensor([[1e4, -1e4, 200.0, -200.0]], requires_grad=True)
    for loss in (LOSSES[name].dis(huge, -huge, 0.0), LOSSES[name].gen(huge, -huge)):
        (slope,) = torch.autograd.grad(loss.sum(), huge)
        assert loss.isfinite().all()
        assert slope.isfinite().all()


# -- what D misreads of z: its scale, its gradient, and the priors that have none -------------------------------------


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
        Match([config], pixels, torch.device("cpu"))
    plain = Config(batch=16, prior=prior, net=Net("mirror", width=4))
    Match([plain], pixels, torch.device("cpu"))  # without it: played as ever


def test_a_weight_below_nought_is_refused():
    with pytest.raises(UserError, match="--rules.mirror-weight is -1"):
        Config(rules=Rules(mirror_weight=-1.0))
    with pytest.raises(UserError, match=r"no reader of z \(--rules.mirror-reader\) called 'feature'"):
        Config(rules=Rules(mirror_reader="feature"))
    with pytest.raises(UserError, match="--net.features is 0"):
        Config(net=Net(features=0))
