"""Rows of each class: which classes a picture shows, one z in each column, names at the left, files with labels."""

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.byclass import LEGIBLE, arranged, as_given, examples, fits, rows_of, save_images, sheet_of
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.labels import Labels
from ayneh.pictures import GREY_OF_GAPS, GREY_OF_TEXT, beside, grid, legible, save_png
from ayneh.studies import strips
from ayneh.studies.stack import PICTURED


class Fake:
    """A G that shows what it gets: the upper half of an image is the number of its z, the lower half its class."""

    def __init__(self, labels):
        self.labels = labels

    def draw(self, purpose, n, classes=None):
        assert purpose == "samples"
        images = torch.zeros(n, 1, 4, 4, dtype=torch.uint8)
        images[:, :, :2] = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1)
        if classes is not None:
            images[:, :, 2:] = classes.to(torch.uint8).view(n, 1, 1, 1)
        return images


def labels(*names):
    return Labels(names, (1 / len(names),) * len(names))


def cells(picture, columns, gap=2, side=4):
    """[[(z, class), ...] of each row]"""
    rows = (picture.shape[0] - gap) // (side + gap)
    return [
        [
            (int(cell[0, 0]), int(cell[2, 0]))
            for c in range(columns)
            for cell in [picture[gap + r * (side + gap) :, gap + c * (side + gap) :, 0]]
        ]
        for r in range(rows)
    ]


@pytest.mark.parametrize("images", [1, 2, 9, 36, 64, 100])
@pytest.mark.parametrize("classes", [2, 3, 10, 12, 16, 17, 26, 1000])
def test_the_rows_of_a_picture(classes, images):
    rows = rows_of(classes, images)
    assert rows.columns == math.ceil(math.sqrt(images))
    assert list(rows.classes) == sorted(set(rows.classes))
    assert rows.each >= 1
    if classes <= 2 * rows.columns:
        assert rows.classes == tuple(range(classes)), "every class is shown"
        assert rows.each == 1 or rows.each * classes <= 1.5 * rows.columns + 1, "and about a square is filled"
    else:
        assert len(rows.classes) == rows.columns, "as many as there are columns"
        assert rows.classes[0] == 0
        assert images < 5 or rows.classes[-1] == classes - 1
        steps = np.diff(rows.classes)
        assert len(steps) == 0 or steps.max() - steps.min() <= 1, "evenly through their numbers"


def test_a_column_is_one_z_as_every_class_and_a_row_one_class():
    sheet = sheet_of(Fake(labels(*"abcdefghij")), 64)
    assert cells(sheet.picture, 8) == [[(z, number) for z in range(8)] for number in range(10)]
    assert sheet.words == tuple((name, 1) for name in "abcdefghij")
    assert sheet.note == ""


def test_few_classes_have_several_rows_each_of_the_same_z():
    sheet = sheet_of(Fake(labels("cat", "dog")), 64)
    rows = cells(sheet.picture, 8)
    assert [row[0][1] for row in rows] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [z for row in rows[:4] for z, _ in row] == list(range(32)) == [z for row in rows[4:] for z, _ in row]
    assert sheet.words == (("cat", 4), ("dog", 4))


def test_of_too_many_classes_a_fixed_choice_is_shown_and_said():
    names = [f"{number:03d}" for number in range(1000)]
    sheet = sheet_of(Fake(labels(*names)), 36)
    assert [row[0][1] for row in cells(sheet.picture, 6)] == [n % 256 for n in (0, 200, 400, 599, 799, 999)]
    assert [word for word, _ in sheet.words] == ["000", "200", "400", "599", "799", "999"]
    assert sheet.note == "6 of 1,000 classes"


def test_the_picture_of_a_run_without_labels_is_the_grid_that_it_was():
    fake = Fake(None)
    sheet = sheet_of(fake, 10)
    assert torch.equal(sheet.picture, grid(fake.draw("samples", 10)))
    assert (sheet.words, sheet.note) == ((), "")


@pytest.mark.parametrize("classes", [2, 3, 10, 12, 100])
def test_a_studys_page_cuts_whole_images_out_of_a_labelled_picture(classes, tmp_path):
    """The upper left part of the page's strip: its cells are those of the picture, whatever the number of classes."""
    sheet = sheet_of(Fake(labels(*(str(k) for k in range(classes)))), PICTURED)
    save_png(tmp_path / "page.png", sheet.picture)
    address = strips.cut(tmp_path / "page.png", tmp_path)
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        cut = torch.from_numpy(np.array(image.convert("L")))[:, :, None]
    assert cut.shape[:2] == (strips.SIDE * 6 + 2,) * 2
    assert torch.equal(cut, sheet.picture[: cut.shape[0], : cut.shape[1]])


def test_images_are_arranged_by_their_classes_and_empty_cells_are_grey():
    images = Fake(None).draw("samples", 7)
    classes = torch.tensor([2, 0, 2, 2, 0, 2, 2])
    images[:, :, 2:] = classes.to(torch.uint8).view(7, 1, 1, 1)
    sheet = arranged(images, classes, ("a", "b", "c"))
    empty = (GREY_OF_GAPS, GREY_OF_GAPS)
    assert sheet.words == (("a", 1), ("c", 2)), "b has no image"
    assert cells(sheet.picture, 3) == [
        [(1, 0), (4, 0), empty],
        [(0, 2), (2, 2), (3, 2)],
        [(5, 2), (6, 2), empty],
    ]


def test_more_classes_than_rows_stay_as_they_were_drawn():
    images, classes = Fake(None).draw("samples", 9), torch.arange(9)
    assert not fits(9, 9)
    sheet = arranged(images, classes, [str(k) for k in range(9)])
    assert torch.equal(sheet.picture, grid(images))
    assert sheet.words == ()


def test_examples_are_the_first_of_each_class_also_where_a_set_is_sorted_by_class():
    images = Fake(None).draw("samples", 40)
    classes = torch.arange(40) // 18  # 18 of a, 18 of b, 4 of c
    images[:, :, 2:] = classes.to(torch.uint8).view(40, 1, 1, 1)
    sheet = examples(images, classes, ("a", "b", "c"), 16)
    empty = [(GREY_OF_GAPS, GREY_OF_GAPS)] * 4
    assert sheet.words == (("a", 1), ("b", 1), ("c", 1))
    assert cells(sheet.picture, 4) == [
        [(z, number) for z in range(18 * number, 18 * number + 4)] for number in range(3)
    ]
    lacking = examples(images[:36], classes[:36], ("a", "b", "c"), 16)
    assert cells(lacking.picture, 4)[2] == empty, "a class without an image has a row all the same"
    assert examples(images, classes, [str(k) for k in range(99)], 16).note == "4 of 99 classes"


# -- words beside a picture ------------------------------------------------------------------------------------------


def test_words_stand_beside_their_rows_and_the_picture_is_untouched():
    picture = torch.full((300, 80, 1), 7, dtype=torch.uint8)
    page = beside(picture, [("ay", 1), ("b", 2)])
    margin = page.shape[1] - 80
    assert torch.equal(page[:, margin:], picture)
    written = (page[:, :margin, 0].int() - GREY_OF_GAPS).abs() > 100
    rows = written.any(1).nonzero()[:, 0]
    first, second = rows[rows < 100], rows[rows >= 100]
    assert abs(float(first.float().mean()) - 50) < 6, "in the middle of the first row"
    assert abs(float(second.float().mean()) - 200) < 6, "in the middle of the second and third"
    columns = written.any(0).nonzero()[:, 0]
    assert columns.min() >= 4, "nothing is cut off"
    assert columns.max() <= margin - 5
    assert page[:, :margin].max() <= GREY_OF_TEXT


def test_colour_pictures_keep_their_colours_beside_words():
    picture = torch.randint(0, 256, (40, 40, 3), dtype=torch.uint8)
    page = beside(picture, [("a", 1), ("b", 1)])
    assert torch.equal(page[:, -40:], picture)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("cat", "cat"),
        ("guinea pig", "guinea pig"),
        ("café", "cafe"),
        ("۷", "7"),
        ("١٢", "12"),
        ("گربه", "5"),
        ("猫", "5"),
        ("", "5"),
        ("x" * 40, "x" * 19 + "…"),
    ],
)
def test_a_name_is_written_in_letters_that_the_typeface_has(name, seen):
    assert legible(name, 5) == seen


# -- files -----------------------------------------------------------------------------------------------------------

NAMES = ("cat", "guinea pig")


@pytest.fixture
def drawn():
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return images, torch.tensor([1, 0, 1, 1, 0])


def test_an_npz_is_read_as_a_labelled_set(drawn, tmp_path):
    images, classes = drawn
    save_images(tmp_path / "a.npz", images, classes, NAMES, NAMES)
    read = load(f"file:{tmp_path / 'a.npz'}", "all")
    assert torch.equal(read.pixels, images)
    assert torch.equal(read.labels, classes)
    assert read.names == NAMES


def test_a_folder_is_read_as_a_labelled_set(drawn, tmp_path):
    images, classes = drawn
    save_images(tmp_path / "a", images, classes, NAMES, NAMES)
    assert sorted(path.name for path in (tmp_path / "a" / "cat").iterdir()) == ["1.png", "4.png"]
    read = load(f"folder:{tmp_path / 'a'}", "all")
    assert read.names == NAMES
    assert torch.equal(read.pixels[read.labels == 1], images[classes == 1])
    with pytest.raises(UserError, match="with PNGs in it"):
        save_images(tmp_path / "a", images, classes, NAMES, NAMES)


def test_a_png_has_rows_of_each_class_large_enough_for_their_names(drawn, tmp_path):
    images, classes = drawn
    save_images(tmp_path / "a.png", images, classes, NAMES, NAMES)
    with Image.open(tmp_path / "a.png") as image:
        page = torch.from_numpy(np.array(image))[:, :, None]
    plain = grid(
        torch.cat([images[classes == 0], torch.full((1, 1, 8, 8), GREY_OF_GAPS).byte(), images[classes == 1]]), 3
    )
    zoom = LEGIBLE // 8
    assert torch.equal(page[:, -plain.shape[1] * zoom :: zoom][::zoom], plain)
    assert page.shape[1] > plain.shape[1] * zoom + 40


def test_an_array_alone_and_other_suffixes_are_as_without_labels(drawn, tmp_path):
    images, classes = drawn
    save_images(tmp_path / "a.npy", images, classes, NAMES, NAMES)
    assert np.array_equal(np.load(tmp_path / "a.npy")[..., 0], images[:, 0].numpy())
    with pytest.raises(UserError, match=r"end it in \.npz"):
        save_images(tmp_path / "a.jpg", images, classes, NAMES, NAMES)


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("3", "7"), [7, 3]),
        (("007", "7"), ["7", "007"]),
        (("a", "7"), ["7", "a"]),
        (("۳", "۷"), ["۷", "۳"]),
        (None, [1, 0]),
    ],
)
def test_labels_are_written_as_they_were_given(names, given):
    assert as_given(np.array([1, 0]), names).tolist() == given
