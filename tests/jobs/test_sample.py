"""Images out of a run: reproducible, from its own prior, in every format."""

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.engine.sampler import sampler_of
from ayneh.record.record import Record


def sampler(run, epoch, replica):
    checkpoint = Record.open(run).checkpoints.at_epoch(epoch)
    return sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)


def test_every_format_holds_the_same_images(ayneh, tiny_run, tmp_path):
    for out in ("a.npz", "a.npy", "grid.png", "folder"):
        status, told, err = ayneh("sample", tiny_run, "--n", 10, "--out", tmp_path / out)
        assert (status, told.strip()) == (0, str(tmp_path / out)), err
    images = np.load(tmp_path / "a.npz")["images"]
    assert images.dtype == np.uint8
    assert images.shape == (10, 8, 8, 1)
    assert np.array_equal(images, np.load(tmp_path / "a.npy"))
    files = sorted((tmp_path / "folder").iterdir())
    assert len(files) == 10
    with Image.open(files[3]) as one, Image.open(tmp_path / "grid.png") as grid:
        assert np.array_equal(np.asarray(one), images[3, :, :, 0])
        assert grid.width > 8 * 3


def test_draw_epoch_and_replica_choose_other_images(ayneh, tiny_run, tmp_path):
    def images(*args):
        ayneh("sample", tiny_run, "--n", 8, "--out", tmp_path / "x.npz", *args)
        return np.load(tmp_path / "x.npz")["images"]

    first = images()
    assert np.array_equal(first, images())
    assert np.array_equal(first, images("--epoch", 2))
    for args in (("--draw", 1), ("--epoch", 0), ("--replica", 1)):
        assert not np.array_equal(first, images(*args)), args


def test_fewer_images_are_the_first_of_more(ayneh, tiny_run, tmp_path):
    ayneh("sample", tiny_run, "--n", 300, "--out", tmp_path / "many.npz")
    assert np.load(tmp_path / "many.npz")["images"].shape[0] == 300


def test_the_prior_that_trained_is_the_one_that_samples(ayneh, tmp_path, tiny):
    run = tmp_path / "run"
    prior = ["--prior.name", "uniform", "--prior.low", 3, "--prior.high", 4]
    ayneh("train", "digits", *tiny, "--epochs", 1, *prior, "--out", run)
    z = sampler(run, None, 0).latents("draw 0", 1000)
    assert z.min() >= 3
    assert z.max() <= 4
    assert z.mean().item() == pytest.approx(3.5, abs=0.02)


def test_a_picture_is_what_the_sampler_makes_of_the_fixed_noise(tiny_run):
    """The grid in samples/ can be made again from the checkpoint: nothing else went into it."""
    from ayneh.pictures import grid, load_png

    pixels = grid(sampler(tiny_run, 1, 1).draw("samples", 64))
    picture = load_png(tiny_run / "samples" / "epoch-0001-replica-1.png")
    zoom = picture.shape[1] // pixels.shape[1]
    enlarged = pixels.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1)
    left = (picture.shape[1] - enlarged.shape[1]) // 2
    found = [
        top
        for top in range(picture.shape[0] - enlarged.shape[0] + 1)
        if torch.equal(picture[top : top + enlarged.shape[0], left : left + enlarged.shape[1]], enlarged)
    ]
    assert found


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--epoch", 7], "has no checkpoint of epoch 7; there are: 0, 1, 2"),
        (["--replica", 2], "--replica is 2; the run has 2"),
        (["--n", 0], "--n is 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ayneh, tiny_run, tmp_path, args, message):
    status, _, err = ayneh("sample", tiny_run, "--out", tmp_path / "x.npz", *args)
    assert status == 2
    assert message in err
    assert not (tmp_path / "x.npz").exists()
