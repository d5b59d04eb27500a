"""The three nets of an export as ONNX graphs."""

from __future__ import annotations

from torch import Tensor, nn

from ayneh.export.onnx import to_onnx
from ayneh.export.operations import Encoder
from ayneh.export.players import Players


def graph(players: Players, name: str) -> bytes:
    """The net of this name as an ONNX model, with the inputs and outputs of `Players.outputs`.

    A net that takes the class of each image has a second input "classes", int64 (n,). Raises UserError as `to_onnx`
    does.
    """
    shape = (players.latents,) if name == "generator" else players.image_shape
    classes = players.asks(name)
    if name == "generator":
        return to_onnx(players.gen, shape, ("z", "image"), classes=classes)
    if name == "discriminator":
        if not players.classifies:
            return to_onnx(players.dis, shape, ("image", "logit"), classes=classes)
        dis = players.dis
        if dis.classifier is None:  # of one's own: it gives both at once
            both = {"logit": Columns(0), "class_logits": Columns(1, 1 + players.classifies)}
            return to_onnx(Classified(dis), shape, ("image", "both"), both, hidden=True)
        heads = {
            "logit": nn.Sequential(dis.head, nn.Flatten(0)),
            "class_logits": nn.Sequential(nn.Flatten(), dis.classifier),
        }
        return to_onnx(dis.features, shape, ("image", "features"), heads, hidden=True)
    features = players.encoder.features
    encoder = Encoder(features) if classes else nn.Sequential(features, nn.Flatten())
    reader = players.reader()
    further = {"z": reader} if reader else {}
    return to_onnx(encoder, shape, ("image", "features"), further, classes=classes, beside=players.reads_images)


class Classified(nn.Module):
    """D's logit of images, and what it reads of their classes: (B, C, S, S) -> (B, 1 + W)."""

    def __init__(self, dis: nn.Module) -> None:
        super().__init__()
        self.dis = dis

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.dis(x, classify=True)
        return both


class Columns(nn.Module):
    """Some columns of (B, F): one as (B,), or those from the first to before the last."""

    def __init__(self, first: int, last: int | None = None) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.first] if self.last is None else x[:, self.first : self.last]
