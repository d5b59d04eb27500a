"""Verbs that work on one folder at the same time leave in it what one of them alone would."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


def test_crowd(attack):
    attack("crowd")
