"""Verbs that take a run's nets and its images: other images than those it was trained on are noticed."""

import json

import numpy as np
import pytest

from ayneh.loading.model import load
from ayneh.record.record import Record


@pytest.fixture
def run(ayneh, tiny, tmp_path):
    """A run on a file of 100 grey images of 8x8 pixels, and a function that puts other images into that file."""

    def put(*shape: int, seed: int = 1) -> None:
        images = np.random.RandomState(seed).randint(0, 256, shape, np.uint8)
        np.savez(tmp_path / "own.npz", x_train=images, x_test=images[:50])

    put(100, 8, 8, seed=0)
    folder = tmp_path / "run"
    status, _, err = ayneh(
        "train", "digits", *tiny, "--data.name", f"file:{tmp_path}/own.npz", "--epochs", 1, "--out", folder
    )
    assert status == 0, err
    return folder, put


@pytest.mark.parametrize("shape", [(100, 8, 8), (100, 6, 6), (100, 8, 8, 3), (100, 12, 12)])
def test_an_export_has_nothing_of_other_images(ayneh, run, shape):
    folder, put = run
    put(*shape)
    status, _, err = ayneh("export", folder)
    assert status == 0, err
    assert "D is exported with the statistics of generated images alone" in err
    about = json.loads((folder / "export-onnx" / "config.json").read_text())
    assert about["nets"]["discriminator"]["statistics"] == "2,048 images of its own generator"
    model = load(folder / "export-onnx")
    assert (model.own_size, model.generate(n=2).shape) == (8, (2, 1, 8, 8))


def test_mirror_and_probe_warn_of_other_images_and_refuse_those_that_do_not_fit(ayneh, run):
    folder, put = run
    put(100, 8, 8)
    warning = "has changed: the run was trained on 100 images"
    assert warning in ayneh("mirror", folder, "--images", 100, "--invert", 0)[1]
    assert warning in ayneh("diagnose", folder, "--probe", "--probe-steps", 1)[1]
    assert warning in Record.open(folder).report("probe")["note"]
    put(100, 8, 8, 3)
    for verb in (["mirror", folder], ["diagnose", folder, "--probe"]):
        status, _, err = ayneh(*verb)
        assert status == 2
        assert f"images of 8x8 pixels with 1 channel, and those of file:{folder.parent}/own.npz have 8x8 with 3" in err
