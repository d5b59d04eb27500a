"""Studies from Python: the same runs, verdicts and folders as of the command line."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

import ayneh
from ayneh.errors import UserError
from ayneh.presets import PRESETS
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import base_of, planned
from ayneh.studies.unplayed import as_played

SMALL = {
    "epochs": 3, "batch": 32, "data.resize": 8, "data.limit": 128, "net.width": 4, "prior.dim": 8,
    "rules.ema_halflife_images": 0.0,
}  # fmt: skip
FILE = """
question = "Does the rate matter?"
base = "digits"
seeds = 2
images = 200
outcomes = ["fd", "modes", "loss_d"]
[set]
epochs = 3
batch = 32
data.resize = 8
data.limit = 128
net.width = 4
prior.dim = 8
rules.ema_halflife_images = 0.0
[arms.usual]
[arms.slow]
optimizer.lr = 1e-4
"""
ARMS = {"usual": {}, "slow": {"optimizer.lr": 1e-4}}
REST = {"seeds": 2, "scored": 200, "outcomes": ["fd", "modes", "loss_d"], "question": "Does the rate matter?"}


@pytest.fixture(scope="module")
def config():
    return ayneh.preset("digits").changed(SMALL)


@pytest.fixture
def study(config):
    return ayneh.Study("tiny", config, arms=ARMS, **REST)


@pytest.fixture(scope="module")
def played(tmp_path_factory, config):
    """The results of a study that was played from Python."""
    folder = tmp_path_factory.mktemp("study") / "python"
    return ayneh.Study("tiny", config, arms=ARMS, **REST).run(folder, workers=2, quiet=True)


def bits(folder):
    """What the runs of a study hold but for the clock: checkpoints' tensors and metrics."""
    from safetensors.numpy import load_file

    found = {}
    for path in sorted(folder.glob("runs/*/*/checkpoints/*.safetensors")):
        for name, tensor in load_file(path).items():
            found[str(path.relative_to(folder)), name] = hashlib.sha256(tensor.tobytes()).hexdigest()
    for path in folder.glob("runs/*/*/metrics.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        clock = ("wall_s", "images_per_s")
        found[str(path.relative_to(folder))] = [{k: v for k, v in one.items() if k not in clock} for one in lines]
    assert found
    return found


@pytest.mark.slow
def test_a_study_of_python_has_the_bits_of_the_same_study_of_the_command_line(played, tmp_path, ayneh_verb):
    (tmp_path / "tiny.toml").write_text(FILE)
    status, out, err = ayneh_verb("study", "run", tmp_path / "tiny.toml", "--workers", 1, "--out", tmp_path / "verb")
    assert status == 0, err
    assert bits(tmp_path / "verb") == bits(played.folder)
    said = [line.strip().partition(" ")[2] for line in out.splitlines() if line.startswith("  ")]
    assert played.verdicts == said  # word for word


@pytest.mark.slow
def test_the_command_line_goes_on_with_and_reports_a_study_of_python(played, ayneh_verb, tmp_path, monkeypatch):
    status, out, _ = ayneh_verb("study", "status", played.folder)
    assert (status, "4 of 4 runs done" in out) == (0, True)
    status, out, _ = ayneh_verb("study", "report", played.folder)
    assert status == 0
    assert all(words in out for words in played.verdicts)
    (tmp_path / "tiny.toml").write_text(FILE)
    status, _, err = ayneh_verb("study", "run", tmp_path / "tiny.toml", "--out", played.folder)
    assert (status, "0 of 4 runs to play" in err) == (0, True)


@pytest.mark.slow
def test_python_opens_a_study_of_the_command_line(study, tmp_path, ayneh_verb):
    (tmp_path / "tiny.toml").write_text(FILE)
    ayneh_verb("study", "run", tmp_path / "tiny.toml", "--workers", 2, "--out", tmp_path / "verb", "--quiet")
    before = bits(tmp_path / "verb")
    found = study.run(tmp_path / "verb", workers=1, quiet=True)  # nothing is left to play
    assert bits(tmp_path / "verb") == before
    assert found.outcomes["fd"].keys() == {"usual", "slow"}
    again = ayneh.open_study(tmp_path / "verb")
    for arm, values in found.outcomes["fd"].items():
        np.testing.assert_array_equal(again.outcomes["fd"][arm], values)


@pytest.mark.slow
def test_verdicts_have_the_figures_of_their_sentences(played):
    (verdict,) = played.verdicts
    assert (verdict.arm, verdict.reference, verdict.outcome) == ("slow", "usual", "fd")
    assert verdict.verdict in ("better", "worse", "equivalent", "cannot tell")
    slow, usual = (played.outcomes["fd"][arm] for arm in ("slow", "usual"))
    pairs = slow[:, None] / usual[None, :]
    assert pairs.min() <= verdict.ratio <= pairs.max()
    assert np.isnan(verdict.interval).all()  # two seeds of each arm have no 95 % interval
    assert (verdict.n, verdict.paired) == (2, False)
    assert f"Holm-adjusted p = {verdict.p:.2g}" in verdict
    (loss,) = played.verdicts_on("loss_d")
    assert loss.outcome == "loss_d"
    with pytest.raises(UserError, match="modes"):
        played.verdicts_on("mods")


@pytest.mark.slow
def test_tables_are_those_of_the_report(played):
    page = played.page()
    assert page.path.read_text() == page.html
    assert "Does the rate matter?" in page.html
    runs = played.table()
    lines = (played.folder / "results.csv").read_text().splitlines()
    assert lines[0].split(",") == runs.columns
    assert [line.split(",")[:2] for line in lines[1:]] == [[row["arm"], str(row["seed"])] for row in runs]
    assert runs.column("fd") == [*played.outcomes["fd"]["usual"], *played.outcomes["fd"]["slow"]]
    (usual, slow) = played.table("arms")
    assert usual["fd"] == pytest.approx(np.median(played.outcomes["fd"]["usual"]))
    assert slow["runs"] == slow["planned"] == 2
    assert [run.folder.name for run in played.runs] == ["seed-000", "seed-001"] * 2
    assert all(run.finished for run in played.runs)
    pandas = pytest.importorskip("pandas")
    assert isinstance(runs.frame(), pandas.DataFrame)
    assert list(runs.frame().columns) == runs.columns
    shown = played._repr_html_()
    assert "<table>" in shown
    assert "slow" in shown


@pytest.mark.slow
def test_images_in_memory_are_written_into_the_folder_once_and_workers_read_them(config, tmp_path, capsys, ayneh_verb):
    digits = ayneh.images("digits", resize=8)
    images = ayneh.images((digits.train[:400], digits.labels[:400]), test=0.1, name="few", limit=128)
    images.train_judge(epochs=1)
    small = config.changed({"data.resize": None, "data.limit": None})
    study = ayneh.Study("held", small, images, arms=ARMS, seeds=1, scored=100, outcomes=["loss_d", "fd"])
    study.run(tmp_path / "held", workers=2)
    (copy,) = (tmp_path / "held").glob("*.npz")
    assert f"{copy}: a copy of the images in memory" in capsys.readouterr().err
    run = ayneh.open_study(tmp_path / "held").runs[0]
    np.testing.assert_array_equal(ayneh.images(copy, limit=128).train, images.train)
    assert run.config.data.name == f"file:{copy}"
    alone = ayneh.train(study.config("usual"), images, out=tmp_path / "alone", quiet=True)  # the same numbers
    np.testing.assert_array_equal(run.metrics["loss_d"], alone.metrics["loss_d"])
    study.run(tmp_path / "held", workers=1)
    assert "a copy of the images" not in capsys.readouterr().err
    assert ayneh_verb("study", "report", tmp_path / "held")[0] == 0


@pytest.mark.slow
def test_a_script_without_a_guard_plays_a_study_once(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import ayneh\nprint('once')\n"
        f"config = ayneh.preset('digits').changed({SMALL!r})\n"
        f"study = ayneh.Study('tiny', config, arms={ARMS!r}, seeds=2, scored=200)\n"
        "print(study.run('out', workers=2, quiet=True).finished)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, "once\n4\n", False), done.stderr


@pytest.mark.slow
def test_a_kernel_plays_and_shows_a_study_and_its_errors_are_a_sentence(notebook, saved):
    book = notebook(
        f"import ayneh\nconfig = ayneh.preset('digits').changed({SMALL!r})\n"
        f"study = ayneh.Study('tiny', config, arms={ARMS!r}, seeds=2, scored=200)\nstudy",
        "results = study.run('out', workers=2)",
        "results",
        "results.table('arms').frame()",
        "results.verdicts_on('mods')",
        allow_errors=True,
    )
    for cell in book.cells:
        assert len(saved(cell).encode()) < 6_000
    (error,) = book.cells[4].outputs
    assert error.traceback == [f"UserError: {error.evalue}"]
    assert "mods" in error.evalue
    assert "4 of 4 runs done" in saved(book.cells[1])
    shown = book.cells[2].outputs[-1].data["text/html"]
    assert "slow" in shown
    assert "<table>" in shown


# -- without a run -------------------------------------------------------------------------------------------------


@pytest.fixture
def ayneh_verb(ayneh):
    """The command line in this process; in this file `ayneh` is the package."""
    return ayneh


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    "changes", [{}, {"net.width": 24, "data.resize": None}, {"prior.name": "laplace", "epochs": 7}]
)
def test_a_study_file_has_all_of_a_config_by_which_a_study_plays(name, changes):
    config = ayneh.preset(name).changed(changes)
    base, differences = base_of(config)
    assert None not in differences.values()  # a TOML file has no such value
    values = {"name": "x", "base": base, "set": differences, "arms": {"a": {}, "b": {"rules.gamma": 2.0}}}
    back = planned(values, "x").config()
    assert as_played(back) == as_played(config)


def test_the_file_of_the_report_is_the_study_again(study, tmp_path):
    from ayneh.studies.plan import read
    from ayneh.studies.settings import as_toml

    (tmp_path / "tiny.toml").write_text(as_toml(study._design))
    again = read(str(tmp_path / "tiny.toml"))
    assert list(again.runs()) == list(study._design.runs())
    assert again.comparisons() == study._design.comparisons()
    assert Ledger(tmp_path, again).runs == list(study._design.runs())


def test_numbers_of_numpy_tuples_and_seeds_of_the_config_are_taken(config):
    study = ayneh.Study(
        "x", config.changed(seed=7, seeds=3), arms=ARMS, factors={"rules.dropout": np.array([0.0, 0.5])},
        asks=[("slow", "usual", "slower?")], outcomes="fd", looks=(np.int64(1),),
    )  # fmt: skip
    assert [run.seed for run in study._design.runs()] == [7, 8, 9] * 4
    assert json.loads(json.dumps(study._design.to_dict()))["factors"]["rules.dropout"]
    assert {ask.question for ask in study._design.comparisons()} == {"slower?"}
    assert study.arms == [f"{arm}, dropout {p}" for arm in ARMS for p in ("0", "0.5")]
    assert study.config("slow, dropout 0.5").rules.dropout == 0.5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arms": {"one": {}}}, "has 1 arm; a comparison needs two"),
        ({"arms": {"a": {}, "b": {"optimizer.rate": 1}}}, "optimizer.rate.*optimizer.lr"),
        ({"arms": {"a": {}, "b": {"optimizer.lr": None}}}, "b: optimizer.lr is None"),
        ({"arms": {"a": {}, "b": {"optimizer.lr": object()}}}, "optimizer.lr is of type object"),
        ({"arms": ARMS, "seeds": 0}, "seeds is 0; it must be at least 1"),
        ({"arms": ARMS, "asks": ["slow"]}, "asks has 'slow'; a comparison is"),
        ({"arms": ARMS, "asks": [("slow", "usuel")]}, "usual"),
        ({"arms": ARMS, "images": 500}, "scored=500"),
        ({"arms": {"a": {}, "b": {"seed": 3}}}, "seed is set by the study"),
        ({"arms": {"a": {}, "b": {"data.limit": 100, "data.test": "0.5"}}}, "different images"),
    ],
)
def test_what_is_wrong_with_a_study_is_one_sentence(config, given, words):
    with pytest.raises(UserError, match=words) as raised:
        ayneh.Study("x", config, **given)
    assert str(raised.value).count("\n") == 0


def test_what_cannot_be_played_is_refused_before_anything_is_written(config, tmp_path):
    study = ayneh.Study("x", config, arms=ARMS, outcomes=["fdd"])
    with pytest.raises(UserError, match="fdd"):
        study.run(tmp_path / "out", quiet=True)
    with pytest.raises(UserError, match="engine is 'cluster'"):
        study.run(tmp_path / "out", engine="cluster", quiet=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="There is no study"):
        ayneh.open_study(tmp_path)


def test_an_interrupted_study_gives_what_is_finished(config, tmp_path, capsys, monkeypatch):
    from ayneh.terminal import progress

    monkeypatch.setattr(progress.Interrupt, "caught", lambda self: True)
    found = ayneh.Study("x", config, arms=ARMS, seeds=1, scored=200).run(tmp_path / "out", workers=1)
    assert (found.finished, found.planned) == (0, 2)
    assert found.verdicts == []
    assert f"Stopped with 2 of 2 runs to go: study.run('{tmp_path / 'out'}') goes on." in capsys.readouterr().err
    with pytest.raises(UserError, match="is finished yet"):
        found.page()


def test_a_plan_says_what_a_study_would_take_and_leaves_the_threads(config):
    import torch

    torch.set_num_threads(2)
    try:
        plan = ayneh.Study("x", config, arms=ARMS, seeds=3).plan(workers=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert plan.runs == 6
    assert plan.minutes > 0
    assert "2 arms, 6 runs in 1 group, " in plan.words
    assert plan.table[0]["runs"] == "6"
    assert "<table>" in plan._repr_html_()
