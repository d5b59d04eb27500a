"""Verbs on runs whose images only a Python program holds: each says in one sentence what to do."""

import numpy as np
import pytest

import ayneh as library


@pytest.fixture
def run(config, tmp_path):
    levels = np.random.default_rng(0).integers(0, 255, (96, 8, 8), dtype=np.uint8)
    images = library.images(levels, name="mine")
    trained = library.train(config.changed(epochs=1), images, out=tmp_path / "run", quiet=True)
    command = trained.findings[0].to_do if trained.findings else ""
    assert command == "" or "Try: ayneh" not in command  # no command could name these images
    return trained.folder


@pytest.mark.parametrize("words", [["mirror", "RUN"], ["judge", "train", "RUN"]])
def test_a_verb_says_where_the_images_are(run, words, ayneh):
    status, _, err = ayneh(*(run if word == "RUN" else word for word in words))
    assert status == 2
    assert err.count("\n") <= 2
    assert "given from Python (memory:mine-" in err
    assert "images.save(" in err
