"""What is changed from rescue to rescue."""

import json

import pytest

from ayneh.config import Config, Optimizer, Rules
from ayneh.doctor.rescue import Rescue, lever, of, to_dict, treated
from ayneh.errors import UserError
from ayneh.files.lines import append_lines
from ayneh.record.abandoned import abandon
from ayneh.record.record import RESCUES, Record


def rescue(finding):
    return Rescue(finding, "", 400, 200, 9, 12_800, "")


def test_first_other_noise_then_a_slower_d_then_a_penalty_and_again():
    config = Config(optimizer=Optimizer(lr=1e-3))
    ill = [rescue("G ignores z")] * 4
    assert treated(config, ill[:1]) == config
    assert treated(config, ill[:2]).optimizer == Optimizer(lr=1e-3, lr_dis=2.5e-4)
    third = treated(config, ill[:3])
    assert (third.rules.penalty, third.rules.gamma, third.optimizer.lr_dis) == ("r1", 0.5, 2.5e-4)
    assert treated(config, ill).optimizer.lr_dis == 6.25e-5
    noisy = treated(Config(rules=Rules(penalty="wgan-gp")), ill[:3])  # a penalty of its own is left alone
    assert (noisy.rules.penalty, noisy.rules.instance_noise) == ("wgan-gp", 0.25)


@pytest.mark.parametrize(
    ("finding", "rates"),
    [("G ignores z", (1e-3, 5e-5)), ("not finite", (2.5e-4, 5e-5)), ("sudden jump", (2.5e-4, 5e-5))],
)
def test_the_player_that_is_too_strong_is_slowed(finding, rates):
    changed, words = lever(Config(optimizer=Optimizer(lr=1e-3, lr_dis=2e-4)), 1, finding)
    assert (changed.optimizer.lr, changed.optimizer.lr_dis) == rates
    assert f"{rates[0]:g} for G and {rates[1]:g} for D" in words


@pytest.mark.parametrize(
    ("finding", "lr_dis", "rates"),
    [("G ignores z", None, (2.5e-4, 1e-3)), ("sudden jump", 2e-4, (2.5e-4, 2e-4)), ("not finite", None, (2.5e-4,) * 2)],
)
def test_a_rescue_slows_g_where_that_is_asked_for(finding, lr_dis, rates):
    """D keeps its rate, also one that followed G's; all else is as where D is slowed."""
    config = Config(rescue_slows="gen", optimizer=Optimizer(lr=1e-3, lr_dis=lr_dis))
    changed, words = lever(config, 1, finding)
    assert (changed.optimizer.lr, changed.optimizer.lr_dis) == rates
    assert f"{rates[0]:g} for G and {rates[1]:g} for D" in words
    assert [treated(config, [rescue(finding)])] == [config]
    assert treated(config, [rescue(finding)] * 3).rules.penalty == "r1"


def test_only_a_player_is_slowed():
    with pytest.raises(UserError, match="player that a rescue slows"):
        Config(rescue_slows="both")


def test_rescues_survive_a_file_and_tell_what_happened(tmp_path):
    one, record = rescue("sudden jump"), Record(tmp_path)
    (tmp_path / "config.json").write_text("{}")  # a run is there
    assert of(record) == []
    record.write_report(RESCUES, to_dict([one]))
    assert of(record) == [one]
    assert "sudden jump at step 400. Back to step 200 (epoch 9), 12,800 images given up" in one.sentence()


def test_no_line_is_lost_where_rescues_go_back_to_the_same_step(tmp_path):
    record = Record(tmp_path)
    record.samples.mkdir()
    record.checkpoints.folder.mkdir()
    numbers = {"epoch": 0, "images": 1, "wall_s": 1.0, "images_per_s": 1.0}
    for number in (1, 2, 3):
        append_lines(record.metrics, *({"step": step} | numbers for step in (20, 30, 40)))
        abandon(record, 10, number)
    kept = [json.loads(line) for line in (tmp_path / "abandoned.jsonl").read_text().splitlines()]
    assert [(line["rescue"], line["step"]) for line in kept] == [(n, step) for n in (1, 2, 3) for step in (20, 30, 40)]


def test_reports_on_what_is_given_up_go_with_it(tmp_path):
    """Steps come again: a report found by its step would stand beside another state."""
    record = Record(tmp_path)
    record.samples.mkdir()
    record.checkpoints.folder.mkdir()
    (tmp_path / "config.json").write_text("{}")
    record.write_report("evaluation", {"step": 10})
    record.write_report("evaluation", {"step": 20}, epoch=1)
    record.write_report("mirror", {"step": 30}, replica=1)
    record.report_path("mirror", replica=1, suffix=".png").write_bytes(b"picture")
    record.write_report("probe", {"epochs": [{"step": 10}, {"step": 20}]})
    record.report_path("evaluation", epoch=5).write_text("damaged")
    abandon(record, 10, 1)
    abandon(record, 10, 1)  # again, after a kill
    left = {path.name for path in tmp_path.glob("*.*")} - {"config.json"}
    assert left == {"evaluation.json", "evaluation-epoch-0005.json"}
    given = {path.name for path in (tmp_path / "abandoned" / "1").glob("*.*")}
    assert given == {"evaluation-epoch-0001.json", "mirror-replica-1.json", "mirror-replica-1.png", "probe.json"}
