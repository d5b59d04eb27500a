"""The principal directions in Chromium: a slider each."""

import pytest

pytestmark = pytest.mark.slow  # a browser


def test_a_direction_moves_the_image_and_its_slider_tells_where(page, served, shots, opened, pixels, changes):
    opened(page, served, "directions")
    sliders = page.locator(".sliders input")
    assert sliders.count() == 8  # no more than z has numbers
    before = pixels(page, "#view-directions canvas.big")
    start = sliders.nth(1).input_value()
    sliders.nth(1).focus()
    for _ in range(6):
        page.keyboard.press("PageUp")
    moved = changes(page, "#view-directions canvas.big", before)
    assert float(sliders.nth(1).input_value()) > float(start)
    page.click("#directions-reset")
    changes(page, "#view-directions canvas.big", moved)
    assert sliders.nth(1).input_value() == start
    page.screenshot(path=shots / "directions.png", full_page=True)
