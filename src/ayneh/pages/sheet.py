"""Pages that stand alone: one style sheet, light and dark, for the screen and for paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment_of(room: str) -> Environment:
    """The templates of a room of ayneh, and this room's own style sheet. What they are given is escaped."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("ayneh", room), jinja2.PackageLoader("ayneh", "pages")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
