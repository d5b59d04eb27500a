"""The losses of D and G as functions of logits: real and fake logits (R, B) -> a loss per image (R, B).

D's loss is its real term plus its fake term: with cross-entropy it is 2 ln 2 where D gives 1/2 to every image.
Cross-entropies are written with softplus(x) = log(1 + e^x), never as the logarithm of a sigmoid. Beside them
is `misread`, the loss of z as D reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Loss(NamedTuple):
    """The losses of both players as functions of D's logits; each player descends the mean of its loss over B.

    The built-in ones are called with logits (R, B) of all replicas. Functions of one's own may be written for (B,) of
    one replica, and without ``smooth`` or the real logits that they do not read. Numbers of a loss are keywords after
    a *, which ``rules.numbers`` sets ("loss.margin=2"). Example, a hinge with a margin:

    >>> import ayneh
    >>> def dis(real, fake, *, margin=1.0):
    ...     return (margin - real).relu() + (margin + fake).relu()
    >>> ayneh.add("loss", "margin", ayneh.Loss(dis, gen=lambda fake: -fake)).name
    'margin'
    """

    dis: Callable[..., Tensor]
    """(real logits, fake logits, smooth) -> (R, B); smooth is a float or (R, 1), read only if `smooths`."""
    gen: Callable[..., Tensor]
    """(real logits, or None unless `gen_needs_real`; fake logits) -> (R, B)."""
    gen_needs_real: bool = False
    """Whether D judges the real images again for G's loss."""
    smooths: bool = False
    """Whether D has a target for real images that can be lowered to 1 - smooth (Salimans et al. 2016)."""


def cross_entropy_dis(real: Tensor, fake: Tensor, smooth: Tensor | float) -> Tensor:
    """-(1-s) log D(x) - s log(1 - D(x)) - log(1 - D(G(z))), Goodfellow et al. 2014; s is ``smooth``."""
    return F.softplus(-real) + smooth * real + F.softplus(fake)


def non_saturating_gen(real: Tensor | None, fake: Tensor) -> Tensor:
    """-log D(G(z)), Goodfellow et al. 2014: its gradient stays large where D is certain."""
    return F.softplus(-fake)


def saturating_gen(real: Tensor | None, fake: Tensor) -> Tensor:
    """log(1 - D(G(z))), Goodfellow et al. 2014, minimax: its gradient vanishes where D is certain."""
    return -F.softplus(fake)


def least_squares_dis(real: Tensor, fake: Tensor, smooth: Tensor | float) -> Tensor:
    """((D(x) - (1-s))^2 + D(G(z))^2) / 2, Mao et al. 2017, with D the logit itself."""
    return ((real - 1 + smooth) ** 2 + fake**2) / 2


def least_squares_gen(real: Tensor | None, fake: Tensor) -> Tensor:
    """(D(G(z)) - 1)^2 / 2, Mao et al. 2017."""
    return (fake - 1) ** 2 / 2


def hinge_dis(real: Tensor, fake: Tensor, smooth: Tensor | float) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))), Lim & Ye 2017."""
    return F.relu(1 - real) + F.relu(1 + fake)


def wasserstein_dis(real: Tensor, fake: Tensor, smooth: Tensor | float) -> Tensor:
    """D(G(z)) - D(x), Arjovsky et al. 2017; a penalty has to bound D's slope."""
    return fake - real


def negative_logit_gen(real: Tensor | None, fake: Tensor) -> Tensor:
    """-D(G(z)): G's side of the hinge and the Wasserstein game."""
    return -fake


def relativistic_dis(real: Tensor, fake: Tensor, smooth: Tensor | float) -> Tensor:
    """log(1 + exp(D(G(z)) - D(x))), Jolicoeur-Martineau 2018: real b is paired with fake b; ln 2 where equal."""
    return F.softplus(fake - real)


def relativistic_gen(real: Tensor, fake: Tensor) -> Tensor:
    """log(1 + exp(D(x) - D(G(z)))), Jolicoeur-Martineau 2018."""
    return F.softplus(real - fake)


def misread(read: Tensor, z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """||read - (z - mean) / std||^2 / Z: read, z (R, B, Z); mean, std (R, 1), of a coordinate -> (R, B).

    D learns to invert G, and G to draw images from which D can read z. In units of the prior's own variance: 1 where D
    always reads the mean, 0 where it reads z exactly, so that the mean over images is the share of z's variance that is
    not read, 1 - R^2. Real images have no z, so they are not used.

    With a Gaussian of fixed width as the decoder this is, up to constants, the lower bound on the mutual information
    I(z; G(z)) of InfoGAN (Chen et al. 2016), with all of z as the code; as there, D and G descend it together.
    Descended by the encoder alone it is the latent regressor of BiGAN (Donahue et al. 2017), and it is the
    reconstruction of noise in VEEGAN (Srivastava et al. 2017).
    """
    return (read - (z - mean[..., None]) / std[..., None]).square().mean(2)


LOSSES = {
    "non-saturating": Loss(cross_entropy_dis, non_saturating_gen, smooths=True),
    "saturating": Loss(cross_entropy_dis, saturating_gen, smooths=True),
    "least-squares": Loss(least_squares_dis, least_squares_gen, smooths=True),
    "hinge": Loss(hinge_dis, negative_logit_gen),
    "wasserstein": Loss(wasserstein_dis, negative_logit_gen),
    "relativistic": Loss(relativistic_dis, relativistic_gen, gen_needs_real=True),
}
