"""How far apart two sets of images are, from a discriminator's logits: its error, and a bound on a divergence.

Real logits (N,), fake logits (M,), positive where an image looks real. Any function of one image gives a valid bound;
the better the function, the tighter.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_expit

from ayneh.judge.scores import Score, cannot_tell
from ayneh.judge.statistics import normal_interval

LN2 = math.log(2)
LEAST = 20  # logits a side
FIRMNESS = 100.0  # inverse strength of the ridge on the slope that `calibrated` fits to standardised logits


def error(real: np.ndarray, fake: np.ndarray) -> Score:
    """(P(D(x) < 0) + P(D(G(z)) > 0)) / 2, a logit of 0 counting half: 0 if D is always right, 1/2 if it guesses.

    The interval adds half an image to each count (Agresti & Coull 1998), so that no error in n has one too.
    """
    if (refusal := _refusal(real, fake)) is not None:
        return refusal
    rates, variance = [], 0.0
    for wrong in (-np.sign(real), np.sign(fake)):  # 1 wrong, 0 undecided, -1 right
        n, count = len(wrong), float(((1 + wrong) / 2).sum())
        smooth = (count + 2) / (n + 4)
        variance += smooth * (1 - smooth) / (n + 4) / 4
        rates.append(count / n)
    value = sum(rates) / 2
    low, high = normal_interval(value, math.sqrt(variance))
    return Score(value, len(real) + len(fake), (max(0.0, low), min(1.0, high)))


def loss(real: np.ndarray, fake: np.ndarray) -> float:
    """D's cross-entropy, mean softplus(-D(x)) + mean softplus(D(G(z))): 2 ln 2 where all logits are 0."""
    return float(-log_expit(real).mean() - log_expit(-fake).mean())


def divergence(real: np.ndarray, fake: np.ndarray) -> Score:
    """JSD >= ln 2 - (E_r softplus(-D) + E_f softplus(D)) / 2 in nats (Goodfellow et al. 2014), clipped to 0..ln 2.

    0: the two may be the same; ln 2: no image could come from both. A lower bound, up to the chance of the sample, and
    small for a poor D too. The logits must be those of images outside D's training set.
    """
    if (refusal := _refusal(real, fake)) is not None:
        return refusal
    sides = [-log_expit(real), -log_expit(-fake)]  # softplus(-D), softplus(D)
    value = LN2 - sum(float(side.mean()) for side in sides) / 2
    spread = math.sqrt(sum(float(side.var(ddof=1)) / len(side) for side in sides)) / 2
    low, high = (min(max(end, 0.0), LN2) for end in normal_interval(value, spread))
    return Score(min(max(value, 0.0), LN2), len(real) + len(fake), (low, high))


def calibrated(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a D + b with a and b by logistic regression (Platt 1999) on the other half of the images, half by half.

    Logits that are too large make each error expensive, and shifted ones put all errors on one side; neither is a fact
    about the images. Each half is mapped by the fit to the other half: the mapped logits are still a fixed function of
    one image, as `error` and `divergence` need.
    """
    from sklearn.linear_model import LogisticRegression

    if _refusal(real, fake) is not None:
        return real, fake
    out = np.empty_like(real, dtype=np.float64), np.empty_like(fake, dtype=np.float64)
    for part in (0, 1):
        known = np.concatenate([real[1 - part :: 2], fake[1 - part :: 2]]).astype(np.float64)
        labels = np.concatenate([np.ones(len(real[1 - part :: 2])), np.zeros(len(fake[1 - part :: 2]))])
        centre, scale = float(known.mean()), float(known.std()) or 1.0
        fitted = LogisticRegression(C=FIRMNESS, class_weight="balanced", max_iter=1000)
        fitted.fit((known[:, None] - centre) / scale, labels)
        for side, logits in zip(out, (real, fake), strict=True):
            side[part::2] = fitted.decision_function((logits[part::2, None] - centre) / scale)
    return out


def _refusal(real: np.ndarray, fake: np.ndarray) -> Score | None:
    n = len(real) + len(fake)
    if min(len(real), len(fake)) < LEAST:
        return cannot_tell(n, f"{len(real)} real and {len(fake)} fake images are too few: {LEAST} a side are needed.")
    if not (np.isfinite(real).all() and np.isfinite(fake).all()):
        return cannot_tell(n, "D's logits are not finite.")
    return None
