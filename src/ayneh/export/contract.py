"""The description of an export: the distribution of z, the form of the images, its classes, the run and its data.

It is in the config.json of an export, and as strings in the metadata of each net.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ayneh.config import Config, to_dict
from ayneh.data.images import Images
from ayneh.engine.match import prior_of
from ayneh.engine.players import pair_of
from ayneh.errors import UserError
from ayneh.game.own import OwnPair, name_of
from ayneh.game.own_prior import Own
from ayneh.loading.folder import FORMAT
from ayneh.parts.registry import own
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record
from ayneh.version import __version__


@dataclass(frozen=True)
class Licence:
    """A data set's licence: the hub's name for it, words, and their source."""

    hub: str
    words: str
    source: str
    dataset: str | None = None  # its name on the Hugging Face hub


BY_SA = Licence(
    "cc-by-sa-3.0",
    "CC BY-SA 3.0 is commonly stated",
    "MNIST's own page names no licence; PyMVPA's and Keras's pages on it say that Yann LeCun and Corinna Cortes hold "
    "the copyright and license it as CC BY-SA 3.0, the Hugging Face hub's card says MIT",
    "ylecun/mnist",
)
LICENCES = {
    "digits": Licence(
        "cc-by-4.0",
        "CC BY 4.0",
        "Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
        "doi:10.24432/C50P49, as it comes with scikit-learn",
    ),
    "mnist": BY_SA,
    "stacked-mnist": dataclasses.replace(BY_SA, source=f"made of MNIST. {BY_SA.source}"),
    "fashion-mnist": Licence(
        "mit", "MIT", "Xiao, Rasul & Vollgraf 2017, github.com/zalandoresearch/fashion-mnist",
        "zalando-datasets/fashion_mnist",
    ),
    "kmnist": Licence("cc-by-sa-4.0", "CC BY-SA 4.0", "Clanuwat et al. 2018, codh.rois.ac.jp/kmnist"),
    "hoda": Licence(
        "other", "free for research and non-commercial use",
        "Khosravi & Kabir 2007, Pattern Recognition Letters 28, doi:10.1016/j.patrec.2006.12.022",
    ),
}  # fmt: skip
YOURS = Licence("other", "unknown: the images are the user's own files", "ayneh reads no licence from files")
SIDES = {"digits": 8} | dict.fromkeys(("mnist", "fashion-mnist", "kmnist", "stacked-mnist", "hoda"), 28)  # pixels

SAMPLES = {  # prior -> the formula of a coordinate of z, or of all
    "normal": "each coordinate mean + std * g, g ~ N(0, 1)",
    "uniform": "each coordinate low + (high - low) * u, u ~ U(0, 1)",
    "sphere": "z = radius * g / |g|, g ~ N(0, 1) in each coordinate",
    "truncated-normal": "each coordinate mean + std * g, g ~ N(0, 1) drawn anew until |g| <= bound",
    "laplace": "each coordinate mean + scale * (e - f), e and f ~ Exp(1)",
    "student-t": "each coordinate scale * t, t of Student's law with df degrees of freedom",
    "bernoulli": "each coordinate high with probability p, else low",
    "mixture": "each coordinate c + std * g, c one of the centres even on [low, high], g ~ N(0, 1)",
}
OWN = "by the code of the run's author, which is not in this export"
SCORES = "through normal scores: s = Phi^-1(F(z)), blended as a normal's, then F^-1(Phi(s)), F the coordinate's law"
PATHS = {  # prior -> its path from a to b, on which every point follows the prior
    "normal": "mean + ((1-t)(a-mean) + t(b-mean)) / sqrt((1-t)^2 + t^2)",
    "sphere": "along the great circle, at even speed",
    "bernoulli": "coordinate i (from 1) is a_i until t = frac(i * (sqrt(5)-1)/2), then b_i",
} | dict.fromkeys(("uniform", "truncated-normal", "laplace", "student-t", "mixture"), SCORES)


def licence_of(data: str) -> Licence:
    """The licence of a data set by its name; folders and arrays are the user's own."""
    return LICENCES.get(data, YOURS)


def latents_of(config: Config) -> dict[str, Any]:
    """The latent contract: the prior with all its numbers, its moments (None: there is none), its formulas."""
    prior, dim, name = prior_of(config), config.prior.dim, config.prior.name
    mean, variance = (x if math.isfinite(x) else None for x in prior.moments(dim))
    numbers: dict[str, Any] = dataclasses.asdict(prior) if dataclasses.is_dataclass(prior) else {}
    if name == "sphere" and numbers["radius"] is None:
        numbers["radius"] = math.sqrt(dim)
    law = {"prior": name, "law": prior.describe(), "numbers": numbers, "dim": dim, "mean": mean, "variance": variance}
    if isinstance(prior, Own):
        return law | {"own": True, "sample": OWN, "interpolate": OWN}
    return law | {"sample": SAMPLES[name], "interpolate": PATHS[name]}


def images_of(config: Config, shape: tuple[int, int, int], images: Images | None) -> dict[str, Any]:
    """The image contract: size and range, and the frame around the data's own size (left, right, top, bottom)."""
    channels, size, _ = shape
    side = config.data.resize or SIDES.get(config.data.name) or size
    if images is not None:
        side = images.pixels.shape[-1]
    before = (size - side) // 2
    pad = [before, size - side - before] * 2
    return {"channels": channels, "size": size, "range": [-1, 1], "black": -1, "pad": pad, "own_size": side}


def labels_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """{"labels": the classes, and how the nets take them}; empty for a run without labels."""
    labels, config = checkpoint.labels, checkpoint.config
    if labels is None:
        return {}
    return {
        "labels": {
            "way": config.rules.labels,
            "names": list(labels.names),
            "shares": list(labels.shares),
            "parts": list(labels.parts),
            "drawn": config.rules.classes,
        }
    }


def about_of(record: Record, checkpoint: Checkpoint, replica: int, form: str, images: Images | None) -> dict[str, Any]:
    """The content of config.json except the nets, as plain JSON values."""
    config, licence = checkpoint.config.without_folders(), licence_of(checkpoint.config.data.name)
    return (
        {
            "format": FORMAT,
            "form": form,
            "ayneh": __version__,
            "seed": config.seed + replica,
            "replica": replica,
            "epoch": record.epoch_of(checkpoint),
            "step": checkpoint.step,
            "checkpoint": checkpoint.path.name,
            "checkpoint_sha256": hashlib.sha256(checkpoint.path.read_bytes()).hexdigest(),
            "latents": latents_of(config),
            "images": images_of(config, checkpoint.image_shape, images),
            "data": {
                "name": config.data.name,
                "licence": licence.words,
                "licence_id": licence.hub,
                "licence_source": licence.source,
            },
            "config": json.loads(json.dumps(to_dict(config))),  # lists, not tuples
        }
        | labels_of(checkpoint)
        | own_nets(config)
    )


def own_nets(config: Config) -> dict[str, Any]:
    """{"own_nets": where the code of nets of one's own is, and how they are built}; empty for ayneh's nets."""
    pair = pair_of(config)
    if not isinstance(pair, OwnPair) or (part := own("net", config.net.name)) is None:
        return {}
    source = part.source
    place = {"file": source.file.name if source.file else source.module, "sha256": source.sha256}
    return {
        "own_nets": {
            "name": config.net.name,
            **place,
            "gen": _call(pair.gen, pair.gen_args),
            "dis": _call(pair.dis, pair.dis_args),
        }
    }


def _call(source: Any, arguments: Mapping[str, Any]) -> str:
    """ "Generator(width=4)"."""
    if isinstance(source, nn.Module):
        return type(source).__name__
    return f"{name_of(source)}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def refuse_unknown_nets(folder: Path, about: Mapping[str, Any]) -> None:
    """Raise UserError if an export is of nets of one's own whose code has not been loaded here."""
    nets = about.get("own_nets")
    if isinstance(nets, dict) and own("net", str(nets.get("name"))) is None:
        raise UserError(
            f"{folder} holds nets of {nets.get('file')} (ayneh's name for them is {nets.get('name')!r}), which has not "
            "been loaded: import it first, or load its weights into its own classes, as the README.md of the export "
            "shows."
        )


def strings(about: dict[str, Any]) -> dict[str, str]:
    """The same as the metadata of a file, whose values are strings: words as they are, all else as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()}
