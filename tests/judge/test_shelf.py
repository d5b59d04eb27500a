"""What stands on the shelf is made once, survives the process, and is made anew when it is damaged."""

import pytest
import torch

from ayneh.errors import UserError
from ayneh.judge.shelf import Shelf


def made(calls: list[int]) -> torch.Tensor:
    calls.append(1)
    return torch.full((3,), len(calls), dtype=torch.float64)


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_tensor_is_made_once(tmp_path, on_disk):
    calls: list[int] = []
    shelf = Shelf(tmp_path if on_disk else None, "key")
    assert torch.equal(shelf.tensor("x", lambda: made(calls)), shelf.tensor("x", lambda: made(calls)))
    again = Shelf(tmp_path if on_disk else None, "key").tensor("x", lambda: made(calls))
    assert len(calls) == (1 if on_disk else 2)
    assert again.dtype == torch.float32


def test_another_key_is_another_shelf(tmp_path):
    Shelf(tmp_path, "a").table("floors", lambda: {"fd": 1.0})
    assert Shelf(tmp_path, "b").table("floors", lambda: {"fd": 2.0}) == {"fd": 2.0}
    assert Shelf(tmp_path, "a").table("floors", lambda: {"fd": 2.0}) == {"fd": 1.0}


@pytest.mark.parametrize("keep", [0, 20])
def test_damaged_entries_are_made_anew(tmp_path, keep):
    Shelf(tmp_path, "key").tensor("x", lambda: torch.ones(2))
    Shelf(tmp_path, "key").table("t", lambda: {"long": "enough to be cut in the middle"})
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:keep])
    assert Shelf(tmp_path, "key").tensor("x", lambda: torch.zeros(2)).tolist() == [0, 0]
    assert Shelf(tmp_path, "key").table("t", dict) == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="AYNEH_CACHE"):
        Shelf(tmp_path / "file", "key").tensor("x", lambda: torch.ones(2))
