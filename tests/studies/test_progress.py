"""What a study costs and how far it is, as numbers."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ayneh.errors import UserError
from ayneh.studies.forecast import Forecast, Part, refuse_over_budget
from ayneh.studies.ledger import Ledger
from ayneh.studies.progress import progress
from ayneh.studies.schedule import Measured

OLD = Path(__file__).parents[1] / "old" / "study"


def test_progress_counts_the_runs_of_each_group_and_the_minutes_to_go(tmp_path):
    ledger = Ledger.open(shutil.copytree(OLD, tmp_path / "study"))
    (row,) = progress(ledger, workers=1)
    assert (row.name, row.runs, row.done, row.broke_down, row.share) == ("all runs", 4, 4, 0, 1.0)
    assert row.minutes_left == 0
    first = ledger.runs[0]
    (ledger.path(first) / "outcome.json").unlink()
    (row,) = progress(ledger, workers=1)
    assert row.done == 3
    assert row.share < 1
    found = ledger.standings()
    assert found[first.place].epochs == found[first.place].wanted == 2  # the last of which is not over
    spent = sum(standing.wall_s for standing in found.values())
    assert row.minutes_left == pytest.approx(1 * spent / (1 + 3 * 2) / 60)


def test_a_forecast_adds_its_parts_up_and_is_refused_over_the_budget():
    study = Ledger.open(OLD).study
    cost = Measured(stack=2, step_s=0.1, look_s=1.0, steps=10, images=640)
    runs = list(study.runs())
    found = Forecast([Part("a", runs[:1], cost, 0.5), Part("b", runs[1:], cost, 1.5)], workers=2, device="cpu")
    assert (found.runs, found.images, found.minutes) == (4, 4 * 640, 2.0)
    refuse_over_budget(replace(study, budget_minutes=2.0), found)
    with pytest.raises(UserError, match="about 2 minutes on 2 processes, and its budget is 1.5"):
        refuse_over_budget(replace(study, budget_minutes=1.5), found)
