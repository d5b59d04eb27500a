"""Plays the notebooks of this folder and writes them with their outputs into rendered/, as Markdown with pictures.

    python docs/notebooks/render.py                    # all of them, one after another
    python docs/notebooks/render.py 2-uniform-or-normal
    python docs/notebooks/render.py --repository you/ayneh   # plays nothing: writes where Colab finds the notebooks

The notebooks themselves are kept without outputs.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image, ImageSequence

HERE = Path(__file__).parent
RENDERED = HERE / "rendered"
SECONDS = 600  # a cell may take, on a busy machine
# Where Colab finds the notebooks and pip the package. PLACEHOLDER: this project has no public address yet. Once it has
# one, `render.py --repository OWNER/NAME` writes it here and into every notebook.
REPOSITORY = "OWNER/ayneh"
PICTURES = {"image/png": "png", "image/gif": "gif", "image/svg+xml": "svg"}


def badge(name: str) -> str:
    """The link that opens a notebook in Colab, as a picture."""
    address = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/docs/notebooks/{name}.ipynb"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"


def first_cell() -> str:
    """What every notebook begins with: it installs ayneh on Colab and does nothing where ayneh is installed."""
    return (
        "import importlib.util\n\n"
        'if importlib.util.find_spec("ayneh") is None:  # as on Colab\n'
        f'    %pip install --quiet "ayneh[study,explore] @ git+https://github.com/{REPOSITORY}"'
    )


def notebooks() -> list[Path]:
    """The notebooks of this folder, in their order."""
    return sorted(HERE.glob("*.ipynb"))


def played(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of all its cells, played in ``folder``. Raises CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()


def rendered(notebook: Any, name: str, folder: Path) -> str:
    """The page of a notebook that was played; its pictures are written into ``folder``."""
    kept = Kept(folder, name)
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(relocated(cell.source))
            continue
        if cell.source != first_cell():
            parts.append(f"```python\n{cell.source}\n```")
        shown = [text for output in cell.outputs if (text := kept.output(output))]
        parts.append("\n\n".join(shown).replace("\n```\n\n```\n", "\n"))  # lines that were printed one by one
    parts = [part for part in parts if part]
    return "\n\n".join(parts) + "\n"


def relocated(text: str) -> str:
    """A notebook's text for its page, which is one folder deeper: links to other pages."""
    return text.replace("](../", "](../../")


class Kept:
    """Outputs as Markdown, with their pictures in files that are numbered in their order."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.count = folder, name, 0

    def output(self, output: Mapping[str, Any]) -> str:
        """One output of a cell; progress, which goes to stderr, is left out."""
        if output["output_type"] == "stream":
            return "" if output["name"] == "stderr" else _text(output["text"])
        data = output.get("data", {})
        for kind, end in PICTURES.items():
            if kind in data:
                content = data[kind]
                return self.picture(content.encode() if end == "svg" else base64.b64decode(content), end)
        if "text/html" in data:
            return self.html(data["text/html"])
        return _text(data.get("text/plain", ""))

    def html(self, html: str) -> str:
        """HTML whose pictures are moved into files; what GitHub does not show in a page is named instead."""
        if "<iframe" in html:
            return "*(a page in a frame; run the notebook to see it)*"
        html = re.sub(r"<style.*?</style>|<script.*?</script>", "", html, flags=re.S)
        html = re.sub(
            r'<img[^>]*?src="data:image/(png|gif);base64,([^"]+)"[^>]*>',
            lambda found: f"\n\n{self.picture(base64.b64decode(found[2]), found[1])}\n\n",
            html,
        )
        html = re.sub(
            r"<svg.*?</svg>", lambda found: f"\n\n{self.picture(found[0].encode(), 'svg')}\n\n", html, flags=re.S
        )
        html = re.sub(r"</?(?:div|figure|figcaption|span)[^>]*>", "\n", html)
        return re.sub(r"\n\s*\n+", "\n\n", "\n".join(line.strip() for line in html.splitlines())).strip()

    def picture(self, content: bytes, end: str) -> str:
        """A link to a picture, which is written."""
        self.count += 1
        path = self.folder / f"{self.name}-{self.count}.{end}"
        path.write_bytes(smaller(content) if end == "gif" else content)
        return f"![Output {self.count}]({path.name})"


def smaller(gif: bytes) -> bytes:
    """An animation at a third of its size, in 16 greys."""
    with Image.open(io.BytesIO(gif)) as moving:
        frames = [
            frame.convert("L").resize((frame.width // 3, frame.height // 3), Image.Resampling.BOX).quantize(16)
            for frame in ImageSequence.Iterator(moving)
        ]
        out = io.BytesIO()
        frames[0].save(
            out, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=moving.info.get("duration", 150)
        )
    return out.getvalue()


def _text(text: str) -> str:
    return f"```\n{text.rstrip()}\n```" if text.strip() else ""


def render(path: Path) -> None:
    """Play one notebook and write its page and pictures, in place of earlier ones."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        notebook = played(path, Path(folder))
    RENDERED.mkdir(exist_ok=True)
    for old in RENDERED.glob(f"{path.stem}*"):
        old.unlink()
    (RENDERED / f"{path.stem}.md").write_text(rendered(notebook, path.stem, RENDERED), encoding="utf-8")
    print(f"{path.name}: {time.monotonic() - began:.0f} s")


def move_to(repository: str) -> None:
    """Write another repository into this file and into every notebook and page."""
    files = [Path(__file__), *notebooks(), *RENDERED.glob("*.md")]
    for path in files:
        path.write_text(path.read_text(encoding="utf-8").replace(REPOSITORY, repository), encoding="utf-8")


def chosen(names: list[str]) -> Iterator[Path]:
    """The notebooks of these names, or all."""
    for path in notebooks():
        if not names or path.stem in names:
            yield path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--repository", help="OWNER/NAME at GitHub")
    given = parser.parse_args()
    if given.repository:
        move_to(given.repository)
    else:
        for one in chosen(given.names):
            render(one)
