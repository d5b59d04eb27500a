"""The notebooks of docs/notebooks: kept without outputs, alike at their heads, and played to their ends."""

import importlib.util
import json
import re
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
MOST = 3_000_000  # bytes of a notebook that is saved after it was played; its animations are most of it
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def render():
    spec = importlib.util.spec_from_file_location("render", HERE / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_six():
    assert [path.stem[0] for path in NOTEBOOKS] == list("123456")


@every_notebook
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 20_000
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
            compile(re.sub(r"^(\s*)%.*$", r"\1pass", cell.source, flags=re.M), str(path), "exec")


@every_notebook
def test_it_begins_with_its_badge_and_the_cell_that_installs_on_colab(path, render):
    first, second, *rest = nbformat.read(path, as_version=4).cells
    assert first.source.startswith("# ")
    assert render.badge(path.stem) in first.source
    assert second.source == render.first_cell()
    assert rest[-1].source.rpartition("## ")[2].startswith("Try\n")


def test_the_first_cell_does_nothing_where_ayneh_is_installed(render):
    found = render.first_cell().replace("%pip install", "raise SystemExit #")
    exec(found, {})
    with pytest.raises(SystemExit):
        exec(found.replace('"ayneh"', '"no_such_package_of_anyone"'), {})


def test_links_of_the_notebooks_lead_somewhere():
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for target in re.findall(r"\]\(((?!http)[^)#]+)", cell.source):
                assert (HERE / "rendered" / target).exists() or (HERE / target).exists(), f"{path.name}: {target}"


def test_the_rendered_pages_show_these_notebooks_and_are_small(render):
    """The texts and the code of the pages are those of the notebooks; pictures and pages take under 1 MB."""
    for path in NOTEBOOKS:
        page = (HERE / "rendered" / f"{path.stem}.md").read_text(encoding="utf-8")
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.source != render.first_cell():
                assert render.relocated(cell.source) in page, f"{path.name} was changed: run docs/notebooks/render.py"
        for picture in re.findall(r"!\[[^\]]*\]\((?!http)([^)]+)\)", page):
            assert (HERE / "rendered" / picture).exists()
    assert sum(file.stat().st_size for file in (HERE / "rendered").iterdir()) < 1_000_000


def test_another_repository_is_written_everywhere(render, tmp_path, monkeypatch):
    for path in [*NOTEBOOKS, HERE / "render.py"]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(render, "HERE", tmp_path)
    monkeypatch.setattr(render, "RENDERED", tmp_path / "rendered")
    monkeypatch.setattr(render, "__file__", str(tmp_path / "render.py"))
    old = render.REPOSITORY
    render.move_to("someone/mirror")
    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        assert old not in text
        assert "someone/mirror" in text


def test_pictures_of_outputs_become_files_and_frames_a_word(render, tmp_path):
    kept = render.Kept(tmp_path, "x")
    html = '<figure><img alt="" src="data:image/png;base64,aGVsbG8="><p>a &lt; b</p></figure><style>p {}</style>'
    assert kept.html(html) == "![Output 1](x-1.png)\n\n<p>a &lt; b</p>"
    assert (tmp_path / "x-1.png").read_bytes() == b"hello"
    assert "<" not in kept.html('<iframe srcdoc="&lt;b&gt;"></iframe>')
    assert kept.output({"output_type": "stream", "name": "stderr", "text": "76 kB"}) == ""


FRAMES = '{"epochs": 12, "keep.sample_epochs": 1}'  # of an animation: as many as in the notebooks
SHORTER = {  # numbers of the notebooks, and what they are played with here
    "1": {'{"epochs": 60}': FRAMES},
    "2": {
        'train("digits-normal"': f'train(ayneh.preset("digits-normal").changed({FRAMES})',
        'train("digits-uniform01"': f'train(ayneh.preset("digits-uniform01").changed({FRAMES})',
        '{"prior.low": -1.0}': '{"prior.low": -1.0, "epochs": 2}',
    },
    "3": {'{"epochs": 60}': '{"epochs": 4}'},
    "4": {'{"epochs": 40}': '{"epochs": 3}'},
    "5": {'"epochs": 15, "keep.score_epochs": 15': '"epochs": 2, "keep.score_epochs": 2', "looks=[14]": "looks=[1]"},
    "6": {'"epochs": 600': '"epochs": 60'},
}


@pytest.fixture
def shorter(tmp_path):
    """``shorter(path)``: a copy of the notebook with fewer epochs."""

    def copied(path: Path) -> Path:
        notebook = nbformat.read(path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for long, short in SHORTER[path.stem[0]].items():
            assert any(long in cell.source for cell in code), f"{path.name} was changed: it has no {long} now"
            for cell in code:
                cell.source = cell.source.replace(long, short)
        nbformat.write(notebook, tmp_path / path.name)
        return tmp_path / path.name

    return copied


@pytest.mark.slow
@every_notebook
def test_it_plays_to_its_end(path, render, shorter, tmp_path):
    """No cell raises, nothing is written to stderr but progress, and what is saved stays small."""
    notebook = render.played(shorter(path), tmp_path)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert len(outputs) > 4
    assert "Traceback" not in json.dumps(outputs)
    assert len(nbformat.writes(notebook)) < MOST
