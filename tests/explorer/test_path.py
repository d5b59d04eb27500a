"""The path between two draws in Chromium."""

import numpy as np


def test_a_path_begins_and_ends_with_its_ends(page, served, shots, opened, pixels):
    opened(page, served, "path", "strips")
    page.check("#view-path input[type=checkbox]")
    page.wait_for_selector('#view-path[data-ready="strips"]')
    side = 8
    for key, tile in (("Home", 0), ("End", 8)):
        page.focus("#walk-position")
        page.keyboard.press(key)
        page.wait_for_timeout(500)
        for way in (1, 2):  # the prior's path, and the straight line
            big = pixels(page, f".way:nth-child({way}) canvas.big")[:side, :side]
            strip = pixels(page, f".way:nth-child({way}) .way-images div canvas")
            x = 1 + tile * (side + 1)
            assert np.abs(big.astype(int) - strip[1 : 1 + side, x : x + side]).max() <= 1
    assert page.locator(".way").count() == 2
    page.screenshot(path=shots / "path.png", full_page=True)
