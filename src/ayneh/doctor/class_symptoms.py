"""LABELLED: what can be wrong with the classes of a labelled game; part of the table SYMPTOMS.

Thresholds were set on the even seeds of bench/classes.py and are reported on the odd ones (docs/doctor.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from ayneh.doctor import class_measures, cures
from ayneh.doctor.courses import Facts
from ayneh.doctor.findings import Symptom

BENCH = "bench/classes.py, even seeds"


def labelled(facts: Facts) -> bool:
    """Whether the run's game has labels."""
    return facts.get("rules.labels", "none") != "none"


LABELLED: Mapping[str, Symptom] = {
    "labels ignored": Symptom(
        title="the class asked for does not come out: G ignores the labels",
        severity="severe",
        needs=("label_effect", "class_read"),
        measure=class_measures.heeded,
        threshold=0.3,
        below=True,
        evidence="A small classifier finds the class asked for in {class_read:.0%} of the samples, and its own class "
        "in {data_class_read:.0%} of real images. The class accounts for {label_effect:.2f} times as much of the "
        "samples' variance as of the real images'.",
        source=f"{BENCH}: healthy runs stay above 0.64, ill ones below 0.02",
        cure=cures.heed_labels,
        concerns=labelled,
    ),
    "one class collapsed": Symptom(
        title="the samples of a class are nearly all the same image",
        severity="warning",
        needs=("class_spread", "class_spread_median"),
        measure=class_measures.least_varied,
        threshold=0.1,
        below=True,
        evidence="The samples of the class {class_spread_of} vary {value:.2g} times as much as its training images, "
        "those of the median class {class_spread_median:.2g} times. Its training images vary {class_spread_data:.2g} "
        "times as much as the mean of all classes.",
        source=f"{BENCH}: healthy runs stay above 0.11, ill ones below 0.08",
        cure=cures.vary_classes,
        concerns=labelled,
    ),
    "one class drawn for another": Symptom(
        title="samples of one class look like another one",
        severity="warning",
        needs=("class_swap", "data_class_read"),
        measure=class_measures.swapped,
        threshold=0.4,
        patience=1,
        evidence="Of the samples of the class {class_swap_from}, {class_swap_share:.0%} look like the class "
        "{class_swap_to} to a small classifier, and of real images of {class_swap_from} {data_class_swap:.0%}. Over "
        "all classes it finds the class asked for in {class_read:.0%} of the samples, and its own class in "
        "{data_class_read:.0%} of real images.",
        source=f"{BENCH}: healthy runs stay below 0.24",
        cure=cures.part_classes,
        concerns=labelled,
    ),
    "labels at random": Symptom(
        title="the labels of the training images do not fit what the images show",
        severity="warning",
        needs=("data_class_read", "data_label_share"),
        measure=class_measures.shown_by_data,
        threshold=0.05,
        below=True,
        patience=1,
        evidence="A small classifier of pixels, fitted on the training images, finds the class of "
        "{data_class_read:.0%} of real images that it was not fitted on, which is hardly more than by chance, and "
        "the classes account for {data_label_share:.1%} of the images' variance.",
        source="nearly four standard errors of guessing among ten classes; shuffled labels have 0.001, the digits 0.99",
        cure=cures.mend_labels,
        concerns=labelled,
    ),
}
