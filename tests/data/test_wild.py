"""Folders as people have them: each is made here, and read right, read with a word, or refused with the way out.

docs/your-data.md lists the kinds of files and names these tests.
"""

import os
import re
import shutil
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ayneh.data import bounded, unpack
from ayneh.data import picture as picture_module
from ayneh.data.images import Images
from ayneh.data.scan import scan
from ayneh.data.sources import load
from ayneh.data.split import digest, held_out
from ayneh.dataset import Data
from ayneh.errors import UserError

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape or (8, 8)).astype(np.uint8)


def put(path: Path, image: np.ndarray | Image.Image | None = None, kind: str | None = None, **options: object) -> Path:
    """Write an image; without one, a grey one that its path alone determines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if image is None:
        image = noise(zlib.crc32("/".join(path.parts[-3:]).encode()))
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, kind, **options)
    return path


def fill(folder: Path, places: str, n: int = 2) -> None:
    """n images in each of these folders."""
    for place in places.split():
        for i in range(n):
            put(folder / place / f"{i}.png")


def read(folder: Path, split: str = "all", **options: object) -> Images:
    return load(f"folder:{folder}", split, **options)  # type: ignore[arg-type]


def counts(folder: Path, **options: object) -> tuple[int, int]:
    return tuple(len(read(folder, split, **options).pixels) for split in ("train", "test"))


# -- what the folders' names mean --------------------------------------------------------------------------------------

LAYOUTS = {  # folders with two images each -> train, test, classes, what is said
    "train test": (2, 2, None, ""),
    "Train Test": (2, 2, None, ""),
    "TRAIN TEST": (2, 2, None, ""),
    "training testing": (2, 2, None, ""),
    "train val": (2, 2, None, "val/ (2 images) is the test set"),
    "train valid": (2, 2, None, "valid/ (2 images) is the test set"),
    "train validation": (2, 2, None, "validation/ (2 images) is the test set"),
    "train dev": (2, 2, None, "dev/ (2 images) is the test set"),
    "train eval": (2, 2, None, "eval/ (2 images) is the test set"),
    "Train Val": (2, 2, None, "Val/ (2 images) is the test set"),
    "train val test": (4, 2, None, "val/ (2 images) joins train"),
    "train/cat train/dog val/cat val/dog": (4, 4, ("cat", "dog"), "val/ (4 images) is the test set"),
    "train/cat train/dog val/cat val/dog test/cat test/dog": (8, 4, ("cat", "dog"), "val/ (4 images) joins train"),
    "photos/train/cat photos/train/dog photos/test/cat photos/test/dog": (4, 4, ("cat", "dog"), "all in photos"),
    "a/b/c/train a/b/c/test": (2, 2, None, "all in a/b/c"),
    "train/images test/images": (2, 2, None, ""),
    "train/imgs/cat train/imgs/dog test/imgs/cat test/imgs/dog": (4, 4, ("cat", "dog"), ""),
    "cat/train cat/test dog/train dog/test": (4, 4, ("cat", "dog"), ""),
    "train/cat train/dog test/cat test/dog extra": (4, 4, ("cat", "dog"), "2 images in extra/ skipped"),
    "train/cat train/dog test/cat test/dog sketches": (4, 4, ("cat", "dog"), "2 images in sketches/ skipped"),
    "train/cat train/dog train/eel test/cat test/dog": (6, 4, ("cat", "dog", "eel"), "classes only in train: eel"),
    "train/cat train/dog test/dog test/eel": (4, 4, ("cat", "dog", "eel"), "only in train: cat, only in test: eel"),
    "train test1": (2, 2, None, ""),
    "train2017 val2017": (2, 2, None, "val2017/ (2 images) is the test set"),
    "train_images test_images": (2, 2, None, ""),
    "train-set val-set test-set": (4, 2, None, "val-set/ (2 images) joins train"),
    "seg_train/seg_train/sea seg_train/seg_train/ice seg_test/seg_test/sea seg_test/seg_test/ice seg_pred": (
        *(4, 4, ("ice", "sea")),
        "2 images in seg_pred/ skipped",
    ),
    "train/cat train/dog test": (4, 2, None, "no labels in test"),
}


@pytest.mark.parametrize("places", LAYOUTS)
def test_splits_are_told_from_classes(tmp_path: Path, places: str) -> None:
    fill(tmp_path / "set", places)
    train, test, names, words = LAYOUTS[places]
    assert counts(tmp_path / "set") == (train, test)
    both = read(tmp_path / "set")
    assert both.names == names
    assert words in both.understood
    assert f"{train} to train, {test} to test;" in read(tmp_path / "set", "train").understood
    assert f"{train + test} in all;" in both.understood
    assert both.classes == (None if names is None else len(names))


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ("cat dog", ("cat", "dog")),
        ("set/cat set/dog", ("cat", "dog")),
        ("a/b/cat a/b/dog", ("cat", "dog")),
        ("train/cat train/dog", ("cat", "dog")),  # train alone is a wrapper
        ("train bus car", ("bus", "car", "train")),  # a class of vehicles
        ("bullet_train test_tube beaker", ("beaker", "bullet_train", "test_tube")),
        ("cat/old cat/new dog", ("cat", "dog")),  # deeper folders are part of their class
        ("10 9 1", ("1", "9", "10")),
        ("class10 class9 Class1", ("Class1", "class9", "class10")),
        ("گربه سگ", ("سگ", "گربه")),
        ("猫 犬 кот", ("кот", "犬", "猫")),
        ("رقم۱۰ رقم۹", ("رقم۹", "رقم۱۰")),
        ("cafe\u0301 bar", ("bar", "caf\u00e9")),  # a Mac's way to write é
    ],
)
def test_classes_have_their_names_in_natural_order(tmp_path: Path, places: str, names: tuple[str, ...]) -> None:
    fill(tmp_path / "set", places)
    both = read(tmp_path / "set")
    assert both.names == names
    assert set(both.labels.tolist()) == set(range(len(names)))
    assert len(both.pixels) == 2 * len(places.split())
    by_label = [names[label] for label in both.labels.tolist()]
    assert by_label == sorted(by_label, key=names.index), "images come in the order of their classes"


@pytest.mark.parametrize("wrapped", [".", "a/b"])
def test_an_image_has_the_label_of_its_folder(tmp_path: Path, wrapped: str) -> None:
    for level, name in enumerate(["item10", "item9", "گربه"]):
        put(tmp_path / wrapped / name / "0.png", np.full((4, 4), level, np.uint8))
    both = read(tmp_path)
    assert both.names == ("item9", "item10", "گربه")
    assert both.pixels[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert both.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("places", ["cat", "photos/img_align_celeba", "a/b/c", "train", "train/cat test/cat"])
def test_one_class_is_no_label(tmp_path: Path, places: str) -> None:
    fill(tmp_path / "set", places, 12)
    both = read(tmp_path / "set")
    assert (both.labels, both.classes, both.names) == (None, None, None)
    assert "no labels" in both.understood


def test_a_stray_image_beside_class_folders_is_skipped_with_a_word(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog", 5)
    put(tmp_path / "grid.png")
    both = read(tmp_path)
    assert (len(both.pixels), both.names) == (10, ("cat", "dog"))
    assert "1 image beside the class folders skipped" in both.understood


def test_many_images_beside_folders_keep_all_and_have_no_labels(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog")
    fill(tmp_path, ".", 6)
    both = read(tmp_path)
    assert (len(both.pixels), both.labels) == (10, None)
    assert "no labels: 6 of 10 images are in no class folder" in both.understood


def test_a_stray_image_beside_the_splits_is_in_neither(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "preview.png")
    assert counts(tmp_path) == (3, 3)
    assert "1 image beside them skipped: neither train nor test" in read(tmp_path).understood


def test_a_stray_image_beside_a_wrapper_does_not_hide_the_splits(tmp_path: Path) -> None:
    fill(tmp_path, "set/train set/test", 5)
    put(tmp_path / "preview.png")
    assert counts(tmp_path) == (5, 5)
    assert "1 image beside set skipped" in read(tmp_path).understood


def test_an_empty_class_folder_is_named_and_no_class(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog")
    (tmp_path / "eel").mkdir()
    (tmp_path / "fox" / "deep").mkdir(parents=True)
    both = read(tmp_path)
    assert both.names == ("cat", "dog")
    assert "2 folders without images (eel, fox)" in both.understood


def test_an_empty_test_folder_leaves_a_tenth_to_be_held_out(tmp_path: Path) -> None:
    fill(tmp_path, "train/cat train/dog", 30)
    (tmp_path / "test").mkdir()
    train, test = counts(tmp_path)
    assert (train + test, test > 0) == (60, True)
    assert "1 folder without images (test)" in read(tmp_path).understood
    assert read(tmp_path).names == ("cat", "dog")


# -- what is skipped, and counted --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        *(".ipynb_checkpoints/a.png", "@eaDir/a.png", "__MACOSX/a.png", "lost+found/a.png", "._0.png", ".DS_Store"),
        *("Thumbs.db", "desktop.ini", "$RECYCLE.BIN/a.png", "cat/.thumbs/a.png", "cat/@eaDir/0.png/SYNO.png"),
    ],
)
def test_hidden_and_system_copies_are_skipped_and_counted(tmp_path: Path, place: str) -> None:
    fill(tmp_path, "cat dog")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY).save(tmp_path / place, "PNG")
    both = read(tmp_path)
    assert (len(both.pixels), both.names) == (4, ("cat", "dog"))
    assert "1 file skipped (1 hidden)" in both.understood


def test_other_files_are_counted_by_suffix(tmp_path: Path) -> None:
    fill(tmp_path, ".", 3)
    for name in ("a.txt", "b.TXT", "labels.csv", "c.heic", "README"):
        (tmp_path / name).write_text("no image")
    both = read(tmp_path)
    assert len(both.pixels) == 3
    assert "5 files skipped (2 .txt, 1 without suffix, 1 .csv, 1 .heic)" in both.understood


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_to_class_folders_and_files_are_followed(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "cats dogs", 3)
    (tmp_path / "set").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "elsewhere" / f"{name}s", target_is_directory=True)
    put(tmp_path / "other.png", GREY)
    fill(tmp_path / "set", "eel", 1)
    (tmp_path / "set" / "eel" / "link.png").symlink_to(tmp_path / "other.png")
    both = read(tmp_path / "set")
    assert both.names == ("cat", "dog", "eel")
    assert both.labels.bincount().tolist() == [3, 3, 2]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_that_go_round_or_nowhere_end(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog", 3)
    (tmp_path / "all").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "cat" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a_cat").symlink_to(tmp_path / "cat", target_is_directory=True)  # before "cat" in the order
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    both = read(tmp_path)
    assert (len(both.pixels), both.names) == (6, ("cat", "dog"))
    assert "4 files skipped (3 links to folders read already, 1 dead link)" in both.understood


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="paths are short there")
def test_folders_may_be_as_deep_as_a_path_is_long(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 1200)
    for k in range(0, 1200, 300):
        tmp_path.joinpath(*["d"] * (k + 300)).mkdir(parents=True)
    image = put(deep / "a.png", GREY)
    try:
        assert read(tmp_path).pixels.shape == (1, 1, 8, 8)
    finally:  # deeper than what clears temporary folders can go
        image.unlink()
        for k in range(1200):
            [deep, *deep.parents][k].rmdir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    fill(tmp_path, ".", 3)
    os.mkfifo(tmp_path / "pipe.png")
    assert len(read(tmp_path).pixels) == 3
    assert "1 pipe or device" in read(tmp_path).understood


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog", 3)
    (tmp_path / "dog").chmod(0)
    try:
        with pytest.raises(UserError, match=r"The folder .*dog cannot be read: Permission denied"):
            read(tmp_path)
    finally:
        (tmp_path / "dog").chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_and_control_characters_are_shown_harmless(tmp_path: Path) -> None:
    fill(tmp_path, "cat", 3)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xffg\x1b[31m"))
    shutil.copytree(tmp_path / "cat", odd)
    line = read(tmp_path).understood
    assert "cat, d?g?[31m" in line
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", r"put \.png.* files into it; there: 1 file skipped \(1 \.txt\)"),
        ("a.heic", r"convert \.heic to PNG or JPEG; there: 1 file skipped \(1 \.heic\)"),
        ("a.zip", "unpack the archive first"),
        ("a.npz", "name a file of arrays by"),
        (".hidden.png", r"there: 1 file skipped \(1 hidden\)"),
    ],
)
def test_a_folder_without_images_says_what_is_there_and_what_helps(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match=f"There is no image in {tmp_path}: .*{words}"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "words"), [("a.npz", "name it file:"), ("a.png", "is a file, not a folder")])
def test_a_file_is_no_folder(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=words):
        read(tmp_path / name)


# -- kinds of files ----------------------------------------------------------------------------------------------------

KINDS = {  # suffix -> Pillow's name
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "webp": "WEBP", "bmp": "BMP",
    "gif": "GIF", "tif": "TIFF", "tiff": "TIFF", "ppm": "PPM", "pgm": "PPM", "pbm": "PPM",
}  # fmt: skip


@pytest.mark.parametrize("suffix", [*KINDS, *(suffix.upper() for suffix in KINDS), "Png", "JpEg"])
def test_every_kind_is_read_in_any_case_of_its_suffix(tmp_path: Path, suffix: str) -> None:
    kind = KINDS[suffix.lower()]
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    put(tmp_path / f"a.{suffix}", GREY, kind, **options)
    pixels = read(tmp_path).pixels.numpy()
    assert pixels.shape == (1, 1, 8, 8)
    assert np.abs(pixels[0, 0].astype(int) - GREY).max() <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "PNG"), ("a.png", "JPEG"), ("a.gif", "WEBP"), ("00001", "PNG")])
def test_the_content_says_the_kind_whatever_the_suffix(tmp_path: Path, name: str, kind: str) -> None:
    put(tmp_path / name, np.full((8, 8), 128, np.uint8), kind)
    assert (read(tmp_path).pixels - 128).abs().max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_an_animation_the_first_frame_is_read_and_said(tmp_path: Path, kind: str) -> None:
    first, second = (Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (40, 200))
    options = {"lossless": True} if kind == "WEBP" else {}
    put(tmp_path / f"a.{kind.lower()}", first, kind, save_all=True, append_images=[second], **options)
    both = read(tmp_path)
    assert (both.pixels == 40).all()
    assert "the first frame of 1 file with several" in both.understood


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    put(tmp_path / "a.png", deep)
    put(tmp_path / "b.tif", deep)
    put(tmp_path / "c.pgm", Image.fromarray(deep), "PPM")
    assert np.array_equal(read(tmp_path).pixels[:, 0].numpy(), np.stack([GREY] * 3))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((8, 8), 0.5, np.float32), "levels as floats"),
        (np.full((8, 8), 70000, np.int32), "levels from 70000 to 70000"),
        (np.full((8, 8), -1, np.int32), "levels from -1 to -1"),
    ],
)
def test_levels_that_have_no_black_and_white_are_refused(tmp_path: Path, image: np.ndarray, words: str) -> None:
    put(tmp_path / "a.tif", image)
    with pytest.raises(UserError, match=f"a.tif has {words}: save it with 8 or 16 bits"):
        read(tmp_path)


def test_a_palette_and_cmyk_come_out_in_their_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    put(tmp_path / "a.png", red.convert("P"))
    put(tmp_path / "b.jpg", red.convert("CMYK"), quality=100)
    put(tmp_path / "c.gif", red)
    pixels = read(tmp_path).pixels.int()
    assert (pixels[:, 0] > 250).all()
    assert (pixels[:, 1:] < 5).all()


@pytest.mark.parametrize(("turn", "quarter"), [(3, 2), (6, -1), (8, 1)])
def test_a_photograph_stands_upright(tmp_path: Path, turn: int, quarter: int) -> None:
    seen = np.repeat(np.repeat(noise(1, 2, 4), 8, 0), 8, 1)  # 32 wide, 16 high
    exif = Image.Exif()
    exif[0x0112] = turn
    for name in ("a.jpg", "a.png", "a.webp"):
        folder = tmp_path / name[2:]
        put(folder / name, np.rot90(seen, -quarter).copy(), exif=exif, quality=100)
        found = read(folder).pixels[0, 0].numpy()
        assert found.shape == seen.shape
        assert np.abs(found.astype(int) - seen).mean() < 8


def test_damaged_notes_of_a_camera_do_not_damage_the_photograph(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", GREY, quality=100, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff\xff\xff\xff")
    assert read(tmp_path).pixels.shape == (1, 1, 8, 8)


# -- grey or colour, sizes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["train", "test"])
def test_grey_or_colour_is_decided_over_all_splits(tmp_path: Path, place: str) -> None:
    fill(tmp_path, "train test", 6)
    put(tmp_path / place / "colour.png", noise(1, 8, 8, 3))
    for split in ("train", "test", "all"):
        found = read(tmp_path, split)
        assert found.pixels.shape[1] == 3
        assert "1 of them in colour, the others grey" in found.understood
        (where,) = np.nonzero((found.pixels[:, :1] != found.pixels).flatten(1).any(1).numpy())
        assert len(where) == (split in (place, "all"))


def test_grey_or_colour_does_not_depend_on_a_limit(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 6)
    put(tmp_path / "test" / "colour.png", noise(1, 8, 8, 3))
    assert read(tmp_path, "train", limit=2).pixels.shape == (2, 3, 8, 8)


def test_sizes_are_compared_over_all_splits(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "test" / "9.png", noise(0, 9, 7))
    with pytest.raises(UserError, match=r"several sizes: .*0\.png is 8x8 and .*9\.png is 7x9 .*--data\.resize 32"):
        read(tmp_path, "train")
    assert read(tmp_path, "train", resize=6).pixels.shape == (3, 1, 6, 6)


def test_what_was_resized_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.png", noise(0, 8, 12))
    assert "resized from 12x8, 1 of 1 enlarged" in read(tmp_path, resize=10).understood
    put(tmp_path / "b.png", noise(1, 20, 30))
    assert "resized from 2 sizes, 1 of 2 enlarged" in read(tmp_path, resize=10).understood
    assert "resized from 2 sizes;" in read(tmp_path, resize=4).understood + ";"
    for name in ("a.png", "b.png"):
        put(tmp_path / name, noise(2, 4, 4))
    assert "resized from" not in read(tmp_path, resize=4).understood


def test_mixed_sizes_and_broken_files_are_named_at_once(tmp_path: Path) -> None:
    put(tmp_path / "a.png", noise(0, 8, 8))
    put(tmp_path / "b.png", noise(0, 8, 9))
    late = put(tmp_path / "c.png", noise(0, 64, 64))
    late.write_bytes(late.read_bytes()[:2000])  # its header is whole
    (tmp_path / "d.jpg").write_bytes(b"")
    with pytest.raises(UserError) as error:
        read(tmp_path)
    words = "2 of 4 files cannot be read (c.png, d.jpg): train with --data.resize 32 --data.skip-broken"
    assert words in str(error.value)
    assert read(tmp_path, resize=32, skip_broken=True).pixels.shape == (2, 1, 32, 32)


def test_the_advice_names_the_flags_of_the_verb(tmp_path: Path) -> None:
    put(tmp_path / "a.png", noise(0, 8, 8))
    put(tmp_path / "b.png", noise(0, 8, 9))
    with pytest.raises(UserError, match=r": add --resize 32, or another"):
        load(f"folder:{tmp_path}", flag="--")


# -- broken and hostile files ------------------------------------------------------------------------------------------

WHOLE = {}
for _name in ("a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.tif", "a.ppm"):
    _buffer = BytesIO()
    Image.fromarray(noise(0, 64, 64, 3)).save(_buffer, KINDS[_name[2:]])
    WHOLE[_name] = _buffer.getvalue()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kept", [0, 3, 0.5])
def test_a_truncated_file_of_any_kind_is_named_and_can_be_skipped(tmp_path: Path, name: str, kept: float) -> None:
    put(tmp_path / "good.png", noise(0, 64, 64, 3))
    whole = WHOLE[name]
    (tmp_path / name).write_bytes(whole[: int(kept if kept != 0.5 else len(whole) // 2)])
    with pytest.raises(UserError, match=rf"{name} .*\. Remove it, or train with --data\.skip-broken"):
        read(tmp_path)
    both = read(tmp_path, skip_broken=True)
    assert len(both.pixels) == 1
    assert f"1 file that cannot be read skipped ({name})" in both.understood


def test_one_broken_file_does_not_change_which_others_are_chosen(tmp_path: Path) -> None:
    fill(tmp_path, ".", 40)
    before = {split: read(tmp_path, split) for split in ("train", "test")}
    limited = read(tmp_path, limit=10).pixels
    late = put(tmp_path / "5b.png", noise(5))
    late.write_bytes(late.read_bytes()[:70])  # its header is whole
    shutil.copy(late, tmp_path / "z.png")
    for split, found in before.items():
        assert read(tmp_path, split, skip_broken=True).fingerprint == found.fingerprint
    assert (read(tmp_path, limit=10, skip_broken=True).pixels == limited).all()


@pytest.mark.parametrize("asked", ["folder", "digits"])
def test_a_range_is_refused_where_there_is_none_to_choose(tmp_path: Path, asked: str) -> None:
    """It was left out without a word."""
    put(tmp_path / "a.png", noise(0))
    name = f"folder:{tmp_path}" if asked == "folder" else asked
    with pytest.raises(UserError, match=r"--data\.range is 0 16, but .* is no file of arrays"):
        load(name, range=(0, 16))


def test_a_range_of_the_images_that_are_scored_is_none_of_the_named_set(tmp_path: Path) -> None:
    assert load("digits", range=(0, 16), flag="--").pixels.max() == 255


def test_a_path_without_its_kind_is_refused_with_the_name_that_works(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "a.png", noise(0))
    np.save(tmp_path / "a.npy", noise(0, 30, 8, 8))
    for name, kind in (("photos", "folder"), ("a.npy", "file")):
        with pytest.raises(UserError, match=f"there is such a path: name it {kind}:{tmp_path / name}"):
            load(str(tmp_path / name))
        assert load(f"{kind}:{tmp_path / name}", "all").pixels.ndim == 4


def test_a_folder_that_is_nearly_black_is_said(tmp_path: Path) -> None:
    """12 bits in files of 16 are levels up to 16 of 255."""
    for i in range(4):
        levels = np.linspace(0, 4095, 64).round().astype(np.uint16).reshape(8, 8)
        levels[0, 0] = i
        Image.fromarray(levels).save(tmp_path / f"{i}.tif")
    assert "all levels lie in 0..16 of 255: if they are" in load(f"folder:{tmp_path}").understood
    put(tmp_path / "a.png", noise(0))
    assert "all levels" not in load(f"folder:{tmp_path}").understood


def test_a_share_that_is_no_number_is_refused_with_one_that_is(tmp_path: Path) -> None:
    put(tmp_path / "a.png", noise(0))
    with pytest.raises(UserError, match=r"There is no folder 20%: .* or a share of them like 0\.2, for --data\.test\."):
        load(f"folder:{tmp_path}", test="20%")


def test_a_moved_folder_may_be_named_as_it_was_in_training(tmp_path: Path) -> None:
    """`train` takes folder:PATH, so that `resume --data folder:PATH` is meant as PATH."""
    put(tmp_path / "now" / "a.png", noise(0))
    before = Data(f"folder:{tmp_path}/before")
    for named in (f"{tmp_path}/now", f"folder:{tmp_path}/now"):
        assert before.at(Path(named)).name == f"folder:{tmp_path}/now"
    with pytest.raises(UserError, match="there is no such file or folder"):
        before.at(Path(f"folder:{tmp_path}/nowhere"))


def test_all_broken_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"All 2 images in .* are broken; the first one is empty"):
        read(tmp_path, skip_broken=True)
    with pytest.raises(UserError, match=r"2 of 2 files cannot be read \(a\.png, b\.png\)") as refused:
        read(tmp_path)
    assert "skip-broken" not in str(refused.value)  # which would leave none


def flat_png(side: int) -> bytes:
    """A black PNG of side x side, made without its pixels in memory: some kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [13_300, 60_000])
def test_a_huge_image_is_refused_before_it_is_unpacked(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was unpacked"))
    data = flat_png(100).replace(struct.pack(">II", 100, 100), struct.pack(">II", side, side))
    at = data.index(b"IHDR")
    data = data[: at + 17] + struct.pack(">I", zlib.crc32(data[at : at + 17])) + data[at + 21 :]
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.png .*an image may have 64,000,000 pixels"):
        read(tmp_path, resize=8)


def test_a_large_jpeg_is_unpacked_in_part_where_it_is_resized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module, "MOST_PIXELS", 10_000)
    put(tmp_path / "a.jpg", np.full((400, 400), 77, np.uint8), quality=95)
    assert (read(tmp_path, resize=16).pixels - 77).abs().max() <= 1
    with pytest.raises(UserError, match="has 400 x 400 pixels"):
        read(tmp_path)


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    with (tmp_path / "b.png").open("wb") as file:
        file.truncate(3_000_000_000)  # takes no room on the disk
    with pytest.raises(UserError, match=r"b\.png has 3,000,000,000 bytes, and a file may have 500,000,000"):
        read(tmp_path)


def test_a_set_that_does_not_fit_is_refused_with_sizes_that_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 20_000)
    for i in range(10):
        put(tmp_path / f"{i}.png", noise(i, 64, 64))
    with pytest.raises(UserError, match=r"images of 64x64 in grey would take .*--data\.resize 32.*--data\.limit"):
        read(tmp_path)
    assert read(tmp_path, resize=32).pixels.shape == (10, 1, 32, 32)
    assert read(tmp_path, limit=4).pixels.shape == (4, 1, 64, 64)


# -- transparency ------------------------------------------------------------------------------------------------------


def drawing(level: int) -> np.ndarray:
    """A disc of one grey level on transparency."""
    y, x = np.mgrid[:16, :16]
    opaque = ((x - 8) ** 2 + (y - 8) ** 2 < 25) * np.uint8(255)
    return np.dstack([np.full((16, 16, 3), level, np.uint8), opaque])


@pytest.mark.parametrize(("level", "background", "other"), [(0, "black", "white"), (255, "white", "black")])
def test_a_drawing_in_the_colour_of_the_background_is_refused(
    tmp_path: Path, level: int, background: str, other: str
) -> None:
    for i in range(3):
        put(tmp_path / f"{i}.png", drawing(level))
    with pytest.raises(
        UserError, match=f"3 of 3 .*colour of the background, {background}: .*--data.background {other}"
    ):
        read(tmp_path, background=background)
    both = read(tmp_path, background=other)
    assert both.pixels.float().std() > 50
    assert f"3 transparent, on {other}" in both.understood


def test_one_vanished_drawing_among_many_is_said(tmp_path: Path) -> None:
    for i in range(3):
        put(tmp_path / f"{i}.png", drawing(200))
    put(tmp_path / "3.png", drawing(0))
    assert "4 transparent, on black (1 have its colour alone)" in read(tmp_path).understood


@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_a_background_of_any_colour(tmp_path: Path, kind: str) -> None:
    image = Image.fromarray(drawing(200))
    put(tmp_path / f"a.{kind}", image, **({"lossless": True} if kind == "webp" else {}))
    corner = read(tmp_path, background="#ff8000").pixels[0, :, 0, 0]
    assert corner.tolist() == [255, 128, 0]


@pytest.mark.parametrize("background", ["pink", "#12345", "#gggggg", "", "rgb(1,2,3)"])
def test_an_unknown_background_is_refused(tmp_path: Path, background: str) -> None:
    put(tmp_path / "a.png")
    with pytest.raises(UserError, match="^--background is .*it must be black, white or #rrggbb"):
        read(tmp_path, background=background, flag="--")


# -- the split ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.sets(st.binary(min_size=1, max_size=8), min_size=60, max_size=200), st.binary(min_size=9, max_size=9))
def test_another_image_moves_no_image(contents: set[bytes], more: bytes) -> None:
    digests = sorted(map(digest, contents))
    before = dict(zip(digests, held_out(digests), strict=True))
    if not any(digest[0] < 25 for digest in digests):
        return  # none is below the tenth: the one that is held out instead may change
    grown = sorted([*digests, digest(more)])
    after = dict(zip(grown, held_out(grown), strict=True))
    assert {key: after[key] for key in before} == before
    assert any(before.values())


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=60))
def test_copies_share_a_side_and_neither_side_is_empty_without_need(contents: list[bytes]) -> None:
    digests = [digest(content) for content in contents]
    test = held_out(digests)
    for content in set(digests):
        assert len({bool(side) for key, side in zip(digests, test, strict=True) if key == content}) == 1
    assert not test.all()
    if len(contents) >= 10 and len(set(digests)) > 1:
        assert test.any()


def test_a_tenth_is_held_out_and_a_larger_share_keeps_it() -> None:
    digests = [digest(str(i).encode()) for i in range(20_000)]
    tenth, fifth = held_out(digests), held_out(digests, 0.2)
    assert abs(tenth.mean() - 0.1) < 0.01
    assert abs(fifth.mean() - 0.2) < 0.01
    assert not (tenth & ~fifth).any()


def test_another_file_moves_no_file_of_a_folder(tmp_path: Path) -> None:
    fill(tmp_path, ".", 80)
    sides = {split: {image.numpy().tobytes() for image in read(tmp_path, split).pixels} for split in ("train", "test")}
    assert "a tenth held out, by the hash of each file" in read(tmp_path, "train").understood
    put(tmp_path / "00.png", noise(7))
    put(tmp_path / "zz.png", noise(8))
    for split, before in sides.items():
        assert before <= {image.numpy().tobytes() for image in read(tmp_path, split).pixels}


def test_a_file_keeps_its_side_under_another_name_and_its_copies_follow(tmp_path: Path) -> None:
    fill(tmp_path, ".", 40)
    before = {image.numpy().tobytes() for image in read(tmp_path, "test").pixels}
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / f"{zlib.crc32(path.name.encode())}.png")
    for path in list(tmp_path.iterdir()):
        shutil.copy(path, tmp_path / f"copy of {path.name}")
    tests = read(tmp_path, "test").pixels
    assert {image.numpy().tobytes() for image in tests} == before
    assert len(tests) == 2 * len(before)


def test_a_share_is_held_out(tmp_path: Path) -> None:
    fill(tmp_path, ".", 100)
    (_, tenth), (train, half) = counts(tmp_path), counts(tmp_path, test="0.5")
    assert train + half == 100
    assert tenth < 25 < half
    assert "0.5 held out" in read(tmp_path, "train", test="0.5").understood


@pytest.mark.parametrize("share", ["0", "1", "1.5", "-0.1", "nan", "inf"])
def test_a_share_beyond_the_images_is_refused(tmp_path: Path, share: str) -> None:
    fill(tmp_path, ".", 3)
    with pytest.raises(UserError, match="a share of the images lies between 0 and 1"):
        read(tmp_path, test=share)


def test_a_share_of_a_folder_with_a_split_of_its_own_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "train test")
    with pytest.raises(UserError, match=r"--data.test is 0.2, but .* itself has images for testing: leave it out"):
        read(tmp_path, test="0.2")
    with pytest.raises(UserError, match="digits has test images of its own"):
        load("digits", test="0.2")


def test_a_folder_of_test_images(tmp_path: Path) -> None:
    fill(tmp_path, "set/cat set/dog", 4)
    fill(tmp_path, "held/cat held/dog held/eel", 3)
    found = read(tmp_path / "set", "test", test=str(tmp_path / "held"))
    assert counts(tmp_path / "set", test=str(tmp_path / "held")) == (8, 9)
    assert found.names == ("cat", "dog", "eel")
    assert "test images from held" in found.understood
    assert "classes only in test: eel" in found.understood


def test_a_folder_of_test_images_within_the_folder_is_not_trained_on(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog", 4)
    fill(tmp_path, "held/cat held/dog", 3)
    assert counts(tmp_path, test=str(tmp_path / "held")) == (8, 6)
    assert read(tmp_path, test=str(tmp_path / "held")).names == ("cat", "dog")


def test_copies_of_training_images_among_the_test_images_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 4)
    assert "cop" not in read(tmp_path).understood.partition(";")[2]
    shutil.copy(tmp_path / "train" / "0.png", tmp_path / "test" / "a.png")
    shutil.copy(tmp_path / "train" / "1.png", tmp_path / "test" / "b.png")
    assert "2 test images are copies of training images" in read(tmp_path, "train").understood
    fill(tmp_path, "set", 4)
    shutil.copytree(tmp_path / "set", tmp_path / "held")
    assert "4 test images are copies" in read(tmp_path / "set", test=str(tmp_path / "held")).understood


def test_a_folder_of_test_images_replaces_the_own_ones_with_a_word(tmp_path: Path) -> None:
    fill(tmp_path, "set/train set/test", 4)
    fill(tmp_path, "held", 3)
    assert counts(tmp_path / "set", test=str(tmp_path / "held")) == (4, 3)
    found = read(tmp_path / "set", test=str(tmp_path / "held"))
    assert "4 test images of the folder itself are left out" in found.understood


def test_a_missing_or_equal_folder_of_test_images_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "set", 4)
    with pytest.raises(UserError, match="There is no folder .*nowhere"):
        read(tmp_path / "set", test=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="the folder of the training images"):
        read(tmp_path / "set", test=str(tmp_path / "set" / ".." / "set"))


# -- earlier runs ------------------------------------------------------------------------------------------------------


def test_by_position_a_folder_is_read_as_by_earlier_versions(tmp_path: Path) -> None:
    for i in range(30):
        put(tmp_path / ("cat" if i % 2 else "Dog") / f"{i}.png", np.full((4, 4), i, np.uint8))
    put(tmp_path / "cat" / "x.gif", np.full((4, 4), 99, np.uint8))  # earlier versions did not see it
    put(tmp_path / ".ipynb_checkpoints" / "y.png", np.full((4, 4), 98, np.uint8))  # but this
    order = sorted((path for path in tmp_path.rglob("*.png")), key=lambda path: path.as_posix())
    shuffled = np.random.RandomState(0).permutation(31)
    for split, chosen in (("train", shuffled[3:]), ("test", shuffled[:3])):
        found = read(tmp_path, split, divide="position")
        expected = [np.asarray(Image.open(order[i]))[0, 0] for i in sorted(chosen)]
        assert found.pixels[:, 0, 0, 0].tolist() == expected
    assert read(tmp_path, divide="position").names == (".ipynb_checkpoints", "Dog", "cat")
    assert "a tenth held out, by position" in found.understood


def test_by_position_colour_is_decided_by_split_and_other_splits_may_be_broken(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "test" / "colour.png", noise(1, 9, 9, 3))
    (tmp_path / "test" / "broken.png").write_bytes(b"")
    assert read(tmp_path, "train", divide="position").pixels.shape == (3, 1, 8, 8)


def test_by_position_colour_differs_between_splits_as_before(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "test" / "colour.png", noise(1, 8, 8, 3))
    assert read(tmp_path, "all", divide="position").pixels.shape[1] == 3
    assert read(tmp_path, "train", divide="position").pixels.shape[1] == 1
    assert read(tmp_path, "test", divide="position").pixels.shape[1] == 3


def test_an_unknown_way_to_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no --data\.split called 'hash'"):
        read(tmp_path, divide="hash")


# -- the line ----------------------------------------------------------------------------------------------------------


def test_the_line_of_a_whole_folder(tmp_path: Path) -> None:
    fill(tmp_path / "celeb", "cat dog eel fox owl", 40)
    (tmp_path / "celeb" / ".DS_Store").write_text("x")
    (tmp_path / "celeb" / "notes.txt").write_text("x")
    train = read(tmp_path / "celeb", "train")
    n = len(train.pixels)
    assert train.understood == (
        f"folder:{tmp_path}/celeb: {n} to train, {200 - n} to test (a tenth held out, by the hash of each file); "
        "8x8, 1 channel; 5 classes (cat, dog, eel, fox, ...); 2 files skipped (1 hidden, 1 .txt)"
    )
    limited = read(tmp_path / "celeb", "train", limit=50)
    assert f"a random 50 of the {n} are taken" in limited.understood
    least, most = limited.labels.bincount().min(), limited.labels.bincount().max()
    assert f"(cat, dog, eel, fox, ...) of {least} to {most} images" in limited.understood
    assert read(tmp_path / "celeb", "test").understood == train.understood


def test_the_pixels_of_both_splits_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, ".", 40)
    read(tmp_path, "train")
    monkeypatch.setattr(unpack, "picture", lambda *_: pytest.fail("a file was unpacked again"))
    read(tmp_path, "test")
    monkeypatch.chdir(tmp_path.parent)
    read(Path(tmp_path.name), "train")  # a run has the absolute path of a folder that was given by a relative one
    put(tmp_path / "0.png", noise(99))  # a changed file is seen
    with pytest.raises(BaseException, match="a file was unpacked again"):
        read(tmp_path, "test")


def test_what_a_verb_reads_of_a_limited_set_is_unpacked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for some training images and the test images, once for all, which the judge takes."""
    fill(tmp_path, ".", 40)
    unpacked: list[object] = []
    monkeypatch.setattr(unpack, "picture", lambda *how: unpacked.append(how) or picture_module.picture(*how))
    some = read(tmp_path, "train", limit=10).fingerprint
    test = read(tmp_path, "test").fingerprint
    assert len(unpacked) == 40
    read(tmp_path, "train")
    assert read(tmp_path, "train", limit=10).fingerprint == some
    assert read(tmp_path, "test").fingerprint == test
    assert len(unpacked) == 80


def test_no_warning_of_a_decoder_reaches_the_user(tmp_path: Path) -> None:
    image = Image.fromarray(GREY).convert("P")
    image.info["transparency"] = bytes(range(256))
    put(tmp_path / "a.png", image, transparency=bytes(range(256)))
    put(tmp_path / "b.png", GREY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path)


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "B.png", "a.png", "é.png"):
        put(tmp_path / name)
    assert [file.place[-1] for file in scan(tmp_path).files] == ["9.png", "10.png", "a.png", "B.png", "é.png"]


def test_every_test_that_the_page_names_exists() -> None:
    here = Path(__file__)
    page = (here.parents[2] / "docs" / "your-data.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in here.parents[1].glob("**/test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 30
    assert {name for name in named if f"def {name}(" not in tests} == set()
