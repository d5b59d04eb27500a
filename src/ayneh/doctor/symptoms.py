"""SYMPTOMS: what can be wrong with a run, each as one number held against a threshold.

Thresholds were set on the even seeds of bench/doctor.py's runs, where they could be, and are reported on the odd ones
(docs/doctor.md); the others are laws of the game or figures of other studies, and each entry says which.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ayneh.doctor import cures, measures
from ayneh.doctor.findings import Course, Facts, Finding, Symptom, Watch, untold

BENCH = "bench/doctor.py, even seeds"
CROSS_ENTROPY = ("non-saturating", "saturating")  # losses under which the sigmoid of a logit is a probability


def needs_probabilities(facts: Facts) -> str:
    """Of a least-squares, hinge, Wasserstein or relativistic D, the sigmoid of a logit is no probability."""
    loss = facts["rules.loss"]
    return "" if loss in CROSS_ENTROPY else f"under the {loss} loss D's outputs are no probabilities"


def needs_batch_norm(facts: Facts) -> str:
    """Without batch statistics, a batch may be small."""
    return "" if "batch" in (facts["net.gen_norm"], facts["net.dis_norm"]) else "neither net has batch normalisation"


SYMPTOMS: Mapping[str, Symptom] = {
    "discriminator overpowering": Symptom(
        title="the discriminator overpowers the generator",
        severity="warning",
        needs=("mean_p_real", "mean_p_fake"),
        measure=measures.dis_error,
        threshold=0.08,
        below=True,
        evidence="D is wrong by {value:.3f} on average (1/2 would be guessing): D(real) {mean_p_real:.3f}, "
        "D(fake) {mean_p_fake:.3f}, its loss {mean_loss_d:.3g}. What G hears of a D that is sure is noise.",
        source=f"{BENCH}: healthy runs stay above 0.24",
        cure=cures.weaken_dis,
        applies=needs_probabilities,
    ),
    "generator overpowering": Symptom(
        title="the generator overpowers the discriminator",
        severity="warning",
        needs=("separation", "coverage"),
        measure=measures.blindness,
        threshold=0.6,
        below=True,
        evidence="D ranks a real image above a fake in {value:.2f} of pairs (1/2 would be guessing), and yet only "
        "{coverage:.0%} of real images have a fake near them: D lets pass what is nothing like the data.",
        source=f"{BENCH}: healthy runs stay above 0.9",
        cure=cures.strengthen_dis,
    ),
    "vanishing gradient": Symptom(
        title="the generator's gradient vanishes",
        severity="warning",
        needs=("mean_grad_g",),
        measure=measures.fading,
        threshold=0.05,
        below=True,
        evidence="The norm of G's gradient is {mean_grad_g:.3g}, {value:.1%} of what it was at its largest; "
        "D(fake) is {mean_p_fake:.2g}.",
        source=f"{BENCH}: healthy runs stay above 0.12",
        cure=cures.not_saturating,
    ),
    "exploding gradient": Symptom(
        title="a gradient or the penalty explodes",
        severity="warning",
        needs=("mean_grad_d", "mean_grad_g"),
        measure=measures.growth,
        threshold=50.0,
        evidence="A gradient's norm or the penalty has grown to {value:.3g} times what it was in the first ten looks: "
        "D's norm is {mean_grad_d:.3g}, G's {mean_grad_g:.3g}.",
        source=f"{BENCH}: healthy runs stay below 7, a Wasserstein critic without penalty that drew well at 34",
        cure=cures.slow_down,
    ),
    "G ignores z": Symptom(
        title="G ignores z: one image for all noise",
        severity="severe",
        needs=("spread",),
        measure=measures.warm("spread"),
        threshold=0.05,
        below=True,
        evidence="128 samples vary {value:.2g} times as much as 128 real images do.",
        source=f"{BENCH}: healthy runs stay above 0.7",
        cure=cures.bring_life,
    ),
    "all alike": Symptom(
        title="mode collapse: the samples repeat a few images",
        severity="severe",
        needs=("alike",),
        measure=measures.warm("alike"),
        threshold=0.3,
        below=True,
        evidence="A sample's nearest other sample is {value:.2f} times as far away as a real image's nearest other "
        "one; they vary {spread:.2g} times as much as the data.",
        source=f"{BENCH}: healthy runs stay above 0.6",
        cure=cures.bring_life,
    ),
    "classes missing": Symptom(
        title="mode collapse: classes are missing",
        severity="severe",
        needs=("class_kl",),
        measure=measures.warm("class_kl"),
        threshold=1.2,
        patience=2,
        evidence="The classes of the samples are {value:.2f} nats from the data's (half of equally frequent classes "
        "would be 0.69, one of ten 2.30); classes that the judge sees: {modes:.0f}.",
        source=f"{BENCH}: healthy runs stay below 0.95; 1.2 is ln(10/3), three of ten classes",
        cure=cures.bring_life,
    ),
    "little covered": Symptom(
        title="mode collapse or nonsense: hardly any real image has a sample near it",
        severity="severe",
        needs=("coverage",),
        measure=measures.warm("coverage", 3),
        threshold=0.05,
        below=True,
        evidence="{value:.0%} of 128 real images have a sample as near as their fifth real neighbour; samples vary "
        "{spread:.2g} times as much as the data.",
        source=f"{BENCH}: healthy runs stay above 0.09",
        cure=cures.bring_life,
    ),
    "sudden jump": Symptom(
        title="from good to meaningless",
        severity="severe",
        needs=("coverage", "fd"),
        measure=measures.fall,
        threshold=5.0,
        patience=2,
        evidence="What was good became {value:.1f} times worse than at its best.",
        source="five times the best distance, as a study's failures (docs/study.md)",
        cure=cures.slow_down,
    ),
    "oscillation": Symptom(
        title="the game goes round in circles",
        severity="warning",
        needs=("drift",),
        measure=measures.unrest,
        threshold=1.0,
        evidence="The same noise gives other images at each look: they change by {value:.2f} of what unrelated images "
        "would.",
        source="1 is how far two images of different noise differ",
        cure=cures.calm,
    ),
    "memorisation": Symptom(
        title="the samples are copies of training images",
        severity="warning",
        needs=("memory",),
        measure=measures.plain("memory", 3),
        threshold=0.85,
        below=True,
        evidence="A sample is {value:.2f} times as far from its nearest training image as training images are from "
        "one another; fresh images of the same kind would be about 1.",
        source=f"{BENCH}: healthy runs stay above 1.2, and fresh images would be at 1",
        cure=cures.more_images,
    ),
    "dead units": Symptom(
        title="units are dead",
        severity="warning",
        needs=("dead_gen", "dead_dis"),
        measure=measures.dead,
        threshold=0.5,
        evidence="{dead_gen:.0%} of G's hidden units and {dead_dis:.0%} of D's give the same number whatever they see.",
        source="half of a net",
        cure=cures.slow_down,
    ),
    "parallel prior": Symptom(
        title="the draws of the prior are nearly parallel",
        severity="warning",
        needs=("parallel",),
        measure=measures.fact("parallel"),
        threshold=0.5,
        patience=1,
        evidence="Two draws have a cosine of {value:.2f} on average: the noise has a mean, which every image shares "
        "and which moves faster than what tells them apart.",
        source="docs/findings/prior.md: perceptrons suffer from a mean of one standard deviation on, a cosine of 1/2",
        cure=cures.centre_noise,
        applies=lambda facts: (
            "each unit behind G's first layer is standardised, so that the mean of the noise does not get through"
            if facts["net.gen_first_norm"] == "unit"
            else ""
        ),
    ),
    "range mismatch": Symptom(
        title="the samples' range is not the data's",
        severity="warning",
        needs=("low", "high"),
        measure=measures.off_range,
        threshold=0.3,
        evidence="A sample's darkest and brightest pixels are {low:.2f} and {high:.2f} on average, a real image's "
        "{data_low:.2f} and {data_high:.2f}.",
        source=f"{BENCH}: healthy runs stay below 0.05",
        cure=cures.slow_down,
    ),
    "data range": Symptom(
        title="the images do not fill their range",
        severity="severe",
        needs=("data_low", "data_high"),
        measure=measures.data_range,
        threshold=0.5,
        patience=1,
        below=True,
        evidence="Real images run from {data_low:.3f} to {data_high:.3f} in [-1, 1]: grey levels of 0 to 255 were "
        "expected. Numbers from 0 to 1 stored as whole numbers look like this.",
        source="a quarter of the range",
        cure=cures.mend_data,
    ),
    "small batch": Symptom(
        title="a batch is too small for its statistics",
        severity="warning",
        needs=("batch",),
        measure=measures.fact("batch"),
        threshold=8.0,
        patience=1,
        below=True,
        evidence="Batch normalisation takes mean and variance from {value:.0f} images.",
        source="the standard error of a deviation from n values is about 1 / sqrt(2 (n - 1)): 27 % at 8",
        cure=cures.larger_batch,
        applies=needs_batch_norm,
    ),
    "few images": Symptom(
        title="there are few training images",
        severity="note",
        needs=("data_images",),
        measure=measures.plain("data_images"),
        threshold=200.0,
        patience=1,
        below=True,
        evidence="There are about {value:.0f} training images: a D that knows each of them leaves G nothing but to "
        "copy them.",
        source="fewer than a few batches; not measured",
        cure=cures.more_images,
    ),
    "not finite": Symptom(
        title="numbers stopped being finite",
        severity="severe",
        needs=("broken",),
        measure=measures.plain("broken"),
        threshold=1.0,
        patience=1,
        evidence="A loss or a gradient became infinite or no number at all.",
        source="arithmetic",
        cure=cures.slow_down,
    ),
}


def examine(course: Course) -> tuple[list[Finding], dict[str, str]]:
    """All findings of a whole record, in the order in which they were told, and what could not be told and why."""
    watches = {name: Watch(name, symptom) for name, symptom in SYMPTOMS.items()}
    silent: dict[str, str] = {}
    for name, symptom in SYMPTOMS.items():
        values = measured(symptom, course)
        if why := untold(symptom, course, values):
            silent[name] = why
            continue
        for t, value in enumerate(values.tolist()):
            watches[name].see(course, t, value)
    found = [finding for watch in watches.values() for finding in watch.findings]
    return sorted(found, key=lambda f: (f.told_step, f.name)), silent


def measured(symptom: Symptom, course: Course) -> np.ndarray:
    """The symptom's number at each look, (T,); NaN where the question makes no sense."""
    if symptom.applies(course.facts):
        return np.full(len(course.steps), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return symptom.measure(course)
