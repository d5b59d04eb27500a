"""What to do about a symptom: facts of a run in, words and changed settings out. The first that is not done already."""

from __future__ import annotations

from ayneh.doctor.findings import Cure, Facts


def weaken_dis(facts: Facts) -> Cure:
    """Dropout, then R1, then a lower rate of D: the first that the run does not have."""
    if not facts["rules.dropout"]:
        return Cure("Hide a part of each image from D (report, R7).", {"rules.dropout": 0.3})
    if facts["rules.penalty"] == "none":
        return Cure("Hold D's slope at real images down (Mescheder et al. 2018).",
                    {"rules.penalty": "r1", "rules.gamma": 0.1})  # fmt: skip
    return Cure("Let D learn more slowly.", {"optimizer.lr_dis": _rate_dis(facts) / 4})


def strengthen_dis(facts: Facts) -> Cure:
    """D's rate back to G's, then less of what hides images from it."""
    if _rate_dis(facts) < facts["optimizer.lr"]:
        return Cure("Give D the learning rate of G.", {"optimizer.lr_dis": facts["optimizer.lr"]})
    if facts["rules.dropout"] > 0.5:
        return Cure("Show D more of each image.", {"rules.dropout": 0.3})
    if facts["rules.penalty"] != "none" and facts["rules.gamma"] > 1:
        return Cure("Hold D's slope down less.", {"rules.gamma": facts["rules.gamma"] / 100})
    return Cure("Let D play more often.", {"rules.dis_steps": 2 * facts["rules.dis_steps"]})


def slow_down(facts: Facts) -> Cure:
    """A smaller rate of both, or of the faster one."""
    if facts["rules.loss"] == "wasserstein" and facts["rules.penalty"] == "none":
        return Cure("This loss needs a bound on D's slope (Gulrajani et al. 2017).",
                    {"rules.penalty": "wgan-gp", "rules.gamma": 10.0})  # fmt: skip
    lr, lr_dis = facts["optimizer.lr"], _rate_dis(facts)
    if lr_dis > 2 * lr:
        return Cure("Let D learn as slowly as G.", {"optimizer.lr_dis": lr})
    if lr > 2 * lr_dis:
        return Cure("Let G learn as slowly as D.", {"optimizer.lr": lr_dis})
    changes = {"optimizer.lr": lr / 5} | ({} if facts["optimizer.lr_dis"] is None else {"optimizer.lr_dis": lr_dis / 5})
    return Cure("Let both learn more slowly.", changes)


def centre_noise(facts: Facts) -> Cure:
    """Noise whose mean is zero."""
    return Cure("Take noise whose mean is 0 (docs/findings/prior.md), or standardise each unit behind G's first layer "
                "(--net.gen-first-norm unit).", {"prior.name": "normal", "prior.mean": None, "prior.low": None,
                                                 "prior.high": None})  # fmt: skip


def calm(facts: Facts) -> Cure:
    """Against going round in circles: noise whose mean does not move all images at once, or smaller rates."""
    return centre_noise(facts) if _shares_a_mean(facts) else slow_down(facts)


def bring_life(facts: Facts) -> Cure:
    """Against collapse: the noise's mean, a saturating loss, too fast a game, too strong a D, in this order."""
    if _shares_a_mean(facts):
        return centre_noise(facts)
    if facts["rules.loss"] == "saturating":
        return not_saturating(facts)
    if max(facts["optimizer.lr"], _rate_dis(facts)) >= 5e-3:
        return slow_down(facts)
    return weaken_dis(facts)


def not_saturating(facts: Facts) -> Cure:
    """-log D for G."""
    if facts["rules.loss"] == "saturating":
        return Cure("Let G maximise log D(G(z)): its gradient lives where D is sure (Goodfellow et al. 2014).",
                    {"rules.loss": "non-saturating"})  # fmt: skip
    return weaken_dis(facts)


def more_images(facts: Facts) -> Cure:
    """More data, or the same data seen through shifts."""
    if facts["data.limit"] is not None:
        return Cure("Train on more images.", {"data.limit": None})
    return Cure("With no more images to be had, show D shifted and cut ones, real and fake alike (Zhao et al. 2020).",
                {"rules.translation": 0.125, "rules.cutout": 0.25})  # fmt: skip


def larger_batch(facts: Facts) -> Cure:
    """Enough images for a mean and a variance."""
    return Cure("Estimate the statistics from more images, or leave the normalisation out (--net.gen-norm none "
                "--net.dis-norm none).", {"batch": 64})  # fmt: skip


def mend_data(facts: Facts) -> Cure:
    """Grey levels from 0 to 255."""
    return Cure("Store the images with grey levels from 0 to 255 (an array of floats from 0 to 1 times 255, rounded), "
                "and train anew.", {})  # fmt: skip


def _shares_a_mean(facts: Facts) -> bool:
    return bool((facts.get("parallel") or 0) >= 0.5 and facts["net.gen_first_norm"] != "unit")


def _rate_dis(facts: Facts) -> float:
    rate = facts["optimizer.lr_dis"]
    return float(facts["optimizer.lr"] if rate is None else rate)
