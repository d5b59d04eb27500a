"""Arrays and tensors of unusual kinds are taken for what they mean, or refused in one sentence."""

import numpy as np
import pytest
import torch

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


# -- the caller's own --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda a: a, lambda a: a[:, None], lambda a: a[..., None], torch.from_numpy])
@pytest.mark.parametrize("test", [None, "given"])  # two halves are joined, which copies them
def test_what_a_program_does_to_its_array_afterwards_changes_no_images(form, test):
    """They were a view of it, so that a run of the same name and hash was trained on others."""

    def given():
        array, other, labels = BYTES.copy(), BYTES[::-1].copy(), LABELS.copy()
        tests = None if test is None else (form(other), labels)
        return ayneh.images((form(array), labels), test=tests), (array, other, labels)

    images, arrays = given()
    for array in arrays:
        array[:] = 0
    assert given()[0].name == images.name
    for split in ("train", "test"):  # as a run reads them, by their name
        now = load(images.name, split)
        assert {image.numpy().tobytes() for image in now.pixels} <= {image.tobytes() for image in BYTES}
        assert set(now.labels.tolist()) == {0, 1, 2}


# -- tensors -----------------------------------------------------------------------------------------------------------

UNIT = torch.tensor(BYTES / 255).float()
TENSORS = {
    "sparse": UNIT.to_sparse,
    "a view with a sign": lambda: torch.complex(torch.zeros_like(UNIT), -UNIT).conj().imag,
    "the real part of a conjugate": lambda: torch.complex(UNIT, UNIT).conj().real,
    "float16": UNIT.half,
    "float64": UNIT.double,
    "a parameter": lambda: torch.nn.Parameter(UNIT),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_of_every_kind_are_taken_whole_and_as_items(kind):
    wanted = ayneh.images(BYTES).train
    assert np.abs(ayneh.images(TENSORS[kind]()).train.astype(int) - wanted).max() <= (kind == "float16")
    items = list(TENSORS[kind]())
    assert np.abs(ayneh.images(items).train.astype(int) - wanted).max() <= (kind == "float16")


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_table_of_rows_that_are_sparse_is_taken():
    rows = UNIT.flatten(1)
    assert np.array_equal(ayneh.images(rows.to_sparse_csr()).train, ayneh.images(rows).train)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16])
def test_short_floats_are_taken(kind):
    images = ayneh.images(((UNIT > 0.5).to(kind), torch.tensor(LABELS).to(kind)))
    assert set(np.unique(images.train)) == {0, 255}
    assert images.classes == ("0", "1", "2")


@pytest.mark.filterwarnings("ignore:.*quantize", "ignore:The PyTorch API of nested", "ignore:(Sparse|ComplexHalf)")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.empty(60, 8, 8, device="meta"), "lies on the device meta, without values"),
        (lambda: torch.nested.nested_tensor(list(UNIT)), "is nested, so that its items may differ"),
        (lambda: torch.quantize_per_tensor(UNIT, 0.1, 0, torch.quint8), "is quantised: give tensor.dequantize()"),
        (lambda: torch.complex(UNIT, UNIT).to(torch.complex32), "of the type torch.complex32, which NumPy lacks"),
        (lambda: torch.complex(UNIT, UNIT).conj(), "has values of type complex64"),
        (lambda: torch.sparse_coo_tensor([[0], [0], [0]], [1.0], (60, 40_000, 40_000)), "unpacks to 384.0 GB"),
    ],
)
def test_tensors_without_values_are_refused(make, words):
    assert words in refusal(make())
    if "nested" not in words and "complex64" not in words:
        assert words.replace("384.0", "6.4") in refusal([(image, 1) for image in make()])


# -- a share -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [np.float32(0.2), np.float64(0.2), np.array(0.2), torch.tensor(0.2), np.float16(0.2)])
def test_a_share_may_be_a_number_of_any_library(share, tmp_path):
    np.save(tmp_path / "a.npy", BYTES)
    wanted = ayneh.images(BYTES, test=0.2)
    assert np.array_equal(ayneh.images(BYTES, test=share).test, wanted.test)
    assert ayneh.images(tmp_path / "a.npy", test=share).data == ayneh.images(tmp_path / "a.npy", test=0.2).data


@pytest.mark.parametrize("share", [np.float32(1.5), np.array(2), True, np.bool_(True), np.array("a"), float("nan"), 0])
def test_what_is_no_share_is_refused(share, tmp_path):
    assert f"test is {share}; a share of the images lies between 0 and 1" in refusal(BYTES, test=share)
    np.save(tmp_path / "a.npy", BYTES)
    assert f"test is {share}; a share of the images lies between 0 and 1" in refusal(tmp_path / "a.npy", test=share)


# -- labels ------------------------------------------------------------------------------------------------------------

WORDS = ["cat", "dog", "emu"] * 20
COLUMNS = {
    "an array of objects": lambda pandas: np.array(WORDS, object),
    "a column of objects": lambda pandas: np.array(WORDS, object)[:, None],
    "text of any length": lambda pandas: np.array(WORDS, np.dtypes.StringDType()),
    "a series": lambda pandas: pandas.Series(WORDS),
    "its values": lambda pandas: pandas.Series(WORDS).values,
    "a category": lambda pandas: pandas.Series(WORDS).astype("category"),
    "a table with one column": lambda pandas: pandas.DataFrame({"label": WORDS}),
    "pandas' own text": lambda pandas: pandas.array(WORDS, dtype="string"),
    "a list of NumPy's text": lambda pandas: list(np.array(WORDS)),
    "bytes as objects": lambda pandas: np.array([word.encode() for word in WORDS], object),
}


@pytest.mark.parametrize("form", COLUMNS)
def test_text_is_a_label_in_every_column(form):
    labels = COLUMNS[form](pytest.importorskip("pandas") if "object" not in form else None)
    images = ayneh.images((BYTES, labels))
    assert images.classes == ("cat", "dog", "emu")
    assert np.array_equal(images.labels, ayneh.images((BYTES, WORDS)).labels)


def test_numbers_as_objects_are_numbers():
    assert np.array_equal(ayneh.images((BYTES, LABELS.astype(object))).labels, ayneh.images((BYTES, LABELS)).labels)
    rows = np.empty(60, object)
    rows[:] = list(np.eye(3)[LABELS])
    assert np.array_equal(ayneh.images((BYTES, rows)).labels, ayneh.images((BYTES, LABELS)).labels)


@pytest.mark.parametrize("wrap", [list, lambda labels: np.array(labels, object)])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat", 3] * 30, "are text ('cat' of image 0) and numbers (3 of image 1): give all as text"),
        (["3", True] * 30, "are text ('3' of image 0) and numbers (True of image 1)"),
        (["cat", b"cat"] * 30, "are text ('cat' of image 0) and bytes"),
        (["cat", None, "dog"] * 20, "are missing for 20 of 60 images, first for image 1 (None)"),
        (["cat", "dog", float("nan")] * 20, "are missing for 20 of 60 images, first for image 2 (nan)"),
        ([0, None] * 30, "are missing for 30 of 60 images, first for image 1 (None)"),
        ([1 + 1j, 2j] * 30, "labels are integers from 0 on"),
        ([set(), {1}] * 30, "are objects (set): give text or whole numbers"),
        ([10**40, 1] * 30, "are objects (int)"),
    ],
)
def test_labels_of_several_kinds_or_missing_are_refused(wrap, labels, words):
    assert words in refusal((BYTES, wrap(labels)))


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"resize": 16}, "resize= would change nothing: give it where"),
        ({"limit": 10, "test": 0.5, "name": "k"}, "test=, limit=, name= would change nothing: give them where"),
        ({"test": BYTES}, "test= would"),
        ({"split": "position", "skip_broken": True}, "skip_broken=, split= would"),
    ],
)
def test_options_of_images_that_are_read_already_are_refused(how, named):
    images = ayneh.images(BYTES)
    assert ayneh.images(images, split="content", background="black", skip_broken=False) is images
    with pytest.raises(ayneh.UserError, match=f"which are read already, so that {named}"):
        ayneh.images(images, **how)
