"""The page for everybody in Chromium: by keys alone, on a phone, in light and dark."""

import json

import numpy as np
import pytest

UNNAMED = """() => [...document.querySelectorAll("button, input, select, canvas[role], [tabindex='0'], svg[role]")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
  .map((e) => e.outerHTML)"""


def test_views_are_reached_by_keys_and_every_control_has_a_name(page, served, opened):
    opened(page, served, "plane", "map")
    page.focus("#tab-plane")
    for view in ("directions", "path", "drawing", "epochs", "training", "plane"):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f'html[data-shown="{view}"]')
        assert page.get_attribute(f"#tab-{view}", "aria-selected") == "true"
        assert page.evaluate("document.activeElement.id") == f"tab-{view}"
        page.wait_for_timeout(300)
        assert page.evaluate(UNNAMED) == []


REACHED = """() => {
  const wanted = [...document.querySelectorAll("button, input, select, summary, [tabindex='0']")]
    .filter((e) => e.checkVisibility() && e.tabIndex >= 0 && !e.disabled);
  wanted.forEach((e, i) => (e.dataset.stop = i));
  return wanted.length;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("view", ["plane", "directions", "path", "drawing", "epochs"])
def test_every_control_is_reached_by_tab_and_shows_it(page, served, opened, view):
    opened(page, served, view)
    page.wait_for_timeout(500)
    count = page.evaluate(REACHED)
    stops = set()
    for _ in range(count + 3):
        page.keyboard.press("Tab")
        stop, shown = page.evaluate(
            """() => {
              const e = document.activeElement;
              const marked = e.matches(".file") ? e.previousElementSibling : e; // a hidden input has its label marked
              return [e.dataset.stop, getComputedStyle(marked).outlineStyle];
            }"""
        )
        if stop is not None:
            stops.add(int(stop))
            assert shown == "solid", stop
    assert stops == set(range(count))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_in_light_and_dark(chromium, served, shots, scheme, opened):
    phone = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    phone.set_default_timeout(60_000)
    for view, ready in (("plane", "map"), ("directions", None), ("path", "strips"), ("drawing", "drawn"),
                        ("epochs", "film"), ("training", "drawn")):  # fmt: skip
        opened(phone, served, view, ready)
        phone.reload()
        phone.wait_for_selector(f'html[data-shown="{view}"]')
        phone.wait_for_timeout(500)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, view
        ink, ground = (
            np.array(
                json.loads(
                    phone.evaluate(f"getComputedStyle(document.body).{name}").replace("rgb(", "[").replace(")", "]")
                )
            )
            for name in ("color", "backgroundColor")
        )
        assert (ink.mean() > ground.mean()) == (scheme == "dark")
        phone.screenshot(path=shots / f"phone-{scheme}-{view}.png", full_page=True)
    phone.close()
