"""An exported model: z ~ its prior -> G(z), and D's logits and features of images, with numpy, scipy and onnxruntime.

Images are (N, C, H, W): uint8, or floats whose range is given or recognised as in a file of images (ranges.py). They
have the data's own size, or that of the nets with a black frame around it. A model that was trained with labels draws
an image of a class, G(z, y): classes are numbers from 0 or names, one for all images or one for each.
"""

from __future__ import annotations

import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.arguments import checked
from ayneh.errors import UserError, in_a_sentence
from ayneh.game.paths import path
from ayneh.labels import Labels
from ayneh.loading import frame
from ayneh.loading.folder import contract_of, read_about
from ayneh.loading.net import Net, log_shares
from ayneh.loading.priors import DRAWS, drawn, sample
from ayneh.ranges import rescaled, span_of, unmasked

Array = np.ndarray
Range = tuple[float, float] | None  # the values of black and white


class Model:
    """A folder that `ayneh export --to onnx` wrote. A net is read when it is first used."""

    @checked
    def __init__(self, folder: str | Path) -> None:
        """Raises UserError where there is no such export, or this version cannot read it."""
        self.folder = Path(folder)
        self.about = read_about(self.folder)
        needed = contract_of(self.folder, self.about)
        latents, images = needed.latents, needed.images
        self.dim: int = latents.dim
        self.image_shape: tuple[int, int, int] = (images.channels, images.size, images.size)
        self.own_size: int = images.own
        self._prior: str = latents.prior
        self._numbers: dict[str, float] = self.about["latents"]["numbers"]
        there = needed.nets.there()
        self._nets = {name: Net(self.folder, self.about, name, net.classes) for name, net in there.items()}
        self.labels: Labels | None = needed.labels.classes() if needed.labels else None
        """Its classes, their names and shares of the training images; None for a model without labels."""
        self._shares: str = needed.labels.drawn if needed.labels else ""  # from which classes are drawn
        self._drawn: list[weakref.ref[Array]] = []  # floats that `generate` gave: their range is known
        self._own = latents.own
        if self._own:
            return
        if self._prior not in DRAWS:
            raise UserError(
                f"{self.folder} draws from a prior {self._prior!r}, which this version of ayneh does not have."
            )
        try:
            sample(self._prior, self._numbers, 1, 1, 0)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.folder / 'config.json'}: latents.numbers are {self._numbers}, which are not those of the prior "
                f"{self._prior!r}."
            ) from error

    @checked
    def sample_z(self, n: int, seed: int = 0) -> Array:
        """n latents of the model's own prior, float32 (n, Z): the same for the same seed."""
        _refuse_draws(n, seed)
        self._refuse_own()
        return sample(self._prior, self._numbers, n, self.dim, seed)

    def _refuse_own(self) -> None:
        if self._own:
            raise UserError(
                f"z of {self.folder} follows {self._prior!r}, a prior of the author's own, whose code is not in an "
                f"export: draw z (n, {self.dim}) by that code, and give it to generate."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its classes, in the order of their numbers; none for a model without labels."""
        return self.labels.names if self.labels else ()

    @checked
    def sample_classes(self, n: int, seed: int = 0) -> Array:
        """n classes, int64 (n,), with the run's own shares: the same for the same seed, whatever `sample_z` draws.

        UserError for a model without labels.
        """
        _refuse_draws(n, seed)
        return drawn(self._need_labels().weights(self._shares), n, seed)

    @in_a_sentence()  # earlier versions took (z, dtype, crop), which is still read
    def generate(
        self,
        z: Array | None = None,
        classes: Any = None,
        dtype: str = "uint8",
        crop: bool = True,
        *,
        n: int | None = None,
        seed: int = 0,
    ) -> Array:
        """Images of latents (N, Z): uint8, or float32 in [-1, 1]; at the data's own size, or with their frame.

        z: None: n latents by `sample_z` of this seed (n None: one for each class). classes: what each image shall show,
        a number or a name for all, or one for each (with n, a shorter list has each equally often); None: drawn by
        `sample_classes` of this seed. Raises UserError for latents of another length, another dtype, a class that does
        not exist, more or fewer classes than latents, and classes for a model without labels.
        """
        if self.labels is None and isinstance(classes, str):  # where earlier versions had dtype and crop
            dtype, crop, classes = classes, dtype if isinstance(dtype, bool) else crop, None
        if dtype not in ("uint8", "float32"):
            none = "" if self.labels else "; it takes no classes, since it was trained without labels"
            raise UserError(f"dtype is {dtype!r}: choose 'uint8' or 'float32'{none}.")
        if z is not None and n is not None:
            raise UserError(f"Both z and n={n} are given: leave one of them out.")
        if z is None and n is None:
            if classes is None:
                raise UserError("How many images? Give n=16, for instance, or latents (N, Z).")
            n = len(self._need_labels().asked(classes))
        with np.errstate(over="ignore"):  # refused below
            latents = self.sample_z(n, seed) if n is not None else np.asarray(z, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.dim:
            raise UserError(f"Latents are (N, {self.dim}), not {latents.shape}: draw some by sample_z.")
        broken = (~np.isfinite(latents)).any(1).sum()
        if broken:
            raise UserError(f"Of {len(latents)} latents {broken} have numbers that are NaN or infinite in float32.")
        asked = None
        if classes is not None:
            asked = np.array(self._need_labels().asked(classes, len(latents), spread=z is None), np.int64)
        elif self.labels:
            _refuse_draws(1, seed)
            asked = drawn(self.labels.weights(self._shares), len(latents), seed)
        images = self._run("generator", "image", latents, asked)
        images = frame.take(images, self.own_size) if crop else images
        if dtype == "uint8":
            return frame.levels(images)
        self._drawn.append(weakref.ref(_owner(images), self._drawn.remove))
        return images

    def logits(self, images: Array, range: Range = None, classes: Any = None) -> Array:
        """D's logit of each image, float32 (N,): positive where it looks real to D. For images and range see `framed`.

        With a range given, an image's logit does not depend on the other images. classes: as for `generate`, where D
        judges an image together with its class (--rules.labels concat or projection), and only there.
        """
        return self._run("discriminator", "logit", *self._asked("discriminator", self.framed(images, range), classes))

    judge = logits  # the name on cards that version 0.1 wrote

    def read_class(self, images: Array, range: Range = None) -> Array:
        """Which class D reads in each image, as logarithms of probabilities, float32 (N, K).

        Of a D that was trained to read them (--rules.labels auxiliary), its own; else softmax over y of D(x, y), which
        shows the class that D prefers for the image and is no measured probability. UserError without labels.
        """
        labels, x = self._need_labels(), self.framed(images, range)
        if not self._net("discriminator").asks:
            parts = (labels.count,) if "own_nets" in self.about else labels.parts
            return log_shares(self._run("discriminator", "class_logits", x), parts)
        each = [self._run("discriminator", "logit", x, np.full(len(x), y)) for y in np.arange(labels.count)]
        return log_shares(np.stack(each, 1), (labels.count,))

    def encode(self, images: Array, range: Range = None, classes: Any = None) -> Array:
        """D's features of each image, float32 (N, F): the second representation of the data.

        classes: as for `generate`, where the features depend on them (--rules.labels concat), and only there.
        """
        return self._run("encoder", "features", *self._asked("encoder", self.framed(images, range), classes))

    def read_z(self, images: Array, range: Range = None, classes: Any = None) -> Array:
        """The z that D reads in each image, float32 (N, Z); classes as for `encode`.

        UserError without --rules.mirror-weight.
        """
        self._net("encoder")
        if "z" not in self.about["nets"]["encoder"]["outputs"]:
            raise UserError("This model's D has no reader of z: it was trained without --rules.mirror-weight.")
        return self._run("encoder", "z", *self._asked("encoder", self.framed(images, range), classes))

    def _need_labels(self) -> Labels:
        if self.labels is None:
            raise UserError(f"{self.folder} has no classes: the model was trained without labels (--rules.labels).")
        return self.labels

    def _asked(self, net: str, x: Array, classes: Any) -> tuple[Array, Array | None]:
        """Images and their classes for D's logits or features. UserError where they are missing, or of no use."""
        if classes is None and not self._net(net).asks:
            return x, None
        labels = self._need_labels()
        what = f"{net} of {self.folder}"
        if classes is None:
            raise UserError(f"The {what} takes an image together with its class: give classes.")
        if not self._net(net).asks:
            raise UserError(f"The {what} takes an image without its class: leave classes out.")
        return x, np.array(labels.asked(classes, len(x), spread=False), np.int64)

    def interpolate(self, a: Array, b: Array, n: int) -> Array:
        """n latents from a to b (..., Z), both included, on the prior's own path: (n, ..., Z)."""
        a, b = np.asarray(a), np.asarray(b)
        if n < 2 or a.shape != b.shape or a.shape[-1:] != (self.dim,):
            raise UserError(
                f"A path takes two latents (..., {self.dim}) alike in shape and at least 2 points, "
                f"not {a.shape}, {b.shape} and {n}."
            )
        self._refuse_own()
        return path(self._prior, self._numbers, a, b, np.linspace(0, 1, n))

    def framed(self, images: Array, range: Range = None) -> Array:
        """Images as the nets take them: float32 in [-1, 1], framed in black. UserError for another shape or range.

        range: the values of black and white. None: recognised from type and values, as in a file of images; of what
        `generate` gave it is known.
        """
        x = unmasked(images, "The array")
        if range is None and any(_owner(x) is drawn() for drawn in self._drawn):
            range = (-1, 1)
        channels, side, _ = self.image_shape
        own = (channels, self.own_size, self.own_size)
        if x.ndim != 4 or x.shape[1:] not in (own, self.image_shape):
            expected = " or ".join(f"(N, {c}, {h}, {w})" for c, h, w in dict.fromkeys((own, self.image_shape)))
            raise UserError(f"Images are {expected}, not {x.shape}.")
        return frame.put(_in_range(x, range), side, -1).astype(np.float32)

    def _run(self, net: str, output: str, x: Array, classes: Array | None = None) -> Array:
        return self._net(net).run(output, x, classes)

    def _net(self, name: str) -> Net:
        if name not in self._nets:
            raise UserError(f"{self.folder} has the generator alone (--small): export the run whole for its {name}.")
        return self._nets[name]


@checked
def load(folder: str | Path) -> Model:
    """The model in a folder that `ayneh export --to onnx` or `Run.export` wrote; needs onnxruntime, and no torch.

    Raises UserError if there is none.

    >>> import ayneh
    >>> model = ayneh.load("runs/mine/export-onnx")
    >>> model.generate(model.sample_z(16, seed=0)).shape  # uint8
    (16, 1, 8, 8)
    """
    return Model(folder)


def _refuse_draws(n: Any, seed: Any) -> None:
    """Raise UserError unless n is a whole number of draws, and the seed one that NumPy takes."""
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise UserError(f"{name} is {value!r}; it must be a whole number.")
        if value < least:
            raise UserError(f"{name} is {value}; it must be at least {least}.")


def _owner(x: Array) -> Array:
    """The array whose memory ``x`` is a part of."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


def _in_range(x: Array, range: Range) -> Array:
    """Values of images as floats in [-1, 1]."""
    if x.size == 0 or (x.dtype == np.uint8 and range is None):
        return frame.scale(x)
    span = span_of([x], "The array", range, "range=({}, {})")
    for note in span.notes:
        if "clipped" in note:
            warnings.warn(f"Images: {note}.", stacklevel=5)
    return rescaled(x, span, (-1, 1))
