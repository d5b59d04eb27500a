"""The verb `mirror` on real runs: numbers, words, files in the run folder, refusals in one sentence."""

import json

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def reading_run(tmp_path_factory):
    """A run whose D reads z, long enough to have learnt a little: 160 steps."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("runs") / "reading"
    size = ["--data.resize", "8", "--net.width", "4", "--prior.dim", "4", "--net.features", "16", "--batch", "32"]
    rules = ["--rules.mirror-weight", "1", "--keep.score-epochs", "0", "--rules.ema-halflife-images", "0"]
    main(["train", "digits", *size, *rules, "--epochs", "4", "--optimizer.lr", "3e-3", "--out", str(folder), "--quiet"])
    return folder


def test_a_run_that_learnt_to_read_is_found_to(reading_run, ayneh):
    status, out, err = ayneh("mirror", reading_run, "--images", 500, "--invert", 4)
    assert status == 0, err
    report = json.loads((reading_run / "mirror.json").read_text())
    scores = report["scores"]
    assert (report["features"], report["latents"], report["prior"]) == (16, 4, "N(0, 1)")
    best = scores[f"r2@{report['read_by']}"]["value"]
    assert best == max(scores[f"r2@{name}"]["value"] for name in ("ridge", "perceptron"))
    assert 0.3 < scores["r2@reader"]["value"] < best + 0.05
    assert len(report["r2_by_coordinate"]["ridge"]) == 4
    far = scores["squared_error@test_round_trip"]["value"]
    assert scores["squared_error@test_descent"]["value"] < far
    assert scores["squared_error@generated_descent"]["value"] < 1e-3  # there is a z, which is found but for the prior
    assert scores["relative_error@generated"]["value"] < 1
    assert scores["nearest@pixels"]["value"] > 0.9
    assert {score["protocol"] for score in scores.values()} >= {
        *("nearest_500_digits_test_pixels", "r2_100_generated_reader", "relative_error_100_generated"),
        *("relative_error_500_digits_test", "squared_error_4_digits_test_round_trip"),
    }
    assert "squared_error_4_generated_descent" in out
    assert report["words"][0] in out
    assert str(reading_run / "mirror.png") in out
    with Image.open(reading_run / "mirror.png") as picture:
        assert picture.height > 6 * 64  # six rows of 8 pixels, eight times enlarged


def test_an_epoch_and_a_replica_have_their_own_files_and_json_is_pure(own_run, ayneh):
    args = ["--images", 200, "--invert", 0, "--epoch", 1, "--replica", 1, "--json", "--quiet"]
    status, out, _ = ayneh("mirror", own_run, *args)
    assert status == 0
    report = json.loads(out)
    assert report == json.loads((own_run / "mirror-epoch-0001-replica-1.json").read_text())
    assert (report["step"], report["replica"]) == (8, 1)
    assert (own_run / "mirror-epoch-0001-replica-1.png").is_file()
    assert not any(name.startswith("squared_error") or name.endswith("reader") for name in report["scores"])
    assert report["scores"]["nearest@features"]["n"] == 200


@pytest.mark.slow
def test_data_without_labels_is_measured_without_them(tmp_path, ayneh):
    import numpy as np

    from ayneh.data.sources import load

    path = tmp_path / "plain.npz"
    np.savez(path, images=load("digits", "train").pixels[:300].numpy())
    run = tmp_path / "run"
    size = ["--data.name", f"npz:{path}", "--net.width", "4", "--prior.dim", "8", "--batch", "32", "--data.resize", "8"]
    ayneh("train", "digits", *size, "--epochs", 1, "--keep.score-epochs", 0, "--out", run)
    status, _, err = ayneh("mirror", run, "--images", 200, "--invert", 2)
    assert status == 0, err
    assert "no labels" in err
    report = json.loads((run / "mirror.json").read_text())
    assert len(report["words"]) == 2
    assert not any(name.startswith(("nearest", "probe")) for name in report["scores"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--images", 99], "--images is 99; choose 100 to 100,000"),
        (["--invert", -1], "--invert is -1"),
        (["--epoch", 7], "has no checkpoint of epoch 7; there are: 0, 1, 2"),
        (["--replica", 2], "--replica is 2; the run has 2"),
    ],
)
def test_what_cannot_be_measured_is_refused(ayneh, tiny_run, args, message):
    status, _, err = ayneh("mirror", tiny_run, *args)
    assert status == 2
    assert message in err


def test_replacing_a_run_removes_its_mirror(tmp_path, tiny, ayneh):
    run = tmp_path / "run"
    ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run)
    ayneh("mirror", run, "--images", 100, "--invert", 0)
    assert (run / "mirror.json").exists()
    ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run, "--overwrite")
    assert not (run / "mirror.json").exists()
    assert not (run / "mirror.png").exists()
