"""Presets, for Python."""

from __future__ import annotations

from ayneh.arguments import checked
from ayneh.config import Config


@checked
def preset(name: str) -> Config:
    """The settings of the preset of this name; `ayneh presets` in a terminal lists them with what each shows.

    Raises UserError for an unknown name, with the nearest one.

    >>> import ayneh
    >>> ayneh.preset("fast").changed({"epochs": 5}).epochs
    5
    """
    from ayneh.presets import preset as found

    return found(name).config
