"""An exported model that draws images of a class, with numpy and onnxruntime alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ayneh
from ayneh.errors import UserError
from ayneh.loading.folder import sealed
from ayneh.loading.net import log_shares
from ayneh.loading.priors import drawn

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NAMES = ("cat", "dog", "emu")
TINY = [
    *("--data.resize", "8", "--batch", "32", "--net.width", "4", "--prior.dim", "6", "--keep.score-epochs", "0"),
    *("--epochs", "1", "--quiet"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Exports of three ways of having labels, of pictures of 30 cats, 50 dogs and 70 emus."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("classes")
    chance = np.random.default_rng(0)
    labels = np.repeat(NAMES, (30, 50, 70))
    pixels = chance.integers(0, 256, (150, 8, 8), dtype=np.uint8)
    np.savez(folder / "pets.npz", x_train=pixels, y_train=labels, x_test=pixels[::5], y_test=labels[::5])
    for way in ("concat", "projection", "auxiliary"):
        more = ["--rules.mirror-weight", "1"] if way == "concat" else ["--rules.classes", "even"]
        data = ["--data.name", f"npz:{folder / 'pets.npz'}"]
        main(["train", "digits", *data, *TINY, "--rules.labels", way, *more, "--out", str(folder / f"run-{way}")])
        main(["export", str(folder / f"run-{way}"), "--out", str(folder / way)])
    return folder


@pytest.fixture
def model(place):
    return ayneh.load(place / "projection")


def test_images_of_a_class_without_torch(place):
    code = f"""
import sys
for name in ("torch", "sklearn", "safetensors", "onnx", "PIL"):
    sys.modules[name] = None
import ayneh
model = ayneh.load({str(place / "auxiliary")!r})
images = model.generate(n=16, classes="dog")
model.read_class(images), model.logits(images), model.encode(images)
print(images.dtype, images.shape, model.names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "uint8 (16, 1, 8, 8) ('cat', 'dog', 'emu')", done.stderr


def test_a_class_by_number_name_and_list_is_the_same_image_of_z(model):
    z = model.sample_z(7, seed=3)
    dogs = model.generate(z, 1)
    for one in ("dog", "1", np.int64(1), [1] * 7, ["dog"] * 7, np.full(7, 1), ("dog", 1) * 3 + (1,)):
        assert np.array_equal(model.generate(z, one), dogs), one
    floats = [model.generate(z, k, "float32") for k in range(3)]
    assert np.abs(floats[0] - floats[1]).max() > 1e-3
    mixed = model.generate(z, [2, 0, 1, 1, 0, 2, 2], "float32")
    for row, k in enumerate([2, 0, 1, 1, 0, 2, 2]):
        np.testing.assert_allclose(mixed[row], floats[k][row], atol=1e-6)
    many = model.sample_z(300)  # more than one batch
    np.testing.assert_allclose(
        model.generate(many, [0, 1] * 150, "float32")[299:], model.generate(many[299:], 1, "float32"), atol=1e-6
    )


def test_n_in_place_of_latents(model):
    assert np.array_equal(model.generate(n=5, classes="emu", seed=2), model.generate(model.sample_z(5, seed=2), 2))
    assert model.generate(classes=["cat", "emu"]).shape == (2, 1, 8, 8)
    assert model.generate(classes="cat").shape == (1, 1, 8, 8)
    z = model.sample_z(5)
    assert np.array_equal(model.generate(n=5, classes=["emu", "cat"]), model.generate(z, [2, 2, 2, 0, 0]))


def test_classes_are_drawn_with_the_run_s_shares_and_a_seed_of_their_own(place, model):
    by_data = ayneh.load(place / "concat").sample_classes(30_000, seed=1)
    np.testing.assert_allclose(np.bincount(by_data) / 30_000, [0.2, 1 / 3, 7 / 15], atol=0.015)
    even = model.sample_classes(30_000, seed=1)
    np.testing.assert_allclose(np.bincount(even) / 30_000, [1 / 3] * 3, atol=0.015)
    assert np.array_equal(even, model.sample_classes(30_000, seed=1))
    assert not np.array_equal(even, model.sample_classes(30_000, seed=2))
    z, classes = model.sample_z(40, seed=1), model.sample_classes(40, seed=1)
    assert np.array_equal(model.generate(n=40, seed=1), model.generate(z, classes))
    assert np.array_equal(model.generate(z, seed=1), model.generate(z, classes))
    assert np.array_equal(model.sample_z(40, seed=1), z)  # the same for every class
    assert model.generate(z[:0]).shape == (0, 1, 8, 8)
    assert model.labels.names == NAMES
    assert model.labels.shares == pytest.approx((0.2, 1 / 3, 7 / 15))


def test_a_path_is_drawn_at_one_class(model):
    path = model.interpolate(*model.sample_z(2, seed=4), 9)
    images = model.generate(path, "cat", "float32")
    assert images.shape == (9, 1, 8, 8)
    np.testing.assert_allclose(images[4], model.generate(path[4:5], 0, "float32")[0], atol=1e-6)


def test_d_takes_the_class_where_it_judges_with_it(place):
    models = {way: ayneh.load(place / way) for way in ("concat", "projection", "auxiliary")}
    images = models["concat"].generate(n=6, classes=0)
    for way, model in models.items():
        if way == "auxiliary":
            assert model.logits(images).shape == (6,)
            with pytest.raises(UserError, match="takes an image without its class: leave classes out"):
                model.logits(images, classes=0)
        else:
            cats, dogs = (model.logits(images, classes=k) for k in ("cat", "dog"))
            assert not np.allclose(cats, dogs)
            np.testing.assert_allclose(
                model.logits(images, classes=[0, 0, 0, 1, 1, 1]), [*cats[:3], *dogs[3:]], atol=1e-5
            )
            with pytest.raises(UserError, match="takes an image together with its class: give classes"):
                model.logits(images)
        read = model.read_class(images)
        np.testing.assert_allclose(np.exp(read).sum(1), 1, rtol=1e-5)
        if way != "auxiliary":
            each = np.stack([model.logits(images, classes=k) for k in range(3)], 1)
            np.testing.assert_allclose(read - read[:, :1], each - each[:, :1], atol=1e-4)
    assert models["projection"].encode(images).shape == (6, 6)
    assert not np.allclose(models["concat"].encode(images, classes=0), models["concat"].encode(images, classes=1))
    assert models["concat"].read_z(images, classes=0).shape == (6, 6)
    with pytest.raises(UserError, match="together with its class"):
        models["concat"].read_z(images)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m, z: m.generate(z, 3), r"There is no class number 3. There are 3 \(numbers 0 to 2\): cat, dog, emu"),
        (lambda m, z: m.generate(z, -1), "There is no class number -1"),
        (lambda m, z: m.generate(z, "dig"), "There is no class 'dig'. Did you mean 'dog'"),
        (lambda m, z: m.generate(z, "float32"), "There is no class 'float32'"),
        (
            lambda m, z: m.generate(z, 1.0),
            r"A class is 1.0 \(float\); it must be a whole number from 0 to 2, or a name",
        ),
        (lambda m, z: m.generate(z, np.array([0.0, 1.0])), r"A class is 0.0 \(float\)"),
        (lambda m, z: m.generate(z, True), r"A class is True \(bool\)"),
        (lambda m, z: m.generate(z, [[0], [1]]), r"A class is \[0\] \(list\)"),
        (lambda m, z: m.generate(z, [0, None]), "A class is None"),
        (lambda m, z: m.generate(z, [0, 1, 2]), "There are 3 classes for 2 images: give one class for all, or one for"),
        (lambda m, z: m.generate(z, []), "There are 0 classes for 2 images"),
        (lambda m, z: m.generate(n=2, classes=[0, 1, 2]), "There are 3 classes for 2 images"),
        (lambda m, z: m.generate(n=3, classes=np.array([0, 1])), "There are 2 classes for 3 images"),
        (lambda m, z: m.generate(), "How many images"),
        (lambda m, z: m.generate(z, 0, n=2), "Both z and n=2 are given"),
        (lambda m, z: m.generate(n=0, classes=1), "n is 0; it must be at least 1"),
        (lambda m, z: m.sample_classes(0), "n is 0; it must be at least 1"),
        (lambda m, z: m.sample_classes(2.5), "n is 2.5; it must be a whole number"),
        (lambda m, z: m.sample_classes(2, seed=-1), "seed is -1; it must be at least 0"),
        (lambda m, z: m.generate(z, seed="a"), "seed is 'a'; it must be a whole number"),
        (lambda m, z: m.generate(n=2, classes=b"\0\1"), r"A class is b'\\x00\\x01' \(bytes\)"),
        (lambda m, z: m.generate(z, 0, "int8"), "dtype is 'int8': choose 'uint8' or 'float32'.$"),
    ],
)
def test_what_is_no_class_is_one_sentence(model, ask, message):
    with pytest.raises(UserError, match=message):
        ask(model, model.sample_z(2))


def test_a_model_without_labels_has_no_classes():
    model = ayneh.load(Path(__file__).parents[1] / "old" / "onnx")
    z = model.sample_z(2)
    assert (model.labels, model.names) == (None, ())
    for ask in (
        lambda: model.generate(z, 1),
        lambda: model.generate(z, ["cat", "dog"]),
        lambda: model.generate(n=2, classes=0),
        lambda: model.sample_classes(2),
        lambda: model.read_class(np.zeros((1, 1, 8, 8), np.uint8)),
        lambda: model.logits(np.zeros((1, 1, 8, 8), np.uint8), classes=0),
    ):
        with pytest.raises(UserError, match="has no classes: the model was trained without labels"):
            ask()
    with pytest.raises(UserError, match="dtype is 'cat': .* it takes no classes, since it was trained without labels"):
        model.generate(z, "cat")
    assert np.array_equal(model.generate(z, "float32", False), model.generate(z, dtype="float32", crop=False))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("labels",), [], "labels is"),
        (("labels", "names"), "cat", 'labels.names is "cat"; it must be a list'),
        (("labels", "names"), ["cat", 3, "emu"], "labels.names[1] is 3; it must be text"),
        (("labels", "names"), ["cat", "cat", "emu"], "Two classes are called 'cat'"),
        (("labels", "names"), ["cat", "dog"], "The labels have 2 names, 3 shares and the parts (3,)"),
        (("labels", "shares"), [0.5, 0.5], "The labels have 3 names, 2 shares"),
        (("labels", "shares"), [0.5, 0.9, -0.4], "they must be numbers that sum to 1"),
        (("labels", "shares"), ["a", 0, 1], "labels.shares[0] is"),
        (("labels", "parts"), [2, 2], "The labels have 3 names, 3 shares and the parts (2, 2)"),
        (("labels", "way"), "hints", "labels.way is 'hints'; it must be one of concat, projection, auxiliary"),
        (("labels", "drawn"), "odd", "labels.drawn is 'odd'; it must be one of data, even"),
        (("nets", "generator", "classes"), False, "nets.generator.classes is false, but the file has labels"),
        (("nets", "generator", "classes"), 1, "nets.generator.classes is 1; it must be true or false"),
        (("labels",), None, "nets.generator.classes is true, but the file has no labels"),
    ],
)
def test_a_hostile_contract_is_one_sentence(place, tmp_path, path, value, message):
    copy = Path(shutil.copytree(place / "projection", tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    *rooms, name = path
    room = about
    for one in rooms:
        room = room[one]
    room[name] = value
    (copy / "config.json").write_bytes(sealed(about))
    with pytest.raises(UserError) as error:
        ayneh.load(copy)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_have_other_classes_than_the_contract_are_one_sentence(place, tmp_path):
    copy = Path(shutil.copytree(place / "projection", tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    more = {"names": [*NAMES, "fox"], "shares": [0.25] * 4, "parts": [4]}
    (copy / "config.json").write_bytes(sealed(about | {"labels": about["labels"] | more}))
    model = ayneh.load(copy)
    with pytest.raises(UserError, match=r"generator.onnx cannot be run .*: export the run again"):
        model.generate(n=2, classes="fox")
    about["nets"]["discriminator"]["classes"] = False
    (copy / "config.json").write_bytes(sealed(about))
    with pytest.raises(UserError, match=r"discriminator.onnx does not have the outputs and inputs of config.json"):
        ayneh.load(copy).logits(np.zeros((1, 1, 8, 8), np.uint8))


def test_what_d_reads_of_parts_is_the_log_probability_of_the_whole():
    read = np.random.default_rng(0).normal(size=(4, 2 + 3))
    found = log_shares(read, (2, 3))
    shares = [np.exp(part) / np.exp(part).sum(1, keepdims=True) for part in np.split(read, [2], 1)]
    for k in range(6):
        np.testing.assert_allclose(np.exp(found[:, k]), shares[0][:, k // 3] * shares[1][:, k % 3])
    assert np.isfinite(log_shares(np.full((1, 2), 1e4), (2,))).all()
    assert log_shares(read[:0], (2, 3)).shape == (0, 6)  # of no images


def test_a_class_without_images_is_never_drawn():
    assert set(drawn((0.5, 0.0, 0.5), 1000, 0)) == {0, 2}
