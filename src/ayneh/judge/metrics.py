"""METRICS: every score of `ayneh evaluate` with its function, inputs, direction and definition.

The judge's scores, the few that follow a training run and the outcomes of studies are made from this table; a test
compares it with the one in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Literal

from ayneh.judge import classes, diversity, neighbours, own, within
from ayneh.judge.frechet import frechet, frechet_infinite
from ayneh.judge.kernel import kid
from ayneh.judge.known import by_pixels, unlike
from ayneh.judge.scores import Score
from ayneh.parts import registry as parts
from ayneh.parts.packages import load_packages


@dataclass(frozen=True)
class Metric:
    """One score. ``needs`` names what ``function`` takes, in its order: attributes of `ayneh.judge.inputs.Inputs`."""

    function: Callable[..., Score]
    needs: tuple[str, ...]
    better: Literal["lower", "higher", "floor"]  # "floor": the nearer to the floor, the better
    title: str
    words: str
    blind: str = ""  # what it does not notice
    every_net: bool = False  # measured by every net of the panel; False: by the leading one
    quick: bool = False  # cheap enough to follow a training run
    floor: float | None = None  # value for real images by definition; None: it is measured
    scale: Literal["ratio", "difference"] | None = None  # of a study's comparisons; None: it is no outcome of studies
    against: Literal["test", "train"] = "test"  # the split that the fakes are compared with, as protocols name it


FEATURES, COUNTS, DISTANCES = ("real", "fake"), ("counts", "data_counts"), ("nearest", "held_out")

METRICS = {
    "fd": Metric(
        frechet, FEATURES, "lower", "Fréchet distance",
        "Fréchet distance of Gaussians fitted to features (Heusel et al. 2017), biased upwards by about 1/N",
        "copies", every_net=True, quick=True, scale="ratio",
    ),
    "fd_infinite": Metric(
        frechet_infinite, FEATURES, "lower", "Fréchet distance without bias",
        "the same without the bias, by a jackknife (after Chong & Forsyth 2020); about 0 for real images",
        "copies",
    ),
    "kid": Metric(
        kid, FEATURES, "lower", "kernel distance",
        "unbiased kernel distance, cubic kernel, all pairs (Binkowski et al. 2018); about 0 for real images", "copies",
    ),
    "precision": Metric(
        itemgetter("precision"), ("manifold",), "higher", "precision",
        "share of the fakes inside 5-neighbour balls of real images (Kynkäänniemi et al. 2019)", "how often",
    ),
    "recall": Metric(
        itemgetter("recall"), ("manifold",), "higher", "recall",
        "share of the real images inside 5-neighbour balls of fakes (Kynkäänniemi et al. 2019)", "how often",
    ),
    "density": Metric(
        itemgetter("density"), ("manifold",), "floor", "density",
        "mean number of real balls that a fake lies in, over 5 (Naeem et al. 2020)",
    ),
    "coverage": Metric(
        itemgetter("coverage"), ("manifold",), "floor", "coverage",
        "share of the real balls with a fake in them (Naeem et al. 2020)",
    ),
    "unlike": Metric(
        unlike, FEATURES, "lower", "share unlike the data",
        "share of fakes farther from their fifth nearest real image than 99 % of the real ones are: 0.01 for real ones",
        "copies, shares", every_net=True,
    ),
    "unlike_pixels": Metric(
        by_pixels, ("test", "fakes"), "lower", "share unlike the data by pixels", "the same by pixels", "blur",
    ),
    "spread": Metric(
        diversity.spread, ("fakes", "test"), "higher", "variety as a share of the data's",
        "root of the pixels' total variance over that of the test images: 0 where all are alike, 1 for real images",
        "noise, which raises it", quick=True, scale="ratio",
    ),
    "class_kl": Metric(
        classes.class_kl, COUNTS, "lower", "Kullback-Leibler divergence of classes from the data's",
        "Kullback-Leibler divergence of class shares from the data's, in nats", "looks",
        every_net=True, quick=True, scale="difference",
    ),
    "class_chi2": Metric(
        classes.class_chi2, COUNTS, "lower", "chi-square of classes",
        "chi-square of class shares against the data's, over its degrees of freedom: if they agree 2 for as many fakes "
        "as test images", "looks",
        every_net=True, quick=True,
    ),
    "modes": Metric(
        classes.modes_covered, COUNTS, "higher", "number of classes",
        "classes with at least a tenth of their share in the data", "shares",
        every_net=True, quick=True, scale="difference",
    ),
    "low_confidence": Metric(
        classes.low_confidence, ("probabilities",), "lower", "share that the classifier is unsure of",
        "share of images whose best class has a probability below 0.9; some real images have, too", "noise, see below",
        every_net=True, quick=True, scale="difference",
    ),
    "class_accuracy": Metric(
        classes.class_accuracy, ("confusion",), "higher", "share that shows the class asked for",
        "share of the images in which the classifier finds the class that was asked for: one in K if G ignores it",
        "looks, variety", every_net=True, quick=True, scale="difference",
    ),
    "fd_within_class": Metric(
        within.mean, ("fd_of_classes",), "lower", "Fréchet distance within classes",
        "the Fréchet distance of each class's fakes from the test images of that class, of as many images of every "
        "class (the number in its name): the mean over classes", "copies; one class of many",
    ),
    "fd_worst_class": Metric(
        partial(within.worst, max), ("fd_of_classes",), "lower", "largest Fréchet distance of a class",
        "the same of the worst class", "copies",
    ),
    "spread_within_class": Metric(
        within.mean, ("spread_of_classes",), "higher", "variety within classes as a share of the data's",
        "`spread` of each class's fakes against the test images of that class: the mean over classes",
        "noise, which raises it; one class of many", quick=True, scale="ratio",
    ),
    "spread_worst_class": Metric(
        partial(within.worst, min), ("spread_of_classes",), "higher",
        "least variety of a class as a share of the data's",
        "the same of the class with the least spread: 0 where its images are all alike", "noise, which raises it",
        quick=True, scale="ratio",
    ),
    "ndb": Metric(
        diversity.ndb, ("binned", "fake"), "lower", "bins filled differently",
        "share of 100 k-means bins that are filled differently (Richardson & Weiss 2018): about 0.05 for real images",
        against="train",
    ),
    "support": Metric(
        diversity.birthday, FEATURES, "floor", "support",
        "how many different images there seem to be, from near-duplicates (after Arora & Zhang 2017)", "looks",
    ),
    "support_pixels": Metric(
        diversity.birthday_pixels, ("test", "fakes"), "floor", "support by pixels",
        "the same by pixels, of at most 2,000 images, each side in units of its own typical distance", "looks",
    ),
    "ms_ssim": Metric(
        diversity.pairwise_ms_ssim, ("fakes",), "floor", "likeness of pairs",
        "mean structural similarity of random pairs, by pixels (Odena et al. 2017): 1 where all are alike",
    ),
    "ms_ssim_within_class": Metric(
        diversity.pairwise_ms_ssim, ("fakes", "labels"), "floor", "likeness within classes",
        "the same of pairs within a class",
    ),
    "distance": Metric(
        diversity.pairwise_distance, ("fake",), "floor", "distance of pairs",
        "mean distance of random pairs, by features: 0 where all are alike",
    ),
    "distance_within_class": Metric(
        diversity.pairwise_distance, ("fake", "labels"), "floor", "distance within classes",
        "the same of pairs within a class",
    ),
    "memorisation": Metric(
        neighbours.memorisation, DISTANCES, "floor", "memorisation",
        "P(a fake is nearer to the training set, by pixels, than a test image), with the p of 1/2 (Meehan et al. 2020)",
        floor=0.5,
    ),
    "copies": Metric(
        neighbours.copies, DISTANCES, "floor", "copies",
        "share of fakes nearer to the training set than 99.9 % of the test images", floor=0.001,
    ),
}  # fmt: skip


ASKED = {"asked", "confusion", "fd_of_classes", "spread_of_classes"}  # needs that images of an unlabelled run lack
LABELLED = [name for name, metric in METRICS.items() if ASKED & set(metric.needs)]  # the scores of a labelled run alone


def metrics() -> Mapping[str, Metric]:
    """METRICS, and the metrics of one's own."""
    load_packages()
    return parts.table("metric", METRICS, _made)


def _made(part: parts.Part) -> Metric:
    """A metric of one's own as an entry of METRICS."""
    one = own.metric_of(part.value)
    return Metric(
        partial(own.measure, part.name, one), tuple(own.NEEDS[need] for need in one.needs), one.better,
        one.title or part.name, one.words, quick=one.quick, scale=one.scale,
    )  # fmt: skip


def table() -> str:
    """METRICS as the Markdown table of docs/metrics.md."""
    rows = [f"| `{name}` | {m.words} | {m.better} | {m.blind} |" for name, m in METRICS.items()]
    return "\n".join(["| score | what it is | better | blind to |", "|---|---|---|---|", *rows])
