"""An exported model: z ~ its prior -> G(z), and D's logits and features of images, with numpy, scipy and onnxruntime.

Images are (N, C, H, W): uint8, or floats whose range is given or recognised as in a file of images (ranges.py). They
have the data's own size, or that of the nets with a black frame around it.
"""

from __future__ import annotations

import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.errors import UserError, brief, extra
from ayneh.game.paths import path
from ayneh.loading import frame
from ayneh.loading.folder import contract_of, net_of, read_about, refuse_other
from ayneh.loading.priors import DRAWS, sample
from ayneh.ranges import rescaled, span_of

BATCH = 256  # images at a time
Array = np.ndarray
Range = tuple[float, float] | None  # the values of black and white


class Model:
    """A folder that `ayneh export --to onnx` wrote. A net is read when it is first used."""

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
        self._sessions: dict[str, Any] = {}
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

    def sample_z(self, n: int, seed: int = 0) -> Array:
        """n latents of the model's own prior, float32 (n, Z): the same for the same seed."""
        if n < 1:
            raise UserError(f"n is {n}; it must be at least 1.")
        self._refuse_own()
        return sample(self._prior, self._numbers, n, self.dim, seed)

    def _refuse_own(self) -> None:
        if self._own:
            raise UserError(
                f"z of {self.folder} follows {self._prior!r}, a prior of the author's own, whose code is not in an "
                f"export: draw z (n, {self.dim}) by that code, and give it to generate."
            )

    def generate(self, z: Array, dtype: str = "uint8", crop: bool = True) -> Array:
        """Images of latents (N, Z): uint8, or float32 in [-1, 1]; at the data's own size, or with their frame.

        Raises UserError for latents of another length and for another dtype.
        """
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self.dim:
            raise UserError(f"Latents are (N, {self.dim}), not {z.shape}: draw some by sample_z.")
        if dtype not in ("uint8", "float32"):
            raise UserError(f"dtype is {dtype!r}: choose 'uint8' or 'float32'.")
        images = self._run("generator", "image", z)
        images = frame.take(images, self.own_size) if crop else images
        if dtype == "uint8":
            return frame.levels(images)
        self._drawn.append(weakref.ref(_owner(images), self._drawn.remove))
        return images

    def logits(self, images: Array, range: Range = None) -> Array:
        """D's logit of each image, float32 (N,): positive where it looks real to D. For images and range see `framed`.

        With a range given, an image's logit does not depend on the other images.
        """
        return self._run("discriminator", "logit", self.framed(images, range))

    judge = logits  # the name on cards that version 0.1 wrote

    def encode(self, images: Array, range: Range = None) -> Array:
        """D's features of each image, float32 (N, F): the second representation of the data."""
        return self._run("encoder", "features", self.framed(images, range))

    def read_z(self, images: Array, range: Range = None) -> Array:
        """The z that D reads in each image, float32 (N, Z). UserError without --rules.mirror-weight."""
        if "z" not in self.about["nets"]["encoder"]["outputs"]:
            raise UserError("This model's D has no reader of z: it was trained without --rules.mirror-weight.")
        return self._run("encoder", "z", self.framed(images, range))

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
        x = np.asarray(images)
        if range is None and any(_owner(x) is drawn() for drawn in self._drawn):
            range = (-1, 1)
        channels, side, _ = self.image_shape
        own = (channels, self.own_size, self.own_size)
        if x.ndim != 4 or x.shape[1:] not in (own, self.image_shape):
            expected = " or ".join(f"(N, {c}, {h}, {w})" for c, h, w in dict.fromkeys((own, self.image_shape)))
            raise UserError(f"Images are {expected}, not {x.shape}.")
        return frame.put(_in_range(x, range), side, -1).astype(np.float32)

    def _run(self, net: str, output: str, x: Array) -> Array:
        session = self._session(net)
        given = session.get_inputs()[0].name
        parts = [session.run([output], {given: x[i : i + BATCH]})[0] for i in range(0, max(len(x), 1), BATCH)]
        return np.concatenate(parts)

    def _session(self, net: str) -> Any:
        if net not in self._sessions:
            with extra("export", "Running a model"):
                import onnxruntime
            self._sessions[net] = self._checked(onnxruntime, net)
        return self._sessions[net]

    def _checked(self, onnxruntime: Any, net: str) -> Any:
        """A net's session. UserError where its file is damaged, or has other outputs than the config says."""
        model, file = net_of(self.folder, self.about, net), self.folder / self.about["nets"][net]["file"]
        try:
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            refuse_other(self.folder, self.about, session.get_modelmeta().custom_metadata_map)
            has = {one.name for one in session.get_outputs()}, len(session.get_inputs())
        except UserError:
            raise
        except Exception as error:  # onnxruntime has an exception of its own for every kind of damage
            raise UserError(
                f"{file} is no net that onnxruntime reads ({brief(error)}): export the run again."
            ) from error
        if has != (set(self.about["nets"][net]["outputs"]), 1):
            raise UserError(f"{file} does not have the outputs that config.json names: export the run again.")
        return session


def load(folder: str | Path) -> Model:
    """The model in a folder that `ayneh export --to onnx` or `Run.export` wrote; needs onnxruntime, and no torch.

    Raises UserError if there is none.

    >>> import ayneh
    >>> model = ayneh.load("runs/mine/export-onnx")
    >>> model.generate(model.sample_z(16, seed=0)).shape  # uint8
    (16, 1, 8, 8)
    """
    return Model(folder)


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
