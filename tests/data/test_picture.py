"""Pictures as people have them, of every kind, size and colour, broken and hostile ones, transparent ones."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.data.forms import part_of
from ayneh.data.sources import load
from ayneh.errors import UserError

from .conftest import fill, noise, put, read

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


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


def tiff(levels: np.ndarray, bits: int, orientation: int) -> bytes:
    """A file in which 0 is white, which Pillow does not write: its header, its tags, then its levels."""
    data = levels.astype(f"<u{bits // 8}").tobytes()
    height, width = levels.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 0, 273: 134, 274: orientation, 277: 1, 278: height}
    tags[279] = len(data)
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    assert len(fields) + 14 == tags[273]
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(4) + data


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_in_which_zero_is_white_is_not_inverted(tmp_path: Path, bits: int) -> None:
    """Of 16 bits it was: Pillow inverts 8 bits alone. Also as a picture given from Python, and upright."""
    tall = GREY[:6]
    deep = tall.astype(np.uint16) * 257 if bits == 16 else tall
    white_is_zero = 2**bits - 1 - deep.astype(np.int64)
    for k, (levels, orientation) in enumerate([(white_is_zero, 1), (np.rot90(white_is_zero), 6)]):
        path = tmp_path / str(k) / "a.tif"
        path.parent.mkdir()
        path.write_bytes(tiff(levels, bits, orientation))
        assert np.array_equal(read(path.parent).pixels[0, 0], tall)
        with Image.open(BytesIO(path.read_bytes())) as image:  # of a path, Pillow 13 turns no TIFF of 16 bits
            given = part_of([image], "", None).images[0]
        assert np.array_equal(given, deep)


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
