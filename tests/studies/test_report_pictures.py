"""The report's pictures: arms in panels, figures of whatever runs hold, and strips of their images."""

import base64
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ayneh.studies import figures, panels, strips
from ayneh.studies.plan import from_dict, read
from ayneh.studies.stack import PICTURED


def test_the_prior_study_is_laid_out_by_nets():
    found = panels.sections(read("prior"))
    assert set(found) == {"mlp", "mirror"}
    assert sum(map(len, found.values())) == len(read("prior").comparisons())
    for section, asks in found.items():
        drawn = panels.panels(asks)
        assert all(2 <= len(arms) <= panels.IN_A_PANEL for _, arms in drawn)
        named = {arm for ask in asks for arm in (ask.arm, ask.reference)}
        assert {arm for _, arms in drawn for arm in arms} == named
        for questions, arms in drawn:  # each comparison is to be seen within one panel
            assert all({ask.arm, ask.reference} <= set(arms) for ask in asks if ask.question in questions)
        assert panels.short(f"u01, {section}", section) == "u01"


def test_comparisons_across_factors_are_one_section():
    study = from_dict(
        {"name": "x", "factors": {"optimizer": {"lr": [1e-3, 1e-4]}, "net": {"name": ["mlp", "mirror"]}}}, "x"
    )
    assert list(panels.sections(study)) == [""]


def test_many_arms_against_one_reference_are_cut_into_panels_with_it():
    study = from_dict({"name": "x", "arms": {f"a{k}": {"batch": 10 + k} for k in range(14)}}, "x")
    drawn = panels.panels(study.comparisons())
    assert all(arms[0] == "a0" and len(arms) <= panels.IN_A_PANEL for _, arms in drawn)
    assert sorted({arm for _, arms in drawn for arm in arms}) == sorted(study.cells())


def test_labels_are_pushed_apart_but_no_farther_than_needed():
    assert figures.spread([1.0, 50.0], 10, 0, 100) == [1.0, 50.0]
    assert figures.spread([50.0, 50.0], 10, 0, 100) == [45.0, 55.0]
    assert figures.spread([1.0, 1.0, 99.0], 10, 0, 100) == [0.0, 10.0, 99.0]
    found = figures.spread([20.0, 21.0, 28.0, 60.0], 10, 0, 100)
    assert found[3] == 60.0
    assert np.diff(found).min() >= 10 - 1e-9
    assert sum(found[:3]) == pytest.approx(20 + 21 + 28)


def test_the_band_is_numpys_quantiles_and_bears_runs_that_broke_down():
    rng = np.random.default_rng(0)
    found = rng.random((9, 4))
    for ours, theirs in zip(figures.middle(found), np.quantile(found, [0.5, 0.25, 0.75], axis=0), strict=True):
        np.testing.assert_allclose(ours, theirs)
    few = figures.middle(found[:4])
    np.testing.assert_allclose(few[1:], [found[:4].min(axis=0), found[:4].max(axis=0)])
    found[:3, 0], found[3:, 1] = np.inf, np.inf
    found[0, 2], found[:, 3] = np.nan, np.nan
    median, _, high = figures.middle(found)
    assert median[0] == np.sort(found[:, 0])[4]
    assert high[0] == np.inf
    assert median[1] == np.inf
    assert median[2] == np.median(found[1:, 2])
    assert np.isnan(median[3])


def test_words_in_a_figure_are_words():
    bars = [figures.Bar("a <b> question"), figures.Bar("$x_1$ & y", 1.2, 0.9, math.inf, 0.1, "cannot tell", "? 1.20")]
    svg = figures.forest("test", bars, ratio=True, label="times", sides=("better", "worse"))
    assert "a &lt;b&gt; question" in svg
    assert "$x_1$ &amp; y" in svg
    ElementTree.fromstring(svg)  # all its tags are closed
    assert "DejaVu" not in svg
    assert not re.search(r"#0102\d\d", svg)  # no stand-in colour is left


def test_no_figure_fails_on_what_runs_may_hold():
    none = [
        figures.Bar("all failed", math.inf, math.inf, math.inf, 0.1, "worse", "x"),
        figures.Bar("n = 1", 2.0, None, None),
    ]
    for ratio in (True, False):
        figures.forest("none", none, ratio=ratio, label="x", sides=("a", "b"))
    figures.forest("zero", [figures.Bar("no difference", 0.0, 0.0, 0.0)], ratio=False, label="x", sides=("", ""))
    gone = figures.Curve("gone", [1, 2], np.full((2, 2), math.inf))
    zero = figures.Curve("zero", [1, 2], np.zeros((2, 2)))
    figures.curves("gone", {"y": [gone, zero]}, mark=(1.4, "here"))


def test_a_picture_is_cut_between_its_images(tmp_path):
    assert strips.COLUMNS**2 == PICTURED
    page = np.full((6 * 10 + 2, 6 * 10 + 2), 48, dtype=np.uint8)  # images of 8 pixels, gaps of 2
    for k in range(36):
        top, left = 2 + k // 6 * 10, 2 + k % 6 * 10
        page[top : top + 8, left : left + 8] = 100 + k
    Image.fromarray(page).save(tmp_path / "page.png")
    address = strips.cut(tmp_path / "page.png", tmp_path)
    (tmp_path / "cut.png").write_bytes(base64.b64decode(address.split(",")[1]))
    with Image.open(tmp_path / "cut.png") as image:
        cut = np.asarray(image)
    assert cut.shape == (42, 42)
    kept = [100 + 6 * row + column for row in range(4) for column in range(4)]
    assert sorted(set(cut.ravel()) - {48}) == kept
    assert strips.cut(tmp_path / "none.png", tmp_path) is None


def test_large_images_are_shrunk(tmp_path):
    Image.new("RGB", (6 * 258 + 2, 6 * 258 + 2)).save(tmp_path / "page.png")
    address = strips.cut(tmp_path / "page.png", tmp_path)
    (tmp_path / "cut.png").write_bytes(base64.b64decode(address.split(",")[1]))
    with Image.open(tmp_path / "cut.png") as image:
        assert max(image.size) <= strips.SIDE * strips.LARGEST + 10
