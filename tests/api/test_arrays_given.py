"""Arrays and tensors of unusual kinds are taken for what they mean, or refused in one sentence."""

import numpy as np
import pytest

import ayneh
from ayneh.data.sources import load

BYTES = load("digits", "train", limit=60).pixels[:, 0].numpy()  # uint8 (60, 8, 8)
LABELS = np.arange(60) % 3


def refusal(source, **how):
    with pytest.raises(ayneh.UserError) as refused:
        ayneh.images(source, **how)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# -- masks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_masked_values_are_counted_and_not_trained_on(kind):
    pixels = np.ma.masked_array(BYTES if kind is np.uint8 else BYTES / 255, mask=False)
    assert np.array_equal(ayneh.images(pixels).train, ayneh.images(BYTES).train)
    pixels[:, 4:] = np.ma.masked
    assert "has 1,920 masked values, of 3,840: fill what is masked" in refusal(pixels)
    pixels[:] = np.ma.masked
    assert "has 3,840 masked values, of 3,840" in refusal(pixels)
    assert "the array of the test images has 3,840 masked" in refusal(BYTES, test=pixels)
    assert "number 0 of the images has 64 masked values, of 64" in refusal(list(pixels))


def test_masked_labels_are_refused():
    labels = np.ma.masked_array(LABELS, mask=False)
    assert ayneh.images((BYTES, labels)).classes == ("0", "1", "2")
    labels[3] = np.ma.masked
    assert "the array of labels of the images has 1 masked value, of 60" in refusal((BYTES, labels))
    assert "label 3 of the images has 1 masked" in refusal((BYTES, list(labels)))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_the_array_of_its_rows():
    rows = BYTES.reshape(60, -1)
    assert np.array_equal(ayneh.images(np.matrix(rows)).train, ayneh.images(rows).train)


def test_the_nets_take_no_masked_array():
    model = ayneh.pretrained("fast")
    images = np.ma.masked_array(np.array(model.generate(model.sample_z(2, seed=0))), mask=False)
    assert len(model.framed(images)) == 2
    images[0, 0, 0, 0] = np.ma.masked
    with pytest.raises(ayneh.UserError, match=r"The array has 1 masked value, of"):
        model.framed(images)
