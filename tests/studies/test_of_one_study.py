"""What a study compares is of one study: the same images, looks, protocol and settings, by a plan that is stated."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.errors import UserError
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from ayneh.studies.compare import rank_sum
from ayneh.studies.comparisons import compare
from ayneh.studies.contrast import contrast, family
from ayneh.studies.design import Study
from ayneh.studies.ledger import Ledger
from ayneh.studies.report import lines, write_report
from ayneh.studies.results import results
from ayneh.studies.stack import images_of, judge, play, refuse_other_images
from ayneh.terminal.progress import Clock
from ayneh.training.play import Play


def played(folder: Path, study: Study, runs=slice(None), **how) -> Ledger:
    """The study with these of its unfinished runs played."""
    with Ledger.playing(folder, study) as ledger:
        refuse_other_images(ledger)
        if left := ledger.unfinished()[runs]:
            play(left, folder, ledger.study, **how)
        return ledger


@pytest.fixture
def one_seed(tiny) -> Study:
    return replace(tiny, seeds=1, set={**tiny.set, "epochs": 2})


def pictures(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for i in range(80):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / f"{i}.png")


def test_runs_on_other_images_than_those_of_finished_runs_are_refused(tmp_path, one_seed, monkeypatch):
    """The finished runs have no part in the share that is played: nothing else compares them."""
    images = tmp_path / "pictures"
    pictures(images, 0)
    study = replace(
        one_seed, outcomes=("loss_d",), set={**one_seed.set, "data.name": f"folder:{images}", "data.limit": None}
    )
    digits = judge(one_seed.config().data)
    monkeypatch.setattr("ayneh.studies.stack.judge", lambda data: digits)
    played(tmp_path / "study", study, slice(1))
    images_of.cache_clear()
    pictures(images, 1)
    with pytest.raises(UserError, match="was trained on .* images of .* now: put the former ones"):
        played(tmp_path / "study", study, slice(1, None))
    images_of.cache_clear()


def test_looks_that_would_differ_between_runs_of_one_arm_are_refused(tmp_path, one_seed):
    """Default looks follow from the longest arm: of 4 epochs all four, of 20 every second one."""
    study = replace(
        one_seed, set={**one_seed.set, "epochs": 4}, factors={}, arms={"a": {}, "b": {"optimizer.lr": 1e-4}}
    )
    assert study.looks_of(4) == [0, 1, 2, 3]
    played(tmp_path, study, slice(1))
    longer = replace(study, arms={**study.arms, "longer": {"epochs": 20}})
    with pytest.raises(UserError, match=r"played with looks \[0, 1, 2, 3\] of 'a', not \[0, 1, 3\]: set looks = "):
        Ledger.create(tmp_path, longer)
    Ledger.create(tmp_path, replace(longer, looks=(0, 1, 2, 3, 19)))


def test_the_last_epoch_of_another_arm_is_no_look_of_this_one(tmp_path, one_seed):
    """So a study takes an arm of another length later."""
    arms = {"a": {}, "b": {"optimizer.lr": 1e-4}}
    study = replace(one_seed, set={**one_seed.set, "epochs": 6}, factors={}, arms=arms, looks=(0, 4))
    assert study.looks_of(6) == [0, 4, 5]
    shorter = replace(study, arms={**arms, "c": {"epochs": 3}}, looks=(0, 4))
    assert (shorter.looks_of(6), shorter.looks_of(3), shorter.look_epochs()) == ([0, 4, 5], [0, 2], [0, 2, 4, 5])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny) -> Path:
    """Two arms, two seeds, two epochs."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    played(folder, replace(tiny, set={**tiny.set, "epochs": 2}))
    return folder


@pytest.fixture
def study_folder(finished, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "study"))


def told(folder: Path) -> dict[str, str]:
    """What is noted of the runs of a study, and the seeds that count by arm."""
    ledger = Ledger.open(folder)
    found = results(ledger)
    return ledger.notes | {arm: str([r.run.seed for r in found if r.run.arm == arm]) for arm in ledger.study.cells()}


def test_a_copied_run_is_no_run_of_another_arm(study_folder):
    shutil.rmtree(study_folder / "runs/lr-0.0001/seed-001")
    shutil.copytree(study_folder / "runs/lr-0.001/seed-001", study_folder / "runs/lr-0.0001/seed-001")
    found = told(study_folder)
    assert found["lr 0.0001"] == "[0]"
    assert found["lr 0.001"] == "[0, 1]"
    assert "it is a run of 'lr 0.001', seed 1, and was copied here" in found["runs/lr-0.0001/seed-001"]


def test_a_run_scored_by_another_protocol_is_not_counted(study_folder):
    """As a run has that `resume` went on with: it is scored by the run's own settings."""
    metrics = study_folder / "runs/lr-0.001/seed-001/metrics.jsonl"
    metrics.write_text(metrics.read_text().replace("fd_200_digits_test", "fd_500_digits_test"))
    found = told(study_folder)
    assert found["lr 0.001"] == "[0]"
    assert "another protocol (fd_500_digits_test)" in found["runs/lr-0.001/seed-001"]


def test_a_run_that_lacks_a_look_is_not_counted(study_folder):
    metrics = study_folder / "runs/lr-0.001/seed-001/metrics.jsonl"
    first, *rest = metrics.read_text().splitlines()
    first = {name: value for name, value in json.loads(first).items() if name != "scores"}
    metrics.write_text("\n".join([json.dumps(first), *rest]) + "\n")
    found = told(study_folder)
    assert found["lr 0.001"] == "[0]"
    assert "has no scores of epoch 0." in found["runs/lr-0.001/seed-001"]


def test_a_test_that_is_changed_once_results_are_known_is_stated(study_folder):
    before = Ledger.open(study_folder).study
    again = Ledger.create(study_folder, before)
    assert again.changes == []
    now = replace(before, margin=0.9, pairs="they are alike", outcomes=("modes", "fd"), seeds=3)
    Ledger.create(study_folder, now)
    changed = Ledger.create(study_folder, now)  # each change is stated once
    assert len(changed.changes) == 4
    assert "The margin was changed from 0.1 to 0.9 after 4 runs had ended." in changed.changes
    assert "The number of seeds was changed from 2 to 3 after 4 runs had ended." in changed.changes
    said = write_report(changed).lines
    page = (study_folder / "report.html").read_text()
    for words in changed.changes:
        assert words in said
        assert words.replace('"', "&#34;") in page


def test_a_plan_may_be_changed_while_nothing_is_known(tmp_path, one_seed):
    Ledger.create(tmp_path, one_seed)
    assert Ledger.create(tmp_path, replace(one_seed, margin=0.3, seeds=2)).changes == []


def test_comparisons_that_wait_for_their_runs_count_in_the_correction():
    """Else a verdict of a part of the study would need less than the same runs' verdict once it is finished."""
    a, b = (dict(enumerate(values)) for values in ([1.0, 1.1, 1.2, 1.3, 1.4], [2.0, 2.1, 2.2, 2.3, 2.4]))
    clear = contrast("a", a, "b", b, outcome="fd", better="lower", scale="ratio")
    same = contrast("a", a, "b", a, outcome="fd", better="lower", scale="ratio")
    assert clear.p == pytest.approx(2 / 252)
    whole, part = family([clear] + [same] * 7)[0], family([clear], waiting=7)[0]
    assert (part.verdict, part.p_holm, part.fisher_holm) == ("cannot tell", whole.p_holm, whole.fisher_holm)
    assert part.words == whole.words
    assert family([clear])[0].verdict == "better"


def test_a_part_of_a_study_has_the_family_of_the_whole(finished, tiny):
    """Nine arms are planned, and the runs of two are there."""
    arms = {f"lr {rate:g}": {"optimizer.lr": rate} for rate in (1e-3, 1e-4, 2e-4, 3e-4)}
    study = replace(tiny, set={**tiny.set, "epochs": 2}, factors={}, arms=arms)
    found = results(Ledger(finished, study))
    one = next(one.contrast for one in compare(study, found)["fd"] if one.contrast)
    assert one.p_holm == pytest.approx(min(1.0, 3 * one.p))


@pytest.mark.parametrize(("alone", "others", "p"), [
    (1.0, [1.0, 2.0], 1.0), (0.0, [1.0, 1.0], 2 / 3), (3.0, [1.0, 1.0, 2.0], 0.5), (np.inf, [1.0, 1.0, np.inf], 1.0),
    (0.0, [1.0] * 99, 0.02),
])  # fmt: skip
def test_a_single_run_beside_ties_has_the_exact_p(alone, others, p):
    """Its rank is one of n + 1, each with the same probability: twice the share of those as far out, at most 1."""
    assert rank_sum([alone], others) == pytest.approx(p)
    assert rank_sum(others, [alone]) == pytest.approx(p)


def test_a_report_of_one_run_beside_runs_that_broke_down(study_folder):
    for seed in (0, 1):
        end = study_folder / f"runs/lr-0.001/seed-00{seed}/outcome.json"
        values = json.loads(end.read_text())
        end.write_text(json.dumps(values | {"diverged": {"step": 0, "epoch": 0, "words": "loss_d was not finite"}}))
    shutil.rmtree(study_folder / "runs/lr-0.0001/seed-001")
    ledger = Ledger.open(study_folder)
    found = results(ledger)
    assert any("lr 0.0001" in words for words in lines(ledger, found, compare(ledger.study, found)))


# -- the ends of a stack's runs ----------------------------------------------------------------------------------------


def test_each_run_of_a_stack_took_the_same_time(tmp_path, tiny, monkeypatch):
    """What is done for one run after the other at the end is no part of it."""
    times = iter(range(10**6))
    monkeypatch.setattr(Clock, "seconds", lambda self: float(next(times)))
    ledger = played(tmp_path, replace(tiny, set={**tiny.set, "epochs": 1}, swaps={"u": {"prior.name": "uniform"}}))
    assert len({ledger.outcome(run)["wall_s"] for run in ledger.runs}) == 1


@pytest.fixture
def steps_begun(monkeypatch) -> list[int]:
    """The steps from which stacks were played."""
    begun: list[int] = []

    def play_from(match, journals, clock, step, *given, **more):
        begun.append(step)
        return Play(match, journals, clock, step, *given, **more)

    monkeypatch.setattr("ayneh.studies.stack.Play", play_from)
    return begun


def test_a_run_that_breaks_down_has_its_outcome_at_once_and_costs_the_others_nothing(
    tmp_path, tiny, monkeypatch, steps_begun
):
    """Stopped later, the others of its stack go on from their checkpoints, not from their first step."""
    monkeypatch.setattr("ayneh.studies.stack.CHECKPOINT_S", 0.0)
    arms = {"good": {}, "bad": {"optimizer.lr": 1e30}}
    study = replace(tiny, set={**tiny.set, "epochs": 6}, factors={}, arms=arms, seeds=1, looks=(5,))
    whole = results(played(tmp_path / "whole", study))
    good = Record(tmp_path / "part" / "runs/good/seed-000")
    stopped = played(tmp_path / "part", study, stop=lambda: len(good.lines() if good.exists() else ()) >= 3)
    assert [run.arm for run in stopped.unfinished()] == ["good"]
    assert stopped.outcome(stopped.runs[1])["diverged"]["step"] == 0
    parted = results(played(tmp_path / "part", study))
    assert steps_begun == [0, 0, 12]  # after three epochs
    assert [one.value("fd") for one in parted] == [one.value("fd") for one in whole]


def test_an_interrupted_study_is_saved_within_its_epoch_and_has_the_same_bits(tmp_path, one_seed, steps_begun):
    study = replace(one_seed, set={**one_seed.set, "keep.tick_steps": 1})
    whole = played(tmp_path / "whole", study)
    seen = []
    stopped = played(tmp_path / "part", study, stop=lambda: seen.append(1) or len(seen) > 6)
    assert len(stopped.unfinished()) == 2
    part = played(tmp_path / "part", study)
    assert steps_begun[-1] % 4  # within an epoch of four steps
    for run in whole.runs:
        ends = [Record(one.path(run)).checkpoints.newest()[0].tensors for one in (whole, part)]
        assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])
    assert [one.value("loss_d") for one in results(part)] == [one.value("loss_d") for one in results(whole)]


def test_a_share_that_comes_again_leaves_out_the_runs_that_have_ended(tmp_path, tiny, monkeypatch, steps_begun):
    """As the pool gives it to another worker where one died: with the run whose numbers were not finite among them."""
    monkeypatch.setattr("ayneh.studies.stack.CHECKPOINT_S", 0.0)
    arms = {"good": {}, "bad": {"optimizer.lr": 1e30}}
    study = replace(tiny, set={**tiny.set, "epochs": 6}, factors={}, arms=arms, seeds=1, looks=(5,))
    good = Record(tmp_path / "runs/good/seed-000")
    ledger = played(tmp_path, study, stop=lambda: len(good.lines() if good.exists() else ()) >= 3)
    broken = Record(ledger.path(ledger.runs[1])).lines()
    assert play(ledger.runs, tmp_path, study)
    assert steps_begun == [0, 12]
    assert Record(ledger.path(ledger.runs[1])).lines() == broken
    assert play(ledger.runs, tmp_path, study)
    assert steps_begun == [0, 12]


def test_a_run_that_was_trained_on_beyond_its_last_epoch_is_not_counted(study_folder):
    metrics = study_folder / "runs/lr-0.001/seed-001/metrics.jsonl"
    last = json.loads(metrics.read_text().splitlines()[-1])
    metrics.write_text(metrics.read_text() + json.dumps(last | {"epoch": 8, "step": last["step"] + 28}) + "\n")
    found = told(study_folder)
    assert found["lr 0.001"] == "[0]"
    assert "was trained on, to epoch 8" in found["runs/lr-0.001/seed-001"]


def test_an_arm_that_was_renamed_keeps_its_runs(study_folder):
    end = study_folder / "runs/lr-0.001/seed-001/outcome.json"
    end.write_text(json.dumps(json.loads(end.read_text()) | {"arm": "LR 0.001"}))
    assert told(study_folder)["lr 0.001"] == "[0, 1]"


def test_a_study_is_reported_where_its_preset_has_another_value_now(study_folder, monkeypatch):
    digits = PRESETS["digits"]
    monkeypatch.setitem(PRESETS, "digits", replace(digits, config=digits.config.changed({"optimizer.beta2": 0.9})))
    assert told(study_folder)["lr 0.001"] == "[0, 1]"
