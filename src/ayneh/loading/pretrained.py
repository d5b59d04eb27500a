"""Trained generators that come with the package, as exports with their cards: weights/NAME."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ayneh.arguments import checked
from ayneh.errors import pick

if TYPE_CHECKING:
    from ayneh.loading.model import Model

FOLDER = Path(__file__).parent / "weights"
PRETRAINED = {  # name, that of the preset -> what it draws
    "fast": "MNIST",
    "conditional": "MNIST, of the class that is asked for",
    "hoda": "Persian digits, of the class that is asked for",
    "digits-normal": "small digits, from normal noise",
    "digits-uniform01": "one shape alone: the same game from U(0, 1), which collapsed",
}


@checked
def pretrained(name: str = "fast") -> Model:
    """A trained generator of `PRETRAINED`, which came with the package; needs onnxruntime, and no torch.

    Its card is README.md in ``folder``: the data, their licence, the scores, the seed and the command. It has no D.
    Raises UserError for an unknown name, with the nearest one.

    >>> import ayneh
    >>> model = ayneh.pretrained("conditional")
    >>> model.generate(n=4, classes="7").shape  # uint8
    (4, 1, 28, 28)
    """
    from ayneh.loading.model import load

    pick(PRETRAINED, name, "pretrained generator")
    return load(FOLDER / name)


def folders() -> list[Path]:
    """The folders of all of them."""
    return [FOLDER / name for name in PRETRAINED]
