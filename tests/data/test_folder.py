"""Folders of PNG and JPEG files: modes, classes, splits, and what is refused."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.data import unpack
from ayneh.data.sources import load
from ayneh.errors import UserError


def picture(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def write(path: Path, image: np.ndarray | Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path)


def everything(folder: Path) -> np.ndarray:
    return load(f"folder:{folder}", split="all").pixels.numpy()


def test_grey_images_have_one_channel_and_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    images = picture(0, 3, 6, 5)
    for name, image in zip(["b.png", "a/z.PNG", "c/deep/er.png"], images, strict=True):
        write(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._b.png").write_bytes(b"what macOS leaves beside a picture")
    loaded = load(f"folder:{tmp_path}", split="all")
    assert np.array_equal(loaded.pixels.numpy(), images[[1, 0, 2]][:, None])
    assert (loaded.labels, loaded.classes) == (None, None), "b.png is in no class"


def test_one_image_in_colour_makes_all_of_them_rgb(tmp_path: Path) -> None:
    grey, colour = picture(0, 4, 4), picture(1, 4, 4, 3)
    write(tmp_path / "a.png", grey)
    write(tmp_path / "b.png", colour)
    pixels = everything(tmp_path)
    assert np.array_equal(pixels[0], np.stack([grey] * 3))
    assert np.array_equal(pixels[1], colour.transpose(2, 0, 1))


def test_grey_in_another_dress_is_still_grey(tmp_path: Path) -> None:
    grey = picture(0, 4, 4)
    write(tmp_path / "a.png", grey)
    write(tmp_path / "b.png", np.stack([grey] * 3, axis=2))
    write(tmp_path / "c.png", Image.fromarray(grey).convert("P"))
    write(tmp_path / "d.png", np.stack([grey] * 3 + [np.full_like(grey, 255)], axis=2))
    write(tmp_path / "e.png", grey.astype(np.uint16) * 256 + 128)  # 16 bits
    assert np.array_equal(everything(tmp_path), np.stack([grey] * 5)[:, None])


def test_a_bitmap_becomes_black_and_white(tmp_path: Path) -> None:
    bits = picture(0, 4, 4) > 127
    write(tmp_path / "a.png", Image.fromarray(bits))
    assert np.array_equal(everything(tmp_path)[0, 0], bits * np.uint8(255))


def test_transparent_pixels_lie_on_black(tmp_path: Path) -> None:
    rgba = picture(0, 4, 4, 4)
    rgba[:, :2, 3], rgba[:, 2:, 3] = 0, 255
    write(tmp_path / "a.png", rgba)
    pixels = everything(tmp_path)[0]
    assert (pixels[:, :, :2] == 0).all()
    assert np.array_equal(pixels[:, :, 2:], rgba[:, 2:, :3].transpose(2, 0, 1))


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[None], 8, axis=0)  # 16 wide, brighter to the right
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(ramp).save(tmp_path / "a.jpeg", exif=exif, quality=100)
    pixels = everything(tmp_path)
    assert pixels.shape == (1, 1, 16, 8)
    assert (np.diff(pixels[0, 0].mean(1)) > 0).all()


def test_first_subfolders_are_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/1.png", "cat/old/2.png", "eel/1.png"):
        write(tmp_path / name, picture(0, 4, 4))
    loaded = load(f"folder:{tmp_path}", split="all")
    assert loaded.classes == 3
    assert loaded.labels is not None
    assert loaded.labels.dtype == torch.int64
    assert loaded.labels.tolist() == [0, 0, 1, 2]


def test_a_fixed_tenth_is_for_testing_where_the_folder_does_not_say(tmp_path: Path) -> None:
    for i in range(25):
        write(tmp_path / f"{i:02d}.png", np.full((2, 2), i, np.uint8))
    split = {name: load(f"folder:{tmp_path}", name).pixels[:, 0, 0, 0].tolist() for name in ("train", "test", "all")}
    assert 1 <= len(split["test"]) <= 6
    assert sorted(split["train"] + split["test"]) == split["all"] == list(range(25))
    assert load(f"folder:{tmp_path}", "test").pixels[:, 0, 0, 0].tolist() == split["test"]
    assert split["train"] == sorted(split["train"]), "the order of the files is kept"


def test_folders_named_train_and_test_are_the_splits_with_one_table_of_classes(tmp_path: Path) -> None:
    for i, name in enumerate(["train/cat/a.png", "train/dog/a.png", "test/dog/a.png", "test/eel/a.png"]):
        write(tmp_path / name, np.full((2, 2), i, np.uint8))
    train, test, both = (load(f"folder:{tmp_path}", split) for split in ("train", "test", "all"))
    assert train.pixels[:, 0, 0, 0].tolist() == [0, 1]
    assert test.pixels[:, 0, 0, 0].tolist() == [2, 3]
    assert both.pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert [images.labels.tolist() for images in (train, test)] == [[0, 1], [1, 2]]
    assert {images.classes for images in (train, test, both)} == {3}


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no folder .*nowhere"):
        load(f"folder:{tmp_path / 'nowhere'}")
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=f"There is no image in {tmp_path}"):
        load(f"folder:{tmp_path}")


def test_a_folder_too_small_for_a_test_split_says_so(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(0, 4, 4))
    assert len(load(f"folder:{tmp_path}", "train").pixels) == 1
    with pytest.raises(UserError, match="no image for the split 'test'"):
        load(f"folder:{tmp_path}", "test")


def test_mixed_sizes_are_refused_with_two_of_them_and_cured_by_resize(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(0, 8, 8))
    write(tmp_path / "b.png", picture(0, 8, 8))
    write(tmp_path / "c.png", picture(0, 10, 6))
    with pytest.raises(UserError, match=r"a\.png is 8x8 and .*c\.png is 6x10 .width x height.*--data\.resize 32"):
        load(f"folder:{tmp_path}", "all")
    assert load(f"folder:{tmp_path}", "all", resize=4).pixels.shape == (3, 1, 4, 4)


def test_resize_crops_to_the_central_square_and_keeps_a_flat_image_flat(tmp_path: Path) -> None:
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200  # the central square
    write(tmp_path / "a.png", wide)
    assert (load(f"folder:{tmp_path}", "all", resize=4).pixels == 200).all()


@pytest.mark.parametrize("name", ["bad.png", "bad.jpg"])
def test_a_damaged_image_is_named_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, picture(0, 64, 64))
    whole = (tmp_path / name).read_bytes()
    for damaged, message in [
        (b"", "is empty: it has 0 bytes"),
        (b"<html>Sign in</html>", "is not an image of a kind that is read"),
        (whole[: len(whole) // 2], "cannot be read as an image: .*truncated"),
        (whole[: len(whole) // 2] + bytes(len(whole)), "cannot be read as an image: "),
    ]:
        if damaged.startswith(b"\xff\xd8") and len(damaged) > len(whole):
            continue  # JPEG has no checksum: zeros in its data are grey blocks, not an error
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(UserError, match=f"{name} .*{message}"):
            load(f"folder:{tmp_path}", "all")


def test_a_gif_that_is_called_png_is_read_by_its_content(tmp_path: Path) -> None:
    grey = picture(0, 4, 4)
    Image.fromarray(grey).save(tmp_path / "a.png", "GIF")
    assert np.array_equal(everything(tmp_path)[0, 0], grey)


@pytest.fixture
def often() -> Iterator[None]:
    """Threads that take turns often, so that what they share is met in all states."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_folders_that_several_threads_read_are_what_each_reads_alone(tmp_path: Path, often: None) -> None:
    """What was read last belongs to the process: threads were given images of another choice, or of another folder."""
    for name in ("a", "b"):
        for k, image in enumerate(picture(ord(name), 40, 6, 6)):
            write(tmp_path / name / f"{k}.png", image)

    def one(name: str, split: str, limit: int | None) -> str:
        return load(f"folder:{tmp_path / name}", split, limit=limit).fingerprint

    ways = [("a", "train", None), ("a", "train", 9), ("a", "test", None), ("b", "train", 20), ("a", "train", 22)]
    alone = [one(*way) for way in ways]
    wrong: list[object] = []

    def read(first: int) -> None:
        for k in range(first, first + 15):
            way = k % len(ways)
            try:
                if one(*ways[way]) != alone[way]:
                    wrong.append(ways[way])
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_folder_whose_reading_was_interrupted_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: the next cell was given pixels of the files read before."""
    for k, image in enumerate(picture(0, 40, 6, 6)):
        write(tmp_path / f"{k}.png", image)
    alone = load(f"folder:{tmp_path}", "train", limit=9).fingerprint
    whole, calls = unpack.picture, []

    def interrupted(*how: object) -> object:
        calls.append(how)
        if len(calls) == 40:  # the last file
            raise KeyboardInterrupt
        return whole(*how)

    monkeypatch.setattr(unpack, "picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(f"folder:{tmp_path}", "train")
    monkeypatch.undo()
    assert load(f"folder:{tmp_path}", "train", limit=9).fingerprint == alone


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ((b"caf\xe8", b"caf\xe9", b"the"), ("caf\\xe8", "caf\\xe9", "the")),
        ((b"caf\xe8", b"the"), ("caf?", "the")),
        ((b"a\x01", b"a\x02", b"a?"), ("a\\x01", "a\\x02", "a?")),
        ((b"a\x01", b"a?", b"a\\x01"), ("a\\x01", "a?", "a\\\\x01")),
        ((b"a\nb", b"a\tb"), ("a\\x0ab", "a\\x09b")),
        (("a\u0085".encode(), b"a\x85"), ("a\\u0085", "a\\x85")),
        (("caf\u00e9".encode(), b"the", "cafe\u0301".encode()), ("caf\u00e9", "the", "caf\u00e9")),  # one name
    ],
)
def test_classes_whose_names_look_alike_stay_apart(
    tmp_path: Path, folders: tuple[bytes, ...], names: tuple[str, ...]
) -> None:
    """They were one class. Names in bytes that are no text, and those with control characters, are shown with ?."""
    for level, folder in enumerate(folders):
        place = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), folder)))
        place.mkdir()
        write(place / "0.png", np.full((4, 4), level, np.uint8))
    both = load(f"folder:{tmp_path}", "all")
    of_level = dict(zip(both.pixels[:, 0, 0, 0].tolist(), both.labels.tolist(), strict=True))
    assert tuple(both.names[of_level[level]] for level in range(len(folders))) == names
    assert len(both.names) == len(set(names))
