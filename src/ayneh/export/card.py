"""The model card: Markdown with a YAML head, as model hubs read it (huggingface.co/docs/hub/model-cards)."""

from __future__ import annotations

import json
import math
from typing import Any

from ayneh.config import Config, flatten, from_dict
from ayneh.doctor import rescue, words
from ayneh.doctor.cures import argv, shown
from ayneh.doctor.doctor import Doctor
from ayneh.export import classes
from ayneh.export.contract import licence_of
from ayneh.export.markdown import Row, foreign, table
from ayneh.export.recipes import use
from ayneh.judge.scores import metric_of
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record
from ayneh.terminal.text import plain

OF_D = "; D was trained against this G alone: its logits mean nothing for images of other generators"
TASKS = ("unconditional-image-generation", "other")  # hubs have none for images of a class


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
        f"{_whose(about)} by ayneh {about['ayneh']}, a laboratory for GANs on small images. Seed {about['seed']}, "
        f"{about['step']:,} steps{epoch}.",
        "![Images of the generator](samples.png)",
        "## Use",
        use(about),
        "## What goes in and out",
        _contract(about),
        *_classes(about, evaluation),
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
        f"biases and gaps, and can leave out whole kinds of them{OF_D if 'discriminator' in about['nets'] else ''}.",
        "## Origin",
        f"`{about['checkpoint']}`, SHA-256 `{about['checkpoint_sha256']}`.{_command(config, record)}",
    ]
    return "\n\n".join(parts) + "\n"


def _command(config: Config, record: Record) -> str:
    """What trains such a run again; nothing where it has images or parts of a person's own."""
    if ":" in config.data.name or record.parts.noted():
        return ""
    return f" Trained by `{shown(argv(config, {}))}`."


def _whose(about: dict[str, Any]) -> str:
    if "discriminator" not in about["nets"]:
        return (
            "A generator G alone, its weights in half precision; scores are of the same weights in single "
            "precision. It was trained"
        )
    return "A generator G, its discriminator D, and D's features as an encoder, trained against each other"


def _head(about: dict[str, Any], evaluation: dict[str, Any] | None, title: str) -> str:
    licence = licence_of(about["data"]["name"])
    fields: dict[str, Any] = {"license": licence.hub}
    if licence.hub == "other":
        fields["license_name"] = "unknown-user-data"
    fields |= {
        "library_name": "onnx" if about["form"] == "onnx" else "pytorch",
        "pipeline_tag": TASKS["labels" in about],
        "tags": ["ayneh", "gan", "image-generation", *["class-conditional"] * ("labels" in about), about["form"]],
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
            "task": {"type": TASKS["labels" in about]},
            "dataset": {"type": licence.dataset or name, "name": name},
            "metrics": [
                {"type": kinds[short], "name": plain(score["protocol"]), "value": score["value"]}
                for short, score in known.items()
            ],
        }
        fields["model-index"] = [{"name": title, "results": [results]}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]  # JSON is YAML
    return "\n".join(["---", *lines, "---"])


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
        (f"`{net['file']}`", _ends(net), f"{net['numbers']:,}", f"{net['difference']:.1e}", net["statistics"])
        for net in about["nets"].values()
    ]
    head = ("file", "what it does", "numbers", "differs from PyTorch by at most", "batch norm's statistics")
    checked = f"The difference is the largest of any output on {about['checked']} draws, checked when this was written."
    return "\n\n".join([table(("what", "value"), rows), table(head, nets), checked, *_remarks(about)])


def _ends(net: dict[str, Any]) -> str:
    """ "z, classes -> image"."""
    return f"{net['takes']}{', classes' * net.get('classes', False)} -> {', '.join(net['outputs'])}"


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


def _classes(about: dict[str, Any], evaluation: dict[str, Any] | None) -> list[str]:
    """What a labelled run draws; nothing for another."""
    if "labels" not in about:
        return []
    rows, more = classes.rows(about)
    shown = table(("class", "name", "share of the training images"), rows)
    return ["## Classes", classes.words(about, evaluation), shown, *[more] * bool(more)]


def _scores(evaluation: dict[str, Any] | None, record: Record, checkpoint: Checkpoint, replica: int) -> str:
    parts = []
    if evaluation:
        rows: list[Row] = [
            (_named(score, name), _plain(score.get("value")), _interval(score),
             _plain(score.get("floor")),
             str(score.get("n", "not given")), foreign(score.get("warning", "")))
            for name, score in evaluation["scores"].items()
        ]  # fmt: skip
        parts += [
            f"By `ayneh evaluate`: {evaluation.get('n', 'some')} images against the test split. A score is named by "
            "its protocol: the metric, the number of images, the data set and its split (docs/metrics.md). They are "
            "taken on the features of ayneh's small nets, so they are not the FID of papers. The floor "
            "is what as many real training images score.",
            table(("score", "value", "95 %", "floor", "n", "warning"), rows),
        ]
    lines = [line for line in record.lines() if "scores" in line and line["step"] <= checkpoint.step]
    if lines:
        last = lines[-1]
        scores = [score for entries in last["scores"].values() if (score := entries[replica])]
        rows = [(foreign(score.get("protocol", "?")), _plain(score.get("value"))) for score in scores]
        parts += [f"While training, after epoch {last['epoch']}:", table(("score", "value"), rows)]
    return "\n\n".join(parts) or "This checkpoint has not been scored: run `ayneh evaluate`."


def _findings(record: Record, checkpoint: Checkpoint, replica: int) -> str:
    """What the doctor finds in the run until this checkpoint; without its commands, which may name folders."""
    lines = [line for line in record.lines() if line["step"] <= checkpoint.step]
    rescues = [one for one in rescue.of(record) if one.to_step < checkpoint.step]
    told = [f"- {foreign(rescue.sentence())} The settings below are those asked for." for rescue in rescues]
    for finding in Doctor(rescue.treated(checkpoint.config, rescues), lines, checkpoint.labels).findings(replica):
        told.append(f"- {foreign(words.entry(finding))}")
    if not any("vitals" in line for line in lines):
        told.append("- The run has no vital signs, which most findings need.")
    return "\n".join(told) or "The doctor found nothing (docs/doctor.md lists what it looks for)."


def _settings(config: Config) -> str:
    default = flatten(Config())
    rows = [
        (name, foreign(_plain(value)), "" if value == default[name] else "changed")
        for name, value in flatten(config).items()
    ]
    return table(("setting", "value", "from ayneh's default"), rows)


def _own_parts(record: Record) -> list[str]:
    """The parts of one's own that the run was trained with, and where their code is; nothing where it has none."""
    rows = [(foreign(noted.words()), f"`{foreign(noted.latest().sha256)}`") for noted in record.parts.noted()]
    if not rows:
        return []
    words = "This run was trained with parts that are not ayneh's. The code of these is not in this folder."
    return ["## Parts of its own", words, table(("part", "SHA-256 of its source"), rows)]


def evaluation_of(record: Record, checkpoint: Checkpoint, replica: int) -> dict[str, Any] | None:
    """The report of `ayneh evaluate` on this checkpoint and replica, if there is one."""
    for report in record.evaluations():
        if (report.get("step"), report.get("replica")) == (checkpoint.step, replica):
            return report if isinstance(report.get("scores"), dict) else None
    return None


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return str(value)


def _named(score: dict[str, Any], name: str) -> str:
    """The protocol of a score; of the score of the worst class with this class."""
    of = f" (class {score['of_class']})" if "of_class" in score else ""
    return foreign(f"{score.get('protocol', name)}{of}")


def _interval(score: dict[str, Any]) -> str:
    ends = [score.get("low"), score.get("high")]
    numbers = [end for end in ends if isinstance(end, int | float)]  # a report may have been edited
    return f"{numbers[0]:.4g} to {numbers[1]:.4g}" if len(numbers) == 2 else ""
