"""Sentences on a probe: does it show that disjoint supports starve the generator (docs/report.md, R4)?"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

LN2 = math.log(2)
APART = 0.02  # error up to which D distinguishes the sides
DRAW = 0.45  # error from which real against real is a draw, if it is not one by its interval
VANISHED, FELL = 100.0, 10.0  # factors by which a gradient fell from its largest value
SATURATING, OTHER = "gradient log(1-D)", "gradient -log D"
Values = dict[str, Any]


def words(values: Values) -> list[str]:
    """Sentences on the values that `probe` returned: the control first, then each epoch, then the claim."""
    measured = [one for one in values["epochs"] if "arms" in one]
    unmeasured = [one for one in values["epochs"] if "arms" not in one]
    said = [values["note"]] if "note" in values else []
    said += [f"After epoch {one['epoch']} nothing can be measured: {one['cannot tell']}." for one in unmeasured]
    if not measured:
        return said
    said += [_setting(values, measured)]
    trusted = [one for one in measured if _null_holds(one)]
    said += _null(measured)
    said += [sentence for one in measured for sentence in _epoch(one)]
    said += _batches(measured) + _grey_levels(measured) + _noise(values, measured)
    said += _dimensions(values, measured)
    return [*said, _claim(values, trusted)]


def _setting(values: Values, measured: list[Values]) -> str:
    protocol, n = values["protocol"], measured[-1]["n"]
    held, epochs = n["held_out_a_side"], _listed([str(one["epoch"]) for one in measured])
    dropout = f"dropout {protocol['dropout']:g}" if protocol["dropout"] else "no dropout"
    return (
        f"G was frozen after epoch{'s' if len(measured) > 1 else ''} {epochs}; fresh discriminators with this run's "
        f"architecture learnt for {protocol['steps']:,} steps to tell its images from {n['train_real']:,} training "
        f"images, by cross-entropy with {dropout} and no penalty. Errors are those on {held:,} test images and "
        f"{held:,} fakes outside D's training set, each judged by itself."
    )


# -- the null ----------------------------------------------------------------------------------------------------------


def _null_holds(one: Values) -> bool:
    """Whether real against real came out as a draw; True where that arm was not played."""
    if "null" not in one["arms"]:
        return True
    error, interval = (one["arms"]["null"][name][-1] for name in ("error_single", "error_single_interval"))
    return error is not None and (error >= DRAW or interval[1] >= 0.5)


def _null(measured: list[Values]) -> list[str]:
    arm = measured[-1]["arms"].get("null")  # the same at every epoch: G takes no part in it
    if arm is None:
        return [
            "The control, real images against other real ones, was not played: how often D errs by chance is unknown."
        ]
    error, train, n = _number(arm["error_single"][-1]), _number(arm["error_train"][-1]), measured[-1]["n"]["train_real"]
    if not _null_holds(measured[-1]):
        return [
            f"The control fails: D distinguishes held-out real images from other real ones (error {error}). The splits "
            "of the data differ, or the sample is too small: nothing follows from this probe."
        ]
    return [
        f"Control, real against real: the held-out error is {error}, a draw as it should be, while that on D's own "
        f"training images is {train}. A low error on training images alone can come from memory of {n:,} images: it is "
        "no evidence about supports."
    ]


# -- each epoch --------------------------------------------------------------------------------------------------------


def _epoch(one: Values) -> list[str]:
    if "plain" not in one["arms"]:
        return []
    arm, epoch = one["arms"]["plain"], one["epoch"]
    error, interval, bound = (arm[name][-1] for name in ("error_single", "error_single_interval", "bound"))
    if error is None or bound is None:
        return [f"After epoch {epoch}: cannot tell, D's logits are not finite or there are too few images."]
    since = _apart_since(arm)
    how = "does not distinguish the sides" if interval[1] >= 0.5 else "distinguishes the sides in part"
    if since is not None:
        how = f"distinguishes the sides (error up to {APART:g}) from step {since:,} on"
    return [
        f"After epoch {epoch} a fresh D {how}: held-out error {error:.3f} (95 %: {interval[0]:.3f} to "
        f"{interval[1]:.3f}) at step {arm['step'][-1]:,}; the Jensen-Shannon divergence is at least {bound:.3f} nats, "
        f"of at most ln 2 = {LN2:.3f}. G's gradient under log(1 - D) {_change(arm[SATURATING])}, under -log D it "
        f"{_change(arm[OTHER])}."
    ]


def _apart_since(arm: Values) -> int | None:
    """The step from which the error stayed at `APART` or below, to the end; None: it did not."""
    since = None
    for step, error in zip(arm["step"], arm["error_single"], strict=True):
        if error is None or error > APART:
            since = None
        elif since is None:
            since = step
    return since


def fall(norms: list[float | None]) -> float | None:
    """Largest over last: by what factor a gradient fell; None where that is not defined."""
    finite = [norm for norm in norms if norm is not None]
    if not finite or norms[-1] is None or not max(finite) > 0:
        return None
    return max(finite) / norms[-1] if norms[-1] > 0 else float("inf")


def _change(norms: list[float | None]) -> str:
    factor = fall(norms)
    if factor is None:
        return "is not defined"
    most = max(norm for norm in norms if norm is not None)
    ends = f"(norm {norms[0]:.2g} at first, {most:.2g} at most, {norms[-1]:.2g} in the end)"
    if factor >= VANISHED:
        return f"vanishes: it falls {factor:,.0f}-fold from its largest value {ends}"
    if factor >= FELL:
        return f"falls {factor:,.0f}-fold from its largest value {ends}"
    return f"does not vanish {ends}"


# -- the other controls ------------------------------------------------------------------------------------------------


def _batches(measured: list[Values]) -> list[str]:
    arms = [one["arms"]["played"] for one in measured if "played" in one["arms"]]
    if not arms or any(arm["error_single"][-1] is None for arm in arms):
        return []
    batch = _listed([_number(arm["error_held_out"][-1]) for arm in arms])
    alone = _listed([_number(arm["error_single"][-1]) for arm in arms])
    falls = [fall(arm[SATURATING]) for arm in arms]
    starves = sum(1 for factor in falls if factor is not None and factor >= FELL)
    return [
        "In the game this D sees real and fake images in separate batches, and its batch norm lets it classify a batch "
        f"as a whole. Trained so, its error on held-out images is {batch} in such batches and {alone} one by one (with "
        "the statistics of both sides together, under which it did not learn), and the gradient under log(1 - D) falls "
        f"tenfold or more in {starves} of {len(falls)} cases. An error on batches is no evidence about the supports of "
        "images."
    ]


def _grey_levels(measured: list[Values]) -> list[str]:
    said = []
    for name, what in (("rounded", "rounding both sides to 8 bits"), ("dequantised", "noise of one grey level")):
        pairs = [(one["arms"]["plain"], one["arms"][name]) for one in measured if {"plain", name} <= one["arms"].keys()]
        if not pairs or any(arm["error_single"][-1] is None for pair in pairs for arm in pair):
            continue
        intervals = [[arm["error_single_interval"][-1] for arm in pair] for pair in pairs]
        same = all(a[0] <= b[1] and b[0] <= a[1] for a, b in intervals)
        before, after = (_listed([_number(pair[side]["error_single"][-1]) for pair in pairs]) for side in (0, 1))
        verdict = "no difference is shown: D does not use grey levels" if same else "D used grey levels"
        said.append(f"Control, {what}: the held-out error goes from {before} to {after}; {verdict}.")
    return said


def _noise(values: Values, measured: list[Values]) -> list[str]:
    arms = [one["arms"]["noised"] for one in measured if "noised" in one["arms"]]
    falls = [fall(arm[SATURATING]) for arm in arms]
    if not arms or any(arm["error_single"][-1] is None for arm in arms) or None in falls:
        return []
    errors = _listed([_number(arm["error_single"][-1]) for arm in arms])
    bounds = _listed([f"{arm['bound'][-1]:.2f}" for arm in arms])
    return [
        f"Under Gaussian noise of {values['protocol']['noise']:g} on both sides, whose supports are the whole space, "
        f"the error is {errors}, the bound {bounds} nats, and the gradient under log(1 - D) falls "
        f"{_listed([_times(factor) for factor in falls])} from its largest value. "
        + _meaning([(arm["error_single"][-1], factor or 0.0) for arm, factor in zip(arms, falls, strict=True)])
    ]


def _meaning(noised: list[tuple[float, float]]) -> str:
    """What follows for supports from (error, fall of the gradient) under noise."""
    said = []
    if any(error <= APART and factor >= FELL for error, factor in noised):
        said.append("Supports that overlap everywhere do not keep it from vanishing if the densities are far apart.")
    if any(error > APART and factor < FELL for error, factor in noised):
        said.append("Where the noise leaves D uncertain, it does not vanish.")
    return " ".join(said) or "This is too little to say what the noise changes."


# -- dimensions --------------------------------------------------------------------------------------------------------


def _dimensions(values: Values, measured: list[Values]) -> list[str]:
    protocol = values["protocol"]
    data = _dimension(values["dimension"])
    samples = _listed([f"{_dimension(one['dimension'])} after epoch {one['epoch']}" for one in measured])
    ranks = _listed([f"{median(one['jacobian']['effective_rank']):.0f}" for one in measured])
    few = _listed([f"{median(one['jacobian']['directions_90']):.0f}" for one in measured])
    points = protocol["dimension_points"]
    return [
        f"Intrinsic dimension by maximum likelihood at k = 10 and by TwoNN, of {points:,} images each: the data "
        f"{data}; samples {samples}; of {protocol['pixels']:,} pixels. Both estimates fall short where a dimension is "
        "large.",
        f"G's slope has an effective rank of {ranks} of at most {min(protocol['latents'], protocol['pixels'])}, and "
        f"{few} directions hold 90 % of its squares. Whatever the prior, the images of {protocol['latents']} numbers "
        f"{_fill(protocol)}.",
    ]


def _fill(protocol: Values) -> str:
    if protocol["latents"] < protocol["pixels"]:
        return f"cannot fill {protocol['pixels']:,} dimensions: normal and uniform noise are alike in this"
    return f"could fill {protocol['pixels']:,} dimensions"


def _dimension(found: Values) -> str:
    parts = [found[name]["value"] for name in ("mle_10", "two_nn")]
    return " and ".join("undefined" if part is None else f"{part:.1f}" for part in parts)


# -- the claim ---------------------------------------------------------------------------------------------------------


def _claim(values: Values, trusted: list[Values]) -> str:
    """Does this run show that disjoint supports starve G?"""
    head = "Do disjoint supports starve the generator (report, R4)?"
    arms = [one["arms"]["plain"] for one in trusted if "plain" in one["arms"]]
    arms = [arm for arm in arms if arm["error_single"][-1] is not None]
    if not arms:
        return f"{head} This probe cannot tell."
    apart = [arm for arm in arms if _apart_since(arm) is not None]
    starved = [arm for arm in apart if (fall(arm[SATURATING]) or 0) >= VANISHED]
    fed = [arm for arm in starved if (fall(arm[OTHER]) or float("inf")) < FELL]
    steps, of = values["protocol"]["steps"], f"{len(arms)} checkpoint{'s' if len(arms) > 1 else ''}"
    if not apart:
        return (
            f"{head} Not shown here: in {steps:,} steps no fresh D distinguished G from the data almost without error "
            f"(up to {APART:g}) at any of {of}. Another net or more steps might (--probe-steps)."
        )
    premise = (
        f"{head} At {len(apart)} of {of} the sides hardly overlap: a D with this run's architecture learns to "
        "distinguish them on images outside its training set (no finite sample shows that supports are disjoint)."
    )
    if not starved:
        return (
            f"{premise} Starvation was not seen in {steps:,} steps: the gradient under log(1 - D) did not fall "
            f"{VANISHED:.0f}-fold; more steps might show it (--probe-steps)."
        )
    game = {"saturating": "log(1 - D)", "non-saturating": "-log D"}.get(
        values["protocol"]["loss_of_run"], "another loss"
    )
    return (
        f"{premise} Under log(1 - D) G then starves, at {len(starved)} of {len(apart)}, as the report says. Under -log "
        f"D the gradient did not vanish at {len(fed)} of these {len(starved)}. This run plays with {game}, and its D "
        "is not trained to the end before each step of G. The probe of one run is no evidence for normal or uniform "
        f"noise (here {values['protocol']['prior']}): the argument from dimensions is the same for both."
    )


# -- numbers -----------------------------------------------------------------------------------------------------------


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _times(factor: float | None) -> str:
    return (
        "by an unknown factor" if factor is None else f"{factor:,.1f}-fold" if factor < FELL else f"{factor:,.0f}-fold"
    )


def _listed(parts: list[str]) -> str:
    """ "0.1, 0.2 and 0.3"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
