"""The shipped nets are the ones meant, and read what they should; images of any size as a whole."""

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_tensors

from ayneh.data.sources import load as load_data
from ayneh.errors import UserError
from ayneh.judge.features import PANELS, WEIGHTS, FeatureNet, at_size, fit, load, save, see, shipped


@pytest.mark.parametrize("name", [name for panel in PANELS.values() for name in panel.names])
def test_every_net_of_a_panel_is_shipped_and_small(name):
    net = shipped(name)
    assert (net.classes == 10) == ("cnn" in name)
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size < 400_000


@pytest.mark.slow
def test_digits_classifier_has_not_seen_the_test_digits():
    """The split is ours: should it change, this net must be trained again."""
    notes = load(WEIGHTS / "digits-cnn-0.safetensors")[1]
    assert notes["trained_on"] == load_data("digits", "train").fingerprint


def test_digits_classifier_reads_the_test_digits():
    images = load_data("digits", "test")
    for pixels in (images.pixels, images.pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)):
        read = see(shipped("digits-cnn-0"), pixels).probabilities.argmax(1)
        assert (read == images.labels).double().mean() >= 0.99


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_mnist_classifiers_reach_their_accuracy():
    images = load_data("mnist", "test")
    for name in PANELS["mnist"].classifiers:
        read = see(shipped(name), images.pixels).probabilities.argmax(1)
        assert (read == images.labels).double().mean() >= 0.993, name


@pytest.mark.slow
def test_persian_classifiers_read_the_test_digits_and_have_not_seen_them():
    if not (Path(os.environ.get("AYNEH_DATA", "/nowhere")) / "hoda").is_dir():
        pytest.skip("AYNEH_DATA does not name a folder with hoda in it")
    train, test = load_data("hoda"), load_data("hoda", "test")
    some = slice(None, None, 10)  # of each class
    for name in PANELS["hoda"].classifiers:
        read = see(shipped(name), test.pixels[some]).probabilities.argmax(1)
        assert (read == test.labels[some]).double().mean() >= 0.985, name
        notes = load(WEIGHTS / f"{name}.safetensors")[1]
        assert notes["accuracy_test"] >= 0.99
        if "RemainingSamples" in train.understood:
            assert notes["trained_on"] == train.fingerprint


def test_another_file_under_the_name_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    digest = save(path, FeatureNet(1, 8, 3))
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UserError, match="damaged"):
        load(path, digest)


def test_a_truncated_file_is_refused_without_a_checksum_too(tmp_path):
    path = tmp_path / "net.safetensors"
    save(path, FeatureNet(1, 8, 3))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be read"):
        load(path)


@pytest.mark.slow
def test_no_damaged_file_is_loaded(tmp_path):
    """Names, shapes, dtypes, notes and numbers: one flipped bit in a tensor's name gave a net with a random layer."""
    path = tmp_path / "net.safetensors"
    save(path, FeatureNet(1, 4, 3), data="digits")
    whole, chance = path.read_bytes(), random.Random(4)
    header = 8 + int.from_bytes(whole[:8], "little")
    for i in range(600):
        content = bytearray(whole)
        for _ in range(1 if i < 400 else 3):
            content[chance.randrange(header if i % 2 else len(content))] ^= 1 << chance.randrange(8)
        if content == whole:
            continue
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            load(path)


def unsealed(net: FeatureNet, **notes: object) -> bytes:
    """A judge as earlier versions wrote it."""
    tensors = {k: v.half().contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    header = {"channels": net.channels, "size": net.size, "classes": net.classes, "data": "x", "epochs": 1} | notes
    return save_tensors(tensors, {"ayneh": json.dumps(header)})


def test_judges_of_earlier_versions_are_read_strictly(tmp_path):
    path, net = tmp_path / "net.safetensors", FeatureNet(1, 8, 3)
    path.write_bytes(whole := unsealed(net, accuracy_test=0.5))
    assert load(path)[1]["accuracy_test"] == 0.5
    infinite = FeatureNet(1, 8, 3)
    infinite.neck[0].weight.data[0, 0] = float("inf")
    for content, words in (
        (whole.replace(b"body.0.weight", b"body.0.weighu"), "not those of the net"),
        (unsealed(FeatureNet(1, 8, 3), classes=4), "not those of the net"),
        (unsealed(FeatureNet(1, 8, 3), channels=10**9), "not those of the net"),
        (unsealed(FeatureNet(1, 8, 3), size="8"), "channels, size and classes are"),
        (unsealed(FeatureNet(1, 8, 3), sebl="seam-sha256"), "has sebl and no checksum"),
        (unsealed(infinite), "not a finite number"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=words):
            load(path)


@pytest.mark.parametrize("damage", ["sums", "weights", "missing"])
def test_a_damaged_package_is_one_sentence(tmp_path, monkeypatch, damage):
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    monkeypatch.setattr("ayneh.judge.features.WEIGHTS", tmp_path / "weights")
    net = tmp_path / "weights" / "digits-cnn-0.safetensors"
    if damage == "sums":
        (net.parent / "SHA256SUMS").write_bytes(b"one two three\n\xff")
    elif damage == "weights":
        net.write_bytes(net.read_bytes().replace(b"body.0", b"body.9"))
    else:
        net.unlink()
    with pytest.raises(UserError, match="install ayneh again"):
        shipped("digits-cnn-0")


def test_missing_and_unknown_nets_are_named(tmp_path):
    with pytest.raises(UserError, match="no judge weights"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(UserError, match=r"mnist-cnn-9.*There are: digits-cnn-0"):
        shipped("mnist-cnn-9")


def test_saving_twice_gives_the_same_bytes_and_loading_the_same_net(tmp_path):
    net = FeatureNet(3, 16, 5)
    first, second = (save(tmp_path / name, net, seed=1, method="none") for name in ("a.safetensors", "b.safetensors"))
    assert first == second
    again, notes = load(tmp_path / "a.safetensors")
    assert notes == {"channels": 3, "size": 16, "classes": 5, "seed": 1, "method": "none"}
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    assert torch.allclose(see(again, images).features, see(net, images).features, atol=0.02)


@pytest.mark.parametrize("size", [8, 9, 12, 15, 16, 20, 24, 31, 32])
def test_digits_classifier_reads_digits_of_every_size(size):
    """It saw the middle 8 of 15 pixels, and read 0.64 of them."""
    images = load_data("digits", "test", resize=size)
    read = see(shipped("digits-cnn-0"), images.pixels).probabilities.argmax(1)
    assert (read == images.labels).double().mean() >= 0.985


def test_larger_images_are_averaged():
    small = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    assert torch.equal(at_size(small.repeat_interleave(3, 2).repeat_interleave(3, 3), 8), small.float())


def test_pixels_are_read_from_minus_one_to_one():
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    assert fit(ends, FeatureNet(1, 8, 2)).unique().tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "3 channels"),
        (torch.zeros(2, 1, 8, 9, dtype=torch.uint8), "9x8 pixels"),
        (torch.zeros(2, 1, 8, 8), "uint8"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, words):
    with pytest.raises(UserError, match=words):
        fit(images, FeatureNet(1, 8, 2))


def test_an_encoder_has_no_classes():
    net = FeatureNet(1, 8, 0)
    assert see(net, torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).probabilities is None
    with pytest.raises(UserError, match="without labels"):
        net(torch.zeros(2, 1, 8, 8))
