"""The verbs `export` and `mirror` on labelled runs: classes in, names in the files, and what the card says of them."""

import json

import numpy as np
import pytest
import torch
import yaml

from ayneh.engine.critic import critic_of
from ayneh.export.players import modules
from ayneh.loading.model import load
from ayneh.record.record import Record

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

WAYS = ("concat", "projection", "auxiliary")
FIRST = ["projection", *(pytest.param(way, marks=pytest.mark.slow) for way in ("concat", "auxiliary"))]
OWN = """
import torch
from torch import nn

import ayneh


class Gen(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.net = nn.Embedding(10, 4), nn.Sequential(nn.Linear(12, 64), nn.Tanh())

    def forward(self, z, y):
        return self.net(torch.cat([z, self.e(y)], 1)).reshape(z.shape[0], 1, 8, 8)


class Dis(nn.Module):
    def __init__(self, reads=False):
        super().__init__()
        self.reads, self.e = reads, nn.Embedding(10, 8)
        self.body, self.head, self.classes = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GELU()), *HEADS()

    def forward(self, x, y=None):
        h = self.body(x)
        return (self.head(h), self.classes(h)) if self.reads else self.head(h + self.e(y)).squeeze(1)


def HEADS():
    return nn.Linear(8, 1), nn.Linear(8, 10)


ayneh.add("net", "told", (Gen, Dis))
ayneh.add("net", "reading", (Gen, Dis), dis_args={"reads": True})
"""


def critic(run):
    checkpoint = Record.open(run).checkpoints.at_epoch(None)
    return critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0, labels=checkpoint.labels)


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("labelled")
    for way in WAYS:
        how = "norm" if way == "projection" else "concat"
        more = ["--rules.labels", way, "--net.gen-labels", how, "--data.pad-to", "16", "--rules.mirror-weight", "1"]
        main(["train", "digits", *tiny, *more, "--epochs", "1", "--quiet", "--out", str(folder / way)])
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_the_files_compute_what_the_run_s_own_nets_do_and_name_the_classes(runs, ayneh, tmp_path, way):
    out = tmp_path / "out"
    status, _, err = ayneh("export", runs / way, "--out", out)
    assert status == 0, err
    model, own = load(out), critic(runs / way)
    z, y = own.sampler.latents("other", 40), own.sampler.classes("other", 40)
    images = own.sampler.images("other", 40)
    np.testing.assert_allclose(model.generate(z.numpy(), y.numpy(), "float32", crop=False), images, atol=1e-5)
    told = y.numpy() if own.needs_class else None
    features, read = own.features(images, y), own.latents(images, y)
    np.testing.assert_allclose(model.encode(images.numpy(), (-1, 1), told), features, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(model.read_z(images.numpy(), (-1, 1), told), read, rtol=1e-4, atol=1e-3)
    about = json.loads((out / "config.json").read_text())
    assert about["labels"]["names"] == [str(k) for k in range(10)]
    assert sum(about["labels"]["shares"]) == pytest.approx(1)
    assert (about["labels"]["way"], about["labels"]["parts"], about["labels"]["drawn"]) == (way, [10], "data")
    asks = {"generator": True, "discriminator": way != "auxiliary", "encoder": way == "concat"}
    for name, net in about["nets"].items():
        content = onnx.load_from_string((out / net["file"]).read_bytes())
        metadata = {p.key: p.value for p in content.metadata_props}
        assert json.loads(metadata["labels"]) == about["labels"]
        assert net["classes"] == json.loads(metadata["classes"]) == asks[name]
        assert [i.name for i in content.graph.input][1:] == ["classes"] * asks[name]
        assert net["difference"] <= 1e-3
    outputs = about["nets"]["discriminator"]["outputs"]
    assert outputs == {"logit": []} | ({"class_logits": [10]} if way == "auxiliary" else {})


@pytest.mark.filterwarnings("ignore:unclosed file")  # the recipe is short
@pytest.mark.parametrize("way", FIRST)
def test_weights_come_back_as_the_same_modules(runs, ayneh, tmp_path, way, monkeypatch):
    """And both code blocks of the card run as they stand in the folder."""
    folder, graphs = tmp_path / "weights", tmp_path / "graphs"
    for form, place in (("safetensors", folder), ("onnx", graphs)):
        assert ayneh("export", runs / way, "--to", form, "--out", place)[0] == 0
    players, model = modules(folder), load(graphs)
    assert players.labels == model.labels
    z, y = model.sample_z(12, seed=3), model.sample_classes(12, seed=3)
    images = model.generate(z, y, "float32", crop=False)
    found = players.outputs("generator", torch.from_numpy(z), torch.from_numpy(y))["image"]
    np.testing.assert_allclose(found, images, atol=1e-5)
    found = players.outputs("discriminator", torch.from_numpy(images), torch.from_numpy(y))["logit"]
    told = None if way == "auxiliary" else y
    np.testing.assert_allclose(found, model.logits(images, classes=told), rtol=1e-4, atol=1e-4)
    blocks = (folder / "README.md").read_text().split("```python\n")[1:]
    code = "\n".join(block.split("```")[0] for block in blocks)
    monkeypatch.chdir(folder)
    made = {}
    exec(code, made)
    assert made["images"].shape == (16, 1, 16, 16)
    assert torch.equal(made["gen"].module(made["z"], made["y"]), made["images"])


def test_the_card_says_what_the_classes_are_and_whether_they_come_out(runs, ayneh, tmp_path, monkeypatch):
    out, report = tmp_path / "out", runs / "projection" / "evaluation.json"
    assert ayneh("export", runs / "projection", "--out", out)[0] == 0
    card = (out / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n", 2)[1])
    assert "class-conditional" in head["tags"]
    assert head["pipeline_tag"] != "unconditional-image-generation"
    for words in (
        "## Classes", "| class | name | share of the training images |", "Miyato & Koyama 2018",
        "has not been measured", "`generator.onnx` | z, classes -> image", "model.generate(n=16, classes=5)",
    ):  # fmt: skip
        assert words in card, words
    block = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(out)
    made = {}
    exec(block, made)
    assert made["images"].shape == (3, 1, 8, 8)
    score = {
        "value": 0.9712,
        "n": 500,
        "protocol": "class_accuracy_500_digits",
        "low": 0.95,
        "high": 0.98,
        "floor": 0.99,
    }
    step = Record.open(runs / "projection").checkpoints.at_epoch(None).step
    report.write_text(json.dumps({"step": step, "replica": 0, "n": 500, "scores": {"class_accuracy": score}}))
    assert ayneh("export", runs / "projection", "--out", out, "--overwrite")[0] == 0
    card = (out / "README.md").read_text()
    assert "take 97.1 % (95.0 % to 98.0 %) of G's images for the class that was asked for; of real" in card
    assert "they take 99.0 % for theirs" in card
    report.unlink()


def test_names_of_classes_are_text_in_the_card_and_many_are_not_all_shown(ayneh, tiny, tmp_path):
    names = ["<b>|x|`y`", "[z](a)", "\u06f3 سه", *(f"k{k:03}" for k in range(57))]
    images = np.random.RandomState(0).randint(0, 256, (240, 8, 8), np.uint8)
    np.savez(
        tmp_path / "set.npz", x_train=images, y_train=np.array(names * 4), x_test=images, y_test=np.array(names * 4)
    )
    run, out = tmp_path / "run", tmp_path / "out"
    data = ["--data.name", f"npz:{tmp_path / 'set.npz'}", "--rules.labels", "projection", "--epochs", 1]
    status, _, err = ayneh("train", "digits", *tiny, *data, "--data.limit", 240, "--out", run)
    assert status == 0, err
    assert ayneh("export", run, "--out", out)[0] == 0
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "<b>" not in card
    assert "[z](a)" not in card.replace(r"\[z\](a)", "")
    assert "20 more are in config.json" in card
    model = load(out)
    assert model.generate(n=1, classes="\u06f3 سه").shape == (1, 1, 8, 8)
    assert len(model.names) == 60


@pytest.mark.parametrize("way", FIRST)
def test_mirror_reads_z_at_the_class_of_each_image(runs, ayneh, way):
    status, told, err = ayneh("mirror", runs / way, "--images", 200, "--invert", 2)
    assert status == 0, err
    report = json.loads((runs / way / "mirror.json").read_text())
    assert "The maps get the class of each image beside D's features" in told
    assert {"r2@ridge", "r2@perceptron", "r2@ridge_untrained", "r2@reader"} <= report["scores"].keys()
    assert ("nearest@features" in report["scores"]) == (way != "concat")
    assert ("recognising it in them would show what they were given" in err) == (way == "concat")


@pytest.mark.slow
@pytest.mark.parametrize(("net", "way"), [("told", "projection"), ("reading", "auxiliary")])
def test_nets_of_one_s_own_with_labels(ayneh, tiny, tmp_path, net, way):
    (tmp_path / "mine.py").write_text(OWN)
    run, parts = tmp_path / "run", ["--parts", tmp_path / "mine.py"]
    more = ["--net.name", net, "--rules.labels", way, "--epochs", 1, "--out", run]
    status, _, err = ayneh("train", "digits", *tiny, *parts, *more)
    assert status == 0, err
    for form in ("onnx", "safetensors"):
        status, _, err = ayneh("export", run, "--to", form, "--out", tmp_path / form, *parts)
        assert status == 0, err
    card = (tmp_path / "onnx" / "README.md").read_text()
    assert ("does with it what its code does" in card) == (way == "projection")  # the card does not know what that is
    assert ("reads the class of each image" in card) == (way == "auxiliary")
    assert "Miyato" not in card
    model, players = load(tmp_path / "onnx"), modules(tmp_path / "safetensors")
    z, y = model.sample_z(5), np.arange(5)
    images = model.generate(z, y, "float32")
    found = players.outputs("generator", torch.from_numpy(z), torch.from_numpy(y))["image"]
    np.testing.assert_allclose(found, images, atol=1e-5)
    assert np.abs(images - model.generate(z, y + 1, "float32")).max() > 1e-3
    told = None if way == "auxiliary" else y
    assert model.logits(images, classes=told).shape == (5,)
    assert model.read_class(images).shape == (5, 10)
    assert model.encode(images, classes=told).shape == (5, 8)
