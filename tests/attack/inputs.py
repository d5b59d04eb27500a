"""The files that ayneh reads: where one of each is, how it is damaged, and what reads it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import damage
from child import call
from scenes import SCORED, TINY, judged_images, planned, played, sicken

Read = Callable[[], Any]
USUAL: set[str] = set()  # what `resume` says of a whole file


@dataclass(frozen=True)
class Input:
    """A file to be damaged, in the folder where everything was prepared, and what reads it there."""

    name: str
    file: str
    damage: damage.Damage
    read: Read
    n: int  # attempts of the largest size
    sealed: bool = False  # a checksum guards it: another result without a word is a failure
    fresh: tuple[str, ...] = ()  # files and folders that reading changes, and that are set anew before each attempt


def prepare() -> int:
    """In a child, in an empty folder: a run with all that verbs write about it, exports, a study, images."""
    status = call("train", "digits", *TINY, *SCORED, "--epochs", 3, "--seeds", 2, "--out", "run")
    status = status or call("train", "digits", *TINY, "--epochs", 12, "--optimizer.lr", 0.05, "--out", "ill",
                            "--keep.vitals-steps", 2, "--keep.tick-steps", 2)  # fmt: skip
    status = status or call("evaluate", "run", "--n", 100, "--quiet")
    status = status or call("export", "run", "--to", "onnx", "--out", "onnx", "--quiet")
    status = status or call("export", "run", "--to", "safetensors", "--out", "weights", "--quiet")
    status = status or call("diagnose", "run", "--probe", "--probe-steps", 5)
    status = status or planned() or played() or judged_images()
    status = status or call("judge", "train", "--data", "npz:own.npz", "--epochs", 1, "--quiet")
    _images()
    _tables()
    return status or _rescued()


def _rescued() -> int:
    sicken()
    return call("train", "digits", *TINY, "--epochs", 5, "--keep.vitals-steps", 4, "--keep.tick-steps", 4,
                "--rescue", 2, "--out", "rescued")  # fmt: skip


def _images() -> None:
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    for number in range(6):
        tile = np.kron(chance.integers(0, 256, (4, 4, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
        for kind in ("png", "jpg", "webp", "gif", "bmp", "tif"):
            folder = Path("images") / kind / "train" / f"class-{number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(tile).save(folder / f"{number}.{kind}")


def _tables() -> None:
    import numpy as np
    import pyarrow
    import pyarrow.parquet
    import scipy.io

    chance = np.random.default_rng(0)
    x, y = chance.integers(0, 256, (40, 8, 8), np.uint8), np.arange(40) % 4
    np.save("plain.npy", x)
    np.savez("plain.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    np.savez_compressed("packed.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    scipy.io.savemat("plain.mat", {"X": x.transpose(1, 2, 0), "y": y[:, None]})
    rows = [",".join(map(str, (label, *image.ravel()))) for label, image in zip(y, x, strict=True)]
    head = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    Path("plain.csv").write_text("\n".join([head, *rows]) + "\n")
    from PIL import Image

    cells = []
    for image in x:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        cells.append({"bytes": file.getvalue(), "path": None})
    pyarrow.parquet.write_table(pyarrow.table({"image": cells, "label": y}), "plain.parquet")
    for place, packed in (("idx/mnist", False), ("idxgz/mnist", True)):
        Path(place).mkdir(parents=True)
        for name, array in (
            ("train-images-idx3-ubyte", x), ("train-labels-idx1-ubyte", y.astype(np.uint8)),
            ("t10k-images-idx3-ubyte", x[:10]), ("t10k-labels-idx1-ubyte", y[:10].astype(np.uint8)),
        ):  # fmt: skip
            size = b"".join(n.to_bytes(4, "big") for n in array.shape)
            blob = bytes([0, 0, 8, array.ndim]) + size + array.tobytes()
            path = Path(place) / (name + ".gz" * packed)
            path.write_bytes(gzip.compress(blob, mtime=0) if packed else blob)


def inputs() -> list[Input]:
    """All of them; paths of caches are found in the folder that `prepare` filled."""
    cache = Path("../cache")
    judge, run = _one(cache.glob("judges/*/*.safetensors")), "study/runs/lr-0.001/seed-000"
    floor, table = _one(cache.glob("floors/*.safetensors")), _one(cache.glob("floors/*.json"))
    return [
        Input("checkpoint, header and tensors", "run/checkpoints/epoch-0002.safetensors", damage.of_header,
              _checkpoint, 8000, sealed=True),
        Input("checkpoint, by `sample`", "run/checkpoints/epoch-0002.safetensors", damage.of_header,
              lambda: verb("sample", "run", "--out", "drawn.npy", "--n", 2), 1500, fresh=("drawn.npy",)),
        Input("checkpoint, by `resume`", "run/checkpoints/epoch-0002.safetensors", damage.of_header,
              lambda: verb("resume", "run", "--quiet"), 300, fresh=("run",)),
        Input("judge in the cache", judge, damage.of_header, lambda: _judge(judge), 8000, sealed=True),
        Input("floors, tensors", floor, damage.of_header, lambda: _floor(floor, "tensor"), 6000, sealed=True),
        Input("floors, table", table, damage.of_json, lambda: _floor(table, "table"), 6000, sealed=True),
        *(Input(f"export, {net}.onnx", f"onnx/{net}.onnx", damage.of_bytes, lambda net=net: _model(net), 3000,
                sealed=True) for net in ("generator", "discriminator", "encoder")),
        Input("export, config.json", "onnx/config.json", damage.of_json, lambda: _model("generator"), 6000),
        Input("export, weights", "weights/generator.safetensors", damage.of_header, _weights, 4000, sealed=True),
        Input("export of weights, config.json", "weights/config.json", damage.of_json, _weights, 3000),
        Input("run's config.json, by `show`", "run/config.json", damage.of_json, lambda: verb("show", "run"), 5000),
        Input("run's config.json, by `resume`", "run/config.json", damage.of_json,
              lambda: verb("resume", "run", "--quiet"), 300, fresh=("run",)),
        Input("metrics.jsonl, by `show`", "run/metrics.jsonl", damage.of_lines, lambda: verb("show", "run"), 4000),
        Input("metrics.jsonl, by `diagnose`", "run/metrics.jsonl", damage.of_lines, lambda: verb("diagnose", "run"),
              40),
        Input("metrics.jsonl, by `resume`", "run/metrics.jsonl", damage.of_lines, _resumed, 800, sealed=True,
              fresh=("run",)),
        Input("findings.jsonl, by `diagnose`", "ill/findings.jsonl", damage.of_lines, lambda: verb("diagnose", "ill"),
              30),
        Input("metrics of a sick run, by `diagnose`", "ill/metrics.jsonl", damage.of_lines,
              lambda: verb("diagnose", "ill"), 30),
        Input("rescues.json, by `diagnose`", "rescued/rescues.json", damage.of_json,
              lambda: verb("diagnose", "rescued"), 30),
        Input("probe.json, by `diagnose`", "run/probe.json", damage.of_json, lambda: verb("diagnose", "run"), 30),
        Input("evaluation.json, by the window", "run/evaluation.json", damage.of_json, _window, 2000),
        Input("metrics.jsonl, by the window", "run/metrics.jsonl", damage.of_lines, _window, 2000),
        Input("findings.jsonl, by the window", "ill/findings.jsonl", damage.of_lines, _window, 2000),
        Input("config.json, by the window", "run/config.json", damage.of_json, _window, 2000),
        Input("evaluation.json, by `export`", "run/evaluation.json", damage.of_json,
              lambda: verb("export", "run", "--to", "safetensors", "--out", "new", "--quiet"), 500, fresh=("new",)),
        Input("a study's file", "tiny.toml", damage.of_toml, _study, 6000),
        Input("a study's study.json", "study/study.json", damage.of_json,
              lambda: verb("study", "status", "study"), 1500),
        Input("a study's outcome.json", f"{run}/outcome.json", damage.of_json,
              lambda: verb("study", "status", "study"), 1000),
        Input("a study's outcome.json, by `report`", f"{run}/outcome.json", damage.of_json,
              lambda: verb("study", "report", "study"), 40),
        Input("a study's metrics.jsonl, by `report`", f"{run}/metrics.jsonl", damage.of_lines,
              lambda: verb("study", "report", "study"), 40),
        Input("a study's config.json", f"{run}/config.json", damage.of_json,
              lambda: verb("study", "status", "study"), 1000),
        *(Input(f"a folder with a damaged .{kind}", f"images/{kind}/train/class-0/0.{kind}", damage.of_bytes,
                lambda kind=kind: _data(f"folder:images/{kind}"), 3000)
          for kind in ("png", "jpg", "webp", "gif", "bmp", "tif")),
        *(Input(name, name, how, lambda name=name: _data(f"npz:{name}"), 3000)
          for name, how in (
              ("plain.npy", damage.of_bytes), ("plain.npz", damage.of_bytes), ("packed.npz", damage.of_bytes),
              ("plain.csv", damage.of_text))),
        *(Input(name, name, damage.of_bytes, lambda name=name: _data(f"npz:{name}"), 400)  # read by processes
          for name in ("plain.mat", "plain.parquet")),
        Input("MNIST's IDX files", "idx/mnist/train-images-idx3-ubyte", damage.of_bytes, lambda: _idx("idx"), 3000),
        Input("MNIST's labels", "idx/mnist/train-labels-idx1-ubyte", damage.of_bytes, lambda: _idx("idx"), 2000),
        Input("MNIST's IDX files, packed", "idxgz/mnist/train-images-idx3-ubyte.gz", damage.of_bytes,
              lambda: _idx("idxgz"), 3000),
    ]  # fmt: skip


def verb(*args: object) -> tuple[int, str, str]:
    """A verb in this process -> exit status, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = call(*args)
    return status, out.getvalue(), err.getvalue()


def digest(*arrays: Any) -> str:
    """A checksum of arrays or tensors, with their shapes and types."""
    import numpy as np

    whole = hashlib.sha256()
    for array in map(np.asarray, arrays):
        whole.update(f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def _checkpoint() -> Any:
    from ayneh.record.checkpoint import read_checkpoint

    found = read_checkpoint(Path("run/checkpoints/epoch-0002.safetensors"))
    return str((found.step, found.meter_steps, found.image_shape, found.config)), {
        name: digest(x) for name, x in found.tensors.items()
    }


def _judge(file: str) -> Any:
    from ayneh.judge.features import load

    net, notes = load(Path(file))
    return notes, {name: digest(x) for name, x in net.state_dict().items()}


def _floor(file: str, kind: str) -> Any:
    import torch

    from ayneh.judge.shelf import Shelf

    key, _, name = Path(file).stem.partition("-")
    made: list[int] = []

    def make() -> Any:
        made.append(1)
        return torch.zeros(1) if kind == "tensor" else {}

    found = getattr(Shelf(Path(file).parent, key, lambda words: None), kind)(name, make)
    if made:
        print("made again")
    return "made again" if made else digest(found) if kind == "tensor" else found


def _model(net: str) -> Any:
    import numpy as np

    import ayneh

    model = ayneh.load("onnx")
    z = np.linspace(-1, 1, model.dim, dtype=np.float32)[None]
    if net == "generator":
        return digest(model.images(z) if hasattr(model, "images") else model._run("generator", "image", z))
    images = np.zeros((1, *model.image_shape), np.float32)
    output = next(iter(model.about["nets"][net]["outputs"]))
    return digest(model._run(net, output, images))


def _weights() -> Any:
    from ayneh.export.players import modules

    nets = modules("weights").nets()
    return {name: [digest(x) for x in net.state_dict().values()] for name, net in nets.items()}


def _resumed() -> Any:
    """A finished run is resumed: no line may be lost without a word, but for a torn last one."""
    path = Path("run/metrics.jsonl")
    before = [_line(text) for text in path.read_bytes().splitlines()]
    status, out, err = verb("resume", "run")
    if status:
        return status, out, err
    USUAL.update(err.splitlines() * (not USUAL))  # the first reading is of the whole file
    print(*(line for line in err.splitlines() if line not in USUAL))
    after = {_line(text) for text in path.read_bytes().splitlines()}
    return sum(line not in after for line in before[:-1])


def _line(text: bytes) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return "damaged"


def _window() -> Any:
    from ayneh.explorer.library import Library

    library = Library([Path("run"), Path("ill")])
    return len([library.runs(), library.live(0), library.live(1)])


def _study() -> Any:
    from ayneh.studies.plan import read

    return len(read("tiny.toml").cells())


def _data(name: str) -> Any:
    from ayneh.data.sources import load

    train = load(name, "train", resize=8)
    return list(train.pixels.shape)


def _idx(place: str) -> Any:
    from ayneh.data.sources import load

    os.environ["AYNEH_DATA"] = place
    return list(load("mnist", "train").pixels.shape)


def _one(found: Any) -> str:
    return str(min(found))


def renew(template: Path, names: tuple[str, ...]) -> None:
    """Set files and folders of the working folder anew."""
    for name in names:
        path = Path(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if (template / name).is_dir():
            shutil.copytree(template / name, path)
        elif (template / name).exists():
            shutil.copy2(template / name, path)
