"""The rule of ranges: what floats and integers mean, what is clipped with a word, and what is refused."""

import numpy as np
import pytest

from ayneh.errors import UserError
from ayneh.ranges import levels, rescaled, span_of

UNIT = np.linspace(0, 1, 256).reshape(1, 16, 16)
LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def with_ends(low: float, high: float, array: np.ndarray = UNIT) -> np.ndarray:
    """The array with its first and last value replaced."""
    changed = array.copy()
    changed[0, 0, 0], changed[0, -1, -1] = low, high
    return changed


@pytest.mark.parametrize(
    ("array", "ends"),
    [
        (UNIT, (0, 1)),
        (UNIT * 0.3, (0, 1)),
        (UNIT * 2 - 1, (-1, 1)),
        (UNIT * 1.5 - 1, (-1, 1)),
        (UNIT * 255, (0, 255)),
        (UNIT * 254.5, (0, 255)),
        (UNIT * 210, (0, 255)),
        (LEVELS.astype(np.int64), (0, 255)),
        (LEVELS.astype(np.uint16) * 257, (0, 65535)),
        (LEVELS > 127, (0, 1)),
        (with_ends(-1e-5, 1.003), (0, 1)),
        (with_ends(-0.04, 1.04), (0, 1)),
        (with_ends(-1.06, 1.08, UNIT * 2 - 1), (-1, 1)),
        (with_ends(-3.1, 259.5, UNIT * 255), (0, 255)),
        (np.zeros((2, 4, 4)), (0, 1)),
        (np.full((2, 4, 4), -1.0), (-1, 1)),
    ],
)
def test_a_range_that_is_clear_is_found(array: np.ndarray, ends: tuple[float, float]) -> None:
    span = span_of([array], "x")
    assert (span.low, span.high) == ends
    right = np.round(np.clip((array.astype(float) - ends[0]) / (ends[1] - ends[0]), 0, 1) * 255)
    assert np.array_equal(levels(array, span), right)


@pytest.mark.parametrize(
    "array",
    [
        UNIT - 0.5,
        UNIT - UNIT.mean() * 0.2,
        (UNIT - UNIT.mean()) / UNIT.std(),
        (UNIT - 0.1307) / 0.3081,
        (UNIT - UNIT.mean()) / 0.9,
        UNIT * 16,
        UNIT * 100,
        UNIT * 1000,
        UNIT / 255,
        -UNIT,
        UNIT * 1.2,
        with_ends(-0.0425, 0.9575, UNIT * 0) + 0.0,
        (UNIT**2 - (UNIT**2).mean()) * 1.4,
        LEVELS.astype(np.int64) // 16,
        LEVELS.astype(np.int32) - 128,
        LEVELS.astype(np.uint16) * 16,
    ],
)
def test_a_range_that_is_not_clear_is_refused_with_three_numbers_and_the_flag(array: np.ndarray) -> None:
    numbers = f"minimum {array.min():.4g}, mean {array.mean():.4g}, maximum {array.max():.4g}"
    with pytest.raises(UserError) as refusal:
        span_of([array], "photos.npy: x")
    assert numbers in str(refusal.value)
    assert "--data.range LOW HIGH" in str(refusal.value)
    assert str(refusal.value).startswith("photos.npy: x ")
    low, high = float(array.min()), float(array.max())
    asked = span_of([array], "x", (low, high))
    assert np.array_equal(levels(array, asked), np.round((array - low) / (high - low) * 255)), "the flag helps"


def test_lanczos_beyond_the_ends_is_clipped_and_counted() -> None:
    array = with_ends(-1e-5, 1.003)
    span = span_of([array], "x")
    assert span.notes == ("2 of 256 values outside [0, 1] are clipped (from -1e-05 to 1.003)",)
    assert levels(array, span).ravel()[[0, 1, -1]].tolist() == [0, 1, 255]
    assert span_of([with_ends(-1e-7, 1 + 1e-7)], "x").notes == (), "a rounding error needs no word"


def test_both_halves_of_a_set_follow_one_rule() -> None:
    dark = UNIT * 0.2  # alone it would be [0, 1]
    span = span_of([UNIT * 2 - 1, dark], "x")
    assert (span.low, span.high) == (-1, 1)
    assert levels(dark, span).min() == 128
    with pytest.raises(UserError, match="types float64 and uint8"):
        span_of([UNIT, LEVELS], "x")


@pytest.mark.parametrize(("top", "said"), [(1, True), (16, True), (200, False), (255, False), (0, False)])
def test_bytes_are_taken_as_they_are_and_stretched_only_when_asked(top: int, said: bool) -> None:
    array = np.minimum(LEVELS, top).astype(np.uint8)
    span = span_of([array], "x")
    assert np.array_equal(levels(array, span), array)
    assert any(f"--data.range 0 {top} stretches them" in note for note in span.notes) == said
    if top:
        assert levels(array, span_of([array], "x", (0, top))).max() == 255


def test_a_range_that_is_asked_for_maps_linearly_and_counts_what_it_clips() -> None:
    span = span_of([np.array([[-2.0, 0.0, 1.0, 3.0]])], "x", (0, 2))
    assert levels(np.array([[-2.0, 0.0, 1.0, 3.0]]), span).tolist() == [[0, 0, 128, 255]]
    assert "2 of 4 values outside [0, 2] are clipped (from -2 to 3)" in span.notes
    for wrong in ((1, 1), (1, 0), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(UserError, match=r"--data\.range \S+ \S+: .* must be less than"):
            span_of([UNIT], "x", wrong)


@pytest.mark.parametrize("asked", [None, (0, 1)])
def test_nan_and_infinity_are_counted_and_refused(asked: tuple[float, float] | None) -> None:
    with pytest.raises(UserError, match="2 values that are NaN or infinite, of 256"):
        span_of([with_ends(np.nan, -np.inf)], "x", asked)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8", "g"])
def test_floats_of_every_width_and_order_are_the_same_levels(dtype: str) -> None:
    for low, high in ((0, 1), (-1, 1), (0, 255)):
        array = (low + (high - low) * UNIT).astype(dtype)
        assert np.array_equal(levels(array, span_of([array], "x")), LEVELS)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", ">u2", "<u4", ">i8", "<u8"])
def test_integers_of_every_width_and_order_are_the_same_levels(dtype: str) -> None:
    array = LEVELS.astype(dtype)
    assert np.array_equal(levels(array, span_of([array], "x")), LEVELS)


@pytest.mark.parametrize("array", [UNIT + 0j, UNIT.astype(str), np.array([{}]), np.array(["2020"], "M8[D]")])
def test_what_is_no_number_is_refused_by_its_type(array: np.ndarray) -> None:
    with pytest.raises(UserError, match="x has values of type"):
        span_of([array], "x", (0, 1))


@pytest.mark.parametrize("array", [np.full((3, 4), 7, np.uint8), np.full((3, 4), 0.5), np.zeros((3, 4), bool)])
def test_a_constant_array_is_read_with_a_word(array: np.ndarray) -> None:
    assert any("all values are" in note for note in span_of([array], "x").notes)


def test_large_arrays_are_converted_in_parts_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.RandomState(0).rand(40, 5, 5)
    span, whole = span_of([array], "x"), levels(array, span_of([array], "x"))
    monkeypatch.setattr("ayneh.ranges.CHUNK_VALUES", 60)
    assert span_of([array], "x") == span
    assert np.array_equal(levels(array, span), whole)


def test_floats_come_in_the_range_that_nets_take_unchanged_if_they_have_it() -> None:
    signed = (UNIT * 2 - 1).astype(np.float32)
    assert np.array_equal(rescaled(signed, span_of([signed], "x"), (-1, 1)), signed)
    assert rescaled(UNIT, span_of([UNIT], "x"), (-1, 1)) == pytest.approx(UNIT * 2 - 1)
