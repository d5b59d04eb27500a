"""A list of pictures of several kinds comes to what a folder of them comes to, and no part of it turns black."""

import numpy as np
import pytest
from PIL import Image

import ayneh
from ayneh.data.sources import load

BYTES = load("digits", "train", limit=40).pixels[:, 0].numpy()  # uint8 (40, 8, 8)
GREY = [Image.fromarray(image) for image in BYTES]
DEEP = [Image.fromarray(image.astype(np.uint16) * 257) for image in BYTES]
FLOATS = [Image.fromarray(image.astype(np.float32) / 255) for image in BYTES]
RED = [Image.merge("RGB", (image, image.point(lambda v: v // 2), image)) for image in GREY]
THIN = [Image.merge("LA", (image, Image.new("L", image.size, 128))) for image in GREY]


def as_mode(mode):
    return [image.convert(mode) for image in GREY]


def all_of(images):
    return np.concatenate([images.train, images.test])


def in_a_folder(pictures, folder, **how):
    """What the same pictures come to as files, in the order of the list."""
    for number, image in enumerate(pictures):
        image.save(folder / f"{number:03}.png")
    (folder / "train").mkdir()
    for file in sorted(folder.glob("*.png")):
        file.rename(folder / "train" / file.name)
    (folder / "test").mkdir()
    pictures[0].save(folder / "test" / "a.png")
    return ayneh.images(folder, **how).train


LISTS = {
    "L and 16 bits": GREY[:20] + DEEP[20:],
    "L and 1": GREY[:20] + as_mode("1")[20:],
    "L and RGB in colour": GREY[:20] + RED[20:],
    "L and RGB in grey": GREY[:20] + as_mode("RGB")[20:],
    "RGB in grey": as_mode("RGB"),
    "P": as_mode("P"),
    "LA": as_mode("LA"),
    "LA that is seen through": THIN,
    "RGB in colour and LA": RED[:20] + THIN[20:],
    "1 and P": as_mode("1")[:20] + as_mode("P")[20:],
    "16 bits and colour": DEEP[:20] + RED[20:],
}


@pytest.mark.parametrize("background", ["black", "#ff8000"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_pictures_is_what_a_folder_of_them_is(kind, background, tmp_path):
    pictures = LISTS[kind]
    images = ayneh.images(pictures, test=pictures[:1], background=background)
    there = in_a_folder(pictures, tmp_path, background=background)
    assert images.train.shape == there.shape
    assert np.abs(images.train.astype(int) - there).max() <= 1  # a half of a level is rounded either way


def test_colour_and_bits_are_decided_over_both_halves():
    assert ayneh.images(GREY, test=RED).train.shape == (40, 3, 8, 8)
    assert ayneh.images(RED, test=as_mode("RGB")).test.shape == (40, 3, 8, 8)
    assert "40 of them in colour, the others grey" in ayneh.images(GREY, test=RED).understood
    colour = np.stack([BYTES] * 3, -1)
    assert ayneh.images(colour, test=GREY).test.shape == (40, 3, 8, 8)
    assert ayneh.images(colour, test=THIN).test.shape == (40, 3, 8, 8)
    assert np.array_equal(ayneh.images(GREY, test=DEEP).test, ayneh.images(GREY, test=GREY).test)
    assert ayneh.images(BYTES, test=as_mode("RGB")).train.shape == (40, 1, 8, 8)


@pytest.mark.parametrize(
    ("items", "types"),
    [
        (GREY[:20] + FLOATS[20:], "uint8 and float32"),
        (DEEP[:20] + FLOATS[20:], "uint16 and float32"),
        (GREY[:20] + as_mode("I")[20:], "uint8 and int32"),
        (GREY[:20] + [Image.fromarray(i.astype(np.uint16)) for i in BYTES], "uint8 and uint16"),  # 0 to 255 of 65,535
        ([BYTES[0], BYTES[1] / 255] * 20, "uint8 and float64"),
        ([BYTES[0], BYTES[1] > 100] * 20, "uint8 and bool"),
        ([GREY[0], BYTES[1].astype(np.uint16) * 257] * 20, "uint8 and uint16"),
    ],
)
def test_items_whose_black_and_white_differ_are_refused_by_their_types(items, types):
    with pytest.raises(ayneh.UserError, match=rf"^the images have values of types {types}, in which .* range=\(LOW"):
        ayneh.images(items)


def test_a_range_decides_over_items_of_several_types():
    images = ayneh.images([BYTES[0], BYTES[0] / 1.0] * 20, test=BYTES[:1], range=(0, 255))
    assert (images.train == BYTES[0]).all()
    floats = ayneh.images([BYTES[0] / 255, (BYTES[0] / 255).astype(np.float32)] * 20, test=BYTES[:1] / 255)
    assert (floats.train == BYTES[0]).all()


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([BYTES[0], np.stack([BYTES[0]] * 3, -1)], "different shapes ((8, 8), (8, 8, 3)): make the arrays alike"),
        ([GREY[0], RED[1].resize((9, 9))], "different shapes ((8, 8), (9, 9, 3)): give resize="),
        ([([[0, 1], [0]], 1)] * 20, "number 0 is a list that is no array"),
        ([Image.new("La", (8, 8))] * 20, "number 0 is a picture of the mode La, which Pillow makes no RGBA"),
    ],
)
def test_what_cannot_be_made_alike_is_refused_with_what_helps(items, words):
    with pytest.raises(ayneh.UserError) as refused:
        ayneh.images(items)
    assert words in str(refused.value)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_photograph_stands_upright_in_a_list_as_in_a_folder(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    levels = np.random.default_rng(turn).integers(0, 256, (12, 16, 20), np.uint8)
    for k, one in enumerate(levels):
        Image.fromarray(one).save(tmp_path / f"{k:02}.png", exif=exif)
    opened = [Image.open(tmp_path / f"{k:02}.png") for k in range(len(levels))]
    given, read = ayneh.images(opened, resize=8), ayneh.images(tmp_path, resize=8)
    assert {image.tobytes() for image in all_of(given)} == {image.tobytes() for image in all_of(read)}
