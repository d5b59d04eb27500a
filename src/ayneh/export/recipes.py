"""The lines of code that a model card shows."""

from __future__ import annotations

import re
from typing import Any

from ayneh.export.classes import DRAWN

SIMPLE = re.compile(r"\w[\w -]{0,30}")  # a name that may stand in a line of code

ONNX = """\
```python
import ayneh                                      # pip install 'ayneh[export]'
model = ayneh.load(".")                           # this folder
images = model.generate(model.sample_z(16, seed=0))   # uint8 (16, {channels}, {own}, {own})
```

No PyTorch is needed then. `model.logits(images)` is the discriminator's logit for each image,
`model.encode(images)` its features{read}, `model.interpolate(a, b, n)` a path between two latents on which every point
follows the prior. Without ayneh, any ONNX runtime reads the files; inputs and outputs are described below and in their
metadata."""

ALONE = """\
```python
import ayneh                                      # pip install 'ayneh[export]'
model = ayneh.load(".")                           # this folder
images = model.generate(n=16, seed=0{asked})   # uint8 (16, {channels}, {own}, {own})
```

No PyTorch is needed then. Without ayneh, any ONNX runtime reads the file; what goes in and out is described below."""

LABELLED = """\
```python
import ayneh                                      # pip install 'ayneh[export]'
model = ayneh.load(".")                           # this folder
images = model.generate(n=16, classes={one})   # uint8 (16, {channels}, {own}, {own}), all of the class {name}
z = model.sample_z({count}, seed=0)
images = model.generate(z, [{each}])   # one of each
```

No PyTorch is needed then. A class is a number from 0 or a name (`model.names`), one for all images or one for each;
without `classes` they are drawn {drawn}, as in training. `model.logits(images{asks})` is the discriminator's logit for
each image, `model.read_class(images)` the log-probabilities of the classes that it reads in them,
`model.encode(images{also})` its features{read}, `model.interpolate(a, b, n)` a path between two latents on which every
point follows the prior: `model.generate(path, classes={one})` draws it at one class. Without ayneh, any ONNX runtime
reads the files; inputs and outputs are described below and in their metadata: `classes` is int64 (n,)."""

MODULES = """\
from ayneh.export.players import modules
from ayneh.loading.priors import sample
z = torch.from_numpy(sample("{prior}", {numbers}, 16, {dim}, seed=0))   # {law}{y}
images = modules(".").gen({given})                      # float32 (16, {channels}, {size}, {size}) in [-1, 1]
```"""

WEIGHTS = (
    """\
```python
import torch                                      # pip install ayneh
"""
    + MODULES
    + """

`modules` gives `gen`, `dis` and `encoder` as `torch.nn.Module` in eval mode. For each file it does this:

```python
import json, torch
from safetensors.torch import load_file
from ayneh.config import from_dict
from ayneh.engine.players import nets_of{imported}
about = json.load(open("config.json", encoding="utf-8"))
gen, dis = nets_of(from_dict(about["config"], "config.json"), ({channels}, {size}, {size}), torch.device("cpu"){more})
gen.module.load_state_dict(load_file("generator.safetensors"))
gen.module.eval()
```"""
)

OWN_WEIGHTS = (
    """\
```python
import torch
from safetensors.torch import load_file           # no ayneh is needed
gen = {gen}   # the class in {file}
gen.load_state_dict(load_file("generator.safetensors"))   # strict=False, if it has buffers that it does not save
gen.eval()
```

`discriminator.safetensors` and `encoder.safetensors` are two sets of weights and statistics of `{dis}` of the same file
(SHA-256 `{sha256}`). Once it has been imported and has added its nets as {name} (`ayneh.add`), ayneh reads all three in
the form of its own nets, z (n, {dim}) -> images and images -> logits (n,):

```python
"""
    + MODULES
)


def use(about: dict[str, Any]) -> str:
    """How the files of an export are used."""
    images, latents = about["images"], about["latents"]
    if about["form"] == "onnx":
        if "encoder" not in about["nets"]:
            values = {"channels": images["channels"], "own": images["own_size"]}
            return ALONE.format(**values, asked=f", classes={_asked(about)['one']}" if "labels" in about else "")
        reads = "z" in about["nets"]["encoder"]["outputs"]
        read = ", `model.read_z(images)` the z that it reads in them" if reads else ""
        values = {"channels": images["channels"], "own": images["own_size"], "read": read}
        return LABELLED.format(**values, **_asked(about)) if "labels" in about else ONNX.format(**values)
    form = OWN_WEIGHTS if "own_nets" in about else WEIGHTS
    labelled = "labels" in about
    asked = _asked(about) if labelled else {}
    values = {
        "channels": images["channels"],
        "size": images["size"],
        "y": f"\ny = torch.full((16,), {asked['k']})   # the class {asked['name']} for all" if labelled else "",
        "given": "z, y" if labelled else "z",
        "imported": "\nfrom ayneh.export.players import classes_in" * labelled,
        "more": ", labels=classes_in(about)" * labelled,
    }
    return form.format(**values, **latents | about.get("own_nets", {}))


def _asked(about: dict[str, Any]) -> dict[str, str]:
    """Values for lines of code that ask for a class."""
    names = about["labels"]["names"]
    k = len(names) // 2
    count = min(len(names), 3)
    return {
        "k": str(k),
        "one": _code(names, k),
        "name": names[k] if SIMPLE.fullmatch(names[k]) else f"number {k}",
        "count": str(count),
        "each": ", ".join(_code(names, k) for k in range(count)),
        "drawn": DRAWN[about["labels"]["drawn"]],
        "asks": ", classes=..." * about["nets"].get("discriminator", {}).get("classes", False),
        "also": ", classes=..." * about["nets"].get("encoder", {}).get("classes", False),
    }


def _code(names: list[str], k: int) -> str:
    """A class in a line of code: by its name, since its number may be the name of another."""
    return str(k) if names[k] == str(k) or not SIMPLE.fullmatch(names[k]) else repr(names[k])
