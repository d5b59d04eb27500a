"""Tables of pixels with labels: Kaggle's CSV and others."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ayneh.data import bounded, table

from .conftest import CLASSES, GREY, of, refusal, same, smooth


def csv(path: Path, lines: list[str], end: str = "\n") -> Path:
    data = (end.join(lines) + end).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ROWS = [",".join(map(str, image.ravel())) for image in GREY]
HEADER = ",".join(f"pixel{i}" for i in range(64))
BLACK_CORNER = GREY.copy()
BLACK_CORNER[:, 0, 0] = 0
ENDS = [f"0,{row.partition(',')[2]},{k}" for k, row in zip(CLASSES, ROWS, strict=True)]  # a label behind a dark corner
KAGGLE = [f"label,{HEADER}", *(f"{k},{row}" for k, row in zip(CLASSES, ROWS, strict=True))]


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "TRAIN.CSV"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_kaggles_csv_of_mnist(tmp_path: Path, name: str, end: str) -> None:
    images = of(csv(tmp_path / name, KAGGLE, end))
    assert same(images, GREY)
    assert images.labels.tolist() == CLASSES.tolist()
    assert "8x8" in images.understood


@pytest.mark.parametrize(
    ("lines", "labelled", "note"),
    [
        ([HEADER, *ROWS], False, "rows of 8x8 pixels"),
        (ROWS, False, "rows of 8x8 pixels"),
        (KAGGLE[1:], True, "the first column is the label"),
        ([f"0,{row.partition(',')[2]},{k}" for k, row in zip(CLASSES, ROWS, strict=True)], True, "the last column is"),
        ([f"{HEADER},class", *(f"{row},{k}" for k, row in zip(CLASSES, ROWS, strict=True))], True, ""),
        ([f"{HEADER},digit", *(f"{row},{k}" for k, row in zip(CLASSES, ROWS, strict=True))], True, ""),
        ([f"id,label,{HEADER}", *(f"{i},{k},{ROWS[i]}" for i, k in enumerate(CLASSES))], True, "not used: id"),
        ([line.replace(",", ";") for line in KAGGLE], True, ""),
        ([line.replace(",", "\t") for line in KAGGLE], True, ""),
        ([",".join(f'"{cell}"' for cell in line.split(",")) for line in KAGGLE], True, ""),
        (["\ufeff" + KAGGLE[0], *KAGGLE[1:]], True, ""),
        ([KAGGLE[0], *(f"{'abc'[int(line[0])]}{line[1:]}" for line in KAGGLE[1:])], True, r"3 classes \(a, b, c\)"),
    ],
)  # fmt: skip
def test_tables_are_read_with_their_labels(tmp_path: Path, lines: list[str], labelled: bool, note: str) -> None:
    images = of(csv(tmp_path / "a.csv", lines))
    expected = GREY.copy()
    if "last" in note:
        expected[:, 0, 0] = 0
    assert same(images, expected)
    assert (images.labels is not None and images.labels.tolist() == CLASSES.tolist()) == labelled
    assert re.search(note, images.understood)


@pytest.mark.parametrize(("end", "line"), [("\r", 4), ("\r\n", 4), ("\n\r\n", 7)])
def test_lines_are_counted_whatever_ends_them(tmp_path: Path, end: str, line: int) -> None:
    lines = [*KAGGLE[:3], KAGGLE[3].replace(",", ",x", 1), *KAGGLE[4:]]
    assert f"in line {line}, column 2" in refusal(csv(tmp_path / "a.csv", lines, end))


def test_an_end_of_two_signs_may_lie_where_the_file_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PIECE", 1)
    path = csv(tmp_path / "a.csv", [*KAGGLE, "1,x"], "\r\n")
    assert f"2 cells in line {len(KAGGLE) + 1}, and" in refusal(path)


@pytest.mark.parametrize("frame", [0, 2])  # black pixels around, as MNIST has and photographs have not
def test_the_label_of_a_table_without_header_is_first_or_last(tmp_path: Path, frame: int) -> None:
    pictures = smooth(30, 12)[:, 0]
    if frame:
        pictures = np.pad(pictures, ((0, 0), (frame, frame), (frame, frame)))
    for label, last in ((CLASSES, True), (CLASSES, False), (CLASSES == 0, True), (CLASSES == 0, False)):
        rows = [[*image.ravel()] for image in pictures]
        rows = [[*row, int(k)] if last else [int(k), *row] for row, k in zip(rows, label, strict=True)]
        images = of(csv(tmp_path / "a.csv", [",".join(map(str, row)) for row in rows]))
        assert same(images, pictures), (last, label)
        assert images.labels.tolist() == label.tolist()
        assert f"the {'last' if last else 'first'} column is the label" in images.understood


def test_words_as_labels_need_no_header(tmp_path: Path) -> None:
    """The first row was taken for a header and its image was lost."""
    rows = [(["cat", "dog"][k % 2], ",".join(map(str, image.ravel()))) for k, image in zip(CLASSES, GREY, strict=True)]
    for lines in ([f"{word},{pixels}" for word, pixels in rows], [f"{pixels},{word}" for word, pixels in rows]):
        images = of(csv(tmp_path / "a.csv", lines))
        assert same(images, GREY)
        assert images.names == ("cat", "dog")
    for start in (0, 1):  # a header that counts the columns is one
        header = ",".join(["kind", *map(str, range(start, start + 64))])
        assert len(of(csv(tmp_path / "a.csv", [header, *(f"{word},{pixels}" for word, pixels in rows)])).pixels) == 30


GRID = [(i, j) for i in range(8) for j in range(8)]
HEADERS = {  # of 64 pixels, made of numbers
    "pandas": [str(i) for i in range(64)],
    "from 1": [str(i + 1) for i in range(64)],
    "rows and columns": [f"{i + 1}_{j + 1}" for i, j in GRID],
    "with points": [f"{i}.{j}" for i, j in GRID],
    "columns first": [f"{j}.{i}" for i, j in GRID],
    "floats": [f"{i}.0" for i in range(64)],
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("label", ["label", "kind"])
def test_a_header_of_numbers_is_no_image(tmp_path: Path, header: str, label: str) -> None:
    """Its numbers were taken for pixels."""
    title, rows = HEADERS[header], list(zip(CLASSES, ROWS, strict=True))
    tables = {
        "none": [",".join(title), *ROWS],
        "first": [",".join([label, *title]), *(f"{k},{row}" for k, row in rows)],
        "last": [",".join([*title, label]), *(f"{row},{k}" for k, row in rows)],
        "word": [",".join([label, *title]), *(f"{'abc'[k]},{row}" for k, row in rows)],
    }
    for place, lines in tables.items():
        images = of(csv(tmp_path / f"{place}.csv", lines))
        assert same(images, GREY), place
        assert (images.labels is None) == (place == "none")
        assert place == "none" or images.labels.tolist() == CLASSES.tolist()
    assert "the first line (" in of(tmp_path / "none.csv").understood


def test_pandas_counts_the_label_among_the_columns(tmp_path: Path) -> None:
    title = ",".join(map(str, range(65)))
    for lines in ([f"{k},{row}" for k, row in zip(CLASSES, ROWS, strict=True)], ENDS):
        images = of(csv(tmp_path / "a.csv", [title, *lines]))
        assert images.labels.tolist() == CLASSES.tolist()
        assert same(images, BLACK_CORNER if lines is ENDS else GREY)


def test_a_title_is_no_label_and_a_class_of_its_name_is(tmp_path: Path) -> None:
    odd = [f"{i * 3 % 64}" for i in range(64)]  # no count of the columns
    numbers = [",".join(["digit", *odd]), *(f"{k},{row}" for k, row in zip(CLASSES, ROWS, strict=True))]
    assert same(of(csv(tmp_path / "a.csv", numbers)), GREY)
    words = [f"{'xy'[k % 2]},{row}" for k, row in zip(CLASSES, ROWS, strict=True)]
    assert same(of(csv(tmp_path / "b.csv", [",".join(["label", *odd]), *words])), GREY)
    both = of(csv(tmp_path / "c.csv", words))  # y may be what labels are called
    assert same(both, GREY)
    assert both.names == ("x", "y")


def test_rows_that_end_in_a_comma_keep_their_first_image(tmp_path: Path) -> None:
    """It was taken for a header, since its last cell is no number."""
    labelled = [f"{k},{row}," for k, row in zip(CLASSES, ROWS, strict=True)]
    for lines in (
        [f"{row}," for row in ROWS],
        labelled,
        [f"{KAGGLE[0]},", *labelled],
        [f"{row};".replace(",", ";") for row in ROWS],
    ):
        images = of(csv(tmp_path / "a.csv", lines))
        assert same(images, GREY)
        assert images.labels is None or images.labels.tolist() == CLASSES.tolist()
    words = [f"{'abc'[k]},{row}," for k, row in zip(CLASSES, ROWS, strict=True)]
    assert same(of(csv(tmp_path / "b.csv", words)), GREY)
    missing = [f"{ROWS[0].rpartition(',')[0]},", *ROWS[1:]]
    assert "has '' in line 1, column 64, where a pixel is a number" in refusal(csv(tmp_path / "c.csv", missing))


def test_a_cell_where_all_lines_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LINES", 10)
    lines = [f"{row}," for row in ROWS[:20]]
    lines += [f"{row},7" for row in ROWS[20:]]
    words = "has '7' in line 21, column 65, where the first 10 lines end: every row is one image"
    assert words in refusal(csv(tmp_path / "a.csv", lines))


@pytest.mark.parametrize(
    ("codes", "names"),
    [
        (("1_23", "12_3", "4_5"), ("12_3", "1_23", "4_5")),
        (("1e2", "100", "0100"), ("0100", "100", "1e2")),
        (("01", "02", "10"), ("1", "2", "10")),  # different numbers
        (("1.0", "2", "+7."), ("1", "2", "7")),
        (("9007199254740993", "9007199254740992", "1"), ("1", "9007199254740992", "9007199254740993")),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_codes_that_are_one_number_are_several_classes(
    tmp_path: Path, codes: tuple[str, ...], names: tuple[str, ...], header: bool
) -> None:
    rows = [f"{codes[k]},{row}" for k, row in zip(CLASSES, ROWS, strict=True)]
    images = of(csv(tmp_path / "a.csv", [KAGGLE[0], *rows] if header else rows))
    assert same(images, GREY)
    assert images.names == names
    assert len({int(k) for k in images.labels}) == 3


def test_dates_as_labels_keep_all_their_digits(tmp_path: Path) -> None:
    """In a table without header they were rounded with the pixels, to 24 bits."""
    rows = [f"{20230101 + k},{row}" for k, row in zip(CLASSES, ROWS, strict=True)]
    assert of(csv(tmp_path / "a.csv", rows)).names == ("20230101", "20230102", "20230103")


def test_a_column_without_a_name_is_named_so(tmp_path: Path) -> None:
    lines = [f",{KAGGLE[0]}", *(f"{i},{line}" for i, line in enumerate(KAGGLE[1:]))]
    images = of(csv(tmp_path / "a.csv", lines))
    assert "not used: a column without a name" in images.understood


def test_tables_follow_the_rule_of_ranges(tmp_path: Path) -> None:
    unit = [",".join(f"{v / 255:.6f}" for v in image.ravel()) for image in GREY]
    assert same(of(csv(tmp_path / "a.csv", unit)), GREY)
    sixteen = csv(tmp_path / "b.csv", [",".join(str(v // 16) for v in image.ravel()) for image in GREY])
    assert "minimum 0, mean 7.4" in refusal(sixteen)
    assert of(sixteen, range=(0, 15)).pixels.max() == 255


FRACTIONS = [[f"{v / 255:.6f}".replace(".", ",") for v in image.ravel()] for image in GREY]


@pytest.mark.parametrize("start", [None, "label"], ids=["no header", "header"])
@pytest.mark.parametrize(("form", "delimiter"), [("{}", ";"), ("{}", "\t"), ('"{}"', ";"), ('"{}"', ",")])
def test_decimal_commas_are_those_of_numbers(tmp_path: Path, start: str | None, form: str, delimiter: str) -> None:
    rows = [[str(k), *row] if start else row for k, row in zip(CLASSES, FRACTIONS, strict=True)]
    lines = [delimiter.join(form.format(cell) for cell in row) for row in rows]
    header = [delimiter.join([start, *(f"pixel{i}" for i in range(64))])] if start else []
    images = of(csv(tmp_path / "a.csv", [*header, *lines]))
    assert same(images, GREY)
    assert images.labels is None if not start else images.labels.tolist() == CLASSES.tolist()


def test_commas_that_may_be_between_thousands_are_refused(tmp_path: Path) -> None:
    groups = [";".join(f"{1000 + int(v):,}" for v in image.ravel()) for image in GREY]
    words = refusal(csv(tmp_path / "a.csv", groups))
    assert "may be a fraction or a whole number with a comma between thousands: write fractions with a point" in words
    assert f"{1000 + int(GREY[0].ravel()[0]):,}" in words
    # 0,123 has three digits, and is no number of thousands
    three = [";".join(f"{v / 255:.3f}".replace(".", ",") for v in image.ravel()) for image in GREY]
    read = of(csv(tmp_path / "b.csv", three)).pixels
    assert np.abs(read.numpy().reshape(GREY.shape).astype(int) - GREY).max() <= 1


def test_a_word_may_hold_what_divides_other_tables(tmp_path: Path) -> None:
    lines = [f"{'abc'[k]};d;e;f,{row}" for k, row in zip(CLASSES, ROWS, strict=True)]
    images = of(csv(tmp_path / "a.csv", lines))
    assert same(images, GREY)
    assert images.labels is not None
    assert images.labels.tolist() == CLASSES.tolist()


def test_a_quoted_word_may_hold_the_delimiter(tmp_path: Path) -> None:
    lines = [f'"a, class of {k}",{row}' for k, row in zip(CLASSES, ROWS, strict=True)]
    images = of(csv(tmp_path / "a.csv", [KAGGLE[0], *lines]))
    assert same(images, GREY)
    assert images.labels is not None
    assert images.labels.tolist() == CLASSES.tolist()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([*KAGGLE[:3], "1,2,3", *KAGGLE[3:]], "has 3 cells in line 4, and 65 in the first"),
        ([*KAGGLE[:3], KAGGLE[3].replace(",", ",x", 1)], "in line 4, column 2 (pixel0), where a pixel is a number"),
        ([*KAGGLE[:3], re.sub(r"\d+$", "", KAGGLE[3])], "'' in line 4, column 65 (pixel63)"),
        ([*KAGGLE[:3], re.sub(r"\d+$", "nan", KAGGLE[3])], "1 values that are NaN or infinite"),
        ([KAGGLE[0]], "has no row below its header"),
        (["emotion,pixels,Usage", "0,70 80 82,Training"], "where a pixel is a number"),
        (["a,b,c", "1,2,3"], "the shape (1, 3)"),
        (["1" * 5_000_000], "a line of more than 4,000,000 bytes"),
        (["sepal,petal", "1,2"], "its table has the shape"),
    ],
)
def test_tables_that_are_no_images_are_refused(tmp_path: Path, lines: list[str], words: str) -> None:
    assert words in refusal(csv(tmp_path / "a.csv", lines))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe1\x00", b"\0" * 100, b"PK\x03\x04\xff", b"\x1f\x8b", b"\x1f\x8b\x08\0"]
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    refusal(tmp_path / "a.csv")


def test_a_table_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr("ayneh.data.table.LINES", 100)
    rows = csv(tmp_path / "a.csv.gz", [",".join(["0"] * 784)] * 10_000)
    assert peak(lambda: refusal(rows)) < 10_000_000, "all rows as text have 16 MB"
    assert "a set may have 2 MB" in refusal(rows)
    line = csv(tmp_path / "b.csv.gz", ["1" * 50_000_000])
    assert peak(lambda: refusal(line)) < 20_000_000
