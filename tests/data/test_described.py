"""The classes that a labelled run learns, as each source describes them, and data that have none to learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.data.images import Images
from ayneh.data.sources import load
from ayneh.errors import UserError

CHANCE = np.random.RandomState(0)


def put(folder: Path, n: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(n):
        Image.fromarray(CHANCE.randint(0, 256, (8, 8)).astype(np.uint8)).save(folder / f"{k}.png")


def shares(images: Images) -> list[float]:
    """By counting, one label after another."""
    return [images.labels.tolist().count(k) / len(images.pixels) for k in range(images.classes)]


def refusal(images: Images) -> str:
    with pytest.raises(UserError) as error:
        images.described()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_embedded_digits_have_ten_classes_and_the_shares_of_the_training_images() -> None:
    train = load("digits")
    labels = train.described()
    assert (labels.names, labels.parts, labels.count) == (tuple("0123456789"), (10,), 10)
    assert labels.shares == pytest.approx(shares(train))
    assert labels.shares != pytest.approx(shares(load("digits", "all")), abs=1e-6)


def test_shares_are_those_after_a_limit() -> None:
    small = load("digits", limit=100)
    assert small.described().shares == pytest.approx(shares(small))
    assert small.described().shares != load("digits").described().shares


@pytest.mark.usefixtures("mnist")
@pytest.mark.slow
def test_a_class_of_stacked_mnist_is_three_digits() -> None:
    """Each channel is a training digit whose label is that digit of the class's name."""
    stacked, plain = load("stacked-mnist"), load("mnist")
    digit_of = {
        image.numpy().tobytes(): label for image, label in zip(plain.pixels, plain.labels.tolist(), strict=True)
    }
    labels = stacked.described()
    assert (labels.count, labels.parts) == (1000, (10, 10, 10))
    assert (labels.names[0], labels.names[47], labels.names[999]) == ("000", "047", "999")
    assert min(labels.shares) > 0
    for image, label in zip(stacked.pixels[:50], stacked.labels[:50].tolist(), strict=True):
        digits = [digit_of[plane.numpy().tobytes()] for plane in image]
        assert labels.names[label] == "".join(map(str, digits))
        assert np.ravel_multi_index(digits, labels.parts) == label
    assert "classes (000, 001, 002, 003, ...)" in stacked.understood
    words = refusal(load("stacked-mnist", limit=3000))
    assert " of the 1,000 classes of stacked-mnist have no image to train on (" in words
    assert "raise --data.limit 3000, add images of them, or leave them out" in words


def test_a_folder_for_each_class_keeps_the_names(tmp_path: Path) -> None:
    for name, n in (("گربه", 30), ("dog", 20), ("item10", 5), ("item9", 5)):
        put(tmp_path / name, n)
    train, both = load(f"folder:{tmp_path}"), load(f"folder:{tmp_path}", "all")
    assert train.described().names == ("dog", "item9", "item10", "گربه")
    assert train.described().shares == pytest.approx(shares(train))
    assert both.described().shares == pytest.approx([20 / 60, 5 / 60, 5 / 60, 30 / 60])


@pytest.mark.parametrize("kind", ["npz", "npy", "csv", "parquet", "mat", "memory"])
def test_labels_of_files_and_arrays_are_described(tmp_path: Path, kind: str) -> None:
    import ayneh

    pixels = CHANCE.randint(0, 256, (60, 8, 8)).astype(np.uint8)
    labels, path = np.array([0, 1, 5])[np.arange(60) % 3], tmp_path / f"a.{kind}"
    if kind == "npz":
        np.savez(path, images=pixels, labels=labels)
    elif kind == "npy":
        np.save(path, pixels)
    elif kind == "csv":
        header = ",".join(["label", *(f"pixel{k}" for k in range(64))])
        table = np.concatenate([labels[:, None], pixels.reshape(60, 64)], 1)
        np.savetxt(path, table, fmt="%d", delimiter=",", header=header, comments="")
    elif kind == "parquet":
        import io

        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        cells = []
        for image in pixels:
            Image.fromarray(image).save(file := io.BytesIO(), "PNG")
            cells.append({"bytes": file.getvalue()})
        pq.write_table(pa.table({"image": cells, "label": labels}), path)
    elif kind == "mat":
        from scipy.io import savemat

        savemat(path, {"images": pixels, "labels": labels[:, None]})
    given = ayneh.images((torch.from_numpy(pixels), labels)) if kind == "memory" else None
    train = load(given.name if given else f"file:{path}")
    if kind == "npy":
        assert "has no labels, which a labelled game learns from: add an array (in a table: a column)" in refusal(train)
        return
    assert train.described().names == ("0", "1", "5")
    assert train.described().shares == pytest.approx(shares(train))
    at = {image.tobytes(): label for image, label in zip(pixels, labels.tolist(), strict=True)}
    named = [int(train.described().names[k]) for k in train.labels.tolist()]
    assert named == [at[image.numpy().tobytes()] for image in train.pixels]
    assert "the labels skip numbers: the classes are numbered 0 to 2 and called 0, 1, 5" in train.understood


def test_names_that_differ_after_many_letters_are_two_classes(tmp_path: Path) -> None:
    file, names = tmp_path / "long.npz", np.array(["a" * 60 + "b", "a" * 60 + "c"] * 20)
    np.savez(file, images=CHANCE.randint(0, 256, (40, 8, 8)).astype(np.uint8), labels=names)
    assert load(f"file:{file}", "all").described().names == ("a" * 60 + "b", "a" * 60 + "c")


def test_a_data_set_of_pytorch_gives_its_labels_and_names() -> None:
    import ayneh

    class Pets(torch.utils.data.Dataset):
        classes = ("cat", "dog")

        def __len__(self) -> int:
            return 40

        def __getitem__(self, k: int) -> tuple[torch.Tensor, int]:
            return torch.full((1, 8, 8), k / 40), int(k % 4 == 0)

    given = ayneh.images(Pets(), test=0.2)
    train = load(given.name)
    labels = train.described()
    assert labels.names == ("cat", "dog")
    assert labels.shares == pytest.approx(shares(train))
    for image, label in zip(train.pixels, train.labels.tolist(), strict=True):
        assert label == int(round(float(image[0, 0, 0]) / 255 * 40) % 4 == 0)


def test_data_without_labels_are_refused_with_what_would_give_them(tmp_path: Path) -> None:
    import ayneh

    put(tmp_path / "photos", 20)
    np.savez(tmp_path / "a.npz", images=CHANCE.randint(0, 256, (20, 8, 8)).astype(np.uint8), labels=np.full(20, 3))
    given = ayneh.images(CHANCE.randint(0, 256, (20, 8, 8)).astype(np.uint8))
    for name, advice in (
        (f"folder:{tmp_path / 'photos'}", "put the pictures of each class into a folder of its own within it"),
        (f"file:{tmp_path / 'a.npz'}", "add an array (in a table: a column) called labels"),
        (given.name, "give them as a pair, ayneh.images((images, labels))"),
    ):
        words = refusal(load(name))
        assert words.startswith(f"{name} has no labels, which a labelled game learns from")
        assert advice in words
        assert words.endswith("or train with --rules.labels none.")
    assert "(all labels are 3, so they are not used)" in refusal(load(f"file:{tmp_path / 'a.npz'}"))


def test_a_class_without_an_image_to_train_on_is_refused_by_its_name(tmp_path: Path) -> None:
    for name in ("train/cat", "train/dog", "test/cat", "test/eel"):
        put(tmp_path / name, 6)
    words = refusal(load(f"folder:{tmp_path}"))
    assert "1 of the 3 classes of folder:" in words
    assert "has no image to train on (eel), and a labelled game needs one of each: add images of it, or leave" in words
    assert "raise --data.limit 4, add images" in refusal(load("digits", limit=4))


def test_classes_of_one_name_or_one_class_are_refused() -> None:
    digits = load("digits")
    unnamed = refusal(replace(digits, names=("", *"123456789")))
    assert "digits have an empty text as their label, as labels that are missing do: give them a class" in unnamed
    assert "Two classes of digits are called 'x'" in refusal(replace(digits, names=("x", "x", *"23456789")))
    one = replace(digits, labels=digits.labels * 0, classes=1, names=("cat",))
    assert "All images of digits are of one class (cat), and a labelled game needs two or more" in refusal(one)


def test_rare_classes_are_said_for_a_batch() -> None:
    digits = load("digits")
    labels = torch.where(torch.arange(1297) < 5, 1, 0)
    few = replace(digits, labels=labels, classes=2, names=("many", "some"))
    assert few.rare(64) == (
        "1 of the 2 classes has less than one image on average in a batch of 64 (some), so that D sees them rarely; "
        "the smallest, some, has 5 images in all."
    )
    assert few.rare(260) == ""
    assert digits.rare(64) == ""


@pytest.fixture(scope="module")
def twemoji() -> str:
    """The name of the labelled drawings in colour, 64x64, of 5 to hundreds a class."""
    import os

    path = Path(os.environ.get("AYNEH_DATA", "/nowhere")) / "twemoji" / "twemoji64.npz"
    if not path.is_file():
        pytest.skip("AYNEH_DATA does not name a folder with twemoji in it")
    return f"file:{path}"


@pytest.mark.slow
def test_drawings_in_colour_with_classes_of_very_different_sizes(twemoji: str) -> None:
    train, test, both = (load(twemoji, split) for split in ("train", "test", "all"))
    with np.load(twemoji.partition(":")[2]) as file:
        raw = dict(file)
    assert both.pixels.shape == (1911, 3, 64, 64)
    assert torch.equal(both.pixels, torch.from_numpy(raw["images"]).permute(0, 3, 1, 2))
    assert both.labels.tolist() == raw["labels"].tolist()
    assert len(train.pixels) + len(test.pixels) == 1911
    assert 140 < len(test.pixels) < 250, "a tenth, by content"
    labels = train.described()
    assert labels.names == tuple("0123456789")
    assert labels.shares == pytest.approx(shares(train))
    assert "1 of the 10 classes has less than one image on average in a batch of 64 (8)" in train.rare(64)
    label_of = {image.tobytes(): label for image, label in zip(raw["images"], raw["labels"].tolist(), strict=True)}
    for part in (train, test):
        images = part.pixels.permute(0, 2, 3, 1).contiguous().numpy()
        assert [label_of[image.tobytes()] for image in images] == part.labels.tolist()
    small = load(twemoji, resize=16)
    assert small.pixels.shape == (len(train.pixels), 3, 16, 16)
    assert small.labels.tolist() == train.labels.tolist()
    assert "no image to train on (8" in refusal(load(twemoji, limit=200, resize=16))
