"""The notebooks of docs/lab: as they are each answers with a sentence, and with the page of solutions each is right."""

import ast
import json
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest


class Books(NamedTuple):
    """The notebooks of one language."""

    folder: Path
    solutions: Path
    mark: str  # of a cell to fill in
    right: str  # how a sentence on a right answer begins


HERE = Path(__file__).parents[2] / "docs" / "lab"
BOOKS = {
    "en": Books(HERE, HERE / "solutions.md", "# FILL IN: ", "Right: "),
    "fa": Books(HERE / "fa", HERE / "solutions.fa.md", "# پر کنید: ", "درست است: "),
}
CHECKS = {"1": 1, "2": 2, "3": 1}  # in each notebook
NOTEBOOKS = [(books, path) for books in BOOKS.values() for path in sorted(books.folder.glob("*.ipynb"))]
every_notebook = pytest.mark.parametrize(
    ("books", "path"), NOTEBOOKS, ids=[str(path.relative_to(HERE)) for _, path in NOTEBOOKS]
)
every_persian_one = pytest.mark.parametrize(
    "path", [path for books, path in NOTEBOOKS if books is BOOKS["fa"]], ids=lambda path: path.stem
)


def solutions(books):
    """The blocks of the page of solutions, by their first lines."""
    blocks = re.findall(r"^```python\n(.*?)^```", books.solutions.read_text(encoding="utf-8"), re.M | re.S)
    return {block.partition("\n")[0]: block.strip() for block in blocks}


def cells(path, kind):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


@pytest.mark.parametrize("books", BOOKS.values(), ids=BOOKS)
def test_each_cell_that_is_to_be_filled_in_has_its_solution(books):
    paths = [path for of, path in NOTEBOOKS if of is books]
    code = [cell for path in paths for cell in cells(path, "code")]
    assert [path.stem[0] for path in paths] == list(CHECKS)
    assert [cell.partition("\n")[0] for cell in code if cell.startswith(books.mark)] == list(solutions(books))


@every_notebook
def test_a_notebook_is_kept_without_outputs(books, path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.name for books, path in NOTEBOOKS if books is BOOKS["en"]])
def test_unfilled_it_answers_with_a_sentence_and_solved_it_is_right(name, notebook):
    """In each language, all in one kernel, each game of one epoch."""
    plain, solved = {}, {}
    for language, books in BOOKS.items():
        code = [re.sub(r"(lab\.play\(.*)\)$", r"\1, epochs=1)", cell) for cell in cells(books.folder / name, "code")]
        found = solutions(books)
        plain[language], solved[language] = code, [found.get(cell.partition("\n")[0], cell) for cell in code]
        assert solved[language] != code
    runs = [(language, one) for language in BOOKS for one in (plain[language], solved[language])]
    played = iter(notebook(*(cell for _, run in runs for cell in run)).cells)  # raises where a cell does
    for language, run in runs:
        done = [next(played) for _ in run]
        assert '"error"' not in json.dumps([cell.outputs for cell in done])
        words = [
            output["data"]["text/plain"]
            for cell in done
            if "lab.check_" in cell.source
            for output in cell.outputs
            if output["output_type"] == "execute_result"
        ]
        assert len(words) == CHECKS[name[0]]
        assert all(one.endswith(".") and "\n" not in one for one in words)
        assert {one.startswith(BOOKS[language].right) for one in words} == {run is solved[language]}
        pictures = [cell for cell in done if "lab.play(" in cell.source]
        assert pictures
        assert run is plain[language] or all("image/png" in cell.outputs[0]["data"] for cell in pictures)


# -- the Persian ones --------------------------------------------------------------------------------------------------

DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٫٬", "0123456789.,")
CODE = r'<code dir="ltr"[^>]*>(.*?)</code>|`([^`]+)`'


def program(sources):
    """What cells of code do: without comments, and without the choice of the language."""
    tree = ast.parse("\n".join(sources))
    return [line for one in tree.body if (line := ast.unparse(one)) != "lab.language('fa')"]


@every_persian_one
def test_the_code_is_that_of_the_english_one_but_for_comments_and_the_language(path):
    english, persian = cells(HERE / path.name, "code"), cells(path, "code")
    assert sum("lab.language('fa')" in cell.replace('"', "'") for cell in persian) == 1
    assert [program([cell]) for cell in persian] == [program([cell]) for cell in english]
    comments = re.findall("#.*", "\n".join(persian))
    assert not [words for words in comments if re.search("[a-z]{2,} [a-z]{2,}", words)]  # none of them is English


def test_the_persian_solutions_are_the_english_ones():
    english, persian = ([program([block]) for block in solutions(books).values()] for books in BOOKS.values())
    assert persian == english


@every_persian_one
def test_the_texts_run_to_the_left_with_the_code_and_the_figures_of_the_english_ones(path):
    for english, persian in zip(cells(HERE / path.name, "markdown"), cells(path, "markdown"), strict=True):
        assert persian.startswith('<div dir="rtl">\n\n')
        assert persian.endswith("\n\n</div>")
        assert len(re.findall("^#+ ", persian, re.M)) == len(re.findall("^#+ ", english, re.M))
        english = english.replace("\n", " ")
        for code in re.findall(CODE, persian):
            assert "".join(code) in english, code
        prose = re.sub(r"<[^>]*>", "", re.sub(CODE, "", persian))
        assert not re.search("[0-9]", prose)
        for figure in re.findall(r"\d+(?:[.,]\d+)*", prose.translate(DIGITS)):
            assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d]|[.,]\d)", english), figure
        # JupyterLab lays paragraphs of Markdown out at the left, whatever their direction is: they are HTML here
        for block in persian.split("\n\n")[1:-1]:
            assert re.match('#|- |<p style="text-align: right">', block), block


@every_persian_one
def test_each_notebook_links_the_other_one(path):
    assert f'href="../{path.name}"' in cells(path, "markdown")[0]
    assert f"](fa/{path.name})" in cells(HERE / path.name, "markdown")[0]
