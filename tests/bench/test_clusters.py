"""Groups of images in place of labels: the same ones each time, and their file whole whatever happens to its writer."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

GROUPS = 3


@pytest.fixture
def clusters(bench, monkeypatch):
    """The script on 60 images of three kinds for MNIST, of which a trial sees 40."""
    script = bench("clusters")
    chance = np.random.default_rng(0)
    digits = np.arange(60) % GROUPS
    pixels = (80 * digits[:, None, None, None] + chance.integers(0, 9, (60, 1, 8, 8))).astype(np.uint8)
    images = SimpleNamespace(pixels=torch.from_numpy(pixels), labels=torch.from_numpy(digits))
    monkeypatch.setattr(script, "read_images", lambda data, split="train": images)
    monkeypatch.setattr(script, "limited", lambda n, kept: np.arange(40))
    monkeypatch.setattr(script, "COMPONENTS", 4)
    return script


def test_groups_are_the_same_each_time_and_their_purity_is_told(clusters, tmp_path):
    (first, pure), (second, _) = (clusters.grouped(tmp_path / name, GROUPS, trial=True) for name in "ab")
    one, other = np.load(first), np.load(second)
    assert pure == 1.0
    assert {name: len(one[name]) for name in one} == {"x_train": 40, "y_train": 40, "x_test": 20, "y_test": 20}
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert clusters.purity(np.array([0, 0, 0, 1]), np.array([7, 7, 2, 2]), 2) == 0.75


def test_a_file_whose_writer_was_killed_is_made_again_and_a_whole_one_is_kept(clusters, tmp_path, monkeypatch):
    path, _ = clusters.grouped(tmp_path, GROUPS, trial=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert clusters.grouped(tmp_path, GROUPS, trial=True) == (path, 1.0)
    assert len(np.load(path)["y_test"]) == 20
    monkeypatch.setattr(clusters, "cut_into_groups", None)
    assert clusters.grouped(tmp_path, GROUPS, trial=True) == (path, 1.0)


def test_a_file_that_is_not_written_to_its_end_is_not_there(clusters, tmp_path, monkeypatch):
    def killed(file, **arrays):
        file.write(b"PK") if hasattr(file, "write") else file.write_bytes(b"PK")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        clusters.grouped(tmp_path, GROUPS, trial=True)
    assert not list(tmp_path.glob("*.npz"))
