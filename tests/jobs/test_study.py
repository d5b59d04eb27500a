"""The verb `study` from the command line."""

import contextlib
import errno
import io
import json
import shutil

import pytest

import ayneh as package
from ayneh.__main__ import main
from ayneh.files import whole as whole_files

FILE = (
    'question = "Does the learning rate matter?"\nbase = "digits"\nseeds = 2\nimages = 200\n'
    'outcomes = ["fd", "modes", "loss_d"]\n[set]\nepochs = 3\nbatch = 32\ndata.resize = 8\ndata.limit = 128\n'
    "net.width = 4\nprior.dim = 8\nrules.ema_halflife_images = 0.0\n[factors]\noptimizer.lr = [1e-3, 1e-4]\n"
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The folder of a study that was played, not to be changed, and what it printed."""
    place = tmp_path_factory.mktemp("played")
    (place / "tiny.toml").write_text(FILE)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        main(["study", "run", str(place / "tiny.toml"), "--out", str(place / "s"), "--workers", "1", "--quiet"])
    return place / "s", told.getvalue()


def test_plan_states_what_it_would_take_and_plays_nothing(tmp_path, file, ayneh):
    status, out, _ = ayneh("study", "plan", file, "--seeds", "4", "--workers", "2")
    assert status == 0
    assert "2 arms, 8 runs in 1 group," in out.replace("\n", " ")
    assert "3,072 images" in out.replace("\n", " ")  # 8 runs of 3 epochs of 4 batches of 32
    assert list(tmp_path.iterdir()) == [file]


def test_run_plays_reports_and_is_done(played, ayneh, file):
    folder, out = played
    assert "lr 0.0001" in out
    assert str(folder / "report.html") in out
    assert (folder / "report.html").stat().st_size > 1000
    head, *rows = (folder / "results.csv").read_text().splitlines()
    assert head.startswith("arm,seed,failure,fd")
    assert len(rows) == 4
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("metrics.jsonl")}
    status, again, _ = ayneh("study", "run", file, "--out", folder, "--workers", "1", "--quiet")
    assert (status, again) == (0, out)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("metrics.jsonl")} == before
    status, out, _ = ayneh("study", "status", folder)
    assert (status, "4 of 4 runs done; 0 being played now" in out) == (0, True)


def test_a_report_of_part_of_a_study_says_what_is_missing(played, ayneh, tmp_path):
    folder = shutil.copytree(played[0], tmp_path / "s")
    (folder / "runs" / "lr-0.0001" / "seed-001" / "outcome.json").unlink()
    status, out, _ = ayneh("study", "report", folder)
    assert status == 0
    assert "lr 0.0001" in out
    assert "1 of 2" in (folder / "report.html").read_text()


def test_the_command_that_a_part_of_a_study_is_told_to_go_on_with_goes_on(played, ayneh, tmp_path, monkeypatch):
    """The folder holds the study: its file may be anywhere, or nowhere for a study from Python."""
    folder = shutil.copytree(played[0], tmp_path / "a study")
    run = folder / "runs" / "lr-0.0001" / "seed-001"
    (run / "outcome.json").unlink()
    (run / "checkpoints" / "epoch-0002.safetensors").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path)
    _, out, _ = ayneh("study", "report", "a study")
    command = " ".join(out.split()).partition("To go on: ")[2]
    assert command.startswith("ayneh study run 'a study'")
    status, _, err = ayneh("study", "run", "a study", "--workers", "1", "--quiet")
    assert status == 0, err
    assert (run / "outcome.json").exists()
    assert ayneh("study", "plan", "a study")[0] == 0


def test_a_run_of_a_study_is_gone_on_with_by_the_study(played, ayneh, tmp_path):
    """`resume` would score it by the run's own settings, and the study compare it with the others."""
    folder = shutil.copytree(played[0], tmp_path / "s")
    run = folder / "runs" / "lr-0.0001" / "seed-001"
    (run / "outcome.json").unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    for path in [*run.rglob("epoch-0002.*")]:
        path.unlink()
    said = " ".join("".join(ayneh("diagnose", run)[1:]).split())
    assert f"`ayneh study run {folder}` continues it" in said
    assert "ayneh resume" not in said
    before = sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*.json*"))
    for more in ([], ["--epochs", 9]):
        status, _, err = ayneh("resume", run, *more)
        assert (status, f"belongs to the study {folder}" in err) == (2, True)
    status, _, err = ayneh("resume", folder / "runs" / "lr-0.0001" / "seed-000", "--epochs", 9)
    assert (status, "copy its folder to another place" in err) == (2, True)
    assert sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*.json*")) == before
    alone = shutil.copytree(run, tmp_path / "alone")
    assert ayneh("resume", alone, "--epochs", 4, "--quiet")[0] == 0


def test_of_a_folder_that_cannot_be_written_the_verdicts_are_shown(played, ayneh, tmp_path, monkeypatch):
    folder = shutil.copytree(played[0], tmp_path / "s")
    _, whole, _ = ayneh("study", "report", folder)
    opened = whole_files._temporary

    def refuse(path):
        if path.parent == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr(whole_files, "_temporary", refuse)
    status, out, _ = ayneh("study", "report", folder)
    assert status == 0
    assert out.splitlines()[0] == whole.splitlines()[0]
    assert f"{folder / 'report.html'} is not written" in out
    page = package.open_study(folder).page()
    assert page.path is None
    assert "lr 0.0001" in page.html
    assert page.save(tmp_path / "page.html").read_text() == page.html
    status, out, err = ayneh("study", "run", folder, "--seeds", 3)
    assert (status, "report.html" in err or str(folder) in err) == (2, True), err  # before hours of training


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "priors"], "There is no study called 'priors'. Did you mean 'prior'"),
        (["plan", "no/such.toml"], "There is no study file no/such.toml"),
        (["status", "nowhere"], "There is no study in nowhere"),
        (["report", "nowhere"], "There is no study in nowhere"),
        (["run", "FILE", "--workers", "0"], "--workers is 0"),
        (["run", "FILE", "--seeds", "0"], "seeds is 0"),
        (["run", "FILE", "--budget-minutes", "0.0000001"], "its budget is 1e-07: fewer --seeds, epochs or arms"),
        (["run", "FILE", "--device", "cudo"], "cudo"),
        (["plan", "FILE", "--seeds", "100000000"], "seeds is 100000000; it must be at most 4,000"),
        (["run", "FILE", "--budget-minutes", "-1"], "budget_minutes is -1"),
        (["run", "FILE", "--budget-minutes", "inf"], "budget_minutes is inf; it must be more than 0 and finite"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(args, words, file, tmp_path, ayneh, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = ayneh("study", *[file if a == "FILE" else a for a in args])
    assert status == 2
    assert words in err.replace("\n", " ")
    assert "Traceback" not in err


def test_an_unknown_outcome_is_refused_before_anything_is_played(file, tmp_path, ayneh):
    file.write_text(FILE.replace('"modes"', '"mode"'))
    status, _, err = ayneh("study", "run", file, "--out", tmp_path / "s")
    assert (status, "no outcome called 'mode'. Did you mean 'modes'" in err) == (2, True)
    assert not list((tmp_path / "s").glob("runs/*"))


@pytest.mark.slow
def test_a_study_of_any_name_stays_in_its_folder(file, tmp_path, ayneh, monkeypatch):
    """Its own name, its arms' and its swaps'."""
    name = "/../../OUTSIDE"
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    text = FILE.replace("seeds = 2", "seeds = 1").replace("epochs = 3", "epochs = 1")
    text = text[: text.index("[factors]")] + f'[arms."{name}"]\n[arms.b]\nbatch = 64\n'
    text += f'[swaps."{name}"]\nprior.name = "uniform"\n'
    file.write_text(f'name = "{name}"\n{text}')
    status, _, err = ayneh("study", "run", file, "--workers", "1", "--quiet")
    assert status == 0, err
    (folder,) = (tmp_path / "a" / "b" / "runs").iterdir()
    assert folder.name.startswith("study-")
    places = [path.relative_to(folder).parts for path in folder.rglob("config.json")]
    assert sorted(len(parts) for parts in places) == [4, 4]
    assert len(list(folder.rglob("swap-*.png"))) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a", file.name}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_swap_of_a_prior_that_is_none_is_refused_before_anything_is_played(file, tmp_path, ayneh):
    file.write_text(f'{FILE}[swaps.other]\nprior.name = "unform"\n')
    status, _, err = ayneh("study", "plan", file)
    assert (status, "no prior called 'unform'. Did you mean 'uniform'" in err) == (2, True)


def test_a_folder_of_another_study_is_kept(played, ayneh, file):
    folder, _ = played
    file.write_text(FILE.replace("1e-4", "1e-5"))
    status, _, err = ayneh("study", "run", file, "--out", folder)
    assert (status, "which this study lacks" in err) == (2, True)
    assert json.loads((folder / "study.json").read_text())["study"]["factors"]["optimizer.lr"].keys() == {
        "lr 0.001",
        "lr 0.0001",
    }
