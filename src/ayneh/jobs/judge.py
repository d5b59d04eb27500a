"""The verb `judge`: train the nets that will judge a data set for which none are shipped."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import tyro

from ayneh.errors import UserError
from ayneh.evaluation import trained_folder
from ayneh.terminal import Watch

if TYPE_CHECKING:
    from ayneh.data.sources import Images
    from ayneh.judge.features import FeatureNet

SEEDS = 3


def judge(
    action: tyro.conf.Positional[Literal["train"]],
    data: str,
    resize: int | None = None,
    epochs: int | None = None,
    quiet: bool = False,
) -> None:
    """Train the judge of a data set on its training split, and keep it in the cache.

    With labels: three classifiers from different seeds and a frozen random net. Without: an encoder
    (SimCLR) and a frozen random net.

    Args:
        action: train.
        data: fashion-mnist, kmnist, folder:PATH or npz:PATH.
        resize: pixels a side, as the runs have it (default: leave the images as they are).
        epochs: passes over the data (default: enough for 600,000 images, at most 150).
        quiet: say nothing but the result.
    """
    from ayneh.data.sources import load
    from ayneh.judge.features import save
    from ayneh.judge.training import accuracy

    watch = Watch(quiet)
    train, test = load(data, "train", resize=resize), load(data, "test", resize=resize)
    height, width = train.pixels.shape[2:]
    if height != width or height < 4:
        raise UserError(f"The images of {data} are {height}x{width}; a judge needs squares of 4 or more: --resize N.")
    epochs = epochs or min(150, math.ceil(600_000 / len(train.pixels)))
    folder = trained_folder(train.pixels)
    for index, (name, make) in enumerate(_plan(train, epochs, watch.say).items()):
        watch.say(f"training {name}")
        net = make()
        measured = {}
        if net.classes and test.labels is not None:
            measured["accuracy_test"] = accuracy(net, test.pixels, test.labels)
        save(folder / f"{index}-{name}.safetensors", net, data=data, epochs=epochs, **measured)
        print(f"{name}: {', '.join(f'{k} {v:.4f}' for k, v in measured.items()) or 'no labels'}")
    print(f"judge of {data}: {folder}")


def _plan(train: Images, epochs: int, say: Callable[[str], None]) -> dict[str, Callable[[], FeatureNet]]:
    """name -> training, the leading net first."""
    from ayneh.judge.training import random_net, train_classifier, train_encoder

    pixels, labels, size = train.pixels, train.labels, train.pixels.shape[-1]
    plan: dict[str, Callable[[], FeatureNet]] = {}
    if labels is None:
        plan["simclr"] = lambda: train_encoder(pixels, size, seed=0, epochs=epochs, report=say)
    else:
        classes = train.classes or int(labels.max()) + 1
        for seed in range(SEEDS):
            plan[f"cnn-{seed}"] = lambda seed=seed: train_classifier(  # type: ignore[misc]
                pixels, labels, classes, size, seed=seed, epochs=epochs, report=say
            )
    plan["random"] = lambda: random_net(pixels, size, seed=0)
    return plan
