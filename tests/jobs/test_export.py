"""The verb `export`: files that compute what PyTorch does, say what they are, and stand by themselves."""

import hashlib
import json
import re
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from ayneh.engine.critic import critic_of
from ayneh.engine.sampler import sampler_of
from ayneh.errors import UserError
from ayneh.export.contract import LICENCES, PATHS, SAMPLES, SIDES
from ayneh.export.players import modules
from ayneh.game.layers import BatchNorm
from ayneh.game.priors import PRIORS
from ayneh.loading.model import load
from ayneh.record.record import Record

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

FILES = {"generator", "discriminator", "encoder"}


def place(run, epoch=None, replica=0):
    checkpoint = Record.open(run).checkpoints.at_epoch(epoch)
    return checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory):
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("export") / "onnx"
    main(["export", str(tiny_run), "--out", str(folder), "--replica", "1", "--epoch", "1"])
    return folder


def test_the_folder_is_whole_and_says_what_it_is(exported, tiny_run):
    assert {p.name for p in exported.iterdir()} == {f"{n}.onnx" for n in FILES} | {
        "config.json", "README.md", "samples.png",
    }  # fmt: skip
    about = json.loads((exported / "config.json").read_text())
    assert (about["epoch"], about["replica"], about["seed"], about["step"]) == (1, 1, 1, 8)
    checkpoint = tiny_run / "checkpoints" / "epoch-0001.safetensors"
    assert about["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert about["latents"]["numbers"] == {"mean": 0.0, "std": 1.0}
    assert about["images"] == {
        "channels": 1, "size": 8, "range": [-1, 1], "black": -1, "pad": [0, 0, 0, 0], "own_size": 8,
    }  # fmt: skip
    for name, net in about["nets"].items():
        content = (exported / net["file"]).read_bytes()
        assert net["sha256"] == hashlib.sha256(content).hexdigest()
        assert 0 <= net["difference"] <= 1e-4
        metadata = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
        assert metadata["net"] == name
        assert json.loads(metadata["latents"]) == about["latents"]
        assert json.loads(metadata["images"]) == about["images"]
        assert metadata["checkpoint_sha256"] == about["checkpoint_sha256"]
        assert float(metadata["difference"]) == net["difference"]


def test_the_files_compute_what_the_run_s_own_nets_do(exported, tiny_run):
    sampler, critic = sampler_of(*place(tiny_run, 1, 1)), critic_of(*place(tiny_run, 1, 1))
    z = sampler.latents("other", 40)
    images = sampler.images("other", 40)
    model = load(exported)
    np.testing.assert_allclose(model.generate(z.numpy(), "float32"), images, atol=1e-5)
    np.testing.assert_allclose(model.encode(images.numpy(), (-1, 1)), critic.features(images), atol=1e-4)


def test_d_judges_with_statistics_of_both_kinds_of_images_apart(exported, tiny_run):
    """The running mean of its first batch norm is the mean over real and generated batches, each a batch of its own."""
    from ayneh.data.sources import load as load_data
    from ayneh.engine.critic import Critic
    from ayneh.export.players import chosen, players_of

    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(1)
    data = load_data("digits", "train", resize=8, limit=128)
    players, sampler = players_of(checkpoint, 1, data)
    reals = chosen(data.pixels, 2048, 8)
    fakes = sampler.images("critic", 128)
    dis = players.dis
    at = next(i for i, m in enumerate(dis.features) if isinstance(m, BatchNorm))
    with torch.no_grad():
        batches = [*reals.split(32), *fakes.split(32)]
        means = [dis.features[:at](batch).mean((0, 2, 3)) for batch in batches]
    torch.testing.assert_close(dis.features[at].running_mean, torch.stack(means).mean(0))
    images = torch.cat([reals[:20], fakes[:20]])
    with torch.no_grad():
        expected = dis(images)
    np.testing.assert_allclose(load(exported).logits(images.numpy()), expected, atol=1e-5)
    assert isinstance(critic_of(*place(tiny_run, 1, 1), reals=reals), Critic)
    assert not torch.equal(players.encoder.features[at].running_mean, dis.features[at].running_mean)


def test_the_judgement_of_an_image_does_not_depend_on_the_others(exported):
    model = load(exported)
    images = model.generate(model.sample_z(9, seed=2), "float32")
    together = model.logits(images)
    alone = np.concatenate([model.logits(images[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_weights_come_back_as_the_same_modules(ayneh, tiny_run, exported, tmp_path):
    folder = tmp_path / "weights"
    status, told, err = ayneh("export", tiny_run, "--to", "safetensors", "--out", folder, "--replica", 1, "--epoch", 1)
    assert status == 0, err
    assert "generator.safetensors" in told
    players, model = modules(folder), load(exported)
    z = model.sample_z(12, seed=3)
    images = model.generate(z, "float32", crop=False)
    with torch.no_grad():
        np.testing.assert_allclose(players.gen(torch.from_numpy(z)), images, atol=1e-5)
        np.testing.assert_allclose(players.dis(torch.from_numpy(images)), model.logits(images), atol=1e-5)
    features = players.outputs("encoder", torch.from_numpy(images))["features"]
    np.testing.assert_allclose(features, model.encode(images), atol=1e-4)
    with pytest.raises(UserError, match=r"was exported as safetensors: read it by .*modules"):
        load(folder)
    with pytest.raises(UserError, match="was exported as onnx"):
        modules(exported)
    file = folder / "encoder.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + b"0" + whole[-8:])  # a weight; the sum was written and never compared
    with pytest.raises(UserError, match=r"encoder.safetensors is damaged"):
        modules(folder)
    file.write_bytes(whole)
    (folder / "generator.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is damaged"):
        modules(folder)


@pytest.mark.filterwarnings("ignore:unclosed file")  # the recipe is short
def test_the_recipe_in_the_card_of_weights_works(ayneh, tiny_run, tmp_path, monkeypatch):
    """Both code blocks of the card, run as they stand in the folder."""
    folder = tmp_path / "weights"
    ayneh("export", tiny_run, "--to", "safetensors", "--out", folder)
    blocks = (folder / "README.md").read_text().split("```python\n")[1:]
    code = "\n".join(block.split("```")[0] for block in blocks)
    monkeypatch.chdir(folder)
    made = {}
    exec(code, made)
    assert made["images"].shape == (16, 1, 8, 8)
    assert torch.equal(made["gen"].module(made["z"]), made["images"])


@pytest.mark.slow
def test_a_frame_a_reader_and_an_uncentred_prior(ayneh, tiny, tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    prior = ["--prior.name", "uniform", "--prior.low", 5, "--prior.high", 7]
    args = ["--data.pad-to", 16, "--rules.mirror-weight", 1, "--epochs", 1]
    ayneh("train", "digits", *tiny, *prior, *args, "--out", run)
    status, _, err = ayneh("export", run, "--out", out)
    assert status == 0, err
    model = load(out)  # its features of real images go to hundreds: 1e-4 of them is what rounding explains
    z = model.sample_z(20, seed=1)
    assert z.min() >= 5
    assert z.max() <= 7
    assert model.own_size == 8
    whole, own = model.generate(z, "float32", crop=False), model.generate(z, "float32")
    assert np.array_equal(own, whole[:, :, 4:12, 4:12])
    critic = critic_of(*place(run))
    np.testing.assert_allclose(model.read_z(whole), critic.latents(torch.from_numpy(whole)), atol=1e-4)
    assert model.about["nets"]["encoder"]["outputs"] == {"features": [8], "z": [8]}
    card = (out / "README.md").read_text()
    assert "U(5, 7)" in card
    assert "[4:12, 4:12] is the data's own part" in card
    assert "`model.read_z(images)`" in card
    with Image.open(out / "samples.png") as picture:
        assert (picture.mode, picture.width) == ("L", 3 * (8 * 18 + 2))


def test_the_card_is_a_card(exported):
    _, head, body = (exported / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(head)
    assert values["license"] == "cc-by-4.0"
    assert values["library_name"] == "onnx"
    assert "gan" in values["tags"]
    assert "metrics" not in values
    for words in (
        "![Images of the generator](samples.png)", "UCI", "This checkpoint has not been scored", "## Findings",
        "| prior.dim | 8 | changed |", "SHA-256",
    ):  # fmt: skip
        assert words in body, words


def test_scores_and_findings_of_this_checkpoint_and_no_other(ayneh, tiny, tmp_path):
    run = tmp_path / "run"
    prior = ("--prior.name", "uniform", "--prior.low", 0, "--prior.high", 1, "--keep.vitals-steps", 8)
    ayneh("train", "digits", *tiny, *prior, "--epochs", 2, "--keep.keep-epochs", 1, "--out", run)
    record = Record.open(run)
    fd = {"value": 12.5, "n": 500, "protocol": "fd_500_digits_test", "low": 12.0, "high": 13.0, "floor": 1.25}
    kid = {"value": None, "n": 500, "protocol": "kid_500_digits_test", "warning": "too | few"}
    scores = {"fd": fd, "kid": kid, "inception_fid_500_folder:/home/me/x_test": {"value": 30.5, "n": 500}}
    scores["precision"] = {"n": 500, "protocol": "precision_500_digits_test"}  # a file whose value was lost
    other = {"fd": {"value": 99.0, "n": 500, "protocol": "fd_500_digits_test"}}
    (run / "evaluation.json").write_text(json.dumps({"step": 8, "replica": 0, "n": 500, "scores": scores}))
    (run / "evaluation-epoch-0000.json").write_text(json.dumps({"step": 4, "replica": 0, "n": 500, "scores": other}))
    scored = {"fd": [{"value": 7.25, "n": 1000, "protocol": "fd_1k_digits_test"}]}
    record.append(record.lines()[-1] | {"scores": scored})
    cards = {}
    for epoch in (0, 1):
        assert ayneh("export", run, "--out", tmp_path / f"{epoch}", "--epoch", epoch)[0] == 0
        cards[epoch] = (tmp_path / f"{epoch}" / "README.md").read_text()
    assert "| fd_500_digits_test | 12.5 | 12 to 13 | 1.25 | 500 |  |" in cards[1]
    assert r"too \| few" in cards[1]
    assert "| inception_fid_500_folder_test | 30.5 |" in cards[1]  # an earlier version named the path
    assert "/home/me" not in cards[1]
    assert "| fd_1k_digits_test | 7.25 |" in cards[1]
    assert "- warning, since step 4: parallel prior. Two draws have a mean cosine of 0.75" in cards[1]
    assert "no vital signs" in cards[0]  # then
    assert "no vital signs" not in cards[1]
    assert "ayneh train" not in cards[1].split("## Findings")[1].split("## Settings")[0]
    assert "99" in cards[0].split("## Scores")[1].split("## Findings")[0]
    assert "7.25" not in cards[0]
    head = yaml.safe_load(cards[1].split("---\n", 2)[1])
    assert head["metrics"] == ["fd", "inception_fid"]
    (results,) = head["model-index"][0]["results"]
    assert results["metrics"] == [
        {"type": "fd", "name": "fd_500_digits_test", "value": 12.5},
        {"type": "inception_fid", "name": "inception_fid_500_folder_test", "value": 30.5},
    ]


def test_every_data_set_and_prior_has_its_words():
    from ayneh.data.sources import SOURCES

    assert set(LICENCES) == set(SIDES) == set(SOURCES)
    assert set(SAMPLES) == set(PATHS) == set(PRIORS)


def test_own_images_without_their_folder(ayneh, tiny, tmp_path):
    """The data may be gone: D then has the statistics of generated images, and says so; no path is written."""
    images = tmp_path / "private" / "pictures.npy"
    images.parent.mkdir()
    np.save(images, np.random.RandomState(0).randint(0, 256, (128, 8, 8), np.uint8))
    run, out = tmp_path / "run", tmp_path / "out"
    ayneh("train", "digits", *tiny, "--data.name", f"npz:{images}", "--epochs", 1, "--out", run)
    images.unlink()
    status, _, err = ayneh("export", run, "--out", out)
    assert status == 0
    assert "without its training images" in err
    about = json.loads((out / "config.json").read_text())
    assert about["nets"]["discriminator"]["statistics"] == "2,048 images of its own generator"
    assert about["data"]["name"] == "npz:pictures.npy"
    for file in out.iterdir():
        assert b"private" not in file.read_bytes(), file
    assert yaml.safe_load((out / "README.md").read_text().split("---\n", 2)[1])["license"] == "other"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--to", "onx"], "There is no form of export called 'onx'. Did you mean 'onnx'"),
        (["--epoch", 7], "has no checkpoint of epoch 7"),
        (["--replica", 2], "--replica is 2; the run has 2"),
        (["--best"], "has no best checkpoint"),
    ],
)
def test_what_cannot_be_exported_is_refused(ayneh, tiny_run, tmp_path, args, message):
    status, _, err = ayneh("export", tiny_run, "--out", tmp_path / "out", *args)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_no_run_and_no_checkpoint(ayneh, tiny_run, tmp_path):
    status, _, err = ayneh("export", tmp_path / "nothing")
    assert (status, "There is no run in" in err) == (2, True)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text((tiny_run / "config.json").read_text())
    status, _, err = ayneh("export", tmp_path / "run")
    assert (status, "has no checkpoint yet" in err) == (2, True)


def test_only_an_export_is_overwritten(ayneh, tiny_run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    for args in ([], ["--overwrite"]):
        status, _, err = ayneh("export", tiny_run, "--out", out, *args)
        assert (status, "is not empty and not an export" in err) == (2, True)
    status, _, err = ayneh("export", tiny_run, "--out", tiny_run, "--overwrite")
    assert (status, "is not empty and not an export" in err) == (2, True)
    (out / "letter.txt").unlink()
    assert ayneh("export", tiny_run, "--out", out)[0] == 0
    (out / "notes.txt").write_text("mine")
    status, _, err = ayneh("export", tiny_run, "--out", out, "--to", "safetensors")
    assert (status, "holds an export already" in err) == (2, True)
    assert ayneh("export", tiny_run, "--out", out, "--to", "safetensors", "--overwrite")[0] == 0
    assert not list(out.glob("*.onnx"))
    assert (out / "notes.txt").read_text() == "mine"


def test_a_missing_extra_is_one_sentence(ayneh, tiny_run, tmp_path, monkeypatch):
    for package in ("onnxruntime", "onnx"):
        monkeypatch.setitem(sys.modules, package, None)
        status, _, err = ayneh("export", tiny_run, "--out", tmp_path / "out", "--quiet")
        assert status == 2
        assert err.count("\n") == 1
        assert "pip install 'ayneh[export]'" in err
        assert not (tmp_path / "out").exists()


def test_nets_that_differ_are_not_shipped(ayneh, tiny_run, tmp_path, monkeypatch):
    for apart in (2e-4, float("inf"), float("nan")):
        monkeypatch.setattr("ayneh.export.write.difference", lambda *_, apart=apart: apart)
        status, _, err = ayneh("export", tiny_run, "--out", tmp_path / "out")
        assert status == 1
        assert "differs from PyTorch by" in err
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>", "![x](http:a) [y](javascript:b)", "a|b`c`", "عکس 🙂", "a\x1b[2Jb", "b\udcff"],
)
def test_a_folder_s_name_is_text_in_the_card(ayneh, tiny, tmp_path, name):
    images = tmp_path / f"{name}.npy"
    np.save(images, np.random.RandomState(0).randint(0, 256, (160, 8, 8), np.uint8))
    run, out = tmp_path / "run", tmp_path / "out"
    status, _, err = ayneh("train", "digits", *tiny, "--data.name", f"npz:{images}", "--epochs", 1, "--out", run)
    assert status == 0, err
    status, _, err = ayneh("export", run, "--out", out, "--to", "safetensors")
    assert status == 0, err
    card = (out / "README.md").read_text(encoding="utf-8")
    head, body = card.split("---\n", 2)[1:]
    assert yaml.safe_load(head)["license"] == "other"
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["data"]["name"] == f"npz:{images.name}"
    assert modules(out).gen is not None
    for raw in ("<img", "![x]", "[y](", "a|b", "`c`", "\x1b"):
        assert not re.search(rf"(?<!\\){re.escape(raw)}", body), raw
    if name.startswith("<"):
        assert "&lt;img src=x onerror=alert(1)&gt;.npy" in body
