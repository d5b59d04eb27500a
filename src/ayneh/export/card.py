"""The model card: Markdown with a YAML head, as model hubs read it (huggingface.co/docs/hub/model-cards)."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable
from typing import Any

from ayneh.config import Config, flatten, from_dict
from ayneh.doctor import rescue, words
from ayneh.doctor.doctor import Doctor
from ayneh.export.contract import licence_of
from ayneh.judge.scores import metric_of
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record
from ayneh.terminal.text import plain

Row = tuple[str, ...]
MARKS = re.compile(r"[\\`*\[\]|~!]")  # what Markdown reads as code, emphasis, links, pictures or the end of a cell
UNESCAPED = re.compile(r"(?<!\\)\|")

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

WEIGHTS = """\
```python
import torch                                      # pip install ayneh
from ayneh.export.players import modules
from ayneh.loading.priors import sample
z = torch.from_numpy(sample("{prior}", {numbers}, 16, {dim}, seed=0))   # {law}
images = modules(".").gen(z)                      # float32 (16, {channels}, {size}, {size}) in [-1, 1]
```

`modules` gives `gen`, `dis` and `encoder` as `torch.nn.Module` in eval mode. For each file it does this:

```python
import json, torch
from safetensors.torch import load_file
from ayneh.config import from_dict
from ayneh.engine.match import nets_of
about = json.load(open("config.json", encoding="utf-8"))
gen, dis = nets_of(from_dict(about["config"], "config.json"), ({channels}, {size}, {size}), torch.device("cpu"))
gen.module.load_state_dict(load_file("generator.safetensors"))
gen.module.eval()
```"""

OWN_WEIGHTS = """\
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
from ayneh.export.players import modules
from ayneh.loading.priors import sample
z = torch.from_numpy(sample("{prior}", {numbers}, 16, {dim}, seed=0))   # {law}
images = modules(".").gen(z)                      # float32 (16, {channels}, {size}, {size}) in [-1, 1]
```"""


def card(about: dict[str, Any], record: Record, checkpoint: Checkpoint) -> str:
    """The whole README.md. about: the config.json of the export, with its nets."""
    config = from_dict(about["config"], "config.json")
    evaluation = evaluation_of(record, checkpoint, about["replica"])
    data = foreign(about["data"]["name"])
    title = f"{plain(config.net.name)} GAN on {data}, {about['latents']['law']}"
    epoch = "" if about["epoch"] is None else f" after epoch {about['epoch']} (counted from 0)"
    parts = [
        _head(about, evaluation, title),
        f"# {title}",
        f"A generator G, its discriminator D, and D's features as an encoder, trained against each other by ayneh "
        f"{about['ayneh']}, a laboratory for GANs on small images. Seed {about['seed']}, {about['step']:,} steps"
        f"{epoch}.",
        "![Images of the generator](samples.png)",
        "## Use",
        _use(about),
        "## What goes in and out",
        _contract(about),
        "## Scores",
        _scores(evaluation, record, checkpoint, about["replica"]),
        "## Findings",
        _findings(record, checkpoint, about["replica"]),
        "## Settings",
        _settings(config),
        *_own_parts(record),
        "## Data and licence",
        f"Trained on {data}. Licence of the data: {about['data']['licence']} "
        f"({about['data']['licence_source']}). The licence at the head of this card is that of the data; the "
        "publisher of these weights chooses theirs.",
        "## Limits",
        "A model of small images for learning and for experiments. It draws what its training images show, with their "
        "biases and gaps, and can leave out whole kinds of them; D was trained against this G alone: its logits mean "
        "nothing for images of other generators.",
        "## Origin",
        f"`{about['checkpoint']}`, SHA-256 `{about['checkpoint_sha256']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _head(about: dict[str, Any], evaluation: dict[str, Any] | None, title: str) -> str:
    licence = licence_of(about["data"]["name"])
    fields: dict[str, Any] = {"license": licence.hub}
    if licence.hub == "other":
        fields["license_name"] = "unknown-user-data"
    fields |= {
        "library_name": "onnx" if about["form"] == "onnx" else "pytorch",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["ayneh", "gan", "image-generation", about["form"]],
    }
    if licence.dataset:
        fields["datasets"] = [licence.dataset]
    name = plain(about["data"]["name"])
    scores = evaluation.get("scores", {}) if evaluation else {}
    known = {  # a file that a person edited may lack something
        name: score for name, score in scores.items() if score.get("value") is not None and "protocol" in score
    }
    if known:
        kinds = {name: metric_of(name) for name in known}
        fields["metrics"] = list(dict.fromkeys(kinds.values()))
        results = {
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"type": licence.dataset or name, "name": name},
            "metrics": [
                {"type": kinds[short], "name": plain(score["protocol"]), "value": score["value"]}
                for short, score in known.items()
            ],
        }
        fields["model-index"] = [{"name": title, "results": [results]}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]  # JSON is YAML
    return "\n".join(["---", *lines, "---"])


def _use(about: dict[str, Any]) -> str:
    images, latents = about["images"], about["latents"]
    if about["form"] == "onnx":
        reads = "z" in about["nets"]["encoder"]["outputs"]
        read = ", `model.read_z(images)` the z that it reads in them" if reads else ""
        return ONNX.format(channels=images["channels"], own=images["own_size"], read=read)
    form = OWN_WEIGHTS if "own_nets" in about else WEIGHTS
    return form.format(channels=images["channels"], size=images["size"], **latents | about.get("own_nets", {}))


def _contract(about: dict[str, Any]) -> str:
    latents, images = about["latents"], about["images"]
    left, right, top, bottom = images["pad"]
    framed = any(images["pad"])
    crop = f": [{top}:{images['size'] - bottom}, {left}:{images['size'] - right}] is the data's own part" * framed
    shape = f"({images['channels']}, {images['size']}, {images['size']})"
    moments = [
        "none" if latents[name] is None else f"{latents[name]:.6g}" for name in ("mean", "variance")
    ]  # of one coordinate
    rows = [
        ("z", f"{latents['dim']} numbers from {latents['law']}: {latents['sample']}"),
        ("its numbers", ", ".join(f"{name} {_plain(value)}" for name, value in latents["numbers"].items())),
        ("mean, variance of a coordinate", ", ".join(moments)),
        ("from a to b", latents["interpolate"]),
        ("image", f"{shape}, -1 (black) to 1 (white); uint8 = round((x + 1) * 127.5)"),
        (
            "frame",
            f"{left}, {right}, {top}, {bottom} black pixels left, right, top, bottom{crop}" if framed else "none",
        ),
    ]
    nets = [
        (f"`{net['file']}`", f"{net['takes']} -> {', '.join(net['outputs'])}", f"{net['numbers']:,}",
         f"{net['difference']:.1e}", net["statistics"])
        for net in about["nets"].values()
    ]  # fmt: skip
    head = ("file", "what it does", "numbers", "differs from PyTorch by at most", "batch norm's statistics")
    checked = f"The difference is the largest of any output on {about['checked']} draws, checked when this was written."
    return "\n\n".join([_table(("", ""), rows), _table(head, nets), checked, *_remarks(about)])


def _remarks(about: dict[str, Any]) -> list[str]:
    """On what nets of one's own may do: draw random numbers, and look at the other images of a batch."""
    drawing = [name for name, net in about["nets"].items() if net["chance"]]
    beside = [name for name, net in about["nets"].items() if not net["alone"]]
    remarks = []
    if drawing:
        each = "two images of one z differ" if "generator" in drawing else "two outputs for one image differ"
        remarks.append(
            f"The {' and the '.join(drawing)} draws random numbers of its own at each run: {each}. For the comparison "
            "each draw was replaced by its mean."
        )
    if beside:
        remarks.append(f"What the {' and the '.join(beside)} gives for one input depends on the others of its batch.")
    return remarks


def _scores(evaluation: dict[str, Any] | None, record: Record, checkpoint: Checkpoint, replica: int) -> str:
    parts = []
    if evaluation:
        rows: list[Row] = [
            (foreign(score.get("protocol", name)), _plain(score.get("value")), _interval(score),
             _plain(score.get("floor")),
             str(score.get("n", "not given")), foreign(score.get("warning", "")))
            for name, score in evaluation["scores"].items()
        ]  # fmt: skip
        parts += [
            f"By `ayneh evaluate`: {evaluation.get('n', 'some')} images against the test split. A score is named by "
            "its protocol: the metric, the number of images, the data set and its split (docs/metrics.md). They are "
            "taken on the features of ayneh's small nets, so they are not the FID of papers. The floor "
            "is what as many real training images score.",
            _table(("score", "value", "95 %", "floor", "n", "warning"), rows),
        ]
    lines = [line for line in record.lines() if "scores" in line and line["step"] <= checkpoint.step]
    if lines:
        last = lines[-1]
        scores = [score for entries in last["scores"].values() if (score := entries[replica])]
        rows = [(foreign(score.get("protocol", "?")), _plain(score.get("value"))) for score in scores]
        parts += [f"While training, after epoch {last['epoch']}:", _table(("score", "value"), rows)]
    return "\n\n".join(parts) or "This checkpoint has not been scored: run `ayneh evaluate`."


def _findings(record: Record, checkpoint: Checkpoint, replica: int) -> str:
    """What the doctor finds in the run until this checkpoint; without its commands, which may name folders."""
    lines = [line for line in record.lines() if line["step"] <= checkpoint.step]
    rescues = [one for one in rescue.of(record) if one.to_step < checkpoint.step]
    told = [f"- {foreign(rescue.sentence())} The settings below are those asked for." for rescue in rescues]
    for finding in Doctor(rescue.treated(checkpoint.config, rescues), lines).findings(replica):
        told.append(f"- {foreign(words.entry(finding))}")
    if not any("vitals" in line for line in lines):
        told.append("- The run has no vital signs, which most findings need.")
    return "\n".join(told) or "The doctor found nothing (docs/doctor.md says what it looks for)."


def _settings(config: Config) -> str:
    default = flatten(Config())
    rows = [
        (name, foreign(_plain(value)), "" if value == default[name] else "changed")
        for name, value in flatten(config).items()
    ]
    return _table(("setting", "value", "from ayneh's default"), rows)


def _own_parts(record: Record) -> list[str]:
    """The parts of one's own that the run was trained with, and where their code is; nothing where it has none."""
    rows = [(foreign(noted.words()), f"`{foreign(noted.latest().sha256)}`") for noted in record.parts.noted()]
    if not rows:
        return []
    words = "This run was trained with parts that are not ayneh's. The code of these is not in this folder."
    return ["## Parts of its own", words, _table(("part", "SHA-256 of its source"), rows)]


def evaluation_of(record: Record, checkpoint: Checkpoint, replica: int) -> dict[str, Any] | None:
    """The report of `ayneh evaluate` on this checkpoint and replica, if there is one."""
    for report in record.evaluations():
        if (report.get("step"), report.get("replica")) == (checkpoint.step, replica):
            return report if isinstance(report.get("scores"), dict) else None
    return None


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return UNESCAPED.sub(r"\\|", text.replace("\n", " "))


def foreign(words: object) -> str:
    """Words with names that people gave, in Markdown: shown as they are, neither HTML nor links nor pictures."""
    return MARKS.sub(r"\\\g<0>", html.escape(plain(words), quote=False))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return str(value)


def _interval(score: dict[str, Any]) -> str:
    ends = [score.get("low"), score.get("high")]
    numbers = [end for end in ends if isinstance(end, int | float)]  # a report may have been edited
    return f"{numbers[0]:.4g} to {numbers[1]:.4g}" if len(numbers) == 2 else ""
