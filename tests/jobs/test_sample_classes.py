"""Images of a class: by number and by name, equally often, from one noise; the run's pictures have a row a class."""

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.byclass import sheet_of
from ayneh.data.sources import load
from ayneh.engine.sampler import sampler_of
from ayneh.pictures import beside, load_png, zoomed
from ayneh.record.record import Record


def sampler(run, epoch=None, replica=0):
    kept = Record.open(run).checkpoints.at_epoch(epoch)
    return sampler_of(kept.config, kept.image_shape, kept.tensors, replica, kept.labels)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, tiny):
    """A finished run of two epochs with labels, two replicas."""
    from ayneh.__main__ import main

    run = tmp_path_factory.mktemp("runs") / "labelled"
    main(["train", "digits", *tiny, "--epochs", "2", "--seeds", "2", "--rules.labels", "projection", "--out", str(run)])
    return run


@pytest.fixture(scope="module")
def pets(tmp_path_factory, tiny):
    """A run on a folder of two classes with names, and that folder."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("pets")
    chance = np.random.default_rng(0)
    for name, most in (("cat", 100), ("guinea pig", 255)):
        (folder / "images" / name).mkdir(parents=True)
        for k in range(48):
            pixels = chance.integers(0, most, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{k}.png")
    data = ["--data.name", f"folder:{folder / 'images'}", "--rules.labels", "concat"]
    main(["train", "digits", *tiny, *data, "--epochs", "1", "--out", str(folder / "run")])
    return folder / "run"


def drawn(ayneh, run, out, *args):
    status, told, err = ayneh("sample", run, "--out", out, *args)
    assert status == 0, err
    assert told.strip() == str(out), "stdout has the path alone"
    with np.load(out) as file:
        return file["images"], file["labels"], err


# -- the verb ----------------------------------------------------------------------------------------------------------


def test_each_class_comes_equally_often_in_the_order_asked_for(ayneh, labelled, tmp_path):
    images, labels, err = drawn(ayneh, labelled, tmp_path / "a.npz", "--classes", 7, 0, 2, "--n", 30)
    assert images.shape == (30, 8, 8, 1)
    assert labels.tolist() == [7] * 10 + [0] * 10 + [2] * 10
    assert "30 images of 3 classes; the array labels has their classes." in err


def test_the_same_noise_is_drawn_as_every_class(ayneh, labelled, tmp_path):
    """z of a draw does not depend on the classes: image k of one class and of another differ in the class alone."""
    mixed, _, _ = drawn(ayneh, labelled, tmp_path / "mixed.npz", "--classes", 3, 8, "--n", 20)
    threes, _, _ = drawn(ayneh, labelled, tmp_path / "threes.npz", "--classes", 3, "--n", 20)
    eights, _, _ = drawn(ayneh, labelled, tmp_path / "eights.npz", "--classes", 8, "--n", 20)
    assert np.array_equal(mixed, np.concatenate([threes[:10], eights[10:]]))
    assert not np.array_equal(threes, eights)


def test_images_are_those_of_the_sampler(ayneh, labelled, tmp_path):
    images, _, _ = drawn(
        ayneh, labelled, tmp_path / "a.npz", "--classes", 4, "--n", 5, "--draw", 3, "--epoch", 0, "--replica", 1
    )
    expected = sampler(labelled, 0, 1).draw("draw 3", 5, torch.full((5,), 4))
    assert np.array_equal(images.transpose(0, 3, 1, 2), expected.numpy())


def test_without_classes_they_are_drawn_from_the_shares_and_noted(ayneh, labelled, tmp_path):
    images, labels, err = drawn(ayneh, labelled, tmp_path / "a.npz", "--n", 2000)
    shares = np.array(sampler(labelled).labels.shares)
    counts = np.bincount(labels, minlength=10)
    assert (abs(counts / 2000 - shares) < 5 * np.sqrt(shares / 2000)).all()
    assert "2,000 images of 10 classes, drawn from the shares that the run was trained with" in err
    again = sampler(labelled).draw("draw 0", 2000, torch.from_numpy(labels))
    assert np.array_equal(images.transpose(0, 3, 1, 2), again.numpy()), "the labels are those of the images"


def test_persian_numerals_are_numbers(ayneh, labelled, tmp_path):
    _, labels, _ = drawn(ayneh, labelled, tmp_path / "a.npz", "--classes", "۷", "--n", 2)
    assert labels.tolist() == [7, 7]


def test_what_does_not_divide_is_said(ayneh, labelled, tmp_path):
    _, labels, err = drawn(ayneh, labelled, tmp_path / "a.npz", "--classes", 0, 1, 2)
    assert np.bincount(labels).tolist() == [22, 21, 21]
    assert "64 images cannot be divided by 3 classes: 22 each of 0, 21 of the others." in err


def test_classes_of_a_folder_go_by_name_into_a_folder_of_that_name(ayneh, pets, tmp_path):
    status, _, err = ayneh("sample", pets, "--classes", "guinea pig", "cat", "--n", 6, "--out", tmp_path / "made")
    assert status == 0, err
    read = load(f"folder:{tmp_path / 'made'}", "all")
    assert read.names == ("cat", "guinea pig")
    assert sorted(path.name for path in (tmp_path / "made" / "guinea pig").iterdir()) == ["0.png", "1.png", "2.png"]
    expected = sampler(pets).draw("draw 0", 6, torch.tensor([1, 1, 1, 0, 0, 0]))
    assert torch.equal(read.pixels[read.labels == 1], expected[:3])


def test_an_npy_file_says_that_it_has_no_labels(ayneh, labelled, tmp_path):
    status, _, err = ayneh("sample", labelled, "--classes", 1, "--n", 4, "--out", tmp_path / "a.npy")
    assert (status, np.load(tmp_path / "a.npy").shape) == (0, (4, 8, 8, 1))
    assert "an .npy file does not have their classes: end it in .npz" in err


def test_the_picture_says_whether_each_class_has_a_row(ayneh, labelled, tmp_path):
    status, _, err = ayneh("sample", labelled, "--out", tmp_path / "grid.png")
    assert status == 0
    assert "the images of a class are in rows of their own" in err
    status, _, err = ayneh("sample", labelled, "--n", 10, "--classes", *range(10), "--out", tmp_path / "few.png")
    assert status == 0
    assert "too many for rows of their own" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--classes", 10], "There is no class '10'"),
        (["--classes", -1], "There is no class '-1'"),
        (["--classes", "seven"], "There is no class 'seven'"),
        (["--classes", 1, 2, 3, "--n", 2], "There are 3 classes for 2 images"),
    ],
)
def test_classes_that_do_not_exist_are_refused_with_the_names(ayneh, labelled, tmp_path, args, message):
    status, _, err = ayneh("sample", labelled, "--out", tmp_path / "x.npz", *args)
    assert status == 2
    assert message in err
    assert not (tmp_path / "x.npz").exists()


def test_a_name_nearly_right_is_answered_with_the_nearest(ayneh, pets, tmp_path):
    status, _, err = ayneh("sample", pets, "--classes", "guineapig", "--out", tmp_path / "x.npz")
    assert status == 2
    assert "Did you mean 'guinea pig'?" in err


def test_classes_of_a_run_without_labels_are_refused(ayneh, tiny_run, tmp_path):
    status, _, err = ayneh("sample", tiny_run, "--classes", 7, "--out", tmp_path / "x.npz")
    assert status == 2
    assert "has no classes to ask for, since it was trained without labels" in err
    assert not (tmp_path / "x.npz").exists()


# -- the run's own pictures ----------------------------------------------------------------------------------------


def test_the_epochs_picture_has_a_row_a_class_of_the_same_latents(labelled):
    """The picture is what the checkpoint's G makes of the first latents as each class, with the names at its left."""
    for epoch in (0, 1):
        page = load_png(labelled / "samples" / f"epoch-{epoch:04d}-replica-1.png")
        own = sampler(labelled, epoch, 1)
        sheet = sheet_of(own, 64)
        assert sheet.words == tuple((str(number), 1) for number in range(10))
        row = own.draw("samples", 8, torch.full((8,), 6))
        assert torch.equal(sheet.picture[2 + 6 * 10 : 2 + 6 * 10 + 8, 2:10, 0], row[0, 0])
        expected = beside(zoomed(sheet.picture, 8), sheet.words)
        assert torch.equal(page[: expected.shape[0], : expected.shape[1]], expected)


def test_the_animation_has_the_same_rows_in_every_frame(labelled):
    with Image.open(labelled / "samples" / "animation-replica-0.gif") as movie:
        assert movie.n_frames == 2
        for epoch in (0, 1):
            movie.seek(epoch)
            page = load_png(labelled / "samples" / f"epoch-{epoch:04d}-replica-0.png")
            seen = np.array(movie.convert("L"))
            assert np.array_equal(seen[: page.shape[0], : page.shape[1]], page[:, :, 0].numpy())


def test_two_classes_have_rows_enough_for_about_a_square(pets):
    page = load_png(pets / "samples" / "epoch-0000.png")
    expected = sheet_of(sampler(pets), 64)
    assert expected.words == (("cat", 4), ("guinea pig", 4))
    whole = beside(zoomed(expected.picture, 8), expected.words)
    assert torch.equal(page[: whole.shape[0], : whole.shape[1]], whole)
