"""A study with parts of one's own is reported on without them, and its commands name their file."""

import json

import pytest

import ayneh as package
from ayneh.errors import UserError
from ayneh.studies.forecast import cost_of
from ayneh.studies.ledger import Ledger
from ayneh.studies.own_parts import notes_of
from ayneh.studies.plan import from_dict
from ayneh.studies.results import need_some

PARTS = """
import ayneh

ayneh.add("metric", "bright", ayneh.Metric(lambda images: images.double().mean((1, 2, 3)), better="higher"))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_parts.py"
    path.write_text(PARTS)
    return path


@pytest.fixture
def study_file(tiny_file):
    text = (
        tiny_file.read_text()
        .replace('["fd", "modes", "loss_d"]', '["bright", "fd"]')
        .replace("epochs = 3", "epochs = 1")
    )
    tiny_file.write_text(text)
    return tiny_file


@pytest.fixture
def no_parts():
    """Forget what the test loads: a later command has not got it."""
    from ayneh.parts import loading
    from ayneh.parts.registry import every, forget

    before = every()

    def leave():
        forget([part for part in every() if part not in before])
        loading.loaded.clear()

    yield leave
    leave()


@pytest.mark.slow
def test_a_finished_study_is_reported_on_without_the_metric_that_is_its_outcome(
    file, study_file, tmp_path, request, no_parts
):
    verb, out = request.getfixturevalue("ayneh"), tmp_path / "out"
    status, said, err = verb("study", "run", study_file, "--out", out, "--workers", 1, "--parts", file, "--quiet")
    assert status == 0, err
    (whole,) = (line for line in said.splitlines() if " on bright: " in line)
    no_parts()
    status, again, err = verb("study", "report", out)
    assert (status, whole in again.splitlines(), err) == (0, True, "")
    found = package.open_study(out)
    assert whole.endswith(found.verdicts[0])
    assert found.outcomes["bright"]["lr 0.001"].min() > 0
    assert "bright" in found.table().columns
    old = json.loads((out / "study.json").read_text())
    assert (old.pop("own_outcomes")["bright"]["better"], old.pop("parts")) == ("higher", ["my_parts.py"])
    (out / "study.json").write_text(json.dumps(old))  # as an earlier version wrote it
    status, again, err = verb("study", "report", out)
    assert (status, " on bright: " in again) == (0, True)
    assert "neither better nor worse: give --parts my_parts.py." in again + err


def test_a_study_of_unknown_parts_names_the_flag(study_file, tiny_values):
    with pytest.raises(UserError, match=r"no outcome called 'bright'\. .*a metric of your own is named with --parts"):
        cost_of(from_dict(tiny_values | {"outcomes": ["bright"]}, "t"), 1, "cpu")
    values = tiny_values | {"set": tiny_values["set"] | {"rules": {"loss": "margin"}}}
    with pytest.raises(UserError, match=r"no loss called 'margin'\. .*a loss of your own is named with --parts"):
        cost_of(from_dict(values, "t"), 1, "cpu")


def test_the_command_that_goes_on_has_the_parts(file, tiny_values, tmp_path, no_parts):
    from ayneh.parts.loading import load

    load(str(file))
    study = from_dict(tiny_values | {"outcomes": ["bright"]}, "t")
    assert notes_of(study).parts == ["my_parts.py"]
    Ledger.create(tmp_path / "out", study)
    no_parts()
    ledger = Ledger.open(tmp_path / "out")
    with pytest.raises(UserError, match=r"study run \S+out --parts my_parts.py`"):
        need_some(ledger, [])


def test_notes_that_are_damaged_are_one_sentence(tiny, tmp_path):
    Ledger.create(tmp_path / "out", tiny)
    path = tmp_path / "out" / "study.json"
    values = json.loads(path.read_text())
    assert not {"own_outcomes", "parts"} & {*values}  # of a study without parts of one's own
    for wrong in ({"parts": 3}, {"own_outcomes": {"x": {"words": "x", "better": "up", "scale": "ratio"}}}):
        path.write_text(json.dumps(values | wrong))
        with pytest.raises(UserError, match=next(iter(wrong))):
            Ledger.open(tmp_path / "out")


def test_no_line_says_that_a_loss_is_built_in_that_is_not_loaded(tiny_values, capsys):
    from ayneh.studies.plan import planned

    rules = {"loss": "margin", "numbers": "loss.margin=2"}
    planned(tiny_values | {"set": tiny_values["set"] | {"rules": rules}}, "t")
    assert capsys.readouterr().err == ""
