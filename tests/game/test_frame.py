"""The frame and the grey levels: one table of cases for PyTorch and NumPy (JavaScript: tests/explorer)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.errors import UserError
from ayneh.game import frame
from ayneh.loading import frame as twin

CASES = json.loads((Path(__file__).parent / "frames.json").read_text())


@pytest.mark.parametrize("case", CASES["put"], ids=str)
def test_an_image_stands_in_the_middle_and_is_taken_out_again(case):
    image, framed = np.array(case["image"], np.float32)[None], np.array(case["expected"], np.float32)[None]
    for module, kind in ((frame, torch.from_numpy), (twin, lambda x: x)):
        put = module.put(kind(image), case["size"], case["value"])
        assert np.array_equal(np.asarray(put), framed)
        assert np.array_equal(np.asarray(module.take(put, image.shape[-1])), image)


def test_levels_and_numbers():
    grey = np.array([case["level"] for case in CASES["scale"]], np.uint8)
    numbers = [case["expected"] for case in CASES["scale"]]
    x = np.array([case["x"] for case in CASES["levels"]], np.float32)
    levels = [case["expected"] for case in CASES["levels"]]
    for module, kind in ((frame, torch.from_numpy), (twin, lambda x: x)):
        assert np.asarray(module.scale(kind(grey))).tolist() == pytest.approx(numbers, abs=1e-7)
        assert np.asarray(module.levels(kind(x))).tolist() == levels


def test_levels_invert_scale_on_all_256_and_both_ends_are_exact():
    grey = torch.arange(256, dtype=torch.uint8)
    for dtype in (torch.float32, torch.float64):
        x = frame.scale(grey, dtype)
        assert x.dtype == dtype
        assert (x[0], x[255]) == (-1, 1)
        assert torch.equal(frame.levels(x), grey)
        assert torch.equal(frame.levels(x[:255] + 0.4 / 127.5), grey[:255])
    assert np.array_equal(twin.levels(twin.scale(grey.numpy())), grey.numpy())


def test_real_images_are_framed_in_black_and_span_the_tanh():
    image = torch.tensor([[[[[0, 255], [127, 128]]]]], dtype=torch.uint8)
    x = frame.scale(frame.put(image, 4), torch.float64)
    assert x.shape == (1, 1, 1, 4, 4)
    assert x[..., 0, :].eq(-1).all()
    assert (x[..., 1, 1].item(), x[..., 1, 2].item()) == (-1, 1)


@pytest.mark.parametrize(("dtype", "value"), [(torch.uint8, 0), (torch.uint8, 7), (torch.float32, -1.0)])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (27, 31), (32, 32), (1, 32)])
def test_a_frame_of_any_value_around_any_shape(dtype, value, height, width):
    image = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8).to(dtype)
    framed = frame.put(image, 32, value).clone()
    top, left = (32 - height) // 2, (32 - width) // 2
    assert framed.shape == (2, 3, 32, 32)
    assert framed.dtype == dtype
    assert torch.equal(framed[..., top : top + height, left : left + width], image)
    framed[..., top : top + height, left : left + width] = value
    assert (framed == value).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="image of 40 pixels does not fit into a frame of 32"):
        frame.put(torch.zeros(1, 28, 40), 32)
    with pytest.raises(UserError, match="image of 40 pixels does not fit into a frame of 32"):
        frame.take(torch.zeros(1, 32, 32), 40)
