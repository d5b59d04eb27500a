"""The judge's nets, shipped with the package: images in, features and class probabilities out.

A data set has a panel of nets: classifiers trained from different seeds (a report says where they disagree), an
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

from ayneh.errors import UserError
from ayneh.files import atomically
from ayneh.game.frame import scale, take

WEIGHTS = Path(__file__).parent / "weights"
N_FEATURES = 96


class FeatureNet(nn.Module):
    """image -> 96 features -> class logits; channels double as the image halves, down to 3x3 or 4x4.

    ``size`` is the side of the images, ``classes`` may be 0 (an encoder has no logits).
    """

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
}


@dataclass(frozen=True)
class Seen:
    """A net's output for N images."""

    features: Tensor  # (N, 96) float64
    probabilities: Tensor | None  # (N, classes) float64, None from an encoder


def at_size(pixels: Tensor, side: int) -> Tensor:
    """(N, C, H, H) uint8 -> (N, C, side, side) float32 in 0..255: the data's own size again.

    Of images less than twice as large the centre is taken, since training frames images (28 of 32 pixels stay); larger
    ones are averaged by area. Raises UserError on images that are smaller, not square, or not uint8.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4:
        raise UserError(f"The judge reads uint8 images (N, C, H, W); got {pixels.dtype} {tuple(pixels.shape)}.")
    height, width = pixels.shape[2:]
    if height != width or height < side:
        raise UserError(
            f"The images are {height}x{width} pixels and this judge reads squares of {side} pixels or more; "
            "resize them, or train a judge for them with `ayneh judge train --data ...`."
        )
    if height < 2 * side:
        return take(pixels, side).float()
    return nn.functional.interpolate(pixels.float(), size=side, mode="area")


def fit(pixels: Tensor, net: FeatureNet) -> Tensor:
    """Images as ``net`` takes them: (N, C, H, H) uint8 -> (N, C, net.size, net.size) float32 in [-1, 1]."""
    if pixels.ndim == 4 and pixels.shape[1] != net.channels:
        raise UserError(
            f"The images have {pixels.shape[1]} channels and this judge was trained on {net.channels}; "
            "convert them, or train a judge for them with `ayneh judge train --data ...`."
        )
    return scale(at_size(pixels, net.size))


def fingerprint(pixels: Tensor) -> str:
    """SHA-256 of images uint8 (N, C, H, W) and their shape: which set a net or a floor belongs to."""
    return hashlib.sha256(str(tuple(pixels.shape)).encode() + pixels.contiguous().numpy().tobytes()).hexdigest()


@torch.inference_mode()
def see(net: FeatureNet, pixels: Tensor, batch: int = 100) -> Seen:
    """Features and probabilities of images, pixels uint8 (N, C, S, S), in the order given."""
    net.eval()
    features = [net.features(fit(part, net)) for part in pixels.split(batch)]
    seen = torch.cat(features) if features else torch.empty(0, N_FEATURES)
    probabilities = None if net.head is None else net.head(seen).double().softmax(1)
    return Seen(seen.double(), probabilities)


def save(path: Path, net: FeatureNet, **notes: str | int | float) -> str:
    """Write the weights as float16 safetensors with ``notes`` in the header; returns their SHA-256."""
    tensors = {
        name: value.to(torch.float16).contiguous() if value.is_floating_point() else value
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    header = {"channels": net.channels, "size": net.size, "classes": net.classes, **notes}
    # All notes in one key: the library writes several keys in a random order, and the bytes must repeat.
    blob = save_safetensors(tensors, metadata={"ayneh": json.dumps(header, sort_keys=True)})
    with atomically(path) as file:
        file.write(blob)
    return hashlib.sha256(blob).hexdigest()


def load(path: Path, sha256: str | None = None) -> tuple[FeatureNet, dict[str, str | int | float]]:
    """The net in a weights file, and the notes in its header; UserError if it is damaged or its SHA-256 differs."""
    if not path.exists():
        raise UserError(f"There are no judge weights at {path}; train them with `ayneh judge train --data ...`.")
    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"The judge weights {path} are damaged: SHA-256 {found}, expected {sha256}; install ayneh again."
        )
    try:
        length = int.from_bytes(blob[:8], "little")
        notes = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["ayneh"])
        net = FeatureNet(notes["channels"], notes["size"], notes["classes"])
        net.load_state_dict({k: v.float() for k, v in load_safetensors(blob).items()}, strict=False)
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise UserError(f"The judge weights {path} cannot be read ({error}); train them again.") from error
    return net.eval(), notes


def shipped(name: str) -> FeatureNet:
    """A net that comes with the package, e.g. ``mnist-cnn-0``, its SHA-256 checked."""
    lines = (WEIGHTS / "SHA256SUMS").read_text().splitlines()
    sums = {file: digest for digest, file in (line.split() for line in lines)}
    file = f"{name}.safetensors"
    if file not in sums:
        known = ", ".join(sorted(entry.removesuffix(".safetensors") for entry in sums))
        raise UserError(f"No judge called {name!r} comes with ayneh. There are: {known}.")
    return load(WEIGHTS / file, sums[file])[0]
