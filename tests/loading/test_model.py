"""An exported folder with numpy, scipy and onnxruntime alone: three lines, and every refusal."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ayneh
from ayneh.errors import UserError
from ayneh.loading.folder import sealed

OLD = Path(__file__).parents[1] / "old"  # exports of ayneh 0.1.0
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of framed 8x8 images in 16x16, from a sphere."""
    from ayneh.__main__ import main

    place = tmp_path_factory.mktemp("loading")
    tiny = [
        *("--data.resize", "8", "--data.limit", "128", "--data.pad-to", "16", "--batch", "32", "--net.width", "4"),
        *("--prior.dim", "6", "--prior.name", "sphere", "--keep.score-epochs", "0", "--quiet"),
    ]
    main(["train", "digits", *tiny, "--epochs", "1", "--out", str(place / "run")])
    main(["export", str(place / "run"), "--out", str(place / "model")])
    return place / "model"


@pytest.fixture
def model(folder):
    return ayneh.load(folder)


def test_three_lines_without_torch(folder):
    """In a process where torch, scikit-learn and safetensors cannot be imported."""
    code = f"""
import sys
for name in ("torch", "sklearn", "safetensors", "onnx", "PIL"):
    sys.modules[name] = None
import ayneh
model = ayneh.load({str(folder)!r})
images = model.generate(model.sample_z(16, seed=0))
model.logits(images), model.encode(images), model.interpolate(*model.sample_z(2), 5)
print(images.dtype, images.shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "uint8 (16, 1, 8, 8)", done.stderr


def test_the_same_seed_gives_the_same_images_in_any_batch(model):
    z = model.sample_z(300, seed=4)  # more than one batch
    images = model.generate(z, "float32")
    assert images.shape == (300, 1, 8, 8)
    assert np.abs(images).max() <= 1
    np.testing.assert_allclose(images[290:], model.generate(z[290:], "float32"), atol=1e-6)
    assert np.array_equal(model.generate(model.sample_z(5, seed=4)), model.generate(model.sample_z(5, seed=4)))
    assert model.generate(z[:0]).shape == (0, 1, 8, 8)


def test_bytes_and_floats_framed_or_not_are_the_same_image(model):
    pixels = model.generate(model.sample_z(7))
    floats = pixels.astype(np.float64) / 127.5 - 1
    framed = np.full((7, 1, 16, 16), -1.0)
    framed[:, :, 4:12, 4:12] = floats
    for ask in (model.logits, model.encode):
        expected = ask(pixels)
        for images in (floats, framed, framed.astype(np.float32)):
            np.testing.assert_allclose(ask(images, (-1, 1)), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(ask(framed), expected, rtol=1e-4, atol=1e-4)  # its black is -1: clear without
        with pytest.raises(UserError, match="whose range is not clear"):
            ask(floats)  # a beginner's images lie in -0.2..0.2
    assert model.logits(pixels).shape == (7,)
    assert np.array_equal(model.judge(pixels), model.logits(pixels))  # the name on cards of version 0.1
    assert model.encode(pixels).shape == (7, 6)


def test_the_path_stays_on_the_sphere_and_joins_its_ends(model):
    a, b = model.sample_z(2, seed=1)
    path = model.interpolate(a, b, 9)
    assert path.shape == (9, 6)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 6**0.5, rtol=1e-5)
    assert np.array_equal(path[0], a)
    assert np.array_equal(path[-1], b)
    assert model.interpolate(model.sample_z(3), model.sample_z(3, seed=1), 4).shape == (4, 3, 6)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.sample_z(0), "n is 0; it must be at least 1"),
        (lambda m: m.generate(np.zeros((2, 5))), r"Latents are \(N, 6\), not \(2, 5\)"),
        (lambda m: m.generate(np.zeros(6)), r"Latents are \(N, 6\), not \(6,\)"),
        (lambda m: m.generate(np.full((3, 6), np.nan)), "Of 3 latents 3 have numbers that are NaN or infinite"),
        (lambda m: m.generate(np.eye(2, 6) * 1e300), "Of 2 latents 2 have numbers"),
        (lambda m: m.generate(m.sample_z(1), "int8"), "dtype is 'int8': choose 'uint8' or 'float32'"),
        (lambda m: m.logits(np.zeros((2, 8, 8))), r"Images are \(N, 1, 8, 8\) or \(N, 1, 16, 16\), not \(2, 8, 8\)"),
        (lambda m: m.logits(np.zeros((2, 3, 8, 8))), r"not \(2, 3, 8, 8\)"),
        (lambda m: m.encode(np.full((1, 1, 8, 8), 300.0)), "float64 whose range is not clear .minimum 300, mean 300"),
        (lambda m: m.encode(np.full((1, 1, 8, 8), np.nan)), "64 values that are NaN or infinite, of 64"),
        (lambda m: m.logits(np.zeros((1, 1, 8, 8), np.int64)), "type int64 whose range is not clear"),
        (lambda m: m.logits(np.zeros((1, 1, 8, 8), complex)), "type complex128"),
        (lambda m: m.logits(np.array([[[["a"]]]])), "Images are"),
        (
            lambda m: m.encode(np.linspace(-0.5, 0.5, 64).reshape(1, 1, 8, 8)),
            r"minimum -0.5, mean .*range=\(LOW, HIGH\)",
        ),
        (lambda m: m.logits(np.zeros((1, 1, 8, 8)), (1, 0)), r"range=\(1, 0\): the first number"),
        (lambda m: m.read_z(np.zeros((1, 1, 8, 8))), "has no reader of z"),
        (lambda m: m.interpolate(np.zeros(6), np.zeros(5), 3), "alike in shape"),
        (lambda m: m.sample_z(1.5), "n is 1.5; it must be a whole number"),
        (lambda m: m.sample_z(3, seed=-1), "seed is -1; it must be at least 0"),
        (lambda m: m.generate(n=3, seed=None), "seed is None; it must be a whole number"),
        (lambda m: m.interpolate(np.zeros(6), np.zeros(6), 1), "at least 2 points"),
    ],
)
def test_what_a_model_refuses(model, ask, message):
    with pytest.raises(UserError, match=message):
        ask(model)


def test_images_mean_the_same_in_every_range_that_is_clear(model):
    """One rule with files: a pixel below 0 from resizing, [0, 1], 0..255 in floats, bytes of 0 and 1."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    pixels[:, 0, 0, :2] = 0, 255
    expected = model.encode(pixels)
    unit = pixels / 255
    lanczos = unit.copy()
    lanczos[0, 0, 0, 0] = -0.00001
    for images in (unit, unit * 2 - 1, pixels.astype(float), pixels.astype(np.int32)):
        np.testing.assert_allclose(model.encode(images), expected, rtol=1e-4, atol=1e-4)
    with pytest.warns(UserWarning, match=r"1 of 320 values outside \[0, 1\] are clipped"):
        np.testing.assert_allclose(model.encode(lanczos), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.encode(unit - 0.5, (-0.5, 0.5)), expected, rtol=1e-4, atol=1e-4)
    bits = (pixels > 127).astype(np.uint8)
    np.testing.assert_allclose(model.encode(bits, (0, 1)), model.encode(bits * 255), rtol=1e-4, atol=1e-4)
    assert not np.allclose(model.encode(bits), model.encode(bits * 255))  # bytes are stretched only when asked


def test_floats_of_the_generator_have_a_known_range(model):
    """Those of a beginner are all near 0, and bright ones might be taken for [0, 1]."""
    images = model.generate(model.sample_z(9, seed=2), "float32")
    assert np.abs(images).max() < 0.9
    expected = model.encode(images, (-1, 1))
    assert np.array_equal(model.encode(images), expected)
    np.testing.assert_allclose(model.encode(images[3:5]), expected[3:5], atol=1e-5)
    del images
    assert not model._drawn  # nothing is kept alive


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("latents", "dim"), "6", 'latents.dim is "6"; it must be a whole number'),
        (("latents", "dim"), 0, "latents.dim is 0; it must lie between 1 and"),
        (("latents", "dim"), 10**9, "latents.dim is 1000000000; it must lie between"),
        (("latents", "numbers"), {}, "latents.numbers are {}, which are not those of the prior 'sphere'"),
        (("images", "pad"), [4, 4, 4], "images.pad is"),
        (("images", "pad"), [9, 9, 9, 9], "images.pad is"),
        (("images", "size"), -16, "images.size is -16"),
        (("nets", "generator"), None, "nets.generator is null"),
        (("nets",), [], "nets is"),
        (("form",), "jax", "form is 'jax'; it must be one of onnx, safetensors"),
        (("format",), "ayneh-export-2", "in the format ayneh-export-1"),
    ],
)
def test_configs_of_other_versions_are_one_sentence(folder, tmp_path, path, value, message):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
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
    del room[name]
    (copy / "config.json").write_bytes(sealed(about))
    with pytest.raises(UserError):
        ayneh.load(copy)


def test_a_net_of_another_kind_is_one_sentence(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    for content in (b"no net", (copy / "encoder.onnx").read_bytes()):
        (copy / "generator.onnx").write_bytes(content)
        about["nets"]["generator"]["sha256"] = hashlib.sha256(content).hexdigest()
        (copy / "config.json").write_bytes(sealed(about))
        with pytest.raises(UserError, match="is no net that onnxruntime reads|does not have the outputs"):
            ayneh.load(copy).generate(np.zeros((1, 6)))


def test_folders_that_are_no_export(folder, tmp_path):
    with pytest.raises(UserError, match="There is no exported model in"):
        ayneh.load(tmp_path)
    with pytest.raises(UserError, match="belongs to a run: export it first"):
        ayneh.load(folder.parent / "run")
    for text, message in (
        ("{", "not readable JSON"),
        ("[]", "should hold an object"),
        ('{"format": 3}', "not the config of an export"),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(UserError, match=message):
            ayneh.load(tmp_path)


def test_changed_files_are_noticed(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    net = copy / "generator.onnx"
    content = bytearray(net.read_bytes())
    content[len(content) // 2] ^= 1
    net.write_bytes(content)
    model = ayneh.load(copy)
    assert model.logits(np.zeros((1, 1, 8, 8))).shape == (1,)  # the others are whole
    with pytest.raises(UserError, match=r"generator.onnx is damaged"):
        model.generate(model.sample_z(1))
    net.unlink()
    with pytest.raises(UserError, match=r"generator.onnx cannot be read"):
        model.generate(model.sample_z(1))
    about = json.loads((copy / "config.json").read_text())
    about["latents"]["prior"] = "cauchy"
    (copy / "config.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="config.json is damaged"):
        ayneh.load(copy)
    (copy / "config.json").write_bytes(sealed(about))
    with pytest.raises(UserError, match="a prior 'cauchy', which this version"):
        ayneh.load(copy)


@pytest.mark.slow
def test_no_damaged_config_is_read(folder, tmp_path):
    """A flipped digit in the prior's numbers would draw other latents without a word."""
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    whole, chance = (copy / "config.json").read_bytes(), random.Random(5)
    for _ in range(1000):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        if content == whole:
            continue
        (copy / "config.json").write_bytes(content)
        with pytest.raises(UserError):
            ayneh.load(copy)


def test_the_config_of_an_old_export_is_compared_with_its_nets(tmp_path):
    copy = Path(shutil.copytree(OLD / "onnx", tmp_path / "onnx"))
    text = (copy / "config.json").read_text()
    for before, after in (('"mean": 0.0', '"mean": 8.0'), ('"size": 8', '"size": 9'), ('"step": 40', '"step": 41')):
        assert before in text
        (copy / "config.json").write_text(text.replace(before, after, 1))
        model = ayneh.load(copy)
        with pytest.raises(UserError, match="differs from the nets' files"):
            model.generate(np.zeros((1, 8)))
    (copy / "config.json").write_text(text.replace('"checked"', '"chucked"', 1))
    with pytest.raises(UserError, match="is damaged"):
        ayneh.load(copy)


def test_files_outside_of_the_folder_are_not_read(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    net = copy / "generator.onnx"
    net.rename(tmp_path / "elsewhere.onnx")
    net.symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(UserError, match="is a link to a place outside"):
        ayneh.load(copy).generate(np.zeros((1, 6)))
    net.unlink()
    net.symlink_to(net)
    with pytest.raises(UserError, match="cannot be read"):
        ayneh.load(copy).generate(np.zeros((1, 6)))
    net.unlink()
    net.mkdir()
    with pytest.raises(UserError, match="is not a regular file"):
        ayneh.load(copy).generate(np.zeros((1, 6)))
    for name in ("../elsewhere.onnx", str(tmp_path / "elsewhere.onnx"), "..", "", 3):
        about["nets"]["generator"]["file"] = name
        (copy / "config.json").write_bytes(sealed(about))
        with pytest.raises(UserError, match="is not one of the folder itself|must be text"):
            ayneh.load(copy).generate(np.zeros((1, 6)))


def test_without_onnxruntime(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'ayneh\[export\]'"):
        model.generate(model.sample_z(1))
