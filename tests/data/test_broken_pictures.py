"""Files of pictures that are broken or hostile: a sentence for each, in bounded memory."""

import shutil
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.data import bounded
from ayneh.data import picture as picture_module
from ayneh.data.sources import load
from ayneh.dataset import Data
from ayneh.errors import UserError

from .conftest import fill, noise, put, read

KINDS = {  # suffix -> Pillow's name
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "webp": "WEBP", "bmp": "BMP",
    "gif": "GIF", "tif": "TIFF", "tiff": "TIFF", "ppm": "PPM", "pgm": "PPM", "pbm": "PPM",
}  # fmt: skip
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
