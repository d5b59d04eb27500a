"""The drawing in Chromium: by mouse, by keys, from a file, dropped; read, searched for and walked from."""

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # a browser


def test_a_drawing_is_read_searched_for_and_walked_from(page, served, shots, opened, ready, pixels):
    opened(page, served, "drawing")
    page.wait_for_selector("text=A training image")
    box = page.locator(".pen").bounding_box()
    centre = box["x"] + box["width"] / 2
    page.mouse.move(centre, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(centre - 5, box["y"] + 240, steps=8)
    page.mouse.up()
    page.wait_for_selector("text=Your drawing")
    ready(page, "drawing")
    drawn = pixels(page, "#view-drawing canvas.big")[:8, :8, 0]
    assert drawn[:, 3:5].mean() > 80 > 20 > drawn[:, [0, 1, 6, 7]].mean()  # a stroke from top to bottom, in the middle
    assert "training images, by D's numbers" in page.inner_text("#view-drawing")
    assert len(page.locator(".numbers").text_content().split(",")) == 8
    error = float(page.get_attribute("#view-drawing .pair div:nth-child(2) canvas", "data-error"))
    page.click("#drawing-search")
    page.wait_for_selector("text=Found.")
    ready(page, "drawing")
    found = float(page.get_attribute("#view-drawing .pair div:nth-child(2) canvas", "data-error"))
    assert found <= error
    page.screenshot(path=shots / "drawing.png", full_page=True)
    page.click("#drawing-walk")
    page.wait_for_selector("text=The lower left corner is your drawing's latent.")


@pytest.mark.slow
def test_a_drawing_can_be_made_with_the_keys_or_come_from_a_file(page, served, tmp_path, opened, ready, pixels):
    opened(page, served, "drawing")
    page.focus(".pen")
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Your drawing")
    assert pixels(page, ".pen")[140:220, 140, 0].min() == 255
    page.keyboard.press("Delete")
    assert pixels(page, ".pen")[..., 0].max() == 0
    paper = np.full((60, 90), 255, np.uint8)  # dark ink on light paper: turned round
    paper[10:50, 43:47] = 0
    Image.fromarray(paper).save(tmp_path / "one.png")
    page.set_input_files("#drawing-file", tmp_path / "one.png")
    ready(page, "drawing")
    shown = pixels(page, ".pen")[..., 0]
    assert shown[140, 140] > 200
    assert shown[5].max() < 50
    (tmp_path / "not.png").write_text("no image")
    page.set_input_files("#drawing-file", tmp_path / "not.png")
    page.wait_for_selector("text=not.png is not an image that this browser can read.")


@pytest.mark.slow
def test_an_image_is_dropped_anywhere_on_the_page(page, served, shots, opened, ready, pixels):
    opened(page, served, "path")
    page.evaluate(
        """async () => {
          const paper = new OffscreenCanvas(40, 40);
          const context = paper.getContext("2d");
          context.fillStyle = "#fff";
          context.fillRect(18, 4, 4, 32);
          const files = new DataTransfer();
          files.items.add(new File([await paper.convertToBlob()], "one.png", { type: "image/png" }));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: files }));
        }"""
    )
    ready(page, "drawing")
    page.wait_for_selector("text=Your drawing")
    ink = pixels(page, ".pen")[..., 0]
    assert ink[140, 140] == 255
    assert ink[:, :100].max() == 0
    page.screenshot(path=shots / "dropped.png", full_page=True)
