"""A run from Python is a run of the command line: the same files, the same numbers; what it gives is what is there."""

import json
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ayneh
from ayneh.api.scores import Scores
from ayneh.game.frame import levels
from ayneh.record.visited import Visited


def weights(folder, epoch=1):
    return load_file(folder / "checkpoints" / f"epoch-{epoch:04d}.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    """A finished run of two epochs, for tests that only read it."""
    return ayneh.train(config, out=tmp_path_factory.mktemp("python") / "run", quiet=True)


# -- the same as the verbs ---------------------------------------------------------------------------------------------


def test_training_comes_to_the_weights_and_the_metrics_of_the_verb(ayneh_verb, trained, tiny, tmp_path, observed):
    status, _, err = ayneh_verb("train", "digits", *tiny, "--epochs", 2, "--out", tmp_path / "verb")
    assert status == 0, err
    assert observed(trained.folder) == observed(tmp_path / "verb")
    assert json.loads((trained.folder / "config.json").read_text()) == json.loads(
        (tmp_path / "verb" / "config.json").read_text()
    )


def test_a_run_gone_on_with_comes_to_the_weights_of_one_that_was_not_cut(config, tmp_path):
    run = ayneh.train(config, out=tmp_path / "run", quiet=True)
    whole = ayneh.train(config.changed(epochs=4), out=tmp_path / "whole", quiet=True)
    assert run.resume(epochs=4, quiet=True) is run
    assert (run.finished, run.epoch, run.step) == (True, 3, 16)
    assert same(weights(run.folder, 3), weights(whole.folder, 3))


def test_samples_are_those_of_the_verb(ayneh_verb, tiny_run, tmp_path):
    run = ayneh.open(tiny_run)
    for seed, epoch, replica in ((0, None, 0), (3, 2, 1)):
        flags = ["--draw", seed, "--replica", replica] + (["--epoch", epoch] if epoch is not None else [])
        status, _, err = ayneh_verb("sample", tiny_run, "--out", tmp_path / f"{seed}.npy", "--n", 7, *flags)
        assert status == 0, err
        images = run.sample(7, seed=seed, epoch=epoch, replica=replica)
        assert images.dtype == np.uint8
        assert np.array_equal(images.transpose(0, 2, 3, 1), np.load(tmp_path / f"{seed}.npy"))


def test_scores_are_those_of_the_verb_and_of_the_file(ayneh_verb, own_run):
    status, out, err = ayneh_verb("evaluate", own_run, "--n", 100, "--json", "--quiet")
    assert status == 0, err
    theirs = json.loads(out)[str(own_run)]["scores"]
    (own_run / "evaluation.json").unlink()
    scores = ayneh.open(own_run).evaluate(n=100)
    assert list(scores) == list(theirs)
    fd = scores["fd"]
    assert (fd.value, fd.low, fd.high, fd.floor) == tuple(
        theirs["fd"][name] for name in ("value", "low", "high", "floor")
    )
    assert (fd.protocol, fd.n) == ("fd_100_digits_test", 100)
    assert json.loads((own_run / "evaluation.json").read_text())["scores"] == theirs
    assert "fd_100_digits_test" in scores._repr_html_()
    assert repr(fd).endswith(f"floor={fd.floor!r}, protocol='fd_100_digits_test', n=100)")
    with pytest.raises(ayneh.UserError, match="no score of this report called 'df'. Did you mean 'fd'"):
        scores["df"]


def test_a_game_in_ones_own_loop_that_would_not_be_rescued_is_refused(config):
    """It ended in "broke down" without a word on the rescue that was asked for."""
    with pytest.raises(ayneh.UserError, match=r"rescue is 2, and ayneh.play writes no checkpoint to go back to"):
        ayneh.play(config.changed(rescue=2))


def test_playing_in_ones_own_loop_comes_to_the_state_of_a_run(config, trained, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    moments = list(ayneh.play(config, every=3))
    assert [moment.step for moment in moments] == [3, 4, 7, 8]
    assert [moment.epoch_ended for moment in moments] == [False, True, False, True]
    kept = {
        name: value for name, value in weights(trained.folder).items() if not name.startswith(("meter/", "vitals/"))
    }
    assert same(moments[-1].state, kept)
    assert np.array_equal(moments[-1].samples(5, seed=2), trained.sample(5, seed=2))
    assert moments[-1].losses["loss_d"][0] == trained.metrics["loss_d"][-1]
    for ours, theirs in zip(moments[-1].nets(), trained.at().nets(), strict=True):
        assert same(ours.state_dict(), theirs.state_dict())
    assert not list((tmp_path / "empty").iterdir())


def test_a_loop_that_is_left_early_ends_the_game_and_a_moment_keeps_its_own_state(config):
    moments = []
    for moment in ayneh.play(config, every=1):
        moments.append(moment)
        if moment.step == 3:
            break
    first, _, third = moments
    name = next(iter(first.state))
    assert not first.state[name].equal(third.state[name])
    assert "step 3, epoch 0" in repr(third)
    with pytest.raises(ayneh.UserError, match="every is 0"):
        ayneh.play(config, every=0)


# -- what a run gives --------------------------------------------------------------------------------------------------


def test_metrics_are_the_lines_of_the_file(tiny_run):
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    metrics = ayneh.open(tiny_run).metrics
    assert metrics["loss_d"].shape == (len(lines), 2)
    assert metrics["loss_d"].tolist() == [line["loss_d"] for line in lines]
    assert metrics.steps.tolist() == [line["step"] for line in lines]
    assert metrics.epochs.tolist() == metrics["epoch"].tolist() == [line["epoch"] for line in lines]
    assert "loss_d" in metrics
    assert metrics.get("scores.fd") is None
    with pytest.raises(ayneh.UserError, match="no measure of this run called 'los_d'. Did you mean 'loss_d'"):
        metrics["los_d"]


def test_nested_metrics_are_columns_with_nan_where_a_line_has_none():
    from ayneh.api.metrics import Metrics

    line = {"epoch": 0, "step": 1, "images": 32, "wall_s": 1.0, "loss_d": [1.0]}
    seen = {"vitals": {"spread": [0.5]}, "scores": {"fd": [{"value": 3.0, "n": 9}], "kid": [{"value": None, "n": 9}]}}
    metrics = Metrics([line, line | {"step": 2} | seen], 1)
    assert np.array_equal(metrics["vitals.spread"], [np.nan, 0.5], equal_nan=True)
    assert np.array_equal(metrics["scores.fd"], [np.nan, 3.0], equal_nan=True)
    assert np.isnan(metrics["scores.kid"]).all()
    assert list(metrics) == ["epoch", "step", "images", "wall_s", "loss_d", "vitals.spread", "scores.fd", "scores.kid"]


def test_a_frame_has_a_row_for_each_line_and_replica(tiny_run):
    pytest.importorskip("pandas")
    metrics = ayneh.open(tiny_run).metrics
    frame = metrics.frame()
    assert len(frame) == 2 * len(metrics.steps)
    one = frame[frame.replica == 1]
    assert one.loss_g.tolist() == metrics["loss_g"][:, 1].tolist()
    assert one.step.tolist() == metrics.steps.tolist()


def test_without_pandas_one_sentence_names_the_extra(tiny_run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ayneh.UserError, match=r"A frame of metrics needs a package .* pip install 'ayneh\[pandas\]'"):
        ayneh.open(tiny_run).metrics.frame()


def test_pictures_and_animations_are_those_of_the_folder(tiny_run, tmp_path):
    run = ayneh.open(tiny_run)
    picture = run.picture(epoch=1, replica=1)
    with Image.open(tiny_run / "samples" / "epoch-0001-replica-1.png") as there:
        assert np.array_equal(picture.array[:, :, 0], np.array(there))
    with Image.open(picture.save(tmp_path / "a.png")) as saved:
        assert np.array_equal(np.array(saved), picture.array[:, :, 0])
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert run.animation(replica=1).gif == (tiny_run / "samples" / "animation-replica-1.gif").read_bytes()
    assert run.animation().save(tmp_path / "a.gif").read_bytes() == run.animation().gif
    assert 'src="data:image/gif;base64,' in run.animation()._repr_mimebundle_()["text/html"]
    with pytest.raises(ayneh.UserError, match="has no picture of epoch 7; there are: 0, 1, 2."):
        run.picture(epoch=7)
    with pytest.raises(ayneh.UserError, match=r"cannot be saved as .*a\.txt: end it in \.png"):
        picture.save(tmp_path / "a.txt")


def test_curves_are_a_file_that_a_parser_takes_with_a_point_for_each_number(tiny_run, tmp_path):
    from xml.etree import ElementTree

    run = ayneh.open(tiny_run)
    root = ElementTree.fromstring(run.curves("loss_d", replica=1).svg)
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    points = np.array([[float(x) for x in pair.split(",")] for pair in line.get("points").split()])
    values = run.metrics["loss_d"][:, 1]
    assert len(points) == len(values)
    assert (np.diff(points[:, 0]) > 0).all()
    assert np.corrcoef(points[:, 1], values)[0, 1] == pytest.approx(-1, abs=1e-3)  # downwards on the screen
    ElementTree.fromstring(run.curves().save(tmp_path / "c.svg").read_text())
    with pytest.raises(ayneh.UserError, match="no measure"):
        run.curves("nothing")


@pytest.mark.parametrize(
    ("values", "ends"),
    [([0.0, 0.0, 0.0], (0, 1)), ([0.0, 0.4, 0.2], (0, 0.42)), ([-1.0, 1.0, 0.0], (-1.1, 1.1)), ([3.0] * 3, (2.7, 3.3))],
)
def test_the_axis_of_a_share_has_no_negative_numbers(values, ends):
    from matplotlib.figure import Figure

    from ayneh.doctor.figures import _scale
    from ayneh.pages.chart import _ends

    assert _ends(np.array(values), log=False) == pytest.approx(ends)  # of a notebook's curves
    figure = Figure()  # of the pages
    axes = figure.subplots()
    axes.plot(values)
    _scale(axes, [np.array(values)], log=False)
    low, high = axes.get_ylim()
    assert (low == 0) == (ends[0] == 0)
    assert low <= min(values) <= max(values) <= high
    assert high >= 1 or max(values) > 0


def test_nets_are_plain_modules_that_give_the_samples_of_the_prior(tiny_run):
    run = ayneh.open(tiny_run)
    gen, dis = run.at(epoch=2).nets()
    assert not gen.training
    assert not dis.training
    z = run.prior.sample(6, seed=5)
    with torch.no_grad():
        images = gen(z)
        logits = dis(images)
        assert np.array_equal(levels(images).numpy(), run.sample(6, seed=5, epoch=2))
        assert torch.allclose(gen(z[2:3]), images[2:3], atol=1e-6)  # an image depends on its own z alone
    assert logits.shape == (6,)
    for weight in gen.parameters():
        weight.data.zero_()
    assert any(weight.any() for weight in run.at(epoch=2).nets()[0].parameters())  # each call gives nets of its own
    assert run.at(epoch=2).step == 12
    assert run.at().state.keys() == weights(tiny_run, 2).keys()
    with pytest.raises(ayneh.UserError, match="has no checkpoint of epoch 9; there are"):
        run.at(epoch=9)
    with pytest.raises(ayneh.UserError, match="epoch is 'bets'"):
        run.at("bets")
    with pytest.raises(ayneh.UserError, match="^replica is 2; the run has 2"):
        run.at(replica=2)


def test_a_path_of_the_prior_begins_and_ends_where_it_is_told_to(tiny_run):
    prior = ayneh.open(tiny_run).prior
    a, b = prior.sample(2, seed=0)
    path = prior.path(a, b.numpy(), n=9)
    assert path.shape == (9, prior.dim)
    assert path[0].equal(a)
    assert path[-1].equal(b)
    assert prior.describe() == "N(0, 1)"
    with pytest.raises(ayneh.UserError, match="2 points or more"):
        prior.path(a[:3], b)


def test_findings_say_what_is_wrong_since_when_and_what_changes(trained):
    (finding,) = [one for one in trained.findings if one.name == "few images"]
    assert (finding.severity, finding.until_step) == ("note", None)
    assert finding.since_epoch == 0
    assert trained.config.changed(finding.changes).data.limit is None
    assert str(finding).startswith(f"note, since step {finding.since_step}: There are few training images.")


@pytest.mark.slow
def test_a_diagnosis_is_the_page_of_the_verb(ayneh_verb, own_run, tmp_path):
    ayneh_verb("diagnose", own_run)
    page = (own_run / "diagnosis.html").read_text()
    found = ayneh.open(own_run).diagnose()
    assert found.html == page == found.save(tmp_path / "d.html").read_text()
    assert found.verdict in repr(found)
    assert "srcdoc" in found._repr_html_()
    assert "<style" not in found._repr_html_()  # it is escaped, and stays within its frame


def test_a_page_without_a_browser_does_not_end_a_script(own_run, monkeypatch, capsys):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    ayneh.open(own_run).diagnose().show()
    assert capsys.readouterr().err == f"No browser was found here: open {own_run / 'diagnosis.html'} elsewhere.\n"


def test_a_run_stays_the_same_when_the_program_changes_its_working_directory(own_run, tmp_path, monkeypatch):
    monkeypatch.chdir(own_run.parent)
    run = ayneh.open(own_run.name)
    line, before = repr(run), run.sample(2, seed=1).tobytes()
    assert run.folder == Path(own_run.name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert repr(run) == line
    assert run.folder == own_run
    assert run.sample(2, seed=1).tobytes() == before
    assert run.evaluate(n=100)["fd"].n == 100
    assert "data:image/png;base64," in run._repr_html_()
    run.diagnose()
    assert run.at(epoch=1).step > 0
    with run.explore() as window:
        assert window.running
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_line_on_a_run_that_was_deleted_does_not_raise(own_run):
    run = ayneh.open(own_run)
    shutil.rmtree(own_run)
    assert repr(run) == f"Run({str(own_run)!r}, which cannot be read)"
    assert run._repr_html_().startswith("<p>")


def test_trainings_without_a_folder_that_begin_in_one_second_have_one_each(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form, *_: "20260101-000000")
    one = config.changed(epochs=1)
    runs = [ayneh.train(one.changed(seed=seed), quiet=True, threads=1) for seed in range(3)]
    names = ["20260101-000000", "20260101-000000-2", "20260101-000000-3"]
    assert [run.folder for run in runs] == [Path("runs") / name for name in names]
    assert [run.config.seed for run in runs] == [0, 1, 2]
    with pytest.raises(ayneh.UserError, match=r"data\.limit|batch"):  # no folder stays of what does not begin
        ayneh.train(one.changed({"batch": 4096}), quiet=True)
    assert sorted(path.name for path in Path("runs").iterdir()) == names


def test_of_a_training_without_a_folder_that_is_refused_nothing_stays(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ayneh.UserError):
        ayneh.train(config.changed({"batch": 4096}), quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_callback_may_change_the_working_directory(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    run = ayneh.train(config, out="run", quiet=True, callbacks=[lambda line: os.chdir(tmp_path / "elsewhere")])
    assert (run.finished, Path.cwd()) == (True, tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("milliseconds", [-5, 0, 9, 10**9])
def test_an_animation_of_a_time_that_no_gif_has_is_refused(tiny_run, milliseconds):
    with pytest.raises(ayneh.UserError, match=f"milliseconds is {milliseconds:,}; a GIF shows each picture for 10 to"):
        ayneh.open(tiny_run).animation(milliseconds=milliseconds)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_the_explorer_at_a_port_that_there_is_none_of_is_refused(tiny_run, port):
    with pytest.raises(ayneh.UserError, match=f"port is {port}; a port is a number from 0 to 65535"):
        ayneh.open(tiny_run).explore(port=port)


def test_an_unknown_class_of_scores_is_a_sentence_with_the_nearest_name():
    numbers = dict.fromkeys(("accuracy", "accuracy_floor", "fd", "fd_floor", "spread", "spread_floor"))
    asked = SimpleNamespace(names=("cat", "dog"), asked=(3, 4), **numbers)
    classes = Scores(SimpleNamespace(scores={}, by_class=asked)).by_class
    assert isinstance(classes, dict)  # which pandas takes
    assert classes["dog"]["asked"] == 4
    with pytest.raises(ayneh.UserError, match="There is no class of this report called 'dogs'. Did you mean 'dog'?"):
        classes["dogs"]
    with pytest.raises(ayneh.UserError, match="called '11'"):
        classes[11]
    with pytest.raises(ayneh.UserError, match="trained without labels"):
        Scores(SimpleNamespace(scores={}, by_class=None)).by_class["7"]


def test_what_a_cell_shows_and_a_line(tiny_run, config, tmp_path):
    run = ayneh.open(tiny_run)
    assert repr(run) == f"Run({str(tiny_run)!r}: 2 x mirror on digits, finished, 3 of 3 epochs)"
    shown = run._repr_html_()
    assert "data:image/png;base64," in shown
    assert "<svg" in shown
    assert "few training images" in shown
    from ayneh.record.record import Record

    Record.create(tmp_path / "new", config, {"device": "cpu", "threads": 1, "workers": 0})
    new = ayneh.open(tmp_path / "new")
    assert "has no picture yet" in new._repr_html_()
    assert (new.finished, new.step, new.epoch, new.state) == (False, 0, None, "no step yet")


def test_showing_a_run_prints_what_the_verb_prints(ayneh_verb, tiny_run, capsys):
    _, out, _ = ayneh_verb("show", tiny_run)
    ayneh.open(tiny_run).show()
    assert capsys.readouterr().out == out


def test_training_in_python_prints_no_result_on_stdout_and_nothing_at_all_if_quiet(config, tmp_path, capsys):
    ayneh.train(config, out=tmp_path / "a")
    out, err = capsys.readouterr()
    assert out == ""
    assert "digits: 1,297 to train" in err
    ayneh.train(config, out=tmp_path / "b", quiet=True)
    assert capsys.readouterr() == ("", "")


def test_an_export_is_read_by_load(own_run):
    pytest.importorskip("onnxruntime")
    run = ayneh.open(own_run)
    model = ayneh.load(run.export())
    assert model.generate(model.sample_z(2, seed=0)).shape == (2, 1, 8, 8)
    with pytest.raises(ayneh.UserError, match="overwrite"):
        run.export()


# -- while it trains ---------------------------------------------------------------------------------------------------


def test_a_run_trains_in_a_thread_and_is_read_meanwhile(config, tmp_path, monkeypatch):
    seen, go = threading.Event(), threading.Event()
    from ayneh.training.journal import Journal

    real = Journal.end_epoch

    def wait(journal, now):
        real(journal, now)
        if now.moment.epoch == 0:
            seen.set()
            assert go.wait(60)

    monkeypatch.setattr(Journal, "end_epoch", wait)
    result = []
    thread = threading.Thread(target=lambda: result.append(ayneh.train(config, out=tmp_path / "run", quiet=True)))
    thread.start()
    try:
        assert seen.wait(60)
        run = ayneh.open(tmp_path / "run")
        assert (run.state, run.finished, run.epoch, run.step) == ("running", False, 0, 4)
        assert len(run.metrics["loss_d"]) == 1
        assert run.sample(2).shape == (2, 1, 8, 8)
        with pytest.raises(ayneh.UserError, match="Another process is training"):
            run.resume(epochs=9)
    finally:
        go.set()
        thread.join(60)
    assert run.finished
    assert len(run.metrics["loss_d"]) == 2  # the same object reads what is there now
    assert result[0].folder == run.folder


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_refusals_are_the_sentences_of_the_verbs(config, tiny_run, tmp_path):
    with pytest.raises(ayneh.UserError, match="There is no preset called 'fsat'. Did you mean 'fast'"):
        ayneh.preset("fsat")
    with pytest.raises(
        ayneh.UserError, match="The settings: There is no field called 'rules.los'. Did you mean 'rules.l"
    ):
        config.changed({"rules.los": "hinge"})
    with pytest.raises(ayneh.UserError, match="epochs"):
        config.changed(epochs=0)
    with pytest.raises(ayneh.UserError, match="There is no run in"):
        ayneh.open(tmp_path)
    with pytest.raises(ayneh.UserError, match="holds another run"):
        ayneh.train(config, out=tiny_run)
    with pytest.raises(ayneh.UserError, match="^n is 0; choose at least 1 image"):
        ayneh.open(tiny_run).sample(0)
    with pytest.raises(ayneh.UserError, match="^epochs is 1, but this run has 3 already"):
        ayneh.open(tiny_run).resume(epochs=1)
    with pytest.raises(ayneh.UserError, match="^seed is -1; draws are counted from 0"):
        ayneh.open(tiny_run).sample(2, seed=-1)
    with pytest.raises(ayneh.UserError, match="^replica is 9; the run has 2"):
        ayneh.open(tiny_run).evaluate(replica=9)
    (tmp_path / "file").write_text("")
    with pytest.raises(ayneh.UserError, match="a file where a folder should be"):
        ayneh.train(config, out=tmp_path / "file" / "run", quiet=True)
    with pytest.raises(ayneh.UserError, match=r"nets is \(Gen, Dis\)"):
        ayneh.train(config, nets=3)


def test_a_breakdown_is_stopped_with_a_sentence_and_the_run_can_be_opened(config, tmp_path):
    bad = config.changed({"optimizer.lr": 1e30, "net.name": "mlp", "rules.penalty": "r1", "rules.gamma": 1e20})
    with pytest.raises(ayneh.Stopped, match="The training broke down"):
        ayneh.train(bad, out=tmp_path / "run", quiet=True)
    assert ayneh.open(tmp_path / "run").state == "broken down"
    with pytest.raises(ayneh.Stopped, match="The training broke down"):
        list(ayneh.play(bad))


def test_the_record_of_an_open_run_follows_no_link_out_of_it(own_run, tmp_path):
    (tmp_path / "secret.png").write_bytes((own_run / "samples" / "epoch-0000-replica-0.png").read_bytes())
    (own_run / "samples" / "epoch-0000-replica-0.png").unlink()
    (own_run / "samples" / "epoch-0000-replica-0.png").symlink_to(tmp_path / "secret.png")
    assert isinstance(ayneh.open(own_run)._record, Visited)
    with pytest.raises(ayneh.UserError, match="has no picture of epoch 0"):
        ayneh.open(own_run).picture(epoch=0)


@pytest.fixture
def ayneh_verb(request):
    """The command line: its fixture has the name of the package."""
    return request.getfixturevalue("ayneh")


def test_a_folder_in_the_place_of_a_name_is_refused(tiny_run, tmp_path):
    with pytest.raises(ayneh.UserError, match="to is PosixPath.*; it must be text"):
        ayneh.open(tiny_run).export(tmp_path / "folder")
