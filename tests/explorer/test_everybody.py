"""The page for everybody in Chromium: by keys alone, on a phone, in light and dark."""

import json
import shutil

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # a browser

WATCH_NAMES = """() => {
  const controls = "button, input, select, canvas[role], [tabindex='0'], svg[role], img[src]";
  const named = (e) => e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim() || e.alt;
  window.unnamed = new Set();
  const look = () => [...document.querySelectorAll(controls)].filter((e) => e.checkVisibility() && !named(e))
    .forEach((e) => unnamed.add(e.outerHTML));
  const watched = { childList: true, subtree: true, attributeFilter: ["hidden", "src"] };
  new MutationObserver(look).observe(document.body, watched);
  look();
}"""


def test_views_are_reached_by_keys_and_every_control_has_a_name(page, served, opened, ready):
    """At every moment, also while the images of a view are being prepared."""
    opened(page, served, "plane")
    page.evaluate(WATCH_NAMES)
    page.focus("#tab-plane")
    for view in ("directions", "path", "drawing", "epochs", "training", "plane"):
        page.keyboard.press("ArrowRight")
        ready(page, view)
        assert page.get_attribute(f"#tab-{view}", "aria-selected") == "true"
        assert page.evaluate("document.activeElement.id") == f"tab-{view}"
    assert page.evaluate("[...unnamed]") == []


def test_a_view_says_that_it_is_being_prepared_and_when_it_is_ready(page, served, opened, ready):
    opened(page, served, "plane")
    held, released = [], []
    page.route("**/generator", lambda route: route.continue_() if released else held.append(route))
    with page.expect_request("**/generator"):
        page.click("#tab-epochs")
    assert page.get_attribute("#view-epochs", "data-state") == "preparing"
    assert page.inner_text("#view-epochs .learning .note") == ""
    released.append(True)
    for route in held:
        route.continue_()
    ready(page, "epochs")
    assert page.get_attribute("#view-epochs", "data-state") == "ready"
    assert page.inner_text("#view-epochs .learning .note") == "From left to right: after the epochs 0, 1, 2."


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
def test_it_is_readable_on_a_phone_in_light_and_dark(chromium, served, shots, scheme, opened, ready):
    phone = chromium.new_page(
        viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    phone.set_default_timeout(60_000)
    for view in ("plane", "directions", "path", "drawing", "epochs", "training"):
        opened(phone, served, view)
        phone.reload()
        ready(phone, view)
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
        if view == "plane":
            lens, pad = (phone.locator(f".{name}").bounding_box() for name in ("lens", "map"))
            assert pad["y"] + pad["height"] - lens["y"] < 800  # both on one screen
            touches(phone)
        phone.screenshot(path=shots / f"phone-{scheme}-{view}.png", full_page=True)
    phone.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 1280])
def test_long_names_fit_a_narrow_screen(chromium, serve, tiny_run, tmp_path, shots, ready, width):
    long = "a-run-that-has-all-its-settings-in-its-name-" * 3
    shutil.copytree(tiny_run, tmp_path / long)
    page = chromium.new_page(viewport={"width": width, "height": 600})
    page.set_default_timeout(60_000)
    with serve(tiny_run, tmp_path / long) as server:
        for sides in ("run=tiny", f"run=tiny&run={long}"):
            page.goto("about:blank")
            page.goto(f"{server.url}/#plane?{sides}")
            ready(page, "plane")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, sides
        if width > 320:
            lenses = [box.bounding_box()["y"] for box in page.locator(".lens canvas").all()]
            assert max(lenses) - min(lenses) < 1  # the sides are compared
        page.click("#tab-training")
        ready(page, "training")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=shots / f"long-{width}.png", full_page=True)
    page.close()


def touches(phone):
    """A tap moves the lens, a finger on the frame drags it, and a swipe over the rest of the map scrolls the page."""
    pad = phone.locator(".map")
    pad.tap(position={"x": 30, "y": 40})
    phone.wait_for_function("() => location.hash.includes('lens=')")
    left, top = phone.evaluate("location.hash.match(/lens=([\\d.]+),([\\d.]+)/).slice(1).map(Number)")
    box = pad.bounding_box()
    assert (left, top) == pytest.approx((30 / box["width"], 40 / box["height"]), abs=0.02)
    session = phone.context.new_cdp_session(phone)

    def finger(kind, *points):
        touched = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    def dragged(x, y, down):
        finger("touchStart", (x, y))
        for i in range(1, 9):
            finger("touchMove", (x + 5 * i, y + down * i / 8))
            phone.wait_for_timeout(20)
        finger("touchEnd")
        phone.wait_for_timeout(300)
        return phone.evaluate("[scrollY, ...location.hash.match(/lens=([\\d.]+),([\\d.]+)/).slice(1).map(Number)]")

    phone.evaluate("document.querySelector('.lens').scrollIntoView()")
    scrolled, box = phone.evaluate("scrollY"), pad.bounding_box()
    held = box["x"] + left * box["width"], box["y"] + top * box["height"]
    still, right, below = dragged(*held, 80)
    assert still == scrolled
    assert (right, below) == pytest.approx((left + 40 / box["width"], top + 80 / box["height"]), abs=0.02)
    moved, *same = dragged(box["x"] + box["width"] - 60, box["y"] + 20, 120)
    assert (moved < scrolled, same) == (True, [right, below])
