"""The epochs in Chromium: the same noise learns."""

import numpy as np
import pytest

from ayneh.engine.critic import critic_of
from ayneh.record.record import Record

pytestmark = pytest.mark.slow  # a browser


def test_the_same_noise_learns(page, served, tiny_run, shots, opened, ready, pixels):
    opened(page, served, "epochs")
    seen = {}
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.focus("#epochs-slider")
        page.keyboard.press(key)
        ready(page, "epochs")
        epoch = page.get_attribute("#view-epochs canvas", "data-epoch")
        seen[epoch] = pixels(page, "#view-epochs canvas")
    assert list(seen) == ["0", "1", "2"]
    assert not np.array_equal(seen["0"], seen["2"])
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(1)
    sampler = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0).sampler
    first = ((sampler.images("samples", 64)[0, 0] + 1) * 127.5).round().numpy()
    assert np.abs(seen["1"][1:9, 1:9, 0] - first).max() <= 1
    page.screenshot(path=shots / "epochs.png", full_page=True)
