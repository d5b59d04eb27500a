"""The plane in Chromium: a lens that follows the pointer and the keys."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a browser


def test_the_lens_follows_the_pointer_and_the_keys(page, served, shots, opened, ready, pixels, changes):
    opened(page, served, "plane")
    before = pixels(page, ".lens canvas")
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    moved = changes(page, ".lens canvas", before)
    page.mouse.click(box["x"] + 30, box["y"] + 30)  # held: it follows no more
    page.wait_for_selector("#view-plane.held")
    ready(page, "plane")
    held = pixels(page, ".lens canvas")
    page.evaluate("() => addEventListener('pointermove', (e) => { window.pointer = [e.clientX, e.clientY]; })")
    at = [round(box["x"]) + 200, round(box["y"]) + 200]
    page.mouse.move(*at)
    page.wait_for_function("([x, y]) => window.pointer?.[0] === x && window.pointer[1] === y", arg=at)
    ready(page, "plane")
    assert np.array_equal(held, pixels(page, ".lens canvas"))
    page.locator(".map").focus()
    page.keyboard.press("Shift+ArrowRight")
    changes(page, ".lens canvas", moved)
    assert "% from the left" in page.inner_text("#plane-said")
    map_before = pixels(page, ".map canvas")
    page.click("#plane-new")
    changes(page, ".map canvas", map_before)
    page.select_option("#view-plane select", "ways")
    ready(page, "plane")
    page.screenshot(path=shots / "plane.png", full_page=True)
    assert "%" in page.inner_text(".plane .opinion")


def test_the_bar_under_an_image_is_as_long_as_ds_opinion(desk):
    opinions = [0.0, 0.25, 0.5, 1.0]
    lengths = desk.evaluate(
        """async (opinions) => {
          const { paintTiles, colour } = await import("/page/paint.js");
          const [model, canvas] = [{ shape: [1, 8, 8], side: 8 }, document.createElement("canvas")];
          document.body.append(canvas);
          paintTiles(canvas, new Float32Array(4 * 64), model, 4, opinions);
          const context = canvas.getContext("2d");
          context.fillStyle = colour(canvas, "--accent");
          context.fillRect(0, 0, 1, 1);
          const [accent] = context.getImageData(0, 0, 1, 1).data;
          return opinions.map((_, i) => {
            const { data } = context.getImageData(1 + 9 * i, 1 + 8 + 1, 8, 1);
            return data.filter((x, k) => k % 4 === 0 && x === accent).length;
          });
        }""",
        opinions,
    )
    assert lengths == [8 * p for p in opinions]
