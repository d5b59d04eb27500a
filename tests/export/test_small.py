"""A small export: the generator alone in half precision, read by `ayneh.load` and shown in the window."""

import json

import numpy as np
import pytest

import ayneh
from ayneh.explorer.library import Library
from ayneh.export.write import export
from ayneh.record.record import Record


@pytest.fixture(scope="module")
def both(tiny_run, tmp_path_factory):
    """(the whole export, the small one)."""
    folder, record = tmp_path_factory.mktemp("small"), Record.open(tiny_run)
    checkpoint = record.checkpoints.at_epoch(None)
    export(record, checkpoint, folder / "whole")
    export(record, checkpoint, folder / "small", small=True)
    return folder / "whole", folder / "small"


def test_it_draws_nearly_the_same_images_from_a_file_of_less_than_its_size(both):
    whole, small = map(ayneh.load, both)
    z = whole.sample_z(50, seed=3)
    a, b = (model.generate(z, dtype="float32") for model in (whole, small))
    assert 0 < np.abs(a - b).max() < 0.02
    sizes = [sum(file.stat().st_size for file in folder.glob("*.onnx")) for folder in both]
    assert sizes[1] < sizes[0] / 2
    assert sorted(path.name for path in both[1].iterdir()) == [
        "README.md", "config.json", "generator.onnx", "samples.png",
    ]  # fmt: skip
    card = (both[1] / "README.md").read_text()
    assert (
        "A generator G alone, its weights in half precision; scores are of the same weights in single precision."
        in card
    )
    assert "discriminator" not in card
    assert "D was trained" not in card
    assert "Trained by `ayneh train " in card


def test_what_takes_a_discriminator_is_refused_in_a_sentence(both):
    small = ayneh.load(both[1])
    image = small.generate(n=1)
    for ask in (small.logits, small.encode, small.read_z):
        with pytest.raises(ayneh.UserError, match=r"the generator alone \(--small\)"):
            ask(image)


def test_small_is_of_onnx_alone(tiny_run, tmp_path):
    record = Record.open(tiny_run)
    with pytest.raises(ayneh.UserError, match="--small is of the form onnx, and --to is safetensors"):
        export(record, record.checkpoints.at_epoch(None), tmp_path / "x", "safetensors", small=True)


def test_the_window_shows_an_export_whole_or_small(both):
    pytest.importorskip("starlette")
    import onnxruntime
    from safetensors.numpy import load

    library = Library(both)
    runs = json.loads(library.runs().body)["runs"]
    assert [run["alone"] for run in runs] == [False, True]
    for run, folder in enumerate(both):
        about, model = runs[run], ayneh.load(folder)
        assert "error" not in about
        (epoch,) = about["epochs"]
        assert json.loads(library.live(run).body)["training"] is False
        z = load(library.part(run, 0, epoch, "start").body)["samples"]
        gen = onnxruntime.InferenceSession(library.part(run, 0, epoch, "generator").body)
        (drawn,) = gen.run(["image"], {"z": z})
        assert np.abs(drawn - model.generate(z, dtype="float32", crop=False)).max() < 1e-6
        notes = load(library.part(run, 0, epoch, "notes").body)
        assert ("read_weight" in notes) == (run == 0)  # where there is a D whose features are read
        assert np.abs(notes["directions"] @ notes["directions"].T - np.eye(len(notes["directions"]))).max() < 1e-4
        with pytest.raises(ayneh.UserError, match="needs the run"):
            library.part(run, 0, epoch, "gallery")
    assert library.part(0, 0, runs[0]["epochs"][0], "discriminator").body
    with pytest.raises(ayneh.UserError, match="a generator alone"):
        library.part(1, 0, runs[1]["epochs"][0], "discriminator")
