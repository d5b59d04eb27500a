"""Which images of a folder are for testing: by their content, by a share, or in a folder of their own."""

import shutil
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayneh.data.sources import load
from ayneh.data.split import digest, held_out
from ayneh.errors import UserError

from .conftest import counts, fill, noise, put, read


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
