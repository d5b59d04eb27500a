"""Images of any form are those that the same arrays in a file are; a run on them goes on, and says what it misses."""

import gc
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import ayneh
from ayneh.data.sources import load

BYTES = load("digits", "train", limit=152).pixels  # uint8 (152, 1, 8, 8)
LABELS = load("digits", "train", limit=152).labels


@pytest.fixture(scope="module")
def config(config):
    """The settings without their limit, which images without one would take."""
    return config.changed({"data.limit": None})


class Pairs(Dataset):
    """A data set of PyTorch: (image, label) by index, without an end to its iteration but its length."""

    classes = tuple("abcdefghij")

    def __init__(self, image, n=152):
        self.image, self.n = image, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.image(BYTES[i % 152]), int(LABELS[i % 152])


class Stream(IterableDataset):
    def __iter__(self):
        return iter(BYTES)


def pil(image):
    return Image.fromarray(image[0].numpy())


FORMS = {
    "(N, C, H, W) bytes": lambda: BYTES.numpy(),
    "(N, H, W, C) bytes": lambda: BYTES.numpy().transpose(0, 2, 3, 1),
    "(N, H, W) bytes": lambda: BYTES[:, 0].numpy(),
    "floats in [0, 1]": lambda: (BYTES / 255).numpy(),
    "float64 in [-1, 1]": lambda: BYTES.double().numpy() / 127.5 - 1,
    "rows": lambda: BYTES.flatten(1).numpy(),
    "a tensor": lambda: BYTES,
    "a tensor of floats with a gradient": lambda: (BYTES / 255).requires_grad_(),
    "a list of arrays": lambda: list(BYTES[:, 0].numpy()),
    "a list of pictures": lambda: [pil(image) for image in BYTES],
    "a data set of pictures": lambda: Pairs(pil),
    "a data set of tensors": lambda: Pairs(lambda image: image / 255),
    "a data set of PyTorch's own": lambda: TensorDataset(BYTES),
    "an iterable data set": Stream,
    "items as dictionaries": lambda: [{"image": pil(image), "label": 3} for image in BYTES],
    "(images, labels)": lambda: (BYTES, LABELS),
    "(images, list of labels)": lambda: (list(BYTES), LABELS.tolist()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_images_and_the_same_test_images_as_a_file(form, tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES[:, 0].numpy())
    there = load(f"file:{tmp_path}/a.npz", "train"), load(f"file:{tmp_path}/a.npz", "test")
    images = ayneh.images(FORMS[form]())
    assert np.array_equal(images.train, there[0].pixels.numpy())
    assert np.array_equal(images.test, there[1].pixels.numpy())
    assert images.fingerprint == there[0].fingerprint
    assert "(a tenth, by content)" in images.understood


def test_labels_keep_to_their_images_and_names_come_along():
    images = ayneh.images(Pairs(pil))
    assert images.classes == tuple("abcdefghij")
    by_image = {image.numpy().tobytes(): int(label) for image, label in zip(BYTES, LABELS, strict=True)}
    assert [by_image[image.tobytes()] for image in images.train] == images.labels.tolist()
    assert [by_image[image.tobytes()] for image in images.test] == images.test_labels.tolist()
    words = ayneh.images((BYTES, [f"digit {label}" for label in LABELS.tolist()]))
    assert words.classes == tuple(f"digit {n}" for n in range(10))
    assert ayneh.images((BYTES, LABELS), classes=Pairs.classes).classes == Pairs.classes
    assert ayneh.images(BYTES).labels is None


def test_test_images_are_those_that_are_given_or_a_share():
    given = ayneh.images(BYTES[:100], test=BYTES[100:])
    assert np.array_equal(given.train, BYTES[:100].numpy())
    assert np.array_equal(given.test, BYTES[100:].numpy())
    pairs = ayneh.images((BYTES[:100], LABELS[:100]), test=Pairs(pil, 30))
    assert pairs.test_labels.tolist() == LABELS[:30].tolist()
    third = ayneh.images(BYTES, test=0.33)
    assert 30 < len(third.test) < 70
    tenth = {image.tobytes() for image in ayneh.images(BYTES).test}
    assert tenth <= {image.tobytes() for image in third.test}


def test_a_size_and_a_limit_are_those_of_files(tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES[:, 0].numpy())
    there = load(f"file:{tmp_path}/a.npz", "train", 16, 50)
    images = ayneh.images(BYTES, resize=16, limit=50)
    assert np.array_equal(images.train, there.pixels.numpy())
    assert "a random 50 of the" in images.understood
    mixed = [pil(image).resize((8 + i % 3, 9)) for i, image in enumerate(BYTES[:20])]
    assert ayneh.images(mixed, resize=8).train.shape[1:] == (1, 8, 8)


def test_a_name_or_a_path_reads_what_the_verb_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", images=BYTES[:, 0].numpy())
    np.save("b.npy", BYTES[:40, 0].numpy())
    there = load("file:a.npz", "train")
    for source in ("file:a.npz", tmp_path / "a.npz"):
        images = ayneh.images(source, test=tmp_path / "b.npy")
        assert len(images.train) == 152
        assert len(images.test) == 40
        assert ayneh.images(source).fingerprint == there.fingerprint
        assert images.data.name == f"file:{tmp_path}/a.npz"  # also in another folder
    assert ayneh.images("digits").classes == tuple("0123456789")
    assert ayneh.images(images) is images


def test_labels_of_items_may_be_rows_with_one_1():
    rows = torch.eye(10)[LABELS]
    for labels in (rows, rows.numpy(), rows.int().tolist()):
        items = list(zip(BYTES, labels, strict=True))
        assert np.array_equal(ayneh.images(items).labels, ayneh.images((BYTES, LABELS)).labels)


@pytest.mark.parametrize(
    ("source", "how", "words"),
    [
        (np.zeros((3, 4, 5, 6, 7)), {}, "The images given: the array has the shape (3, 4, 5, 6, 7)"),
        (np.full((20, 8, 8), np.nan), {}, "1,280 values that are NaN or infinite"),
        (np.full((20, 8, 8), 3.7), {}, "range"),
        (np.zeros((20, 8, 8), complex), {}, "values of type complex128"),
        (np.array([None] * 3), {}, "array of objects"),
        ([], {}, "the images have no item"),
        ({"a": 1}, {}, "the images are a dict: give an array or a tensor"),
        (3, {}, "the images are a int"),
        ([{"picture": 1}], {}, "items with the fields picture"),
        ([np.zeros((8, 8)), np.zeros((8, 9))], {}, "different shapes ((8, 8), (8, 9)): make the arrays alike"),
        (["a", "b"], {}, "number 0 is a str"),
        ((BYTES, LABELS, LABELS), {}, "a tuple of 3: a pair is (images, labels)"),
        ((BYTES, LABELS[:5]), {}, "one for each of the 152 images"),
        ((BYTES, 3), {}, "the labels of the images are a int"),
        ([(image, torch.ones(2)) for image in BYTES], {}, "the array of labels of the images has the type float32"),
        (
            [(image, torch.ones(1 + k % 2)) for k, image in enumerate(BYTES)],
            {},
            "the labels of the images are numbers (1.0 of image 0) and rows (array([1., 1.]",
        ),
        (BYTES, {"test": 1.5}, "test is 1.5; a share of the images lies between 0 and 1"),
        (BYTES, {"test": BYTES[:, :, :4]}, "has images (1, 8, 8) but the test array (1, 4, 8)"),
        (BYTES, {"resize": 0}, "resize is 0; it must lie between 1 and 4,096"),
        (
            (DataLoader(TensorDataset(BYTES)), LABELS),
            {},
            "DataLoader, which gives batches in an order of its own: give",
        ),
        (BYTES, {"test": DataLoader(TensorDataset(BYTES), 32)}, "the test images are a DataLoader"),
        ("mnits", {}, "There is no data set called 'mnits'. Did you mean 'mnist'"),
        ("digits", {"name": "mine"}, "name and classes are of images in memory"),
        ("file:/nowhere.npz", {}, "There is no file /nowhere.npz"),
        ("digits", {"test": BYTES}, "test is a Tensor, and the images are digits"),
    ],
)
def test_what_is_not_clear_is_refused_in_one_sentence(source, how, words):
    with pytest.raises(ayneh.UserError) as refused:
        ayneh.images(source, **how)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


# -- a run on them -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given") / "run"
    run = ayneh.train(config, ayneh.images((BYTES, LABELS), name="my digits"), out=folder, quiet=True)
    assert "Try: ayneh" not in run.findings[0].to_do  # no command could name these images
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A run on images that nothing holds any more."""
    gc.collect()
    return shutil.copytree(made, tmp_path / "run")


def test_a_run_notes_what_its_images_were(folder):
    head = json.loads((folder / "config.json").read_text())
    images = ayneh.images((BYTES, LABELS), name="my digits")
    assert head["config"]["data"]["name"] == images.name
    assert images.name.startswith("memory:my-digits-")
    assert head["images"] == {"fingerprint": images.fingerprint, "understood": images.understood}


@pytest.mark.slow
def test_verbs_that_need_no_images_work_and_the_others_say_what_to_do(request, folder, tmp_path):
    verb = request.getfixturevalue("ayneh")
    for args in (("show", folder), ("sample", folder, "--out", tmp_path / "a.npz"), ("diagnose", folder)):
        assert verb(*args)[0] == 0
    for args in (
        ("resume", folder, "--epochs", 3), ("evaluate", folder), ("mirror", folder), ("judge", "train", folder),
    ):  # fmt: skip
        status, _, err = verb(*args)
        assert status == 2
        assert "was trained on images that were given from Python (memory:my-digits-" in err
        assert "images.save(" in err
        assert err.count("\n") == 1
    assert verb("train", "digits", "--data.name", "memory:my-digits-1", "--out", tmp_path / "b")[0] == 2


@pytest.mark.slow
def test_a_run_goes_on_with_the_images_given_again_or_saved_and_to_the_same_bits(request, config, folder, tmp_path):
    from safetensors.torch import load_file

    verb = request.getfixturevalue("ayneh")
    run = ayneh.open(folder)
    with pytest.raises(ayneh.UserError, match="given from Python"):
        run.resume(epochs=3)
    with pytest.raises(ayneh.UserError, match="was trained on 136 images, and there are 139 now"):
        run.resume(epochs=3, images=BYTES.flip(3), quiet=True)
    images = ayneh.images((BYTES, LABELS), name="another word")
    assert run.resume(quiet=True).finished  # the same images are there again, under any name
    del images
    gc.collect()
    with pytest.raises(ayneh.UserError, match="given from Python"):
        run.resume(epochs=3)
    whole = ayneh.train(config.changed(epochs=4), (BYTES, LABELS), out=tmp_path / "whole", quiet=True)
    run.resume(epochs=3, images=(BYTES.float() / 255, LABELS), quiet=True)  # other values, the same images
    images = ayneh.images((BYTES, LABELS))
    images.save(tmp_path / "images.npz")
    del run, images
    gc.collect()
    status, _, err = verb("resume", folder, "--epochs", 4, "--data", tmp_path / "images.npz")
    assert status == 0, err
    ends = [load_file(place / "checkpoints" / "epoch-0003.safetensors") for place in (folder, whole.folder)]
    assert all(ends[0][name].equal(ends[1][name]) for name in ends[0])
    assert verb("resume", folder, "--epochs", 4)[0] == 0  # config.json has the file now
    assert "images" not in json.loads((folder / "config.json").read_text())


def test_a_run_on_a_file_is_the_run_on_the_array(config, tmp_path):
    np.savez(tmp_path / "a.npz", images=BYTES[:, 0].numpy())
    runs = [
        ayneh.train(config, source, out=tmp_path / name, quiet=True)
        for name, source in (("file", tmp_path / "a.npz"), ("array", BYTES))
    ]
    assert np.array_equal(runs[0].sample(5), runs[1].sample(5))
    assert np.array_equal(runs[0].metrics["loss_g"], runs[1].metrics["loss_g"])


def test_images_without_a_limit_take_that_of_the_settings(config):
    from ayneh.api.train import with_images

    limited = config.changed({"data.limit": 40, "data.pad_to": 32})
    for source, wanted in ((BYTES, (40, 32)), (ayneh.images(BYTES, limit=9, pad_to=16), (9, 16))):
        data = with_images(limited, source)[0].data
        assert (data.limit, data.pad_to) == wanted
    assert with_images(config, BYTES)[0].data.limit is None


def test_images_show_themselves_and_are_saved_as_they_were(tmp_path):
    images = ayneh.images((BYTES, LABELS + 3), name="mine")
    assert repr(images).startswith("Images(memory:mine-")
    assert "data:image/png" in images._repr_html_()
    again = ayneh.images(images.save(tmp_path / "a.npz"))
    assert again.fingerprint == images.fingerprint
    assert np.array_equal(again.test, images.test)
    assert again.classes == images.classes == tuple(map(str, range(3, 13)))
    assert again.labels.tolist() == images.labels.tolist()
    with pytest.raises(ayneh.UserError, match=r"end it in \.npz"):
        images.save(tmp_path / "a.png")


@pytest.mark.slow
def test_images_without_a_judge_name_what_trains_it_and_then_they_are_scored(config, tmp_path):
    many = load("digits", "train", limit=300)
    images = ayneh.images((many.pixels, many.labels), test=0.3)
    run = ayneh.train(config.changed(epochs=1), images, out=tmp_path / "run", quiet=True)
    with pytest.raises(ayneh.UserError, match=r"There is no judge for memory:.*`images\.train_judge\(\)`"):
        run.evaluate()
    images.train_judge(epochs=1)
    assert run.evaluate()["fd"].protocol == f"fd_{len(images.test)}_memory_test"


def test_a_batch_of_bfloat16_is_read():
    half = (torch.rand(40, 1, 8, 8) > 0.5).to(torch.bfloat16)
    assert set(np.unique(ayneh.images(half).train)) == {0, 255}
