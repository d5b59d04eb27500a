"""Rebuild the feature nets that ship with ayneh: ``AYNEH_DATA=... python bench/train_judges.py``.

Trains on the training splits alone (one thread, so that the result repeats on the same machine), measures on
the test splits, writes src/ayneh/judge/weights/*.safetensors and SHA256SUMS. About an hour on one busy core; with
names of nets (hoda-cnn-0 hoda-cnn-1) these alone.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from ayneh.__main__ import in_sentences
from ayneh.data import sources
from ayneh.data.images import Images
from ayneh.files.sealed import fingerprint_of
from ayneh.judge import features, training
from ayneh.judge.features import FeatureNet

CLASSIFIER_EPOCHS = {"mnist": 10, "digits": 150, "hoda": 12}
ENCODER_EPOCHS = {"mnist": 6, "hoda": 8}


def labelled(images: Images) -> tuple[torch.Tensor, torch.Tensor]:
    assert images.labels is not None  # both data sets have labels
    return images.pixels, images.labels


def keep(name: str, net: FeatureNet, test: tuple[torch.Tensor, torch.Tensor], probe: float, **notes: str | int) -> None:
    """Save, load what was saved (float16 now), measure that, and add its line to SHA256SUMS."""
    path = features.WEIGHTS / f"{name}.safetensors"
    measured = {"linear_probe_test": probe}
    if net.classes:
        measured["accuracy_test"] = training.accuracy(net, *test)
    digest = features.save(path, net, **notes, **measured)
    again = training.accuracy(features.load(path)[0], *test) if net.classes else probe
    print(f"{name}: probe {probe:.4f}, accuracy in float16 {again:.4f}, {path.stat().st_size} bytes", flush=True)
    record(path, digest)


def record(path: Path, digest: str) -> None:
    sums = features.WEIGHTS / "SHA256SUMS"
    lines = sums.read_text().splitlines() if sums.exists() else []
    others = [line for line in lines if not line.endswith(f"  {path.name}")]
    sums.write_text("\n".join(sorted([*others, f"{digest}  {path.name}"], key=lambda line: line.split()[1])) + "\n")


def linear_probe(net: FeatureNet, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """Test accuracy of ridge regression (lambda = 1e-3 N) from standardised features to one-hot labels."""
    seen, unseen = features.see(net, train[0]).features, features.see(net, test[0]).features
    mean, std = seen.mean(0), seen.std(0).clamp_min(1e-6)
    a = nn.functional.pad((seen - mean) / std, (0, 1), value=1.0)
    b = nn.functional.pad((unseen - mean) / std, (0, 1), value=1.0)
    targets = nn.functional.one_hot(train[1]).double()
    weights = torch.linalg.solve(a.T @ a + 1e-3 * len(a) * torch.eye(a.shape[1], dtype=a.dtype), a.T @ targets)
    return float(((b @ weights).argmax(1) == test[1]).double().mean())


def main(only: list[str]) -> None:
    torch.set_num_threads(1)
    for data, panel in features.PANELS.items():
        if only and not set(only) & set(panel.names):
            continue
        train, test = (labelled(sources.load(data, split)) for split in ("train", "test"))
        size, classes = train[0].shape[-1], int(train[1].max()) + 1
        for name in panel.names:
            if only and name not in only:
                continue
            started = time.time()
            if name in panel.classifiers:
                seed = panel.classifiers.index(name)
                notes: dict[str, str | int] = {
                    "method": "cross-entropy",
                    "seed": seed,
                    "epochs": CLASSIFIER_EPOCHS[data],
                    "data": data,
                }
                net = training.train_classifier(*train, classes, size, seed=seed, epochs=CLASSIFIER_EPOCHS[data])
            elif name == panel.encoder:
                notes = {"method": "SimCLR", "seed": 0, "epochs": ENCODER_EPOCHS[data], "data": data}
                net = training.train_encoder(train[0], size, seed=0, epochs=ENCODER_EPOCHS[data])
            else:
                notes = {"method": "random", "seed": 0, "epochs": 0, "data": data}
                net = training.random_net(train[0], size, seed=0)
            print(f"{name}: {time.time() - started:.0f} s", flush=True)
            notes["trained_on"] = fingerprint_of(train[0])
            keep(name, net, test, linear_probe(net, train, test), **notes)


if __name__ == "__main__":
    in_sentences(lambda: main(sys.argv[1:]))
