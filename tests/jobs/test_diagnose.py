"""`ayneh diagnose`: terminal and page of runs that are finished, ill, broken, interrupted, old or not yet begun."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from ayneh.config import Config
from ayneh.record.record import Record

RECORDS = Path(__file__).parent.parent / "doctor" / "records"


def losses_alone(folder: Path, keep: int) -> None:
    """Leave the first lines and no vital signs: few figures, which take most of the time."""
    lines = [{k: v for k, v in line.items() if k != "vitals"} for line in Record(folder).lines()[:keep]]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def recorded(tmp_path):
    """A copy of one of the recorded runs, to write into."""

    def copy(name: str) -> Path:
        folder = Path(shutil.copytree(RECORDS / name, tmp_path / name))
        for path in folder.iterdir():
            os.utime(path, (0, 0))  # long ago, so that the run is not taken for one in training
        return folder

    return copy


def page(folder, replica=""):
    text = (folder / f"diagnosis{replica}.html").read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)  # nothing is fetched
    assert "nan" not in re.sub(r"<svg.*?</svg>|<style.*?</style>|data:[^\"]*", "", text, flags=re.DOTALL).split()
    return text


def test_an_ill_run_is_told_with_evidence_and_a_command(ayneh, recorded):
    folder = recorded("u01")
    status, out, err = ayneh("diagnose", folder)
    assert (status, err) == (0, "")
    assert "The run is ill: G ignores z" in out
    assert "cosine of 0.75" in out
    assert "What to do: Take noise whose mean is 0" in out
    assert out.count("ayneh train digits") == 1  # one cure for all of them, said once
    assert "Stopped: 60 of 60 epochs" in out  # the record has neither pictures nor checkpoints
    assert str(folder / "diagnosis.html") in out
    text = page(folder)
    for words in ("G ignores z", "parallel", "ayneh train digits", "Source of the threshold", "stop, or roll back?"):
        assert words.lower() in text.lower()
    assert text.count("<svg") > 12
    assert text.count('class="finding severe"') == 4
    assert re.search(r"<h1>u01</h1>", text)
    folded = "".join(re.findall(r"<details>.*?</details>", text, re.DOTALL))
    assert folded.count("<svg") > 5  # the healthy ones
    assert "<article" not in folded
    assert all('aria-label="' in svg for svg in re.findall(r"<svg[^>]*role=\"img\"[^>]*>", text))


@pytest.mark.slow
def test_a_healthy_run_is_quiet(ayneh, recorded):
    folder = recorded("healthy-mlp")
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Nothing was found: 17 of 18 symptoms could be judged, in 60 looks." in out
    assert "cannot be judged: small batch" in out
    text = page(folder)
    assert "neither net has batch normalisation" in text
    assert "finding severe" not in text
    assert "<p>Nothing.</p>" in text


def test_a_finished_run_with_pictures_and_replicas(ayneh, tiny_run, tmp_path):
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    status, out, _ = ayneh("diagnose", folder, "--replica", 1)
    assert status == 0
    assert "Finished: 3 of 3 epochs, 12 steps." in out
    text = page(folder, "-replica-1")
    assert text.count("data:image/png;base64,") == 2  # the first and the last
    assert "seed 1 (replica 1 of 2" in text
    status, _, err = ayneh("diagnose", folder, "--replica", 2)
    assert status == 2
    assert "--replica is 2; the run has 2" in err


def beside(a, b):
    """A line of two replicas from lines of one, for what both have."""
    if isinstance(a, dict):
        return {name: beside(a[name], b[name]) for name in a if name in b}
    return a + b if isinstance(a, list) else a


@pytest.mark.slow
def test_other_replicas_are_not_forgotten(ayneh, recorded):
    folder, ill = recorded("healthy-mlp"), recorded("u01")
    head = json.loads((folder / "config.json").read_text())
    head["config"]["seeds"] = 2
    (folder / "config.json").write_text(json.dumps(head))
    pairs = zip(Record(folder).lines(), Record(ill).lines(), strict=True)
    both = [beside(a, b) for a, b in pairs]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in both))
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Nothing was found" in out
    assert "replica 1, severe:" in out
    assert "--replica 1" in out


def test_a_run_that_broke_down_is_diagnosed_with_exit_status_0(ayneh, tmp_path, tiny):
    folder = tmp_path / "run"
    status, _, _ = ayneh("train", "digits", *tiny, "--optimizer.lr", "1e5", "--net.name", "mlp", "--out", folder)
    assert status == 1
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Broke down after 1 of 100 epochs" in out
    assert "not finite" in out
    assert "numbers stopped being finite" in page(folder)


def test_a_run_that_was_interrupted(ayneh, recorded):
    folder = recorded("healthy-mirror")
    losses_alone(folder, 25)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 25, "step": 5')  # the last line is cut off
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "interrupted.safetensors").touch()
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Interrupted: 25 of 60 epochs, 500 steps." in out
    assert f"`ayneh resume {folder}` continues it" in out


def test_the_page_names_no_folder_above_the_run(ayneh, recorded):
    run = recorded("healthy-mirror")
    losses_alone(run, 25)
    (run.parent / "our secret").mkdir()
    folder = run.rename(run.parent / "our secret" / "a run")
    (folder / "probe.json").write_text("{")
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert f"`ayneh resume '{folder}'` continues it" in out
    text = page(folder)
    assert "secret" not in text
    assert "`ayneh resume &#39;a run&#39;` continues it" in text
    assert "probe.json is not readable JSON" in text


@pytest.mark.slow
def test_a_run_without_vitals_is_diagnosed_from_what_it_has(ayneh, recorded):
    folder = recorded("high-rates")
    losses_alone(folder, 60)
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "classes missing" in out
    assert "the record has no coverage" in page(folder)


def test_a_run_that_has_not_begun(ayneh, tmp_path):
    Record.create(tmp_path / "new", Config(), {})
    status, out, _ = ayneh("diagnose", tmp_path / "new")
    assert status == 0
    assert "No step has been written down yet." in out
    assert "There is nothing to look at yet." in page(tmp_path / "new")


def test_what_is_no_run_is_refused(ayneh, tmp_path):
    status, _, err = ayneh("diagnose", tmp_path)
    assert status == 2
    assert "no config.json" in err
    status, _, err = ayneh("diagnose", tmp_path / "a" / "b")
    assert status == 2


@pytest.mark.slow
def test_a_net_of_ones_own_is_diagnosed_as_far_as_it_is_known(ayneh, tmp_path):
    folder = Path(shutil.copytree(RECORDS.parent.parent / "old" / "run", tmp_path / "run"))
    head = json.loads((folder / "config.json").read_text())
    head["config"]["net"]["name"] = "mine"
    (folder / "config.json").write_text(json.dumps(head))
    status, out, err = ayneh("diagnose", folder)
    assert (status, err) == (0, "")
    assert "The run has notes: there are few training images" in out
    assert "--net.name mine" in out
    assert "cannot be judged:" in out
    assert "small batch" in out.split("cannot be judged:")[1]
    assert "the net &#39;mine&#39; is not one of ayneh&#39;s, so its normalisation is not known" in page(folder)


def test_names_in_the_settings_are_escaped(ayneh, recorded):
    folder = recorded("healthy-mlp")
    head = json.loads((folder / "config.json").read_text())
    head["config"]["data"]["name"] = "folder:<b>mine</b>"
    (folder / "config.json").write_text(json.dumps(head))
    losses_alone(folder, 5)
    ayneh("diagnose", folder)
    assert "<b>mine" not in page(folder)
