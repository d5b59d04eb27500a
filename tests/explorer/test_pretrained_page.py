"""The generators of the package in a real browser: images, a card, directions; no D, and no error for that."""

import pytest

from ayneh.loading.pretrained import FOLDER


@pytest.mark.slow
def test_a_generator_alone_is_shown_with_its_card(page, serve, opened, ready, pixels):
    with serve(FOLDER / "conditional", FOLDER / "digits-uniform01") as server:
        opened(page, server, "plane")
        assert pixels(page, "#view-plane canvas").std() > 20
        assert page.locator("#message").is_hidden()
        assert page.inner_text("#view-plane").count("a generator alone") == 1
        page.click("details summary")
        card = page.inner_text("details pre")
        assert "\n## Data and licence\n" in card
        assert "Trained by `ayneh train conditional" in card
        page.select_option("#sides select >> nth=1", label="7")  # halfway between two classes: a net that mixes them
        page.evaluate("location.hash = '#directions'")
        ready(page, "directions")
        assert page.locator("#view-directions input[type=range]").count() == 10
        for view, words in (
            ("drawing", "is a generator alone"), ("epochs", "An exported model has one epoch"),
            ("training", "the course of its training is in the folder of its run"),
        ):  # fmt: skip
            page.evaluate(f"location.hash = '#{view}'")
            ready(page, view)
            shown = page.inner_text(f"#view-{view}")
            assert words in shown
            assert "The bars" not in shown
            assert "From left to right" not in shown
        assert page.locator("#drawing-search").is_hidden()
        assert page.locator("#view-training svg").count() == 0
        assert page.locator("#message").is_hidden()
