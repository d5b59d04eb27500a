"""Files of a folder that are no images to learn from: they are left out, and counted."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.errors import UserError

from .conftest import fill, put, read

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


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


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_that_lead_to_themselves_or_below_a_file_are_counted(tmp_path: Path) -> None:
    """Each of them made the whole folder unreadable."""
    fill(tmp_path, "cat dog", 3)
    links = {"self": "self", "x": "y", "y": "x", "cat/a.png": "a.png", "dog/below": "0.png/b", ".own": ".own"}
    for name, to in links.items():
        (tmp_path / name).symlink_to(to)
    (tmp_path / "long").symlink_to("n" * 300)
    both = read(tmp_path)
    assert (len(both.pixels), both.names) == (6, ("cat", "dog"))
    assert "7 files skipped (6 dead links, 1 hidden)" in both.understood


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
