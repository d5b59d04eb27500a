"""What the symptoms measure: a course in, a number for each look out, (T,), that looks back and never ahead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ayneh.doctor.findings import Course, best_before, recent

WARM_STEPS, WARM_WAY = 300, 0.3  # no run is asked for images before: steps, and steps times G's learning rate
LONG_WAY = 2.0  # from here on every run is
GROWING = 1.5  # times the variety of three looks before: until then images are still on their way


def plain(name: str, looks: int = 1) -> Callable[[Course], np.ndarray]:
    """The series itself, or the median of its last few looks."""
    return lambda course: recent(course.get(name), looks)


def warm(name: str, looks: int = 1) -> Callable[[Course], np.ndarray]:
    """The same, once G has had the time to learn anything at all."""
    return lambda course: np.where(_warm(course), recent(course.get(name), looks), np.nan)


def _warm(course: Course) -> np.ndarray:
    """Whether images may be held against G: it has come far, or some way and they vary no more than before."""
    # Adam moves a weight by about the learning rate in a step: the product is how far G can have come.
    way = course.steps * float(course.facts["optimizer.lr"]) * int(course.facts.get("rules.gen_steps", 1))
    spread = recent(course.get("spread"), 3)
    have = np.flatnonzero(np.isfinite(spread))
    settled = np.zeros(len(spread), dtype=bool)
    settled[have[3:]] = spread[have[3:]] <= GROWING * spread[have[:-3]]
    for t in np.flatnonzero(~np.isfinite(spread)):  # between two looks at the images: as at the last one
        settled[t] = settled[t - 1] if t else False
    return (course.steps >= WARM_STEPS) & (way >= WARM_WAY) & (settled | (way >= LONG_WAY))


def fact(name: str) -> Callable[[Course], np.ndarray]:
    """Something that does not change, at every look; NaN where it is not known."""
    return lambda course: np.full(len(course.steps), np.nan if (x := course.facts.get(name)) is None else float(x))


def dis_error(course: Course) -> np.ndarray:
    """How wrong D is, ((1 - D(real)) + D(fake)) / 2: 1/2 where it cannot tell, 0 where it is always right."""
    return recent((1 - course.get("mean_p_real") + course.get("mean_p_fake")) / 2, 3)


def blindness(course: Course) -> np.ndarray:
    """D's area under the curve, folded at chance, where the images are nothing like the data: 1/2 is blind."""
    told = recent(course.get("separation"), 3)
    poor = recent(course.get("coverage"), 3) <= 0.1
    return np.where(_warm(course) & poor, np.maximum(told, 0.5), np.where(np.isfinite(told), 1.0, np.nan))


def fading(course: Course) -> np.ndarray:
    """The norm of G's gradient, as a share of the largest it has been in any tick before."""
    now = course.get("mean_grad_g")
    return recent(now / best_before(now, highest=True), 3)


def growth(course: Course) -> np.ndarray:
    """The largest of both gradients' norms and the penalty, each as a multiple of its median over the first ten looks.

    A penalty's median counts as 1 at least: that of a D that knows nothing yet is close to 0.
    """
    found = []
    for name, least in (("mean_grad_d", 0.0), ("mean_grad_g", 0.0), ("mean_penalty", 1.0)):
        now = course.get(name)
        usual = max(np.median(now[np.isfinite(now)][:10]), least) if np.isfinite(now).sum() >= 10 else np.nan
        multiple = np.where(np.arange(len(now)) >= 10, now / usual, np.nan)
        found.append(recent(multiple, 3))
    return np.fmax.reduce(found)


def fall(course: Course) -> np.ndarray:
    """How many times worse than its best: of coverage, or of the Fréchet distance in the last two scores."""
    covered = recent(course.get("coverage"), 3)
    best = best_before(covered, highest=True)
    by_eye = np.where(best >= 0.2, best / np.maximum(covered, 1 / 256), np.where(np.isfinite(covered), 1.0, np.nan))
    distance = course.get("fd")
    least = best_before(distance, highest=False)
    first = distance[np.isfinite(distance)][:1]
    good = least < (first[0] / 2 if len(first) else np.nan)
    by_judge = np.where(good, distance / least, np.where(np.isfinite(distance), 1.0, np.nan))
    scored = np.flatnonzero(np.isfinite(by_judge))
    if len(scored):
        twice = np.minimum(by_judge[scored], np.concatenate([[1.0], by_judge[scored][:-1]]))  # one score is an accident
        last = np.searchsorted(scored, np.arange(len(distance)), side="right") - 1  # holds until the next score
        by_judge = np.where(last >= 0, twice[last], np.nan)
    return np.fmax(by_eye, by_judge)


def unrest(course: Course) -> np.ndarray:
    """How much the images of the same noise change from look to look, in units of twice their variance; 1: anew."""
    return np.where(_warm(course), recent(course.get("drift") / 2, 5), np.nan)


def dead(course: Course) -> np.ndarray:
    """The larger share of dead units of the two nets."""
    return recent(np.fmax(course.get("dead_gen"), course.get("dead_dis")), 3)


def off_range(course: Course) -> np.ndarray:
    """How far the samples' darkest or brightest pixels lie from the data's, in [-1, 1], whichever is more."""
    ends = [np.abs(course.get(end) - course.get(f"data_{end}")) for end in ("low", "high")]
    return np.where(_warm(course), recent(np.fmax(*ends), 3), np.nan)


def data_range(course: Course) -> np.ndarray:
    """How much of [-1, 1] a real image fills, from its darkest to its brightest pixel: 2 is all of it."""
    return course.get("data_high") - course.get("data_low")
