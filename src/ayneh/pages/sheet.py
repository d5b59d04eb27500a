"""Self-contained pages: one style sheet, light and dark, for the screen and for paper; pictures inside the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from jinja2 import Environment


def environment_of(room: str) -> Environment:
    """The templates of a room of ayneh, and this room's own style sheet. Values are escaped."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("ayneh", room), jinja2.PackageLoader("ayneh", "pages")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def read_picture(path: Path) -> Image.Image:
    """The picture in this file, grey or RGB."""
    with Image.open(path) as image:
        return image.convert("L" if image.mode == "L" else "RGB")


def data_address(picture: Image.Image) -> str:
    """A picture as a data URL, for the src of an img."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
