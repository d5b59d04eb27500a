"""Two runs side by side in Chromium, with the same noise."""

import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a browser


@pytest.mark.slow
def test_two_sides_draw_from_the_same_noise(page, serve, tiny_run, tmp_path, shots, opened, ready, pixels):
    shutil.copytree(tiny_run, tmp_path / "twin")
    with serve(tiny_run, tmp_path / "twin") as server:
        opened(page, server, "plane")
        page.click("#compare")
        page.wait_for_function("() => document.querySelectorAll('.plane').length === 2")
        ready(page, "plane")
        canvases = ".plane:nth-child({}) .map canvas"
        assert np.array_equal(pixels(page, canvases.format(1)), pixels(page, canvases.format(2)))
        page.select_option(".side-card:nth-child(2) .choice:nth-child(2) select", "1")  # another seed
        ready(page, "plane")
        assert not np.array_equal(pixels(page, canvases.format(1)), pixels(page, canvases.format(2)))
        for view in ("directions", "path", "drawing", "epochs", "training"):
            page.click(f"#tab-{view}")
            ready(page, view)
            page.screenshot(path=shots / f"two-{view}.png", full_page=True)
        page.click("text=Close >> nth=1")
        page.wait_for_selector("#compare")
        page.goto("about:blank")
