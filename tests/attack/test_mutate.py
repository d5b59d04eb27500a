"""A damaged file is read as before, or with a word, or refused in one sentence: quickly and in little memory."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


def test_mutate(attack):
    attack("mutate")
