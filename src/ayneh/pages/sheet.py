"""Self-contained pages: one style sheet, light and dark, for the screen and for paper; pictures inside the page."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ayneh.errors import UserError
from ayneh.terminal.text import plain

if TYPE_CHECKING:
    from jinja2 import Environment


def environment_of(room: str) -> Environment:
    """The templates of a room of ayneh, and this room's own style sheet.

    Values are escaped, and their control characters shown, so that no name hides what stands beside it.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("ayneh", room), jinja2.PackageLoader("ayneh", "pages")]),
        autoescape=True,
        finalize=_plain,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _plain(value: Any) -> Any:
    return plain(value, lines=True) if type(value) is str else value  # a Markup has been through here


def name_of(folder: Path) -> str:
    """A folder's name alone, as a page for others shows it: the folders above it are private."""
    return os.path.basename(os.path.abspath(folder))


def read_picture(body: bytes) -> Image.Image:
    """The picture in a PNG file of these bytes, grey or RGB. Raises UserError if it is damaged."""
    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as image:
            return image.convert("L" if image.mode == "L" else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"A picture is damaged ({error}).") from error


def data_address(picture: Image.Image) -> str:
    """A picture as a data URL, for the src of an img."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
