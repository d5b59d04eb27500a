"""The generators that come with the package: small, whole, with their cards; one works and its twin has collapsed."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import ayneh
from ayneh.loading.pretrained import FOLDER, PRETRAINED, folders

every = pytest.mark.parametrize("name", PRETRAINED)


def test_there_are_these_and_no_others():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(PRETRAINED)


@every
def test_each_is_small_draws_images_and_has_its_card(name):
    folder = FOLDER / name
    assert sum(file.stat().st_size for file in folder.iterdir()) < 500_000
    images = ayneh.pretrained(name).generate(n=8, seed=1)
    assert images.shape[0] == 8
    assert images.std() > 20
    card = (folder / "README.md").read_text()
    for words in ("## Data and licence", "## Scores", "Seed 0", f"Trained by `ayneh train {name}"):
        assert words in card
    assert "has not been scored" not in card


def test_of_the_twins_one_is_varied_and_the_other_has_collapsed():
    spread = {}
    for name in ("digits-normal", "digits-uniform01"):
        images = ayneh.pretrained(name).generate(n=100, dtype="float32")
        spread[name] = float(images.var(0).mean())
    assert spread["digits-uniform01"] < spread["digits-normal"] / 10


def test_a_class_that_is_asked_for_changes_the_image():
    for name in ("conditional", "hoda"):
        model = ayneh.pretrained(name)
        z = model.sample_z(4)
        assert len(model.names) == 10
        assert np.abs(model.generate(z, model.names[1]).astype(int) - model.generate(z, model.names[7])).mean() > 10


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ayneh.UserError, match="fast"):
        ayneh.pretrained("fats")
    with pytest.raises(ayneh.UserError, match="name is \\['fast'\\]; it must be text"):
        ayneh.pretrained(["fast"])


def test_the_window_shows_all_of_them():
    pytest.importorskip("starlette")
    from ayneh.explorer.library import Library

    runs = json.loads(Library(folders()).runs().body)["runs"]
    assert [run["name"] for run in runs] == list(PRETRAINED)
    assert not any("error" in run for run in runs)
    assert all(run["alone"] for run in runs)


def test_where_a_run_is_asked_for_a_sentence_says_what_the_folder_is():
    with pytest.raises(ayneh.UserError, match="fast is an exported model and no run: .*`ayneh explore "):
        ayneh.open(FOLDER / "fast")


def test_more_images_than_there_is_memory_for_are_refused_in_a_sentence():
    model = ayneh.pretrained("conditional")
    for draw in (model.sample_z, model.sample_classes, lambda n: model.generate(n=n)):
        with pytest.raises(ayneh.Stopped, match="Memory ran out"):
            draw(10**14)


def test_onnxruntime_reports_nothing_to_its_makers(tmp_path):
    code = "import ayneh; print(ayneh.pretrained('digits-normal').generate(n=1).shape)"
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ
    }  # not CI: it is silent there
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(1, 1, 16, 16)\n", "")
    assert not list(tmp_path.iterdir())  # it keeps a number of the machine in ~/.cache/Microsoft
