"""Pictures in Parquet files, as Hugging Face has them."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ayneh.data import bounded
from ayneh.errors import UserError

from .conftest import CLASSES, COLOUR, GREY, of, parquet, png, refusal, same

NAMES = {"info": {"features": {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}


def test_hugging_faces_parquet_with_its_classes(tmp_path: Path) -> None:
    images = of(parquet(tmp_path / "a.parquet", GREY, NAMES, label=CLASSES, id=np.arange(30)))
    assert same(images, GREY)
    assert images.labels.tolist() == CLASSES.tolist()
    assert images.names == ("cat", "dog", "eel")
    assert "not used: id" in images.understood


@pytest.mark.parametrize("note", [None, {}, {"info": []}, {"info": {"features": {"label": {"names": 3}}}}])
def test_parquet_without_a_usual_note_has_numbers_as_classes(tmp_path: Path, note: dict | None) -> None:
    assert of(parquet(tmp_path / "a.parquet", GREY, note, label=CLASSES)).names == ("0", "1", "2")


def test_parquet_of_plain_bytes_in_colour_and_grey(tmp_path: Path) -> None:
    rows = [png(image) for image in (*GREY[:5], *COLOUR[:5])]
    images = of(parquet(tmp_path / "a.parquet", rows, y=["a"] * 5 + ["b"] * 5))
    assert np.array_equal(images.pixels[:5].numpy(), np.repeat(GREY[:5, None], 3, 1))
    assert np.array_equal(images.pixels[5:].numpy(), COLOUR[:5])
    assert images.names == ("a", "b")


@pytest.mark.slow
def test_shards_in_a_folder_are_one_set_with_its_halves(tmp_path: Path) -> None:
    for i in range(2):
        parquet(tmp_path / f"data/train-0000{i}-of-00002.parquet", GREY[i * 10 :][:10], label=CLASSES[i * 10 :][:10])
    parquet(tmp_path / "data/validation-00000-of-00001.parquet", GREY[20:25], label=CLASSES[20:25])
    train, test = of(tmp_path, "train"), of(tmp_path, "test")
    assert same(train, GREY[:20])
    assert same(test, GREY[20:25])
    assert "validation-" not in train.understood
    parquet(tmp_path / "data/test-00000-of-00001.parquet", GREY[25:], label=CLASSES[25:])
    train, test = of(tmp_path, "train"), of(tmp_path, "test")
    assert same(test, GREY[25:])
    assert len(train.pixels) == 25
    assert train.labels.tolist() == CLASSES[:25].tolist()
    assert "the validation set joins train" in train.understood


def test_a_folder_named_by_a_language_is_no_half(tmp_path: Path) -> None:
    parquet(tmp_path / "tr/a.parquet", GREY[:10], label=CLASSES[:10])
    parquet(tmp_path / "te/a.parquet", GREY[10:], label=CLASSES[10:])
    assert len(of(tmp_path, "all").pixels) == len(GREY)
    assert "by content" in of(tmp_path, "train").understood


def test_labels_keep_the_joiners_of_persian(tmp_path: Path) -> None:
    names = ("می\u200cروم", "آینه")
    labels = [names[k % 2] for k in range(len(GREY))]
    assert set(of(parquet(tmp_path / "a.parquet", GREY, label=labels)).names or ()) == {*names}


def test_rows_without_a_label_are_said(tmp_path: Path) -> None:
    images = of(parquet(tmp_path / "a.parquet", GREY, label=[None, *CLASSES[1:].tolist()]))
    assert images.labels is None
    assert "no labels; label is not used: it is empty in 1 row" in images.understood


def test_parquet_of_several_sizes_needs_one(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [GREY[0], np.zeros((16, 12), np.uint8)])
    assert "several sizes, 8x8 and 12x16 (width x height): choose one with --data.resize N" in refusal(path)
    assert of(path, resize=8).pixels.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([{"bytes": None, "path": "a"}, {"bytes": png(GREY[0]), "path": ""}], {}, "no image in row 1"),
        ([png(GREY[0]), None], {}, "no image in row 2"),
        ([png(GREY[0]), b"<html>"], {}, "the image in row 2 is not an image"),
        ([png(GREY[0]), png(GREY[0])[:-40]], {}, "the image in row 2 cannot be read"),
        ([[1, 2, 3]] * 3, {}, "has no column of image files among image (list<"),
        (["a"] * 3, {}, "has no column of image files among image (string)"),
        ([], {}, "has no column of image files"),
        ([png(GREY[0])] * 2, {"label": [[1], [2, 3]]}, "label has labels of no kind"),
    ],
)
def test_parquet_that_holds_no_pictures_is_refused(tmp_path: Path, rows: list, columns: dict, words: str) -> None:
    assert words in refusal(parquet(tmp_path / "a.parquet", rows, **columns))


@pytest.mark.slow
def test_parquet_files_that_are_damaged_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    path = parquet(tmp_path / "a.parquet", GREY)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-10], whole[: len(whole) // 2], whole[:4] + bytes(len(whole) - 4)):
        path.write_bytes(content)
        refusal(path)
    monkeypatch.setattr(bounded, "MOST_BYTES", 1_000_000)
    path = parquet(tmp_path / "b.parquet", [np.zeros((600, 600), np.uint8)] * 4)
    assert path.stat().st_size < 20_000
    assert "a set may have 1 MB" in refusal(path)
    assert peak(lambda: refusal(path)) < 10_000_000


def test_without_pyarrow_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "a.parquet", GREY)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'ayneh\[parquet\]'"):
        of(path)
