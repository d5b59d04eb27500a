"""Quality against FLOPs: those of a step are counted for every preset on MNIST, and other runs are refused."""

import json

import pytest

from ayneh.errors import UserError
from ayneh.presets import PRESETS
from ayneh.record.record import Record

SMALL = {"net.width": 4, "batch": 8}


@pytest.fixture
def script(bench):
    return bench("time_to_quality")


def test_a_lazy_penalty_has_its_share_of_the_flops(script):
    fast = PRESETS["fast"].config.changed(SMALL)
    none, lazy, each = (
        script.flops_a_step(fast.changed(changes))
        for changes in ({"rules.penalty": "none"}, {"rules.penalty_every": 4}, {})
    )
    assert none < each
    assert lazy == pytest.approx(none + (each - none) / 4)


def test_games_with_labels_are_counted(script):
    assert script.flops_a_step(PRESETS["conditional"].config.changed(SMALL)) > 0


def test_a_game_that_has_not_changed_is_counted_as_in_the_json(script):
    """The steps of `fast` and `mirror` are cheaper now: docs/findings/speed.md."""
    curve = next(one for one in json.loads(script.RESULTS.read_text()) if one["preset"] == "part-a-normal")
    config = PRESETS["part-a-normal"].config
    assert curve["points"][0]["flops"] == (60_000 // config.batch) * script.flops_a_step(config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (PRESETS["digits"].config, "is trained on digits: the distance is to MNIST"),
        (PRESETS["fast"].config.changed(batch=8), "is a run of none of the presets: only seed"),
    ],
)
def test_other_runs_are_refused_before_anything_is_scored(script, tmp_path, monkeypatch, config, words):
    monkeypatch.setattr(script, "RESULTS", tmp_path / "none.json")
    monkeypatch.setattr(script, "judge_of", lambda data: None)
    Record.create(tmp_path / "run", config, {"device": "cpu"})
    with pytest.raises(UserError, match=words):
        script.score([tmp_path / "run"], [1])
