"""A full disk is one sentence, and once there is space the next command ends as if nothing had happened."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


def test_disk(attack):
    attack("disk")
