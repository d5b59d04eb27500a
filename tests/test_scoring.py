"""Images from anywhere are made like the data's and a line says how; only like is compared with like."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from ayneh.alike import as_the_data
from ayneh.config import Data
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.game.frame import put
from ayneh.scoring import Judges, evaluate_images

JUDGES: Judges = {}  # made once for all of these tests


@cache
def judge(name="digits", **data):
    source = Data(name, **data)
    return JUDGES.setdefault(source, judge_of(source))


def fd_over_floor(images, name="digits", **data):
    judge(name, **data)
    report = evaluate_images(images, Data(name, **data), judges=JUDGES)
    score = report.scores["fd"]
    return score.value / score.floor, report


@pytest.mark.parametrize("size", [8, 9, 11, 12, 15, 16, 20, 24, 31, 32])
def test_real_digits_of_other_sizes_score_near_the_floor_and_are_said_to_be_scaled(size):
    """Of 15 pixels the middle 8 were judged, and without a word."""
    images = load("digits", "train", limit=500, resize=size).pixels
    ratio, report = fd_over_floor(images)
    assert ratio < 2.5
    assert report.collapse == ()
    if size == 8:
        assert report.notes == ()
    else:
        (words,) = report.notes
        assert f"scaled from {size}x{size} pixels to the 8x8 of digits" in words
        assert report.reading.size == size


@pytest.mark.parametrize("size", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in (6, 9)), 15, 24])
def test_with_resize_images_are_compared_with_real_ones_of_their_size(size):
    ratio, report = fd_over_floor(load("digits", "train", limit=500, resize=size).pixels, resize=size)
    assert ratio < 1.3
    assert not any("scaled" in words for words in report.notes)
    assert report.reading.size == size


def test_what_the_classifier_cannot_read_is_warned_of():
    images = load("digits", "test", resize=4).pixels
    _, report = fd_over_floor(images)
    words = report.words()
    assert any(
        re.search(r"Warning: .* classifies \d\d\.\d% .* at 4x4 pixels, and 99.4% at its own 8x8", w) for w in words
    )
    assert not report.as_dict()["reading"]["accuracy"] > 0.9


@pytest.mark.parametrize("frame", [9, 11, 15, 16, 32])
def test_a_black_frame_is_cut_and_said_to_be(frame):
    """Twice the size and more was taken for an enlargement: collapsed."""
    images = load("digits", "train", limit=500).pixels
    alike = as_the_data(put(images, frame), judge())
    assert torch.equal(alike.pixels, images)
    assert f"The border, black in every image, is cut: {frame}x{frame} to 8x8 pixels" in alike.notes[0]
    assert alike.scaled_from is None


def test_a_border_that_is_not_black_in_one_image_is_not_cut():
    images = put(load("digits", "train", limit=100).pixels, 12).clone()
    images[7, 0, 0, 3] = 1
    alike = as_the_data(images, judge())
    assert alike.scaled_from == 12
    assert "scaled from 12x12" in alike.notes[0]
    assert "--middle 8 cuts the frame" in alike.notes[0]
    middle = as_the_data(images, judge(), middle=8)
    assert torch.equal(middle.pixels, images[..., 2:10, 2:10])
    assert "The middle 8x8 of 12x12 pixels" in middle.notes[0]
    for nonsense in (13, 0, -1):
        with pytest.raises(UserError, match=f"--middle is {nonsense}; the images have 12 pixels a side"):
            as_the_data(images, judge(), middle=nonsense)


def test_channels_are_converted_where_nothing_is_lost_and_a_line_says_so():
    grey = load("digits", "train", limit=60).pixels
    alike = as_the_data(grey.repeat(1, 3, 1, 1), judge())
    assert torch.equal(alike.pixels, grey)
    assert "three channels of the images are equal" in alike.notes[0]
    coloured = grey.repeat(1, 3, 1, 1)
    coloured[0, 0] = 255 - coloured[0, 0]
    with pytest.raises(UserError, match="in colour and those of digits are grey"):
        as_the_data(coloured, judge())


def test_images_that_are_not_square_are_refused_with_what_helps(tmp_path, ayneh):
    wide = np.repeat(load("digits", "train", limit=40).pixels.numpy()[:, 0], 2, axis=2)  # 16x8
    np.save(tmp_path / "wide.npy", wide)
    status, _, err = ayneh("evaluate", "--images", tmp_path / "wide.npy", "--data", "digits")
    assert status == 2
    assert "16x8" in err
    flag = re.search(r"(--resize) (\d+)", err)
    assert ayneh("evaluate", "--images", tmp_path / "wide.npy", "--data", "digits", *flag.groups(), "--quiet")[0] == 0


def test_resize_and_middle_are_for_images(own_run, ayneh):
    for flag in ("--resize", "--middle"):
        status, _, err = ayneh("evaluate", own_run, flag, "8")
        assert status == 2
        assert "apply to --images alone" in err


@pytest.mark.slow
def test_reports_judged_otherwise_are_neither_ordered_nor_given_one_floor(own_run, tmp_path, ayneh):
    """One table had the first run's floor, an order, and "All nets agree"."""
    np.save(tmp_path / "small.npy", load("digits", "train", limit=100).pixels[:, 0].numpy())
    args = ("evaluate", own_run, "--images", tmp_path / "small.npy", "--data", "digits", "--n", "100")
    _, out, _ = ayneh(*args, "--json")
    reports = list(json.loads(out).values())
    assert reports[0]["judge"] != reports[1]["judge"]
    _, out, _ = ayneh(*args, "--quiet")
    assert "Not compared, since they were judged in different ways" in out
    assert "best first" not in out
    assert f"(judge {reports[0]['judge'][:6]})" in out
    assert len(re.findall("floor", out)) >= 2


@pytest.mark.slow
def test_runs_of_one_judge_are_compared_within_their_group(tmp_path):
    from ayneh.scoring import compare, groups

    _, first = fd_over_floor(load("digits", "train", limit=100).pixels)
    _, other = fd_over_floor(load("digits", "train", limit=100).pixels, resize=12)
    fewer = replace(first, n=99)
    reports = {"a": first, "b": first, "c": other, "d": fewer}
    assert [list(group) for group in groups(reports)] == [["a", "b"], ["c"], ["d"]]
    words = compare(reports)
    assert words[0].startswith("Not compared")
    assert sum("best first: a, b" in w for w in words) == 1
    assert not any("agree" in w for w in words)


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize("size", [32, 48, 55, 56, 64])
def test_real_mnist_of_other_sizes_scores_near_the_floor(size):
    """They scored 2.1, 25, 38, 1.3 and 3.6 at 32 to 64 pixels, 0.41 at 28, with a floor of 0.45."""
    source = Data("mnist")
    JUDGES.setdefault(source, judge_of(source))
    whole = JUDGES[source]
    alike = as_the_data(load("mnist", "train", limit=2000, resize=size).pixels, whole)
    score = whole.quick(alike.pixels)["fd"].value
    floor = whole.quick(load("mnist", "train", limit=2000).pixels)["fd"].value
    assert score < floor + 0.6
    reading = whole.reading(alike.scaled_from, alike.again)
    assert reading.accuracy > 0.99
    framed = as_the_data(put(load("mnist", "train", limit=500).pixels, size), whole)
    assert torch.equal(framed.pixels, load("mnist", "train", limit=500).pixels)
