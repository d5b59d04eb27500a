"""Outcomes and failures, from records made by hand and from real folders."""

import csv
import json

import pytest

from ayneh.config import Config
from ayneh.errors import UserError
from ayneh.studies.design import Run
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import from_dict
from ayneh.studies.results import (
    OUTCOMES,
    Result,
    check_outcomes,
    missing,
    need_some,
    results,
    rows,
    write_tables,
)
from ayneh.studies.stack import play


def made(distances, modes=10.0, spread=1.0, diverged=None) -> Result:
    last = {"modes": modes, "spread": spread}
    looks = [{"epoch": i, "images": i * 100, "wall_s": i, "fd": d} | last for i, d in enumerate(distances)]
    constant = {"mean_loss_g": [1.0], "mean_p_real": [0.9]}
    lines = [constant | {"mean_loss_d": [float(i)], "mean_p_fake": [0.1 * i]} for i in range(10)]
    return Result(Run("a", Config()), looks, lines, {"diverged": diverged, "swaps": {}, "wall_s": 3.0}, {})


@pytest.mark.parametrize(
    ("distances", "failure"),
    [
        ([100, 50, 10, 8, 7], None),
        ([100, 50, 10, 80, 7], None),  # it came back
        ([100, 50, 10, 60, 90], "jumped"),
        ([100, 50, 10, 8, 41], "jumped"),
        ([100, 50, 10, 8, 39], None),  # worse, but not five times
        ([100, 90, 80, 90, 500], None),  # never good
    ],
)
def test_a_jump_is_from_good_to_meaningless_and_stays(distances, failure):
    assert made(distances).failure() == failure


def test_images_all_alike_are_a_collapse_few_classes_that_vary_are_poor_and_a_breakdown_comes_first():
    assert made([9, 9], modes=5.0).failure() == "poor"
    assert made([9, 9], modes=1.0, spread=0.1).failure() == "collapsed"
    assert made([9, 9], modes=6.0).failure() is None
    assert made([9, 9], spread=0.2).failure() == "collapsed"
    assert made([9, 9], modes=1.0, diverged={"step": 3}).failure() == "diverged"


def test_values():
    result = made([100, 10, 40])
    assert result.value("fd") == 40
    assert result.value("fd_best") == 10
    assert result.value("fd_mean") == pytest.approx((100 * 10 * 40) ** (1 / 3))
    assert result.value("loss_d") == 8.5  # the last two of ten lines
    assert result.value("d_gap") == pytest.approx(0.9 - 0.85)
    broken = made([100, 10], diverged={"step": 3})
    assert [broken.value(name) for name in OUTCOMES if name != "wall_s"] == [None] * (len(OUTCOMES) - 1)


def test_tables_hold_what_the_folders_hold_and_say_what_is_missing(tmp_path, tiny_values):
    study = from_dict(tiny_values | {"swaps": {"u": {"prior": {"name": "uniform"}}}}, "tiny")
    ledger = Ledger.create(tmp_path / "s", study)
    with pytest.raises(UserError, match="No run of .* is finished yet"):
        need_some(ledger, results(ledger))
    play(ledger.runs[:1], ledger.folder, study)
    play(ledger.runs[2:], ledger.folder, study)
    found = results(ledger)
    assert missing(ledger, found) == {"lr 0.001": (1, 2)}
    assert {"results.csv", "curves.csv", "results.parquet"} == set(write_tables(ledger, found))
    with (ledger.folder / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"]) for row in table] == [("lr 0.001", "0"), ("lr 0.0001", "0"), ("lr 0.0001", "1")]
    for row, run in zip(table, [ledger.runs[0], *ledger.runs[2:]], strict=True):
        lines = [json.loads(text) for text in (ledger.path(run) / "metrics.jsonl").read_text().splitlines()]
        (score,) = lines[-1]["scores"]["fd"]
        assert float(row["fd"]) == score["value"]
        swapped = json.loads((ledger.path(run) / "outcome.json").read_text())["swaps"]["u"]
        assert float(row["fd_swap_u"]) == swapped["fd"]["value"]
    import pyarrow.parquet as pq

    assert pq.read_table(ledger.folder / "results.parquet").to_pylist()[0]["fd"] == rows(found)[0]["fd"]


def test_an_unknown_outcome_is_refused_with_the_nearest():
    check_outcomes(["fd", "fd_swap_u"], ["u"])
    with pytest.raises(UserError, match="no outcome called 'fid'. Did you mean 'fd'"):
        check_outcomes(["fid"], [])
