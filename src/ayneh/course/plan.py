"""What `ayneh report` plays: both parts of the report as one study, in the time that is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ayneh.errors import UserError
from ayneh.studies.design import Study
from ayneh.studies.plan import planned

NORMAL, U01, CENTRED, WIDE = "N(0, 1)", "U(0, 1)", "U(0, 1) - 1/2", "U(-1, 1)"
DROPOUT, BARE = "mirror with dropout", "mirror without dropout"
PART_A: dict[str, dict[str, Any]] = {
    NORMAL: {"prior.name": "normal"},
    U01: {"prior.name": "uniform", "prior.low": 0.0, "prior.high": 1.0},
    CENTRED: {"prior.name": "uniform", "prior.low": -0.5, "prior.high": 0.5},
    WIDE: {"prior.name": "uniform", "prior.low": -1.0, "prior.high": 1.0},
}
PART_B: dict[str, dict[str, Any]] = {DROPOUT: {"rules.dropout": 0.3}, BARE: {"rules.dropout": 0.0}}
ASKS = (
    (U01, NORMAL, "the report's own two arms"),
    (U01, CENTRED, "the mean of the noise"),
    (WIDE, NORMAL, "centred uniform noise"),
    (BARE, DROPOUT, "dropout on D's input"),
)
OUTCOMES = ("fd", "spread", "modes", "loss_d", "loss_g", "d_gap")
SHOWN = (0, 67, 86, 87, 99)  # epochs of 100 whose pictures are on the page: the first, and the report's own (R12)
LOOKS = 10  # others, at which a jump (R9) would show


@dataclass(frozen=True)
class Size:
    """How much is played: seeds of every arm, epochs, and what is set beside."""

    seeds: int
    epochs: int
    scored: int  # images behind each score
    read: int  # images from which z is read back
    probed: int  # steps of the fresh discriminators of the probe
    base: str = "digits-normal"
    set: dict[str, Any] = field(default_factory=dict)


_ITSELF = {"rules.ema_halflife_images": 0.0}  # pictures of G itself, as the report's are
_QUICK = _ITSELF | {"batch": 64, "optimizer.lr": 1e-3, "data.limit": 20_000}
SIZES = {
    ("digits", "5"): Size(5, 60, 500, 1000, 100, set=_ITSELF),
    ("digits", "60"): Size(10, 100, 500, 5000, 500, set=_ITSELF | {"data.resize": 28}),
    ("digits", "full"): Size(30, 100, 500, 10_000, 500, set=_ITSELF | {"data.resize": 28}),
    ("mnist", "60"): Size(5, 10, 1000, 5000, 300, "mirror", _QUICK),
    ("mnist", "full"): Size(5, 100, 2000, 10_000, 500, "mirror", _ITSELF),
    ("hoda", "60"): Size(5, 10, 1000, 5000, 300, "mirror", _QUICK | {"data.name": "hoda"}),
    ("hoda", "full"): Size(5, 100, 2000, 10_000, 500, "mirror", _ITSELF | {"data.name": "hoda"}),
}


def study_of(data: str, length: str) -> tuple[Study, Size]:
    """The study for these data and this length, "5", "60" or "full". UserError where there is none."""
    if (size := SIZES.get((data, length))) is None:
        there = sorted({f"--data {name} {_flag(one)}" for name, one in SIZES})
        raise UserError(
            f"No report is laid out for --data {data} {_flag(length)}; there is one for {', '.join(there)}."
        )
    values = {
        "name": f"report-{data}-{length}",
        "question": "Does uniform noise fail, and what does dropout on D's input do?",
        "base": size.base,
        "seeds": size.seeds,
        "images": size.scored,
        "outcomes": list(OUTCOMES),
        "looks": looks_of(size.epochs),
        "set": size.set | {"epochs": size.epochs},
        "arms": {arm: changes | {"net.name": "mlp", "net.width": 64} for arm, changes in PART_A.items()}
        | {
            arm: changes | {"net.name": "mirror", "net.width": 16, "prior.name": "normal"}
            for arm, changes in PART_B.items()
        },
        "asks": [dict(zip(("arm", "reference", "question"), ask, strict=True)) for ask in ASKS],
    }
    return planned(values, "The report's study"), size


def _flag(length: str) -> str:
    return "--full" if length == "full" else f"--minutes {length}"


def shown_epochs(epochs: int) -> list[int]:
    """The epochs of `SHOWN`, at the same shares of a training of this length."""
    return sorted({max(0, round((epoch + 1) * epochs / 100) - 1) if epoch else 0 for epoch in SHOWN})


def looks_of(epochs: int) -> list[int]:
    """The epochs after which runs are scored and pictured: those of `shown_epochs`, and `LOOKS` others between."""
    return sorted({*shown_epochs(epochs), *(round(k * (epochs - 1) / LOOKS) for k in range(LOOKS))})
