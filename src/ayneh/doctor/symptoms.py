"""SYMPTOMS: what can be wrong with a run, each as one number that is compared with a threshold.

Where bench/doctor.py has runs for it, a threshold was set on the even seeds and is reported on the odd ones
(docs/doctor.md). The other thresholds follow from a definition or from another study; ``source`` names which.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ayneh.doctor import cures, measures, own
from ayneh.doctor.class_symptoms import LABELLED
from ayneh.doctor.courses import Course, Facts
from ayneh.doctor.findings import Finding, Symptom, Watch, untold
from ayneh.parts.packages import load_packages
from ayneh.parts.registry import table

BENCH = "bench/doctor.py, even seeds"
CROSS_ENTROPY = ("non-saturating", "saturating")  # losses under which the sigmoid of a logit is a probability


def needs_probabilities(facts: Facts) -> str:
    """Why D(x) cannot be read: only under a cross-entropy loss is the sigmoid of a logit a probability."""
    loss = facts["rules.loss"]
    return "" if loss in CROSS_ENTROPY else f"under the {loss} loss D's outputs are no probabilities"


def needs_batch_norm(facts: Facts) -> str:
    """Why a small batch does no harm, or why that is not known."""
    norms = facts["net.gen_norm"], facts["net.dis_norm"]
    if "batch" in norms:
        return ""
    if None in norms:
        return f"the net {facts['net.name']!r} is not one of ayneh's, so its normalisation is not known"
    return "neither net has batch normalisation"


def needs_first_norm(facts: Facts) -> str:
    """Why the mean of the noise does no harm."""
    unit = facts["net.gen_first_norm"] == "unit"
    return "each unit after G's first layer is standardised, which removes the mean of the noise" if unit else ""


SYMPTOMS: Mapping[str, Symptom] = {
    "discriminator overpowering": Symptom(
        title="the discriminator overpowers the generator",
        severity="warning",
        needs=("mean_p_real", "mean_p_fake"),
        measure=measures.dis_error,
        threshold=0.08,
        below=True,
        evidence="D's mean error is {value:.3f} (0.5 is guessing): D(real) {mean_p_real:.3f}, D(fake) "
        "{mean_p_fake:.3f}, D's loss {mean_loss_d:.3g}. G learns little from a D that is never wrong.",
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
        evidence="D ranks a real image above a fake in {value:.2f} of pairs (0.5 is guessing), while only "
        "{coverage:.0%} of real images have a fake near them: D does not distinguish poor fakes from the data.",
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
        evidence="The norm of G's gradient is {mean_grad_g:.3g}, {value:.1%} of its largest value so far; "
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
        evidence="A gradient's norm or the penalty is {value:.3g} times its median in the first ten looks: the norm of "
        "D's gradient is {mean_grad_d:.3g}, of G's {mean_grad_g:.3g}.",
        source=f"{BENCH}: healthy runs stay below 7; a Wasserstein critic without penalty reached 34 with good samples",
        cure=cures.slow_down,
    ),
    "G ignores z": Symptom(
        title="G ignores z and draws the same image for all noise",
        severity="severe",
        needs=("spread",),
        measure=measures.warm("spread"),
        threshold=0.05,
        below=True,
        evidence="The variance of 128 samples is {value:.2g} times that of 128 real images.",
        source=f"{BENCH}: healthy runs stay above 0.7",
        cure=cures.bring_life,
    ),
    "all alike": Symptom(
        title="the samples repeat a few images",
        severity="severe",
        needs=("alike",),
        measure=measures.warm("alike"),
        threshold=0.3,
        below=True,
        evidence="A sample's distance to its nearest other sample is {value:.2f} times that among real images; the "
        "samples' variance is {spread:.2g} times the data's.",
        source=f"{BENCH}: healthy runs stay above 0.6",
        cure=cures.bring_life,
    ),
    "classes missing": Symptom(
        title="the samples show few of the classes",
        severity="severe",
        needs=("class_kl",),
        measure=measures.missing,
        threshold=measures.FEW_CLASSES,
        patience=2,
        evidence="The divergence of the samples' classes from the data's is {value:.2f} nats (0.69 if half of equally "
        "frequent classes are left, 2.30 if one of ten is); classes that the judge finds: {modes:.0f}. {variety}",
        source=f"{BENCH}: healthy runs stay below 0.95; 1.2 is ln(10/3), three of ten classes",
        cure=cures.bring_life,
    ),
    "little covered": Symptom(
        title="hardly any real image has a sample near it",
        severity="severe",
        needs=("coverage",),
        measure=measures.warm("coverage", 3),
        threshold=0.05,
        below=True,
        evidence="{value:.0%} of 128 real images have a sample as near as their fifth real neighbour. {variety}",
        source=f"{BENCH}: healthy runs stay above 0.09",
        cure=cures.bring_life,
    ),
    "sudden jump": Symptom(
        title="the samples were good and became much worse",
        severity="severe",
        needs=("coverage", "fd"),
        measure=measures.fall,
        threshold=5.0,
        patience=2,
        evidence="Coverage or the Fréchet distance is {value:.1f} times worse than at its best.",
        source="five times the best distance, the rule for a study's failures (docs/study.md)",
        cure=cures.slow_down,
    ),
    "oscillation": Symptom(
        title="the game oscillates",
        severity="warning",
        needs=("drift",),
        measure=measures.unrest,
        threshold=1.0,
        evidence="The same noise gives other images at each look: they change {value:.2f} times as much as unrelated "
        "images would.",
        source="1 is the difference of two images of different noise",
        cure=cures.calm,
    ),
    "memorisation": Symptom(
        title="the samples are copies of training images",
        severity="warning",
        needs=("memory",),
        measure=measures.plain("memory", 3),
        threshold=0.85,
        below=True,
        evidence="A sample's distance to its nearest training image is {value:.2f} times that of a training image to "
        "its nearest other one; new images of the same kind would give about 1.",
        source=f"{BENCH}: healthy runs stay above 1.2; new images of the same kind would give 1",
        cure=cures.more_images,
    ),
    "dead units": Symptom(
        title="hidden units are dead",
        severity="warning",
        needs=("dead_gen", "dead_dis"),
        measure=measures.dead,
        threshold=0.5,
        evidence="{dead_gen:.0%} of G's hidden units and {dead_dis:.0%} of D's give the same number for every image.",
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
        evidence="Two draws have a mean cosine of {value:.2f}: the noise has a mean, which adds the same offset to "
        "every image, and training moves that offset faster than the differences between images.",
        source="docs/findings/prior.md: perceptrons get worse from a mean of one deviation on, a cosine of 1/2",
        cure=cures.centre_noise,
        applies=needs_first_norm,
    ),
    "range mismatch": Symptom(
        title="the samples' range is not the data's",
        severity="warning",
        needs=("low", "high"),
        measure=measures.off_range,
        threshold=0.3,
        evidence="The mean darkest and brightest pixels of a sample are {low:.2f} and {high:.2f}, those of a real "
        "image {data_low:.2f} and {data_high:.2f}.",
        source=f"{BENCH}: healthy runs stay below 0.05",
        cure=cures.slow_down,
    ),
    "data range": Symptom(
        title="the training images do not fill their range",
        severity="severe",
        needs=("data_low", "data_high"),
        measure=measures.data_range,
        threshold=0.5,
        patience=1,
        below=True,
        evidence="Pixels of real images lie between {data_low:.3f} and {data_high:.3f} in [-1, 1], where grey levels "
        "from 0 to 255 fill the range. Values from 0 to 1 that were stored as integers look like this.",
        source="a quarter of the range",
        cure=cures.mend_data,
    ),
    "small batch": Symptom(
        title="batches are too small for batch normalisation",
        severity="warning",
        needs=("batch",),
        measure=measures.fact("batch"),
        threshold=8.0,
        patience=1,
        below=True,
        evidence="Batch normalisation computes mean and variance from {value:.0f} images.",
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
        evidence="There are about {value:.0f} training images: D can memorise them, and then it accepts only copies.",
        source="a few batches; not measured",
        cure=cures.more_images,
    ),
    "not finite": Symptom(
        title="numbers stopped being finite",
        severity="severe",
        needs=("broken",),
        measure=measures.plain("broken"),
        threshold=1.0,
        patience=1,
        evidence="A loss or a gradient became infinite or NaN.",
        source="any number that is not finite",
        cure=cures.slow_down,
    ),
    **LABELLED,
}


def symptoms(facts: Facts | None = None) -> Mapping[str, Symptom]:
    """SYMPTOMS and the symptoms of one's own; with facts those that concern such a run."""
    load_packages()
    every = table("finding", SYMPTOMS, lambda part: own.entry_of(part.name, part.value))
    return every if facts is None else {name: one for name, one in every.items() if one.concerns(facts)}


def examine(course: Course) -> tuple[list[Finding], dict[str, str]]:
    """All findings of a whole record, in the order in which they appeared; the symptoms not judged, with the reason."""
    watches = {name: Watch(name, symptom) for name, symptom in symptoms(course.facts).items()}
    unknown: dict[str, str] = {}
    for name, watch in watches.items():
        symptom = watch.symptom
        values = measured(symptom, course)
        if why := untold(symptom, course, values):
            unknown[name] = why
            continue
        for t, value in enumerate(values.tolist()):
            watches[name].see(course, t, value)
    found = [finding for watch in watches.values() for finding in watch.findings]
    return sorted(found, key=lambda f: (f.found_step, f.name)), unknown


def measured(symptom: Symptom, course: Course) -> np.ndarray:
    """The symptom's number at each look, (T,); NaN where it is not known or the symptom does not apply."""
    if symptom.applies(course.facts):
        return np.full(len(course.steps), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return symptom.measure(course)


def newest(symptom: Symptom, course: Course) -> float:
    """The last number of `measured`."""
    if symptom.latest is None or symptom.applies(course.facts):
        return float(measured(symptom, course)[-1])
    return symptom.latest(course)
