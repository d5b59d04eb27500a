"""What symptoms measure: a course -> a number at each look, (T,), computed from that look and earlier ones only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ayneh.doctor.courses import Course

WARM_STEPS, WARM_WAY = 300, 0.3  # image checks start at this step, once steps x G's learning rate reaches WARM_WAY
LONG_WAY = 2.0  # from this product on, variety that still grows and classes that never were there count, too
GROWING = 1.5  # variety still grows while it exceeds this multiple of what it was three looks before
FEW_CLASSES = 1.2  # nats, ln(10/3): as if three of ten classes were left


def plain(name: str, looks: int = 1) -> Callable[[Course], np.ndarray]:
    """The series itself, or the median of its last few looks."""
    return lambda course: recent(course.get(name), looks)


def warm(name: str, looks: int = 1) -> Callable[[Course], np.ndarray]:
    """The same; NaN until image checks start."""
    return lambda course: np.where(warmed(course), recent(course.get(name), looks), np.nan)


def warmed(course: Course, variety: str = "spread") -> np.ndarray:
    """Whether images are checked at each look, (T,): G has trained long enough and variety has stopped growing."""
    way = travelled(course)
    spread = recent(course.get(variety), 3)
    have = np.flatnonzero(np.isfinite(spread))
    settled = np.zeros(len(spread), dtype=bool)
    settled[have[3:]] = spread[have[3:]] <= GROWING * spread[have[:-3]]
    for t in np.flatnonzero(~np.isfinite(spread)):  # a line without vital signs: as at the line before
        settled[t] = settled[t - 1] if t else False
    return (course.steps >= WARM_STEPS) & (way >= WARM_WAY) & (settled | (way >= LONG_WAY))


def travelled(course: Course) -> np.ndarray:
    """Steps of G times its learning rate, (T,): under Adam a bound of how far a weight of G has moved."""
    return course.steps * float(course.facts["optimizer.lr"]) * int(course.facts.get("rules.gen_steps", 1))


def missing(course: Course) -> np.ndarray:
    """The divergence of the samples' classes from the data's, in nats; NaN until a class can be missed.

    G often begins with one class and learns the others later. So few classes count once there were more of them at a
    look, or when G has trained for long.
    """
    divergence = course.get("class_kl")
    there = np.fmin(best_before(divergence, highest=False), divergence) < FEW_CLASSES
    return np.where(warmed(course) & (there | (travelled(course) >= LONG_WAY)), divergence, np.nan)


def fact(name: str) -> Callable[[Course], np.ndarray]:
    """A fact, the same at every look; NaN where it is not known."""
    return lambda course: np.full(len(course.steps), np.nan if (x := course.facts.get(name)) is None else float(x))


def dis_error(course: Course) -> np.ndarray:
    """D's mean error, ((1 - D(real)) + D(fake)) / 2: 1/2 is guessing, 0 is never wrong."""
    return recent((1 - course.get("mean_p_real") + course.get("mean_p_fake")) / 2, 3)


def blindness(course: Course) -> np.ndarray:
    """D's area under the ROC curve, at least 1/2, at looks where coverage is at most 0.1; 1 at other looks."""
    area = recent(course.get("separation"), 3)
    poor = recent(course.get("coverage"), 3) <= 0.1
    return np.where(warmed(course) & poor, np.maximum(area, 0.5), np.where(np.isfinite(area), 1.0, np.nan))


def fading(course: Course) -> np.ndarray:
    """The norm of G's gradient over its largest value at any look before."""
    now = course.get("mean_grad_g")
    return recent(now / best_before(now, highest=True), 3)


def growth(course: Course) -> np.ndarray:
    """The largest of both gradients' norms and the penalty, each over its median in the first ten looks.

    The penalty's median counts as at least 1: before D has learnt anything it is close to 0.
    """
    found = []
    for name, least in (("mean_grad_d", 0.0), ("mean_grad_g", 0.0), ("mean_penalty", 1.0)):
        now = course.get(name)
        usual = max(np.median(now[np.isfinite(now)][:10]), least) if np.isfinite(now).sum() >= 10 else np.nan
        multiple = np.where(np.arange(len(now)) >= 10, now / usual, np.nan)
        found.append(recent(multiple, 3))
    return np.fmax.reduce(found)


def fall(course: Course) -> np.ndarray:
    """By what factor coverage is below its best, or the Fréchet distance above its best in both of the last two scores.

    The larger of the two factors; each counts once the run was good: coverage 0.2, or half of the first distance.
    """
    covered = recent(course.get("coverage"), 3)
    best = best_before(covered, highest=True)
    lost = np.where(best >= 0.2, best / np.maximum(covered, 1 / 256), np.where(np.isfinite(covered), 1.0, np.nan))
    distance = course.get("fd")
    least = best_before(distance, highest=False)
    first = distance[np.isfinite(distance)][:1]
    good = least < (first[0] / 2 if len(first) else np.nan)
    scores = np.where(good, distance / least, np.where(np.isfinite(distance), 1.0, np.nan))
    scored = np.flatnonzero(np.isfinite(scores))
    if len(scored):
        twice = np.minimum(scores[scored], np.concatenate([[1.0], scores[scored][:-1]]))  # a single score may be chance
        last = np.searchsorted(scored, np.arange(len(distance)), side="right") - 1  # holds until the next score
        scores = np.where(last >= 0, twice[last], np.nan)
    return np.fmax(lost, scores)


def unrest(course: Course) -> np.ndarray:
    """Mean squared change of the same noise's images from look to look over twice their variance; 1: unrelated."""
    return np.where(warmed(course), recent(course.get("drift") / 2, 5), np.nan)


def dead(course: Course) -> np.ndarray:
    """The larger share of dead units of the two nets."""
    return recent(np.fmax(course.get("dead_gen"), course.get("dead_dis")), 3)


def off_range(course: Course) -> np.ndarray:
    """The distance of the samples' darkest or brightest pixels from the data's, in [-1, 1], the larger of the two."""
    ends = [np.abs(course.get(end) - course.get(f"data_{end}")) for end in ("low", "high")]
    return np.where(warmed(course), recent(np.fmax(*ends), 3), np.nan)


def data_range(course: Course) -> np.ndarray:
    """The mean distance from a real image's darkest to its brightest pixel: 2 is the whole of [-1, 1]."""
    return course.get("data_high") - course.get("data_low")


# -- parts of measures -------------------------------------------------------------------------------------------------


def recent(values: np.ndarray, looks: int) -> np.ndarray:
    """The median of the last ``looks`` numbers at each look with a number, (T,) -> (T,); NaN where there are fewer."""
    have = np.flatnonzero(np.isfinite(values))
    found = np.full(len(values), np.nan)
    if len(have) >= looks:
        windows = np.lib.stride_tricks.sliding_window_view(values[have], looks)
        found[have[looks - 1 :]] = np.median(windows, axis=1)
    return found


def best_before(values: np.ndarray, highest: bool) -> np.ndarray:
    """The highest (lowest) number of all looks before each, (T,) -> (T,); NaN where there is none."""
    start = -np.inf if highest else np.inf
    known = np.where(np.isfinite(values), values, start)
    so_far = (np.maximum if highest else np.minimum).accumulate(np.concatenate([[start], known[:-1]]))
    return np.where(np.isfinite(so_far), so_far, np.nan)
