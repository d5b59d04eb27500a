"""Numbers that verbs take by themselves: nonsense is one sentence that names the flag, at once."""

import pytest

from ayneh.engine import memory


@pytest.mark.parametrize(
    ("verb", "args", "words"),
    [
        ("sample", ["--n", "0"], "--n is 0"),
        ("sample", ["--draw", "-1"], "--draw is -1"),
        ("sample", ["--replica", "-1"], "--replica is -1"),
        ("evaluate", ["--n", "0"], "--n is 0"),
        ("evaluate", ["--n", "-3"], "--n is -3"),
        ("evaluate", ["--epoch", "-1"], "no checkpoint of epoch -1"),
        ("evaluate", ["--replica", "7"], "--replica is 7"),
        ("mirror", ["--images", "-1"], "--images is -1"),
        ("mirror", ["--images", "1000000000"], "--images is 1"),
        ("mirror", ["--invert", "-1"], "--invert is -1"),
        ("mirror", ["--invert", "1000000000"], "--invert is 1"),
        ("explore", ["--port", "-1"], "--port is -1"),
        ("explore", ["--port", "70000"], "--port is 70000"),
        ("diagnose", ["--replica", "-1"], "--replica is -1"),
        ("resume", ["--epochs", "0"], "--epochs is 0"),
        ("resume", ["--epochs", "1000000000"], "--epochs is 1,000,000,000"),
    ],
)
def test_a_number_without_sense_is_refused_by_its_flag(verb, args, words, tiny_run, tmp_path, ayneh):
    out = ["--out", tmp_path / "images.npz"] if verb == "sample" else []
    status, _, err = ayneh(verb, tiny_run, *out, *args)
    assert status == 2
    assert words in err
    assert not (tmp_path / "images.npz").exists()


@pytest.mark.parametrize(("workers", "words"), [(0, "at least 1"), (-1, "at least 1"), (10**6, "at most 4,096")])
def test_a_study_has_a_sensible_number_of_processes(workers, words, ayneh):
    status, _, err = ayneh("study", "plan", "dropout", "--workers", workers)
    assert status == 2
    assert words in err


def test_more_images_than_memory_holds_are_refused_before_they_are_drawn(tiny_run, tmp_path, monkeypatch, ayneh):
    monkeypatch.setattr(memory, "machine_bytes", lambda device: 1e9)
    status, _, err = ayneh("sample", tiny_run, "--out", tmp_path / "x.npz", "--n", 10**9)
    assert status == 2
    assert "1,000,000,000 images would need about" in err
    assert "--draw" in err


@pytest.mark.parametrize("verb", ["sample", "export"])
def test_the_best_and_an_epoch_are_not_asked_for_together(verb, tiny_run, tmp_path, ayneh):
    status, _, err = ayneh(verb, tiny_run, "--out", tmp_path / "out", "--best", "--epoch", "0")
    assert status == 2
    assert "--best and --epoch 0 are two checkpoints" in err
