"""What the symptoms of a labelled game measure: a course -> a number at each look, (T,); see measures.py."""

from __future__ import annotations

import numpy as np

from ayneh.doctor.courses import Course
from ayneh.doctor.measures import recent, warmed

MOST = 64  # classes looked at; of more, so many with numbers evenly apart
LOOKS = 5  # over which two classes have to be confused
READ = 0.2  # accuracy above chance on real images from which on the classifier has read something
READABLE = 0.6  # accuracy on real images from which on what the classifier reads of a sample counts


def heeded(course: Course) -> np.ndarray:
    """How far samples are of the class asked for: the classifier's accuracy above chance over that on real images.

    Where it hardly finds the classes of real images: how far the class changes a sample, over the same of real images.
    """
    found, real, chance = course.get("class_read"), course.get("data_class_read"), course.get("class_chance")
    read = np.where((real - chance) / (1 - chance) > READ, np.maximum(found - chance, 0) / (real - chance), np.nan)
    values = np.where(np.isfinite(read), read, course.get("label_effect"))
    return np.where(warmed(course), recent(values, 3), np.nan)


def least_varied(course: Course) -> np.ndarray:
    """The variety of the least varied class, the median of three looks; NaN while that of the median class still grows.

    G of a labelled game often draws one image of each class at first.
    """
    grown = warmed(course) & warmed(course, "class_spread_median")
    return np.where(grown, recent(course.get("class_spread"), 3), np.nan)


def swapped(course: Course) -> np.ndarray:
    """The worst confusion of two classes over the last five looks: the sum of those looks at which they are the worst
    pair, over five.

    The worst pair of a healthy G is another one at most looks. A look counts 0 where not even half as many samples as
    real images have their class (then it is not one class alone). A rise above the threshold is that of the pair which
    the line names. NaN where the classifier cannot be trusted.
    """
    found, real = course.get("class_read"), course.get("data_class_read")
    looks = np.flatnonzero(warmed(course) & (real >= READABLE) & np.isfinite(found))
    value = np.full(len(found), np.nan)
    if not len(looks):
        return value
    share = np.where(found >= real / 2, np.maximum(course.get("class_swap"), 0), 0)[looks]
    pairs = np.sort([course.get("class_swap_from")[looks], course.get("class_swap_to")[looks]], axis=0)
    low, high, last = (_windows(one) for one in (*pairs, share))  # (looks, LOOKS) each
    same = (low[:, :, None] == low[:, None]) & (high[:, :, None] == high[:, None])  # looks with the same pair
    value[looks] = (same * last[:, None]).sum(2).max(1) / LOOKS
    return value


def _windows(values: np.ndarray) -> np.ndarray:
    """The last five numbers at each look, 0 before the first, (T,) -> (T, 5)."""
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(LOOKS - 1), values]), LOOKS)


def shown_by_data(course: Course) -> np.ndarray:
    """How far the pixels of real images show their classes, 0 to 1: accuracy above chance, or share of variance."""
    chance = course.get("class_chance")
    above = (course.get("data_class_read") - chance) / (1 - chance)
    return np.fmax(above, course.get("data_label_share"))
