"""A verb that is killed can be followed by the next, which ends as if nothing had happened."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


def test_crash(attack):
    attack("crash")
