"""The judge's nets, shipped with the package: images in, features and class probabilities out.

A data set has a panel of nets: classifiers trained from different seeds (a report names where they disagree), an
encoder trained without labels, and a frozen random net as a control. ``bench/train_judges.py`` rebuilds the shipped
weights; ``weights/SHA256SUMS`` has their checksums.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from ayneh.errors import UserError, brief
from ayneh.files.sealed import SLOT, header_of, holds, seal
from ayneh.files.whole import atomically
from ayneh.game.frame import scale
from ayneh.generators import seeded

WEIGHTS = Path(__file__).parent / "weights"
N_FEATURES = 96
COUNTERS = "num_batches_tracked"  # of batch norms in training: not kept
SEAL = "seal"  # the note with the checksum
UNSEALED = {  # the notes in files of earlier versions, which have no checksum of their own
    "channels", "size", "classes", "data", "epochs", "accuracy_test", "linear_probe_test", "method", "seed",
    "trained_on",
}  # fmt: skip


class FeatureNet(nn.Module):
    """image -> 96 features -> class logits; channels double as the image halves, down to 3x3 or 4x4.

    ``size`` is the side of the images, ``classes`` may be 0 (an encoder has no logits), ``accuracy`` is that on the
    test split (None: not measured).
    """

    accuracy: float | None = None

    def __init__(self, channels: int, size: int, classes: int) -> None:
        super().__init__()
        self.channels, self.size, self.classes = channels, size, classes
        layers: list[nn.Module] = []
        c_in, c_out, side = channels, 24, size
        while side >= 4:
            layers += [
                nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(c_out),
                nn.LeakyReLU(0.1),
            ]
            c_in, c_out = c_out, min(2 * c_out, 96)
            if side == 4:
                break
            layers.append(nn.MaxPool2d(2))
            side //= 2
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.neck = nn.Sequential(
            nn.Linear(c_in * side * side, N_FEATURES, bias=False),
            nn.BatchNorm1d(N_FEATURES),
            nn.LeakyReLU(0.1),
        )
        self.head = nn.Linear(N_FEATURES, classes) if classes else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # channels last halves the time on a CPU
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, 96)
        return self.neck(self.body(x))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, classes)
        if self.head is None:
            raise UserError("This feature net was trained without labels and has no classes; use a classifier.")
        return self.head(self.features(x))


@dataclass(frozen=True)
class Panel:
    """The nets of a data set: classifiers (the first one leads), an encoder without labels, a random control."""

    classifiers: tuple[str, ...]
    encoder: str | None = None
    control: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.classifiers + tuple(name for name in (self.encoder, self.control) if name)


PANELS = {
    "mnist": Panel(("mnist-cnn-0", "mnist-cnn-1", "mnist-cnn-2"), "mnist-simclr", "mnist-random"),
    "digits": Panel(("digits-cnn-0",)),
    "hoda": Panel(("hoda-cnn-0", "hoda-cnn-1", "hoda-cnn-2"), "hoda-simclr", "hoda-random"),
}


@dataclass(frozen=True)
class Seen:
    """A net's output for N images."""

    features: Tensor  # (N, 96) float64
    probabilities: Tensor | None  # (N, classes) float64, None from an encoder


def at_size(pixels: Tensor, side: int) -> Tensor:
    """(N, C, H, H) uint8 -> (N, C, side, side) float32 in 0..255: each image as a whole at another size.

    Of a multiple of the side pixels are averaged by area; other sizes are scaled by cubic splines, without aliasing.
    A frame is not taken off: who framed the images does that. Raises UserError on images that are not square or not
    uint8.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4:
        raise UserError(f"The judge takes uint8 images (N, C, H, W); got {pixels.dtype} {tuple(pixels.shape)}.")
    height, width = pixels.shape[2:]
    if height != width:
        raise UserError(
            f"The images are {width}x{height} pixels (width x height) and the judge takes squares: crop them."
        )
    if height % side == 0:
        return nn.functional.interpolate(pixels.float(), size=side, mode="area") if height > side else pixels.float()
    scaled = nn.functional.interpolate(pixels.float(), size=side, mode="bicubic", antialias=True)
    return scaled.clamp(0, 255)


def fit(pixels: Tensor, net: FeatureNet) -> Tensor:
    """Images as ``net`` takes them: (N, C, H, H) uint8 -> (N, C, net.size, net.size) float32 in [-1, 1]."""
    if pixels.ndim == 4 and pixels.shape[1] != net.channels:
        raise UserError(
            f"The images have {pixels.shape[1]} channels and this judge was trained on {net.channels}; "
            "convert them, or train a judge for them with `ayneh judge train`."
        )
    return scale(at_size(pixels, net.size))


@torch.inference_mode()
def see(net: FeatureNet, pixels: Tensor, batch: int = 100) -> Seen:
    """Features and probabilities of images, pixels uint8 (N, C, S, S), in the order given."""
    net.eval()
    features = [net.features(fit(part, net)) for part in pixels.split(batch)]
    seen = torch.cat(features) if features else torch.empty(0, N_FEATURES)
    probabilities = None if net.head is None else net.head(seen).double().softmax(1)
    return Seen(seen.double(), probabilities)


def save(path: Path, net: FeatureNet, **notes: str | int | float) -> str:
    """Write the weights as float16 safetensors, sealed, with ``notes`` in the header; returns the file's SHA-256."""
    tensors = {
        name: value.to(torch.float16).contiguous() if value.is_floating_point() else value
        for name, value in net.state_dict().items()
        if not name.endswith(COUNTERS)
    }
    header = {"channels": net.channels, "size": net.size, "classes": net.classes, **notes, SEAL: SLOT}
    # All notes in one key: the library writes several keys in a random order, and the bytes must repeat.
    blob = seal(save_safetensors(tensors, metadata={"ayneh": json.dumps(header, sort_keys=True)}))
    with atomically(path) as file:
        file.write(blob)
    return hashlib.sha256(blob).hexdigest()


def load(path: Path, sha256: str | None = None) -> tuple[FeatureNet, dict[str, str | int | float]]:
    """The net in a weights file, and the notes in its header.

    Raises UserError if the file is damaged: its SHA-256 differs from ``sha256``, if that is given, or else from the sum
    that it keeps; a file of an earlier version, which keeps none, must have each tensor of the net and nothing more.
    """
    if not path.exists():
        raise UserError(f"There are no judge weights at {path}; train them with `ayneh judge train --data ...`.")
    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"The judge weights {path} are damaged: SHA-256 {found}, expected {sha256}; install ayneh again."
        )
    try:
        return _read(blob, checked=sha256 is not None)
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise UserError(
            f"The judge weights {path} cannot be read ({brief(error)}): delete this file and train them again with "
            "`ayneh judge train --data ...`."
        ) from error


def _read(blob: bytes, checked: bool) -> tuple[FeatureNet, dict[str, str | int | float]]:
    """The net and the notes in the bytes of a file. Raises ValueError, SafetensorError or KeyError if it is damaged."""
    sealed = holds(blob)
    if sealed is False:
        raise ValueError("their checksum does not match their contents")
    notes = json.loads(json.loads(header_of(blob))["__metadata__"]["ayneh"])
    if not (sealed or checked) and (strange := set(notes) - UNSEALED):
        raise ValueError(f"their header has {', '.join(sorted(strange))} and no checksum")
    notes.pop(SEAL, None)
    sizes = notes["channels"], notes["size"], notes["classes"]
    if not all(type(size) is int for size in sizes):
        raise ValueError(f"channels, size and classes are {sizes}")
    tensors = load_safetensors(blob)
    with torch.device("meta"):  # wrong sizes take no memory
        wanted = FeatureNet(*sizes).state_dict()
    expected = {name: (torch.float16, x.shape) for name, x in wanted.items() if not name.endswith(COUNTERS)}
    if {name: (x.dtype, x.shape) for name, x in tensors.items()} != expected:
        raise ValueError("their tensors are not those of the net that the header describes")
    if not all(x.isfinite().all() for x in tensors.values()):
        raise ValueError("a weight is not a finite number")
    with seeded(0):  # a user's own generator stays as it is
        net = FeatureNet(*sizes)
    net.load_state_dict({name: x.float() for name, x in tensors.items()}, strict=False)  # but for the counters
    accuracy = notes.get("accuracy_test")
    net.accuracy = accuracy if isinstance(accuracy, float) else None
    return net.eval(), notes


def shipped(name: str) -> FeatureNet:
    """A net that comes with the package, e.g. ``mnist-cnn-0``, its SHA-256 checked. UserError if it is damaged."""
    place, file = WEIGHTS / "SHA256SUMS", f"{name}.safetensors"
    lines = [line.split() for line in place.read_text(encoding="utf-8", errors="replace").splitlines()]
    sums = {line[1]: line[0] for line in lines if len(line) == 2}
    if file not in sums:
        if any(name in panel.names for panel in PANELS.values()):
            raise UserError(f"{place} is damaged: it has no checksum of {file}; install ayneh again.")
        known = ", ".join(sorted(entry.removesuffix(".safetensors") for entry in sums))
        raise UserError(f"No judge called {name!r} comes with ayneh. There are: {known}.")
    if not (WEIGHTS / file).is_file():
        raise UserError(f"The judge weights {WEIGHTS / file} are missing; install ayneh again.")
    return load(WEIGHTS / file, sums[file])[0]
