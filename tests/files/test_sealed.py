"""A seal covers every bit of a file: no damaged file is taken for a whole one."""

import json
import random

import pytest

from ayneh.files.sealed import SLOT, holds, seal


def damaged(blob: bytes, chance: random.Random) -> bytes:
    """The file after one of the kinds of damage that disks and people do."""
    kind = chance.randrange(4)
    at = chance.randrange(len(blob))
    if kind == 0:
        return blob[:at]
    if kind == 1:
        return blob[:at] + chance.randbytes(chance.randrange(1, 9)) + blob[at:]
    if kind == 2:
        return blob[:at] + bytes(min(512, len(blob) - at)) + blob[at + 512 :]
    content = bytearray(blob)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def test_a_sealed_file_holds_and_none_of_its_bits_may_differ():
    blob = seal(json.dumps({"seal": SLOT, "x": [1.5, 2.5], "name": "رقم"}).encode())
    assert holds(blob) is True
    for place in range(8 * len(blob)):
        content = bytearray(blob)
        content[place // 8] ^= 1 << place % 8
        assert holds(bytes(content)) is not True, place


def test_other_damage_is_found():
    blob, chance = seal(random.Random(1).randbytes(500) + SLOT.encode() + bytes(500)), random.Random(2)
    for _ in range(2000):
        if (content := damaged(blob, chance)) != blob:
            assert holds(content) is not True


def test_no_slot_and_two_slots():
    assert holds(b"nothing") is None
    for blob in (b"nothing", (SLOT + SLOT).encode()):
        with pytest.raises(ValueError):
            seal(blob)
    assert holds(seal(SLOT.encode()) * 2) is False
