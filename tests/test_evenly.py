"""A few of many keep both ends and equal steps."""

import numpy as np
import pytest

from ayneh.evenly import evenly


@pytest.mark.parametrize(("count", "most"), [(34, 6), (7, 6), (1000, 8), (12, 2)])
def test_both_ends_are_kept_and_the_steps_are_equal(count, most):
    found = evenly(range(0, 3 * count, 3), most)
    assert (found[0], found[-1], len(found)) == (0, 3 * count - 3, most)
    assert np.abs(np.array(found) / 3 - np.linspace(0, count - 1, most)).max() <= 0.5


def test_as_many_as_there_are_stay_and_of_one_the_first():
    assert evenly([0, 4, 9], 6) == [0, 4, 9]
    assert evenly([], 6) == []
    assert evenly([0, 4, 9], 1) == [0]
