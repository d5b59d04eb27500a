"""What the trend models of bench/strangers.py read of a run: vital signs, gradients, margins, and how these changed."""

from __future__ import annotations

import numpy as np

from ayneh.doctor.class_symptoms import LABELLED
from ayneh.doctor.courses import Course
from ayneh.doctor.measures import recent
from ayneh.doctor.symptoms import SYMPTOMS, measured

SIGNS = ("spread", "alike", "coverage", "memory", "drift", "dead_gen", "dead_dis", "separation")
NORMS = ("mean_grad_d", "mean_grad_g")
ENDS = (("low", "data_low"), ("high", "data_high"), ("mean", "data_mean"))
WITHOUT = ("parallel prior", "small batch", "few images", "data range", "classes missing", "sudden jump", "not finite")
GRADED = tuple(name for name in SYMPTOMS if name not in WITHOUT and name not in LABELLED)
BACK = 5  # looks over which a trend is taken
IN_A_ROW = 3  # looks at which the odds must be above the limit
CHANGE = "change_"  # begins the name of a trend


def signs(course: Course) -> dict[str, np.ndarray]:
    """What a model reads at each line, (T,) each: signs, and their change over `BACK` looks; NaN where not known."""
    now = {name: course.get(name) for name in SIGNS}
    with np.errstate(divide="ignore", invalid="ignore"):
        now |= {f"log_{name}": np.log(np.maximum(course.get(name), 1e-9)) for name in NORMS}
        now["log_spread"] = np.log(np.maximum(course.get("spread"), 1e-6))
    now |= {f"off_{a}": course.get(a) - course.get(b) for a, b in ENDS}
    now["dis_error"] = (1 - course.get("mean_p_real") + course.get("mean_p_fake")) / 2
    for name in GRADED:
        margin = SYMPTOMS[name].margin(measured(SYMPTOMS[name], course)).clip(-9, 9)
        now[name.replace(" ", "_")] = margin
    found: dict[str, np.ndarray] = {}
    for name, values in now.items():
        smooth = recent(np.where(np.isfinite(values), values, np.nan), 3)
        have = np.flatnonzero(np.isfinite(smooth))
        change = np.full(len(smooth), np.nan)
        change[have[BACK:]] = smooth[have[BACK:]] - smooth[have[:-BACK]] if len(have) > BACK else []
        found |= {name: smooth, f"{CHANGE}{name}": change}
    return found
