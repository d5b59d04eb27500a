"""A reader of z with layers of its own in a labelled run: resumed to the bit, measured, exported, explored."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ayneh.engine.critic import critic_of
from ayneh.game.nets import Reader
from ayneh.record.record import Record

RULES = [
    *("--rules.mirror-weight", 1, "--rules.mirror-reader", "own", "--rules.labels", "concat", "--net.features", 12),
    *("--prior.name", "uniform", "--prior.low", 5, "--prior.high", 7),
]


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("runs") / "own"
    main(["train", "digits", *map(str, [*tiny, *RULES, "--epochs", 2, "--quiet", "--out", folder])])
    return folder


def critic(run):
    kept = Record.open(run).checkpoints.at_epoch(None)
    return critic_of(kept.config, kept.image_shape, kept.tensors, 0, labels=kept.labels)


@pytest.mark.slow
def test_a_run_that_goes_on_is_the_longer_run(run, tiny, tmp_path, ayneh):
    short = tmp_path / "short"
    ayneh("train", "digits", *tiny, *RULES, "--epochs", 1, "--out", short)
    assert ayneh("resume", short, "--epochs", 2)[0] == 0
    long, again = (load_file(max((folder / "checkpoints").glob("*.safetensors"))) for folder in (run, short))
    assert any(name.startswith("dis/reader.0.") for name in long)
    assert all(torch.equal(long[name], again[name]) for name in long.keys() | again.keys())


def test_z_is_read_in_the_image_whatever_stands_beside_it_and_whatever_its_class(run):
    own = critic(run)
    x = own.sampler.images("some", 40)
    assert isinstance(own.dis.reader, Reader)
    read = own.latents(x)  # D's features need the class, and the reader does not
    assert torch.equal(read, own.latents(x, own.sampler.classes("some", 40)))
    torch.testing.assert_close(own.latents(x[:3]), read[:3])
    norm = next(m for m in own.dis.reader.modules() if hasattr(m, "running_mean"))
    assert norm.running_mean.abs().max() > 0  # standing statistics, though a plain D(x, y) does not run the reader


@pytest.mark.slow
def test_mirror_reads_by_it_too(run, ayneh):
    status, _, err = ayneh("mirror", run, "--images", 200, "--invert", 2)
    assert status == 0, err
    report = json.loads((run / "mirror.json").read_text())
    scores = {name: score["value"] for name, score in report["scores"].items()}
    assert report["read_by"] == max(("ridge", "perceptron", "reader"), key=lambda way: scores[f"r2@{way}"])
    own = critic(run)
    x, z = own.sampler.images("mirror", 200), own.sampler.latents("mirror", 200)
    error = (own.latents(x[160:]) - z[160:]).square().mean(0) / z[160:].var(0, unbiased=False)
    assert scores["r2@reader"] == pytest.approx(1 - float(error.mean()), abs=1e-5)


def test_the_files_read_what_the_run_does(run, ayneh, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from ayneh.explorer.models import Model as Explored
    from ayneh.export.players import modules
    from ayneh.loading.model import load

    for form in ("onnx", "safetensors"):
        status, _, err = ayneh("export", run, "--to", form, "--out", tmp_path / form)
        assert status == 0, err
    own, model = critic(run), load(tmp_path / "onnx")
    x, y = own.sampler.images("other", 20), own.sampler.classes("other", 20)
    read = model.read_z(x.numpy(), (-1, 1), y.numpy())
    np.testing.assert_allclose(read, own.latents(x), rtol=1e-4, atol=1e-4)
    again = modules(tmp_path / "safetensors").outputs("encoder", x, y)
    torch.testing.assert_close(again["z"], own.latents(x))
    np.testing.assert_allclose(model.encode(x.numpy(), (-1, 1), y.numpy()), own.features(x, y), rtol=1e-4, atol=1e-3)
    assert Explored(Record.open(run).checkpoints.at_epoch(None), 0).features(x, y).isfinite().all()
