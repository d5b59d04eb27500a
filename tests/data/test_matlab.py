"""Images and labels of .mat files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ayneh.data import bounded

from .conftest import CLASSES, COLOUR, GREY, of, refusal, same


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_street_view_house_numbers_in_a_mat_file(tmp_path: Path, packed: bool) -> None:
    labels = np.where(CLASSES == 0, 10, CLASSES)[:, None]  # 10 stands for 0
    savemat(tmp_path / "train_32x32.mat", {"X": COLOUR.transpose(2, 3, 1, 0), "y": labels}, do_compression=packed)
    images = of(tmp_path / "train_32x32.mat")
    assert same(images, COLOUR)
    assert images.names == ("1", "2", "10")
    assert images.labels.tolist() == [{10: 2, 1: 0, 2: 1}[k] for k in labels.ravel().tolist()]


@pytest.mark.parametrize(
    ("arrays", "labelled"),
    [
        ({"fea": GREY.reshape(30, 64) / 255, "gnd": CLASSES[:, None] + 1.0}, True),
        pytest.param({"data": GREY.reshape(30, 64).T.astype(float), "labels": CLASSES}, True, marks=pytest.mark.slow),
        pytest.param({"faces": GREY.transpose(1, 2, 0)}, False, marks=pytest.mark.slow),
        ({"faces": GREY.transpose(1, 2, 0), "notes": np.array([["a"]], object), "s": {"a": 1}}, False),
        ({"train_images": GREY[:20], "test_images": GREY[20:], "about": "text"}, False),
        pytest.param({"images": GREY > 127}, False, marks=pytest.mark.slow),
    ],
)
def test_mat_files_of_several_kinds(tmp_path: Path, arrays: dict[str, object], labelled: bool) -> None:
    savemat(tmp_path / "a.mat", arrays, do_compression=True)
    images = of(tmp_path / "a.mat")
    assert same(images, (GREY > 127).astype(np.uint8) * 255 if "images" in arrays else GREY)
    assert (images.labels is not None and images.labels.tolist() == CLASSES.tolist()) == labelled


def test_mat_files_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n")
    assert "save(..., '-v7')" in refusal(path)
    path.write_bytes(bytes(100))
    refusal(path)
    savemat(path, {"x": GREY[0]}, format="4")
    refusal(path)
    savemat(path, {"images": np.array([["a"]], object)})
    assert "MATLAB's type cell" in refusal(path)
    savemat(path, {"images": GREY})
    whole = path.read_bytes()
    for cut in (0, 50, 128, 130, 140, 200, len(whole) - 100):
        path.write_bytes(whole[:cut])
        refusal(path)


def test_a_mat_file_that_unpacks_to_more_than_it_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 20_000_000)
    savemat(tmp_path / "a.mat", {"images": np.zeros((1000, 200, 200), np.uint8)}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 100_000
    assert peak(lambda: refusal(tmp_path / "a.mat")) < 5_000_000
    assert "unpacks to" in refusal(tmp_path / "a.mat")
