"""Images to learn from, of any usual form: a data set's name, files, arrays, tensors, data sets of PyTorch."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.arguments import checked
from ayneh.data.arrayed import share_in
from ayneh.data.forms import as_one_set, in_one_numbering, part_of
from ayneh.data.labelled import names_in
from ayneh.dataset import KINDS, Data
from ayneh.errors import UserError
from ayneh.files.home import at_home
from ayneh.terminal.text import few

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ayneh.api.pictures import Picture
    from ayneh.data.held import Held
    from ayneh.data.sources import Images as Read


class Images:
    """Images that were understood: those to train on, and those to test against. `ayneh.images` makes them.

    ``train`` and ``test`` are uint8 (N, C, H, W), ``labels`` and ``test_labels`` int64 (N,) or None. ``understood`` is
    one line on what was read. ``len(images)`` counts those to train on.

    >>> import ayneh
    >>> images = ayneh.images("digits", limit=100)
    >>> images.train.shape, images.labels.shape, images.test.shape
    ((100, 1, 8, 8), (100,), (500, 1, 8, 8))
    >>> images.understood.partition(";")[0]
    'digits: 1,297 to train'
    >>> ayneh.images(images.save("digits.npz")).fingerprint == images.fingerprint
    True
    """

    def __init__(self, data: Data, held: Held | None = None) -> None:
        """data: the settings; held: the images in memory, if no file has them."""
        self.data, self._held = data, held

    @property
    def name(self) -> str:
        """What a run's settings call them: digits, folder:/home/me/cats, memory:array-1f3a09bc."""
        return self.data.name

    @property
    def train(self) -> NDArray[np.uint8]:
        """The images to train on, uint8 (N, C, H, W)."""
        return self._train.pixels.numpy()

    @property
    def test(self) -> NDArray[np.uint8]:
        """The images to test against, uint8 (N, C, H, W)."""
        return self._test.pixels.numpy()

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The classes of ``train``, (N,), from 0; None where there are none."""
        return None if self._train.labels is None else self._train.labels.numpy()

    @property
    def test_labels(self) -> NDArray[np.int64] | None:
        """The classes of ``test``, (N,); None where there are none."""
        return None if self._test.labels is None else self._test.labels.numpy()

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes' names, in the order of the labels; None where there are none."""
        return self._train.called

    @property
    def understood(self) -> str:
        """One line: how many images are for what, their size, their classes, what was converted or left out."""
        return self._train.understood

    @property
    def fingerprint(self) -> str:
        """SHA-256 over shape and pixels of ``train``: a run goes on with these images alone."""
        return self._train.fingerprint

    @checked
    def picture(self, n: int = 64, by_class: bool = False) -> Picture:
        """The first n images to train on, as a grid.

        by_class: about n images instead, the first of each class in rows with its name (of very many classes some).
        Raises UserError where there are no labels, and for less than one image.
        """
        from ayneh.api.drawn import examples_of, grid_of

        if n < 1:
            raise UserError(f"n is {n}; a picture has at least 1 image.")
        pixels, labels, classes = self._train.pixels, self._train.labels, self.classes
        if not by_class:
            return grid_of(pixels[:n], self.name)
        if labels is None or classes is None:
            raise UserError(f"by_class is set, and {self.name} has no labels: leave it out.")
        return examples_of(pixels, labels, classes, n, self.name)

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write them into an .npz file that every verb reads: `--data.name file:PATH`; the path.

        It holds images in memory as they were given, before a limit and a new size; others as they were read. Raises
        UserError for another suffix.
        """
        from ayneh.api.drawn import save_set

        whole = self._held.whole if self._held else None
        return save_set(Path(path), whole, self._train, self._test)

    @checked
    def train_judge(self, epochs: int | None = None) -> None:
        """Train the nets that judge images like these, once; they are kept, and `Run.evaluate` finds them.

        epochs: None for 600,000 images, at most 150 epochs. Raises UserError for too few images, and for a set whose
        judge comes with ayneh.
        """
        from ayneh.evaluation import train_judge
        from ayneh.terminal.progress import Terminal

        train_judge(self.data, epochs=epochs, say=Terminal().say)

    def __len__(self) -> int:
        return len(self._train.pixels)

    def __repr__(self) -> str:
        return f"Images({self.understood})"

    def _repr_html_(self) -> str:
        from ayneh.api.drawn import as_html

        return as_html(self.picture(by_class=self.labels is not None), self.understood)

    @cached_property
    def _train(self) -> Read:
        return self._read("train")

    @cached_property
    def _test(self) -> Read:
        return self._read("test")

    @checked
    def _read(self, split: str) -> Read:
        from ayneh.evaluation import read_images

        return read_images(self.data, split, flag="")


@checked
def images(
    source: Any,
    *,
    test: Any = None,
    resize: int | None = None,
    limit: int | None = None,
    name: str | None = None,
    classes: Sequence[str] | None = None,
    range: tuple[float, float] | None = None,
    pad_to: int | None = None,
    skip_broken: bool = False,
    background: str = "black",
    split: str = "content",
) -> Images:
    """Images to learn from, read and understood.

    Args:
        source: "digits" or another data set's name; "folder:PATH", "file:PATH" or a `pathlib.Path`; an array or a
            tensor, (N, H, W), (N, H, W, C) or (N, C, H, W) of bytes or of floats in [0, 1] or [-1, 1]; a list of
            Pillow's pictures or of arrays; a data set of PyTorch or of Hugging Face, whose items are images or
            (image, label); or a pair (images, labels) of these.
        test: the images to test against, in the same forms; or the share that is held out, 0.2. By default a tenth,
            chosen by content, of sets that have no test images of their own.
        resize: crop every image to its central square and scale it to so many pixels a side.
        limit: train on so many images, a random choice that is the same at every run.
        name: of images in memory, in a run's settings.
        classes: the names of the classes of images in memory: one for each label that occurs, in the order of the
            labels, or of the labels 0, 1, ... if there are more names.
        range: the values that are black and white (default: from the type; of floats (0, 1) or (-1, 1)).
        pad_to: frame the images in black, to so many pixels a side (default: the next size that the nets take).
        skip_broken: leave out files of a folder that cannot be read, and count them.
        background: what transparent pixels lie on: "black", "white" or "#rrggbb".
        split: hold test images out by "content" or by "position".

    Images of this function are given back as they are. Raises UserError where the images are missing or damaged, or
    where it is not clear what an array means.

    >>> import ayneh, numpy as np
    >>> cats = ayneh.images((np.zeros((20, 8, 8), np.uint8), ["tom"] * 10 + ["kitty"] * 10), test=0.2, name="cats")
    >>> cats.train.shape[1:], cats.classes
    ((1, 8, 8), ('kitty', 'tom'))
    >>> ayneh.images("digits", resize=16, limit=100).train.shape
    (100, 1, 16, 16)
    """
    given = dict(locals())
    if isinstance(source, Images):
        _refuse_options({name: value for name, value in given.items() if name != "source"})
        return source
    if (found := _place(source)) is not None:
        if name is not None or classes is not None:
            raise UserError("name and classes are of images in memory: files have their own, leave them out.")
        tests = _tests_of(found, test)
        return _read(Data(found, resize, pad_to, limit, tests, range, skip_broken, background=background, split=split))
    asked = Data("", resize, pad_to, limit, range=range, background=background, split=split)
    return _given(source, test, asked, name, classes)


def _refuse_options(given: dict[str, Any]) -> None:
    """Raise UserError if these arguments of `images`, with images that are read already, are not the defaults."""
    usual = {name: one.default for name, one in inspect.signature(images).parameters.items()}
    if changed := [name for name, value in given.items() if value is not usual[name] and not _same(value, usual[name])]:
        options = ", ".join(f"{name}=" for name in changed)
        raise UserError(
            f"The images are an ayneh.Images, which are read already, so that {options} would change nothing: give "
            f"{'it' if len(changed) == 1 else 'them'} where the images are read first, or leave "
            f"{'it' if len(changed) == 1 else 'them'} out."
        )


def _same(value: Any, usual: Any) -> bool:
    """Whether an option has its default; an array is compared with none."""
    return isinstance(value, str | bool) and value == usual


def _tests_of(found: str, test: Any) -> str | None:
    """What a config's data calls the test images of a set with this name: a share, a path, or None."""
    share = share_in(test)
    tests = str(share) if share is not None else test if isinstance(test, str) else _place(test)
    if test is not None and tests is None:
        raise UserError(f"test is a {type(test).__name__}, and the images are {found}: give a path or a share.")
    path = Data(str(tests)).path() if tests else None
    return str(path) if path is not None else tests  # "folder:PATH" is meant as PATH


def _read(data: Data, held: Held | None = None) -> Images:
    """These images, read, so that what is wrong with them is said here."""
    result = Images(data, held)
    result.understood  # noqa: B018 - it reads them
    return result


def _given(source: Any, test: Any, asked: Data, name: str | None, classes: Sequence[str] | None) -> Images:
    """Images in memory, held for as long as the result is. asked: how they are read; its name is not used."""
    from ayneh.data.held import hold

    share, named = share_in(test), names_in(classes)
    how = asked.resize, asked.range is not None
    parts = [part_of(source, "train" if test is not None and share is None else "", *how)]
    if test is not None and share is None:
        parts = as_one_set(in_one_numbering(parts[0], part_of(test, "test", *how)), how[1])
    if named and all(part.labels is None for part in parts):
        raise UserError(
            f"classes is {few(named)}, and the images have no labels: give them as a pair, (images, labels), or leave "
            "classes out."
        )
    label = name or ("images" if isinstance(source, tuple | list) else type(source).__name__.lower())
    if label in ("ndarray", "tensor"):
        label = "array"
    held = hold(
        parts, label, names=named or parts[0].classes, names_asked=named is not None, share=share, range=asked.range,
        background=asked.background, by_position=asked.split == "position",
    )  # fmt: skip
    return _read(Data(held.name, asked.resize, asked.pad_to, asked.limit), held)


def _place(source: Any) -> str | None:
    """What a config's data calls a named set, a folder or a file; None for images in memory."""
    if isinstance(source, str):
        kind, _, path = source.partition(":")
        if kind in KINDS and path:
            return f"{kind}:{os.path.abspath(at_home(path))}"
        return source
    if not isinstance(source, os.PathLike):
        return None
    path = os.path.abspath(at_home(source))
    return f"{'folder' if os.path.isdir(path) else 'file'}:{path}"
