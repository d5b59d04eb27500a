"""Files that are no arrays, or too large: each is refused in one sentence before anything is unpacked."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ayneh.data import bounded

from .conftest import GREY, of, refusal, same


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.h5", "save its arrays by numpy"),
        ("data_batch_1.pkl", "never opened"),
        ("a.tar.gz", "unpack it"),
        ("a.zip", "unpack it"),
        ("a.png", "folder:PATH"),
        ("a.xlsx", "save it as .csv"),
        ("a.tfrecord", "save its arrays by numpy"),
        ("data_batch_1", "of no kind that is read"),
        ("a.txt", "of no kind that is read"),
    ],
)
def test_other_kinds_of_files_are_refused_with_what_to_do(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    assert words in refusal(tmp_path / name)


def test_a_folder_or_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert "is a folder: give folder:PATH" in refusal(tmp_path / "pictures")
    assert "There is no file" in refusal(tmp_path / "nothing.npz")


def npy(shape: str, data: bytes = b"", descr: str = "'|u1'", fortran: str = "False", version: int = 1) -> bytes:
    """An .npy with any header."""
    return npy_of(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode(), data, version)


def npy_of(header: bytes, data: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + b"\n" + data


@pytest.mark.parametrize(
    "content",
    [
        npy("(4000000, 64, 64)", bytes(100)),
        npy("(9999999999, 9999999999, 9999999999)"),
        npy("(-1, 8, 8)", bytes(64)),
        npy("(True, 8, 8)", bytes(64)),
        npy("(1.0, 8, 8)", bytes(64)),
        npy("8", bytes(8)),
        npy("(" * 5000),
        npy("[" * 3000 + "]" * 3000),
        npy("(1, 8, 8)", bytes(64), descr="'|O'"),
        npy("(1, 8, 8)", bytes(64), descr="'|V1'"),
        npy("(1, 8, 8)", bytes(64), descr="'<m8[s]'"),
        npy("(1, 8, 8)", bytes(64), descr="[('a', '|u1')]"),
        npy("(1, 8, 8)", bytes(64), descr="'|u1,' * 9"),
        npy("(1, 8, 8)", bytes(64), descr="'U999999999'"),
        npy("(1, 8, 8)", bytes(64), descr="__import__('os').getcwd()"),
        npy("(1, 8, 8)", bytes(63)),
        npy("(1, 8, 8)", bytes(65)),
        npy("(1, 8, 8)", bytes(64), version=3),
        npy("(1, 8, 8)", bytes(64), version=9),
        npy_of(b"{" + b"'a':" * 200, b""),
        npy_of(b"'\\xzz'", b""),
        npy_of(b" " * 20_000, b"", version=2),
        npy_of(b"1" * 9_000, b""),
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY",
        b"",
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        b"<html>",
        b"\x80\x04K\x01.",
    ],
)
def test_odd_headers_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", content)
    refusal(tmp_path / "b.npz")


def zipped(path: Path, members: list[tuple[str, np.ndarray]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in members:
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(name, buffer.getvalue())
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_archives_are_one_sentence_or_read(tmp_path: Path) -> None:
    assert "two arrays called 'images'" in refusal(zipped(tmp_path / "a.npz", [("images.npy", GREY)] * 2))
    assert same(of(zipped(tmp_path / "b.npz", [("../../images.npy", GREY)])), GREY)
    assert same(of(zipped(tmp_path / "c.npz", [("\x1b[2J\n.npy", GREY)])), GREY)
    assert "packed by a method" in refusal(zipped(tmp_path / "d.npz", [("images.npy", GREY)], zipfile.ZIP_LZMA))
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("photo.jpg", b"")
    assert "zip archive without arrays" in refusal(tmp_path / "e.npz")
    content = bytearray(zipped(tmp_path / "f.npz", [("images.npy", GREY)]).read_bytes())
    content[6] |= 1  # encrypted, says the member
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and the directory
    (tmp_path / "f.npz").write_bytes(content)
    assert "encrypted" in refusal(tmp_path / "f.npz")
    many = zipped(tmp_path / "g.npz", [(f"{i}.npy", np.uint8(0)) for i in range(1001)])
    assert "1,001 arrays" in refusal(many)


def bomb(path: Path, n_bytes: int) -> Path:
    """An .npz of one image that unpacks to so many bytes, made without having them all."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as file:
        file.write(npy(f"(1, {n_bytes // 1000}, 1000)"))
        for _ in range(n_bytes // 1000_000):
            file.write(bytes(1000_000))
    return path


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 20_000_000)
    path = bomb(tmp_path / "a.npz", 50_000_000)
    assert path.stat().st_size < 100_000
    assert peak(lambda: refusal(path)) < 2_000_000
    assert "unpacks to 50 MB, and a set may have 20 MB" in refusal(path)


def test_sizes_that_an_archive_only_claims_are_not_believed(
    tmp_path: Path, peak: Callable[[Callable[[], object]], int]
) -> None:
    for claimed in (3_000_000_000, 100):  # more than it can have, and less than it has
        content = bytearray(bomb(tmp_path / "a.npz", 5_000_000).read_bytes())
        at = content.index(b"PK\x01\x02") + 24
        content[at : at + 4] = struct.pack("<I", claimed)
        (tmp_path / "a.npz").write_bytes(content)
        assert peak(lambda: refusal(tmp_path / "a.npz")) < 20_000_000


def test_only_what_is_used_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 100_000)
    np.savez(tmp_path / "a.npz", images=GREY, latents_values=np.zeros((30, 10_000)), metadata=np.array({}, object))
    assert same(of(tmp_path / "a.npz"), GREY)
    assert "not used: latents_values, metadata" in of(tmp_path / "a.npz").understood


def test_a_flipped_bit_in_packed_values_is_found(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=GREY)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[700] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "is damaged" in refusal(tmp_path / "a.npz")
