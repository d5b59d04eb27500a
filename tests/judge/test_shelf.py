"""What stands on the shelf is made once, survives the process, and is made anew when it is damaged."""

import random

import pytest
import torch

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


def test_a_folder_that_cannot_be_written_is_named_and_the_result_is_there(tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    shelf = Shelf(tmp_path / "file", "key", said.append)
    assert shelf.tensor("x", lambda: torch.ones(2)).tolist() == [1, 1]
    assert shelf.tensor("x", lambda: torch.zeros(2)).tolist() == [1, 1]  # from memory
    assert ["AYNEH_CACHE" in words for words in said] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tensor", "table"])
def test_no_damaged_file_is_taken_for_a_whole_one(tmp_path, kind):
    """Floors 49 to 56 % off were read from flipped bits: any bit of any file, and both are made again, aloud."""

    def ask(said: list[str]) -> list[float]:
        shelf = Shelf(tmp_path, "key", said.append)
        if kind == "tensor":
            return shelf.tensor("x", lambda: torch.tensor([1.25, 2.5, 1e-3])).tolist()
        return list(shelf.table("x", lambda: {"fd": 0.45, "kid": 3.0, "modes": 10}).values())

    expected, (path,) = ask([]), tmp_path.iterdir()
    whole, chance = path.read_bytes(), random.Random(3)
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 1, 2, 8])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        if content == whole:
            continue
        path.write_bytes(content)
        said: list[str] = []
        assert ask(said) == expected
        assert ["is made again" in words for words in said] == [True]
        assert path.read_bytes() == whole


def test_an_entry_of_an_earlier_version_without_a_checksum_is_made_again(tmp_path):
    (tmp_path / "key-floors.json").write_text('{"fd": 0.9}')
    assert Shelf(tmp_path, "key", lambda _: None).table("floors", lambda: {"fd": 0.45}) == {"fd": 0.45}
