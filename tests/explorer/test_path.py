"""The path between two draws in Chromium."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a browser


def test_a_path_begins_and_ends_with_its_ends(page, served, shots, opened, ready, pixels):
    opened(page, served, "path")
    page.check("#view-path input[type=checkbox]")
    ready(page, "path")
    side = 8
    for key, tile in (("Home", 0), ("End", 8)):
        page.focus("#walk-position")
        page.keyboard.press(key)
        ready(page, "path")
        for way in (1, 2):  # the prior's path, and the straight line
            big = pixels(page, f".way:nth-child({way}) canvas.big")[:side, :side]
            strip = pixels(page, f".way:nth-child({way}) .way-images div canvas")
            x = 1 + tile * (side + 1)
            assert np.abs(big.astype(int) - strip[1 : 1 + side, x : x + side]).max() <= 1
    assert page.locator(".way").count() == 2
    page.screenshot(path=shots / "path.png", full_page=True)
