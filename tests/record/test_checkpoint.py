"""A checkpoint's file: sealed as a whole, its header typed, its tensors those of the nets, its images the same."""

import json
import random

import pytest
import torch
from safetensors.torch import save_file

from ayneh.config import Config, to_dict
from ayneh.record.checkpoint import Checkpoints, Damaged, read_checkpoint, read_head
from ayneh.record.head import Origin

TENSORS = {"gen/0.weight": torch.arange(6.0).reshape(1, 2, 3), "gen_t": torch.ones(1, 1)}
LINE = {"epoch": 0, "step": 4, "loss_d": [1.5]}


@pytest.fixture
def small(tmp_path):
    """A checkpoint of a few hundred bytes of tensors."""
    folder = Checkpoints(tmp_path, Config)
    folder.write("epoch-0000", 4, Config(), (1, 8, 8), TENSORS, 0, Origin("ab" * 32, 128, "/pictures"), LINE)
    return folder.path("epoch-0000")


def content(path):
    found = read_checkpoint(path)
    tensors = {name: (x.dtype, x.shape, x.numpy().tobytes()) for name, x in found.tensors.items()}
    return (found.step, found.config, found.image_shape, found.meter_steps, found.data, found.line, tensors)


def test_what_was_written_is_read(small):
    found = read_checkpoint(small)
    assert (found.step, found.image_shape, found.meter_steps) == (4, (1, 8, 8), 0)
    assert found.data == Origin("ab" * 32, 128, "/pictures")
    assert found.line == LINE
    assert all(found.tensors[name].equal(x) for name, x in TENSORS.items())


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_found(small):
    """One bit of each byte of the file."""
    blob, expected = small.read_bytes(), content(small)
    chance = random.Random(0)
    for place in range(len(blob)):
        bit = chance.randrange(8)
        small.write_bytes(blob[:place] + bytes([blob[place] ^ 1 << bit]) + blob[place + 1 :])
        try:
            found = content(small)
        except Damaged:
            continue
        assert found == expected, (place, bit)


@pytest.mark.parametrize("end", [0, 7, 100, -1])
def test_a_file_that_is_cut_off_is_damaged(small, end):
    small.write_bytes(small.read_bytes()[:end])
    with pytest.raises(Damaged):
        read_checkpoint(small)


def older(path, tensors=TENSORS, **changes):
    """A checkpoint as earlier versions wrote it, with the checksum of names and bytes alone."""
    import hashlib

    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    head = {"step": 4, "meter_steps": 0, "image_shape": [1, 8, 8], "config": to_dict(Config())}
    head |= {"sha256": digest.hexdigest()} | changes
    save_file(tensors, path, {"ayneh": json.dumps({k: v for k, v in head.items() if v is not None})})
    return path


def test_a_checkpoint_of_an_earlier_version_is_read_and_its_bytes_compared(tmp_path):
    path = older(tmp_path / "epoch-0000.safetensors")
    assert read_checkpoint(path).data is None
    blob = path.read_bytes()
    path.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(Damaged, match="checksum"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step": "4"}, 'step is "4"; it must be a whole number'),
        ({"step": -1}, "step is -1; it must be at least 0"),
        ({"step": None}, "step is missing"),
        ({"image_shape": [1, 8]}, "image_shape"),
        ({"config": [1]}, "config is [1]; it must be an object"),
        ({"meter_steps": 1e300}, "meter_steps"),
        ({"data": {"images": 3}}, "data.fingerprint is missing"),
    ],
)
def test_a_header_is_typed(tmp_path, changes, words):
    path = older(tmp_path / "epoch-0000.safetensors", **changes)
    for read in (read_head, read_checkpoint):
        with pytest.raises(Damaged) as error:
            read(path)
        assert words in str(error.value)
        assert str(path) in str(error.value)


def test_a_file_without_a_header_or_seal_is_refused(tmp_path):
    path = tmp_path / "epoch-0000.safetensors"
    for metadata in ({}, {"ayneh": "{"}, {"ayneh": "[" * 10_000}):
        save_file(TENSORS, path, metadata)
        with pytest.raises(Damaged):
            read_checkpoint(path)
    with pytest.raises(Damaged, match="checksum"):
        read_checkpoint(older(path, sha256=None))
