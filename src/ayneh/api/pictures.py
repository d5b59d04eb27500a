"""Pictures, animations, curves and pages: shown in a notebook, saved elsewhere."""

from __future__ import annotations

import base64
import html
import io
import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.arguments import checked
from ayneh.errors import UserError
from ayneh.files.whole import atomically
from ayneh.terminal import notebook
from ayneh.terminal.text import warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

HEIGHT = 720  # pixels of a page in a notebook


class Picture:
    """A picture: shown in a notebook; ``save("x.png")``; ``image`` is Pillow's, ``array`` uint8 (H, W, 1 or 3)."""

    def __init__(self, image: Image.Image, title: str = "") -> None:
        """image: of mode L or RGB; title: a line for `repr`."""
        self.image, self.title = image, title

    @property
    def array(self) -> NDArray[np.uint8]:
        """uint8 (H, W, 1) for grey, (H, W, 3) for colour."""
        import numpy as np

        array = np.asarray(self.image)
        return array[:, :, None] if array.ndim == 2 else array

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into a .png, .jpg, .webp, .bmp, .gif or .tif file; the path.

        Raises UserError for another suffix.
        """
        return _save(self.image, Path(path))

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.image.save(out, "PNG")
        return out.getvalue()

    def __repr__(self) -> str:
        return f"Picture({self.title + ', ' if self.title else ''}{self.image.width}x{self.image.height})"


class Animation:
    """Pictures one after another as an endless GIF: shown in a notebook; ``save("x.gif")``."""

    def __init__(self, gif: bytes, frames: int) -> None:
        """gif: the file's bytes."""
        self.gif, self.frames = gif, frames

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into a .gif file; the path. Raises UserError for another suffix."""
        return _write(Path(path), self.gif, (".gif",), "An animation")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        data = base64.b64encode(self.gif).decode()
        return {"text/html": f'<img src="data:image/gif;base64,{data}">', "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Animation({self.frames} frames)"


class Curves:
    """Curves over the steps as one SVG: shown in a notebook; ``save("x.svg")``."""

    def __init__(self, svg: str) -> None:
        """svg: a file's text."""
        self.svg = svg

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write them into a .svg file; the path. Raises UserError for another suffix."""
        return _write(Path(path), self.svg.encode(), (".svg",), "Curves")

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Curves({len(self.svg):,} characters of SVG)"


class Page:
    """A page of HTML: in a frame in a notebook; elsewhere ``show()`` opens it in a browser; ``save("x.html")``."""

    def __init__(self, html: str, path: Path | None) -> None:
        """html: the whole page; path: where it is written; None: nowhere yet."""
        self.html, self.path = html, path

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into an .html file; the path. Raises UserError for another suffix."""
        return _write(Path(path), self.html.encode(), (".html", ".htm"), "A page")

    def show(self) -> None:
        """Show it: in a notebook below the cell, elsewhere in a browser; without one a line on stderr has the path."""
        if shown_in_notebook(self):
            return
        path = self.path or self.save(Path(tempfile.mkdtemp(prefix="ayneh-")) / "page.html")
        if not webbrowser.open(path.resolve().as_uri()):
            warn(f"No browser was found here: open {path} elsewhere.")

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)  # in a frame of its own, so that its style stays within it
        return f'<iframe srcdoc="{page}" style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'

    def __repr__(self) -> str:
        return f"Page({self.path})"


def shown_in_notebook(thing: object) -> bool:
    """Display a thing below the cell; False outside of a notebook."""
    if not notebook.in_kernel():
        return False
    from IPython.display import display

    display(thing)
    return True


def _save(image: Image.Image, path: Path) -> Path:
    from PIL import Image

    forms = {end: form for end, form in Image.registered_extensions().items() if form in Image.SAVE}
    if (end := path.suffix.lower()) not in forms:
        raise UserError(f"A picture cannot be saved as {path}: end it in .png, .jpg or .webp.")
    with atomically(path) as file:
        image.save(file, forms[end])
    return path


def _write(path: Path, content: bytes, ends: tuple[str, ...], what: str) -> Path:
    if path.suffix.lower() not in ends:
        raise UserError(f"{what} cannot be saved as {path}: end it in {' or '.join(ends)}.")
    with atomically(path) as file:
        file.write(content)
    return path
