"""The notebooks of docs/lab: as they are each answers with a sentence, and with docs/lab/solutions.md each is right."""

import json
import re
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parents[2] / "docs" / "lab"
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
MARK = "# FILL IN: "
CHECKS = {"1": 1, "2": 2, "3": 1}  # in each notebook
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def solutions():
    """The blocks of the page of solutions, by their first lines."""
    blocks = re.findall(r"^```python\n(.*?)^```", (HERE / "solutions.md").read_text(), re.M | re.S)
    return {block.partition("\n")[0]: block.strip() for block in blocks}


def test_each_cell_that_is_to_be_filled_in_has_its_solution():
    cells = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    assert [path.stem[0] for path in NOTEBOOKS] == list(CHECKS)
    assert [cell.partition("\n")[0] for cell in cells if cell.startswith(MARK)] == list(solutions())


@every_notebook
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.slow
@every_notebook
def test_unfilled_it_answers_with_a_sentence_and_solved_it_is_right(path, notebook):
    """Both in one kernel, each game of one epoch."""
    found = solutions()
    plain = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    plain = [re.sub(r"(lab\.play\(.*)\)$", r"\1, epochs=1)", cell) for cell in plain]
    solved = [found.get(cell.partition("\n")[0], cell) for cell in plain]
    assert solved != plain
    cells = notebook(*plain, *solved).cells  # raises where a cell does
    assert '"error"' not in json.dumps([cell.outputs for cell in cells])
    words = [
        output["data"]["text/plain"]
        for cell in cells
        if "lab.check_" in cell.source
        for output in cell.outputs
        if output["output_type"] == "execute_result"
    ]
    count = CHECKS[path.stem[0]]
    assert len(words) == 2 * count
    assert not any(one.startswith("Right: ") for one in words[:count])
    assert all(one.endswith(".") and "\n" not in one for one in words)
    assert all(one.startswith("Right: ") for one in words[count:])
    played = [cell for cell in cells[len(plain) :] if "lab.play(" in cell.source]
    assert played
    assert all("image/png" in cell.outputs[0]["data"] for cell in played)
