"""G, D and the encoder of a checkpoint as plain modules in eval mode, each with batch-norm statistics for its use.

G has those of 2,048 latents of its prior. D has those of whole batches of real and of generated images in equal
numbers, one kind in each batch as in the game: of all that were tried they keep the logit of a single image nearest to
the one that the image has in a batch (docs/export.md). The encoder is D's features with those of generated images,
under which D was trained to read z.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load
from torch import Tensor, nn

from ayneh.config import Config, from_dict
from ayneh.data.images import Images
from ayneh.engine.critic import critic_of
from ayneh.engine.players import features_take_class, nets_of, parts_read, takes_class
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError, brief
from ayneh.export.contract import refuse_unknown_nets
from ayneh.files.sealed import header_of
from ayneh.game.frame import put, scale
from ayneh.game.inside import Player
from ayneh.game.layers import Linear
from ayneh.game.nets import Discriminator, Reader
from ayneh.game.own import copied
from ayneh.labels import Labels
from ayneh.loading.folder import contract_of, net_of, read_about, refuse_other
from ayneh.record.checkpoint import Checkpoint

NETS = ("generator", "discriminator", "encoder")
CHECKED = 256  # latents or images on which an export is compared with PyTorch
Outputs = Mapping[str, Tensor]
About = dict[str, Any]


@dataclass(frozen=True)
class Players:
    """The three nets: ``dis`` and ``encoder`` are the same D with other statistics."""

    gen: nn.Module
    dis: Discriminator
    encoder: Discriminator
    moments: tuple[float, float]  # of a coordinate of z
    dis_statistics: str  # the images that those of ``dis`` were taken over, in words
    latents: int  # coordinates of z
    image_shape: tuple[int, int, int]
    labels: Labels | None = None
    asking: tuple[str, ...] = ()  # the nets that take the class of each image
    classifies: int = 0  # numbers that D makes of an image's class: those of its class head (0: it has none)

    def nets(self) -> dict[str, nn.Module]:
        """The nets by the names of their files."""
        return {"generator": self.gen, "discriminator": self.dis, "encoder": self.encoder}

    def asks(self, name: str) -> bool:
        """Whether the net of this name takes the class of each image."""
        return name in self.asking

    @torch.no_grad()
    def outputs(self, name: str, x: Tensor, classes: Tensor | None = None) -> Outputs:
        """The outputs of the net of this name on z or images, by their names in its file.

        classes: int64 (N,), for the nets that take them.
        """
        given = (x, classes) if self.asks(name) else (x,)
        if name == "generator":
            return {"image": self.gen(*given)}
        if name == "discriminator":
            if not self.classifies:
                return {"logit": self.dis(*given)}
            both = self.dis(x, classify=True)
            return {"logit": both[:, 0], "class_logits": both[:, 1:]}
        features, reader = self.encoder.features(*given).flatten(1), self.reader()
        return {"features": features} | ({"z": reader(x if self.reads_images else features)} if reader else {})

    def numbers(self, name: str, features_alone: bool = False) -> int:
        """The weights of the net of this name; of the encoder with or without what follows its features."""
        net = self.nets()[name]
        head = getattr(net, "head", None) if name == "encoder" and features_alone else None
        return sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in (head.parameters() if head else ()))

    def reader(self) -> nn.Module | None:
        """D's features -> z in the prior's own units, or image -> z; None if D was not trained to read it."""
        own, (mean, variance) = self.encoder.reader, self.moments
        if own is None:
            return None
        *layers, last = list(own) if isinstance(own, Reader) else [own]
        reader = cast(Linear, last)
        scaled = copy.deepcopy(reader)  # a new layer would draw weights
        with torch.no_grad():  # the net's own gives (z - mean) / std
            scaled.weight.copy_(variance**0.5 * reader.weight)
            scaled.bias.copy_(variance**0.5 * reader.bias + mean)
        return nn.Sequential(*layers, scaled) if layers else scaled

    @property
    def reads_images(self) -> bool:
        """Whether the reader takes the image, by layers of its own, and not D's features."""
        return isinstance(self.encoder.reader, Reader)


def players_of(
    checkpoint: Checkpoint, replica: int, images: Images | None, sampler: Sampler | None = None
) -> tuple[Players, Sampler]:
    """The nets of one replica, and the sampler of its generator.

    images: the training images, of which D's statistics take a fixed random choice, of a labelled run with its classes;
    None: they are those of generated images alone. sampler: this replica's, where it is there already. Raises UserError
    if there is no such replica.
    """
    place = (checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)
    encoder = critic_of(*place, sampler=sampler, labels=checkpoint.labels)
    sampler, batch = encoder.sampler, checkpoint.config.batch
    reals, classes, most = None, None, sampler.standing
    if images is not None and (n := len(images.pixels)) >= batch:
        reals = chosen(images.pixels, most, checkpoint.image_shape[-1])
        classes = None if images.labels is None else images.labels[some(n, most)]
    critic = critic_of(*place, reals=reals, real_classes=classes, sampler=sampler)
    moments = sampler.prior.moments(sampler.config.prior.dim)
    by = f"{sampler.standing:,} images of its own generator"
    if reals is not None:
        by = f"{len(reals) // batch * batch:,} real training images and as many of its own generator, in batches apart"
    players = Players(
        sampler.gen.eval(), critic.dis.eval(), encoder.dis.eval(), moments, by, sampler.config.prior.dim,
        checkpoint.image_shape, **_labelled(checkpoint.config, checkpoint.labels),
    )  # fmt: skip
    return players, sampler


def _labelled(config: Config, labels: Labels | None) -> dict[str, Any]:
    """The fields of `Players` on labels."""
    if labels is None:
        return {}
    asked = {"generator": takes_class(config, "gen"), "discriminator": takes_class(config, "dis")}
    asked["encoder"] = features_take_class(config)
    reads = 0 if asked["discriminator"] else sum(parts_read(config, labels))
    return {"labels": labels, "asking": tuple(name for name, asks in asked.items() if asks), "classifies": reads}


def chosen(pixels: Tensor, n: int, size: int) -> Tensor:
    """At most n of uint8 (N, C, h, w), a fixed random choice, framed in black: (n, C, S, S) in [-1, 1]."""
    return scale(put(pixels[some(len(pixels), n)], size))


def some(of: int, n: int) -> Tensor:
    """The places of this choice: at most n of so many."""
    return torch.randperm(of, generator=torch.Generator().manual_seed(0))[:n]


def built(about: About, tensors: Mapping[str, Mapping[str, Tensor]]) -> Players:
    """The nets from the config.json of an export and their tensors. Raises RuntimeError if these do not fit."""
    config, images = from_dict(about["config"], "config.json"), about["images"]
    config = replace(config, precision="float32")  # the run may have been trained on a device with another
    shape = (images["channels"], images["size"], images["size"])
    labels = classes_in(about)
    gen, dis = (net.module for net in nets_of(config, shape, torch.device("cpu"), labels=labels))
    found = {"generator": gen, "discriminator": dis, "encoder": copied(dis)}
    for name, module in found.items():
        fill(module.eval(), tensors[name])
    moments = tuple(
        math.nan if about["latents"][name] is None else about["latents"][name] for name in ("mean", "variance")
    )
    dis, encoder = (cast(Discriminator, found[name]) for name in ("discriminator", "encoder"))
    by = about["nets"]["discriminator"]["statistics"]
    ends = cast(tuple[float, float], moments)
    return Players(gen, dis, encoder, ends, by, config.prior.dim, shape, **_labelled(config, labels))


def classes_in(about: About) -> Labels | None:
    """The classes that the config.json of an export names; None without labels."""
    if (labels := about.get("labels")) is None:
        return None
    return Labels(*(tuple(labels[name]) for name in ("names", "shares", "parts")))


def inner(module: nn.Module) -> nn.Module:
    """The module whose names its weights have in a file: of a net of one's own the module itself."""
    return module.net if isinstance(module, Player) else module


def weights_in(module: nn.Module) -> dict[str, Tensor]:
    """Weights and all buffers of a net by name, each with memory of its own."""
    own = inner(module)
    tensors = {**dict(own.named_buffers()), **own.state_dict()}
    return {
        name: x.detach().clone(memory_format=torch.contiguous_format)
        for name, x in tensors.items()
        if isinstance(x, Tensor)
    }


@torch.no_grad()
def fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights and buffers from `weights_in` into a new module. Raises RuntimeError if they do not fit."""
    own = inner(module)
    places = dict(own.named_buffers()) | {
        name: x for name, x in own.state_dict(keep_vars=True).items() if isinstance(x, Tensor)
    }
    if missing := places.keys() - weights.keys():
        raise RuntimeError(f"{min(missing)} is missing")
    for name, value in weights.items():
        if name in places and places[name].shape == value.shape:
            places[name].copy_(value)
            continue
        place, _, last = name.rpartition(".")
        owner = own.get_submodule(place)
        if last not in owner._buffers or owner._buffers[last] is not None:
            raise RuntimeError(f"{name} belongs to no layer of this shape")
        owner._buffers[last] = value.clone()  # statistics of a batch norm that had none when it was built


def modules(folder: str | Path) -> Players:
    """The nets in a folder that `ayneh export --to safetensors` wrote, as PyTorch modules in eval mode.

    For nets of one's own the file that adds them has to be loaded before. Raises UserError if it has not been, there is
    no such export, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    about = read_about(folder, "safetensors")
    contract_of(folder, about)
    refuse_unknown_nets(folder, about)
    blobs = {name: net_of(folder, about, name) for name in NETS}
    try:
        for blob in blobs.values():
            head = json.loads(header_of(blob))
            refuse_other(folder, about, head.get("__metadata__", {}))
        return built(about, {name: load(blob) for name, blob in blobs.items()})
    except UserError:
        raise
    except Exception as error:  # of safetensors, of weights that do not fit the config, of a config without a field
        raise UserError(f"The weights in {folder} cannot be read ({brief(error)}): export the run again.") from error
