"""Cures: the facts of a run -> the first remedy that the run does not use yet; and the command that tries it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ayneh.config import Config, Optimizer, flatten
from ayneh.dataset import MEMORY
from ayneh.doctor.courses import Facts
from ayneh.doctor.findings import Cure
from ayneh.presets import nearest
from ayneh.record.own import Noted, notes_of
from ayneh.rules import GAMMA

LARGEST = 0.1  # with a larger learning rate no GAN is trained, and a fifth of it is no cure
USUAL = Optimizer().lr


def weaken_dis(facts: Facts) -> Cure:
    """Dropout, then R1, then a lower learning rate of D."""
    if not facts["rules.dropout"]:
        return Cure("Hide a part of each image from D (report, R7).", {"rules.dropout": 0.3})
    if facts["rules.penalty"] == "none":
        return Cure("Penalise D's slope at real images (Mescheder et al. 2018).",
                    {"rules.penalty": "r1", "rules.gamma": 0.1} | _in_each_step(facts))  # fmt: skip
    rate = _rate_dis(facts)
    return Cure("Lower D's learning rate.", {"optimizer.lr_dis": rate / 4 if rate <= LARGEST else USUAL})


def _in_each_step(facts: Facts) -> dict[str, Any]:
    """A new penalty is no lazy one."""
    return {"rules.penalty_every": 1} if facts.get("rules.penalty_every", 1) > 1 else {}


def strengthen_dis(facts: Facts) -> Cure:
    """D's learning rate up to G's, then less dropout, then a weaker penalty, then more steps of D."""
    if _rate_dis(facts) < facts["optimizer.lr"]:
        return Cure("Raise D's learning rate to G's.", {"optimizer.lr_dis": facts["optimizer.lr"]})
    if facts["rules.dropout"] > 0.5:
        return Cure("Show D more of each image.", {"rules.dropout": 0.3})
    if facts["rules.penalty"] != "none" and facts["rules.gamma"] > GAMMA.get(facts["rules.penalty"], 1.0):
        return Cure("Penalise D's slope less.", {"rules.gamma": facts["rules.gamma"] / 100})
    return Cure("Update D more often.", {"rules.dis_steps": 2 * facts["rules.dis_steps"]})


def slow_down(facts: Facts) -> Cure:
    """A penalty for a Wasserstein critic that has none; else a lower rate of the faster player, or of both."""
    if facts["rules.loss"] == "wasserstein" and facts["rules.penalty"] == "none":
        return Cure("Penalise D's slope: this loss needs a bound on it (Gulrajani et al. 2017).",
                    {"rules.penalty": "wgan-gp", "rules.gamma": 10.0} | _in_each_step(facts))  # fmt: skip
    lr, lr_dis = facts["optimizer.lr"], _rate_dis(facts)
    if min(lr, lr_dis) > LARGEST:
        return Cure("Lower both learning rates.", {"optimizer.lr": USUAL, "optimizer.lr_dis": None})
    if lr_dis > 2 * lr:
        return Cure("Lower D's learning rate to G's.", {"optimizer.lr_dis": lr})
    if lr > 2 * lr_dis:
        return Cure("Lower G's learning rate to D's.", {"optimizer.lr": lr_dis})
    changes = {"optimizer.lr": lr / 5} | ({} if facts["optimizer.lr_dis"] is None else {"optimizer.lr_dis": lr_dis / 5})
    return Cure("Lower both learning rates.", changes)


def centre_noise(facts: Facts) -> Cure:
    """Noise whose mean is zero."""
    return Cure("Take noise whose mean is 0 (docs/findings/prior.md), or standardise each unit after G's first layer "
                "(--net.gen-first-norm unit).", {"prior.name": "normal", "prior.mean": None, "prior.low": None,
                                                 "prior.high": None})  # fmt: skip


def calm(facts: Facts) -> Cure:
    """Against oscillation: noise whose mean is zero, else lower learning rates."""
    return centre_noise(facts) if _shares_a_mean(facts) else slow_down(facts)


def bring_life(facts: Facts) -> Cure:
    """Against collapse: noise whose mean is zero, another loss than the saturating one, lower rates, a weaker D."""
    if _shares_a_mean(facts):
        return centre_noise(facts)
    if facts["rules.loss"] == "saturating":
        return not_saturating(facts)
    if max(facts["optimizer.lr"], _rate_dis(facts)) >= 5e-3:
        return slow_down(facts)
    return weaken_dis(facts)


def not_saturating(facts: Facts) -> Cure:
    """-log D(G(z)) as G's loss, else a weaker D."""
    if facts["rules.loss"] == "saturating":
        return Cure("Let G maximise log D(G(z)), whose gradient does not vanish where D is sure (Goodfellow et al. "
                    "2014).", {"rules.loss": "non-saturating"})  # fmt: skip
    return weaken_dis(facts)


def more_images(facts: Facts) -> Cure:
    """More images, or the same images shifted and cut."""
    if facts["data.limit"] is not None:
        return Cure("Train on more images.", {"data.limit": None})
    return Cure("If there are no more images, shift and cut real and fake images alike before D sees them (Zhao et al. "
                "2020).", {"rules.translation": 0.125, "rules.cutout": 0.25})  # fmt: skip


def larger_batch(facts: Facts) -> Cure:
    """Enough images for a mean and a variance."""
    return Cure("Compute the statistics from more images, or leave the normalisation out (--net.gen-norm none "
                "--net.dis-norm none).", {"batch": 64})  # fmt: skip


def mend_data(facts: Facts) -> Cure:
    """Grey levels from 0 to 255."""
    return Cure("Store the images with grey levels from 0 to 255 (an array of floats from 0 to 1 times 255, rounded), "
                "and train again.", {})  # fmt: skip


def heed_labels(facts: Facts) -> Cure:
    """The projection instead of another way, a larger weight of the classes, classes in G's norms, then more epochs."""
    if facts["rules.labels"] == "concat":
        return Cure("Let D compare each image with the embedding of its class (Miyato and Koyama 2018).",
                    {"rules.labels": "projection"})  # fmt: skip
    if facts["rules.labels"] == "auxiliary" and facts["rules.label_weight"] < 4:
        return Cure("Weigh more whether D finds the class.", {"rules.label_weight": 4 * facts["rules.label_weight"]})
    if facts.get("net.gen_labels") != "norm" and facts.get("net.gen_norm") == "batch":
        return Cure("Give G the class in each of its batch normalisations.", {"net.gen_labels": "norm"})
    return Cure("Train for twice as many epochs.", {"epochs": 2 * facts["epochs"]})


def vary_classes(facts: Facts) -> Cure:
    """Fakes of all classes alike, a smaller weight of the classes, and then what is done against any collapse."""
    look = "Look at the images of this class: if they are nearly the same, G can draw no others. Else "
    if facts["rules.labels"] == "auxiliary" and facts["rules.label_weight"] >= 1:
        weight = facts["rules.label_weight"] / 4
        return Cure(f"{look}weigh less whether D finds the class: images that it finds easily are alike (Odena et al. "
                    "2017).", {"rules.label_weight": weight})  # fmt: skip
    if facts["rules.classes"] == "data" and uneven(facts):
        return Cure(f"{look}draw as many fakes of each class, since some classes are rare.",
                    {"rules.classes": "even"})  # fmt: skip
    cure = bring_life(facts)
    return Cure(f"{look}{cure.words[:1].lower()}{cure.words[1:]}", cure.changes)


def part_classes(facts: Facts) -> Cure:
    """The labels of the two classes, then what makes G heed them."""
    cure = heed_labels(facts)
    return Cure("Check the labels of both classes in the data, first of all if many real images of the one look like "
                f"the other. Else {cure.words[:1].lower()}{cure.words[1:]}", cure.changes)  # fmt: skip


def mend_labels(facts: Facts) -> Cure:
    """Labels that belong to the images."""
    return Cure("Check that each label belongs to its image (images or labels that were sorted or shuffled alone look "
                "like this). If pixels cannot show the classes, go on.", {})  # fmt: skip


def uneven(facts: Facts) -> bool:
    """Whether the most frequent class has twice as many training images as the rarest one."""
    shares = facts.get("class_shares") or (1.0,)
    return bool(max(shares) >= 2 * min(shares))


def _shares_a_mean(facts: Facts) -> bool:
    return bool((facts.get("parallel") or 0) >= 0.5 and facts["net.gen_first_norm"] != "unit")


def _rate_dis(facts: Facts) -> float:
    rate = facts["optimizer.lr_dis"]
    return float(facts["optimizer.lr"] if rate is None else rate)


# -- commands ----------------------------------------------------------------------------------------------------------


def argv(config: Config, changes: Mapping[str, Any], parts: Sequence[Noted] | None = None) -> list[str]:
    """The command that trains this config with these changes: the nearest preset, and a flag for each difference.

    parts: of one's own, as the run notes them (None: those of this process). Where no command can name the images or
    the parts, since Python gave them, it is one line of Python.
    """
    given = [noted.flags() for noted in (notes_of(config) if parts is None else parts)]
    if config.data.name.startswith(f"{MEMORY}:") or None in given:
        return [f"ayneh.train(run.config.changed({dict(changes)!r}))"]
    flags = list(dict.fromkeys(tuple(one) for one in given if one))
    wanted = flatten(config) | dict(changes)
    if any(one[0] == "--nets" for one in flags):  # which names the nets; of what is set of ayneh's two have a use
        wanted = {k: v for k, v in wanted.items() if not k.startswith("net.") or k in ("net.init", "net.dis_output")}
    preset, gap = nearest(wanted)
    words = ["ayneh", "train", preset, *(part for name, value in gap.items() for part in _flag(name, value))]
    return [*words, *(word for one in flags for word in one)]


def command(config: Config, cure: Cure, parts: Sequence[Noted] | None = None) -> list[str]:
    """What tries a cure, as `argv` gives it; empty if the cure changes no setting."""
    return argv(config, cure.changes, parts) if cure.changes else []


def shown(words: Sequence[str]) -> str:
    """A command quoted for a shell; a line of Python as it is."""
    return words[0] if len(words) == 1 else shlex.join(words)


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        room, _, leaf = flag.rpartition(".")
        return [f"--{flag}" if value else f"--{room}{'.' if room else ''}no-{leaf}"]
    return [f"--{flag}", *map(str, value if isinstance(value, tuple) else [value])]
