"""Files of earlier versions are read as today's; the old folders in tests/old were written before anything moved."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ayneh.config import Net, from_dict, to_dict
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.words import sentence
from ayneh.engine.hyper import HYPER
from ayneh.files import older
from ayneh.record.abandoned import abandon
from ayneh.record.forms import of_replicas
from ayneh.record.record import Record
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import from_dict as study_from
from ayneh.studies.results import results, rows

OLD = Path(__file__).parents[1] / "old"


@pytest.mark.parametrize(
    ("before", "short", "n", "protocol"),
    [
        ("fd_10k_mnist_test", "fd", 10_000, "fd_10k_mnist_test"),
        ("fd_infinite_1297_digits_test", "fd_infinite", 1297, "fd_infinite_1297_digits_test"),
        ("class_kl_500_digits_test_cnn-1", "class_kl@cnn-1", 500, "class_kl_500_digits_test_cnn-1"),
        ("ms_ssim_within_class_2k_mnist_test", "ms_ssim_within_class", 2000, "ms_ssim_within_class_2k_mnist_test"),
        ("kl_corrected_1m_stackedmnist_train", "kl_corrected", 1_000_000, "kl_corrected_1m_stackedmnist_train"),
        ("modes_26k_stackedmnist", "modes", 26_000, "modes_26k_stackedmnist"),
        ("fd_30_folder_test_random", "fd@random", 30, "fd_30_folder_test_random"),
        ("inception_fid_30_folder:/home/me_2k_test/x_test", "inception_fid", 30, "inception_fid_30_folder_test"),
    ],
)
def test_a_protocol_becomes_a_short_name(before, short, n, protocol):
    (swap,) = older.outcome({"swaps": {"a": {before: 1.5}}})["swaps"].values()
    assert swap == {short: {"value": 1.5, "n": n, "protocol": protocol}}


def test_a_line_has_a_list_for_each_name_with_an_entry_for_each_replica():
    before = {
        "epoch": 1,
        "loss_d": [1.0, 2.0],
        "vitals": [{"spread": 0.1, "drift": None}, {"spread": 0.2, "drift": 3.0}],
        "scores": [{"fd_100_digits_test": 9.0, "kid_100_digits_test": None}, {}],
    }
    fd, kid = ({"value": v, "n": 100, "protocol": f"{m}_100_digits_test"} for m, v in (("fd", 9.0), ("kid", None)))
    now = older.line(before)
    assert now == {
        "epoch": 1,
        "loss_d": [1.0, 2.0],
        "vitals": {"spread": [0.1, 0.2], "drift": [None, 3.0]},
        "scores": {"fd": [fd, None], "kid": [kid, None]},
    }
    assert older.line(now) == now
    assert of_replicas(now, range(1, 2)) == {
        "epoch": 1,
        "loss_d": [2.0],
        "vitals": {"spread": [0.2], "drift": [3.0]},
        "scores": {"fd": [None], "kid": [None]},
    }


@pytest.mark.parametrize(
    ("data", "split"),
    [
        ({"name": "folder:/a"}, "position"),
        ({"name": "npz:/a.npz"}, "position"),
        ({"name": "npz:/a.npz", "split": "content"}, "content"),
        ({"name": "digits"}, "content"),
    ],
)
def test_a_config_that_lacks_the_split_held_out_by_position(data, split):
    assert from_dict({"data": data}, "config.json").data.split == split


@pytest.mark.parametrize(("steps", "halflife"), [(1, 600.0), (3, 200.0)])
def test_the_average_of_an_earlier_run_with_several_updates_of_g_keeps_its_decay(steps, halflife):
    rules = {"ema_halflife_images": 600.0, "gen_steps": steps}
    before = from_dict({"rules": rules}, "config.json")
    assert before.rules.ema_halflife_images == halflife
    assert HYPER["ema_decay"].value(before) == 0.5 ** (before.batch / 600)
    assert from_dict(to_dict(before), "config.json") == before
    assert from_dict({"rules": rules | {"labels": "none"}}, "config.json").rules.ema_halflife_images == 600.0


def test_an_earlier_run_has_the_constant_that_all_runs_had():
    assert from_dict({"net": {"gen_offset": 0.5}}, "config.json").net.gen_offset_draw == "once"
    assert from_dict({"net": {"gen_offset": 0.0}}, "config.json").net.gen_offset_draw == "seed"
    before = from_dict({"net": {"gen_offset": 0.5}}, "config.json")
    assert from_dict(to_dict(before), "config.json") == before
    assert from_dict(to_dict(replace(before, net=Net(gen_offset=0.5))), "config.json").net.gen_offset_draw == "seed"


def test_a_report_has_intervals_and_floors_as_numbers():
    record = Record.open(OLD / "run")
    before, now = json.loads((OLD / "run" / "evaluation.json").read_text()), record.report("evaluation")
    was, fd = before["scores"]["fd_200_digits_test"], now["scores"]["fd"]
    assert [fd["low"], fd["high"]] == was["interval"]
    assert fd["floor"] == was["floor"]["value"]
    assert [fd["floor_low"], fd["floor_high"]] == was["floor"]["interval"]
    assert len(now["scores"]) == len(before["scores"])
    assert now["scores"]["ndb"]["protocol"] == "ndb_200_digits_train"  # its bins are of training images
    assert older.evaluation(now)["scores"] == now["scores"]
    assert {name: now[name] for name in now if name != "scores"} == {k: v for k, v in before.items() if k != "scores"}
    assert older.evaluation(now) == now
    assert record.evaluations() == [now]
    kl = {"value": 0.03, "n": 26_000, "floor": {"value": 0.0236, "standard_deviation": 0.001}}
    floors = older.evaluation({"scores": {"kl_26k_stackedmnist_uniform": kl}})["scores"]["kl"]
    assert (floors["floor_low"], floors["floor_high"]) == pytest.approx((0.02164, 0.02556), abs=1e-5)


def test_the_results_of_an_old_study_are_those_that_were_written(tmp_path):
    import csv

    shutil.copytree(OLD / "study", tmp_path / "study")
    ledger = Ledger.open(tmp_path / "study")
    written = list(csv.DictReader((OLD / "study" / "results.csv").read_text().splitlines()))
    found = results(ledger)
    told = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows(found)]
    assert told == written
    assert found[0].protocols["fd"] == "fd_100_digits_test"


def test_a_run_that_was_resumed_has_old_and_new_lines_and_a_rewind_keeps_them_as_they_were(tmp_path):
    shutil.copytree(OLD / "run", tmp_path / "run")
    record = Record.open(tmp_path / "run")
    before, lines = record.metrics.read_text(), record.lines()
    more = lines[-1] | {"step": 35, "epoch": 3}
    record.append(more)
    assert record.lines() == [*lines, more]
    Doctor(record.config(), record.lines())
    record.rewind(30)
    assert record.metrics.read_text() == before
    abandon(record, 25, 1)
    (lost,) = (tmp_path / "run" / "abandoned.jsonl").read_text().splitlines()
    assert json.loads(lost) == {"rescue": 1} | json.loads(before.splitlines()[-1])


@pytest.mark.parametrize(("folder", "seed"), [("run", 0), ("run", 1), ("mirror", None)])
def test_an_old_finding_has_its_fields(folder, seed):
    event = Record.open(OLD / folder).events()[seed or 0]
    told = json.loads((OLD / folder / "findings.jsonl").read_text().splitlines()[seed or 0])["words"]
    assert "words" not in event
    assert event["title"] == "there are few training images"
    assert event["advice"]["words"] == "Train on more images."
    assert event["advice"]["changes"] == {"data.limit": None}
    assert event["advice"]["argv"][:2] == ["ayneh", "train"]
    assert event["advice"]["argv"][-2:] == ["--device", "cpu"]
    assert (event["value"], event["until_step"], event["since_step"]) == (None, None, 5)
    assert sentence(event, seed) == told  # nothing is lost


def test_an_old_finding_that_cleared_has_the_fields_of_today_s():
    event = older.finding(
        {
            "step": 40, "epoch": 2, "replica": 0, "name": "oscillation", "severity": "warning", "appeared": False,
            "words": "step 40: no longer: the game goes round in circles",
        }
    )  # fmt: skip
    assert event == {
        "step": 40, "epoch": 2, "replica": 0, "name": "oscillation", "title": "the game goes round in circles",
        "severity": "warning", "appeared": False, "since_step": None, "until_step": 40, "value": None,
        "threshold": None, "evidence": None, "source": None, "advice": None,
    }  # fmt: skip


def test_arguments_that_were_quoted_are_whole_again():
    event = {"step": 4, "appeared": True, "evidence": "E.", "cure": {"words": "Do.", "changes": {"batch": 64}}}
    event["words"] = "step 4, note: t. E. Do. Try: ayneh train digits --data.name 'npz:/a b.npy'"
    assert older.finding(event)["advice"]["argv"] == ["ayneh", "train", "digits", "--data.name", "npz:/a b.npy"]


def test_a_finding_of_today_is_left_as_it_is():
    event = {"step": 4, "title": "t", "advice": {"words": "Do.", "changes": {}, "argv": []}}
    assert older.finding(event) == event


@pytest.mark.slow
def test_an_old_run_that_is_resumed_has_findings_of_both_kinds_and_one_diagnosis(ayneh, tmp_path):
    folder = Path(shutil.copytree(OLD / "run", tmp_path / "run"))
    status, _, err = ayneh("resume", folder, "--epochs", 4)
    assert status == 0, err
    hot = {"name": "not finite", "title": "numbers stopped being finite", "severity": "severe", "appeared": True}
    with (folder / "findings.jsonl").open("a") as file:
        file.write(json.dumps(hot | {"step": 39, "epoch": 3, "replica": 1}) + "\n")
    assert [("words" in json.loads(line)) for line in (folder / "findings.jsonl").read_text().splitlines()] == [
        True, True, False]  # fmt: skip
    assert [event["title"] for event in Record.open(folder).events()] == [
        *2 * ["there are few training images"], "numbers stopped being finite"]  # fmt: skip
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Broke down of replica 1" in out


def test_a_study_on_a_folder_that_an_earlier_version_began_keeps_its_test_images(tmp_path):
    arms = {"a": {}, "b": {"batch": 10}}
    study = study_from({"name": "s", "set": {"data.name": f"folder:{tmp_path}"}, "arms": arms, "seeds": 1}, "s")
    ledger = Ledger.create(tmp_path / "study", study)
    run = Record.create(ledger.path(ledger.runs[1]), ledger.runs[1].config, {"device": "cpu"})
    head = json.loads((run.folder / "config.json").read_text())
    del head["config"]["data"]["split"]  # as earlier versions wrote it
    (run.folder / "config.json").write_text(json.dumps(head))
    again = Ledger.create(tmp_path / "study", study)
    assert {one.config.data.split for one in again.runs} == {"position"}
    assert {one.config.data.split for one in Ledger.open(tmp_path / "study").runs} == {"position"}
    assert {one.config.data.split for one in Ledger.create(tmp_path / "new", study).runs} == {"content"}
