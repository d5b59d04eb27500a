"""The page's choice of a class in Chromium: its arithmetic against NumPy, its controls by mouse and keys."""

import numpy as np
import pytest
from scipy.special import log_softmax

pytestmark = pytest.mark.slow  # a browser

HOSTILE = "<img src=x onerror='window.hit=1'>" + "x" * 300

SHOW = """async ([labels, change]) => {
  const { Asked } = await import("/page/classes.js");
  const { makePicker } = await import("/page/picker.js");
  window.asked = Object.assign(new Asked(labels), change ?? {});
  window.changes = 0;
  document.body.replaceChildren(makePicker(asked, "", () => { changes += 1; }));
}"""


@pytest.fixture
def show(desk):
    """``show(names, parts, between)``: the picker of these classes on an empty page."""

    def shown(names, parts=None, between=True, change=None):
        labels = {"names": names, "parts": parts or [len(names)], "between": between, "why": "Nothing is between."}
        desk.evaluate(SHOW, [labels, change])

    return shown


def mix(desk):
    return desk.evaluate("Array.from(asked.mix)")


def test_what_d_reads_of_the_parts_of_a_class_is_that_of_the_class(desk):
    logits = np.random.default_rng(0).normal(size=9).astype(np.float32) * 3
    parts = [2, 3, 4]
    found, marginals, plain = desk.evaluate(
        """async ([logits, parts]) => {
          const { joint, logSoftmax, marginals } = await import("/page/classes.js");
          const all = joint(Float32Array.from(logits), parts);
          const lists = marginals(Float64Array.from(all, Math.exp), parts);
          return [Array.from(all), lists.map((x) => Array.from(x)), Array.from(logSoftmax(Float32Array.from(logits)))];
        }""",
        [logits.tolist(), parts],
    )
    first, second, third = (log_softmax(part) for part in np.split(logits, [2, 5]))
    expected = (first[:, None, None] + second[:, None] + third).ravel()  # the last part changes fastest
    assert np.array(found) == pytest.approx(expected, abs=1e-5)
    for found, part in zip(marginals, (first, second, third), strict=True):
        assert np.array(found) == pytest.approx(np.exp(part), abs=1e-5)
    assert np.array(plain) == pytest.approx(log_softmax(logits), abs=1e-5)


def test_a_class_is_picked_by_a_button_or_the_arrow_keys(desk, show):
    show(["cat", "dog", "owl", HOSTILE])
    buttons = desk.locator("[role=radio]")
    assert buttons.nth(3).text_content() == HOSTILE
    assert buttons.nth(3).get_attribute("title") == HOSTILE
    assert desk.evaluate("window.hit") is None
    buttons.nth(1).click()
    assert mix(desk) == [0, 1, 0, 0]
    desk.keyboard.press("ArrowRight")
    assert mix(desk) == [0, 0, 1, 0]
    desk.keyboard.press("End")
    desk.keyboard.press("ArrowRight")  # round to the first
    assert mix(desk) == [1, 0, 0, 0]
    assert [button.get_attribute("aria-checked") for button in buttons.all()] == ["true", "false", "false", "false"]
    assert [button.get_attribute("tabindex") for button in buttons.all()] == ["0", "-1", "-1", "-1"]
    assert desk.evaluate("document.activeElement.textContent") == "cat"
    assert desk.evaluate("changes") == 4


def test_between_two_classes_both_have_their_shares(desk, show):
    show(["cat", "dog", "owl"])
    slider = desk.locator(".class-share")
    assert not slider.is_visible()
    desk.select_option(".choice select", label="owl")
    slider.fill("0.25")
    assert mix(desk) == [0.75, 0, 0.25]
    slider.press("End")
    assert mix(desk) == [0, 0, 1]
    desk.select_option(".choice select", label="none")
    assert mix(desk) == [1, 0, 0]
    assert not slider.is_visible()


def test_nets_without_a_way_between_two_classes_have_no_slider_and_a_reason(desk, show):
    show(["cat", "dog"], between=False)
    assert desk.locator(".class-share, select").count() == 0
    assert desk.locator("text=There is no slider between two classes").is_visible()


def test_many_classes_are_searched_by_name(desk, show):
    names = [f"sign {k:03d}" for k in range(60)] + ["آینه"]
    show(names, between=False)
    assert desk.locator("[role=radio]").count() == 0
    field = desk.locator("input[list]")
    for words, number in (("sign 042", 42), ("017", 17), ("آینه", 60), ("59", 59), ("3", 3)):
        field.fill(words)  # a name, a part that no other has, a number
        field.press("Enter")
        assert mix(desk)[number] == 1, words
        assert field.input_value() == names[number]
    field.fill("sign")
    field.press("Enter")
    assert "more than one, is called “sign”" in desk.inner_text("[role=status]")
    assert mix(desk)[3] == 1
    assert field.input_value() == names[3]
    rows = desk.evaluate("Object.assign(asked, { first: 58 }).rowClasses")
    assert rows == list(range(11, 61))  # fifty at most, the one that is asked for among them


def test_a_class_of_three_digits_has_a_choice_for_each(desk, show):
    show([f"{k:03d}" for k in range(1000)], [10, 10, 10])
    for place, digit in enumerate("407"):
        desk.locator(".class-picker > .controls").first.locator("select").nth(place).select_option(digit)
    assert desk.evaluate("asked.labels.names[asked.mix.indexOf(1)]") == "407"
    assert desk.evaluate("asked.rowClasses") == list(range(400, 410))


def test_a_choice_is_kept_by_its_name_where_another_run_has_it_elsewhere(desk, show):
    show(["cat", "dog", "owl"], change={"first": 2, "second": 0, "share": 0.4, "rows": True})
    kept = desk.evaluate(
        """async () => {
          const { Asked } = await import("/page/classes.js");
          const other = (names) => new Asked({ names, parts: [names.length], between: true }, asked);
          return [other(["owl", "cat"]), other(["bee", "cat"])].map((a) => [Array.from(a.mix), a.rows]);
        }"""
    )
    assert kept[0][0] == pytest.approx([0.6, 0.4])
    assert kept[1][0] == pytest.approx([0.6, 0.4])  # no owl there: its first class in the place of it
    assert kept[0][1]


@pytest.mark.parametrize(
    ("names", "typed", "name"),
    [
        ([*map(str, range(1, 21))], "7", "7"),
        ([*map(str, range(1, 21))], "007", "7"),
        ([*map(str, range(1, 21))], "0", None),  # "10" and "20" contain it, and "1" is the class number 0
        (["1", "5", "10"], "2", None),
        (["1", "5", "10"], "0", None),
        (["cat", "dog", "eel"], "2", "eel"),
        (["cat", "dog", "eel"], "og", "dog"),
        (["digit 7", "digit 8"], "7", "digit 7"),
        (["cat", "1", "eel"], "01", "1"),
    ],
)
def test_a_class_is_found_by_what_was_typed(desk, names, typed, name):
    """As `Labels.number` has it, and by a part of a name."""
    found = desk.evaluate(
        """async ([names, typed]) => {
          const { Asked } = await import("/page/classes.js");
          return new Asked({ names, parts: [names.length], between: true }).find(typed);
        }""",
        [names, typed],
    )
    assert found == (-1 if name is None else names.index(name))
