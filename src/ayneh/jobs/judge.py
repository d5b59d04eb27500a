"""The verb `judge`: train the feature nets of a data set for which none are shipped."""

from __future__ import annotations

from typing import Literal

import tyro

from ayneh.evaluation import train_judge
from ayneh.screen import say
from ayneh.terminal import Terminal


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
        data: fashion-mnist, kmnist, folder:PATH or file:PATH.
        resize: pixels a side, as the runs have it (default: leave the images as they are).
        epochs: passes over the data (default: enough for 600,000 images, at most 150).
        quiet: print the result only.
    """
    trained = train_judge(data, resize, epochs, Terminal(quiet).say)
    for name, accuracy in trained.accuracy.items():
        say(f"{name}: {'no labels' if accuracy is None else f'accuracy_test {accuracy:.4f}'}")
    say(f"judge of {data}: {trained.folder}", whole=True)
