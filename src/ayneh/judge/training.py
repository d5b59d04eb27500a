"""Training of the judge's nets: classifiers with labels, an encoder without, a random control.

All are deterministic functions of (training images, seed) on one machine with one thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ayneh.errors import UserError
from ayneh.generators import seeded
from ayneh.judge.features import N_FEATURES, FeatureNet, fit, see
from ayneh.judge.scores import shuffled
from ayneh.terminal.text import Say, silent

SEEDS = 3  # classifiers of a panel
BATCH, BATCH_OF_PAIRS = 128, 256  # images in a batch of a classifier, of an encoder
MEASURED = 4  # steps behind a forecast
REPORTS = 20  # lines on the progress of a net, at most
SHORT = 5  # steps that a one-cycle schedule needs: of four the rise takes one, and PyTorch divides by one less


def affine(x: Tensor, gen: torch.Generator, degrees: float, scale: float, shift: float) -> Tensor:
    """Each image turned by up to ``degrees``, scaled by 1 +- ``scale``, moved by up to ``shift`` of its side.

    x (N, C, S, S) in [-1, 1] -> the same shape; new pixels at the border are black (-1). There are no flips:
    digits are not symmetric.
    """
    n = len(x)

    def spread(width: float) -> Tensor:
        return (torch.rand(n, generator=gen) * 2 - 1) * width

    angle, factor = spread(math.radians(degrees)), 1 + spread(scale)
    cos, sin = angle.cos() * factor, angle.sin() * factor
    rows = [torch.stack([cos, -sin, spread(2 * shift)], 1), torch.stack([sin, cos, spread(2 * shift)], 1)]
    where = nn.functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x + 1, where, align_corners=False) - 1  # zero padding, hence black


def erase(x: Tensor, gen: torch.Generator, share: float) -> Tensor:
    """A black square of ``share`` of the side at a random place of each image, x (N, C, S, S)."""
    side = x.shape[-1]
    centre = torch.rand(2, len(x), 1, generator=gen) * side
    near = (torch.arange(side) + 0.5 - centre).abs() < side * share / 2  # (2, N, S)
    hole = near[0][:, None, :, None] & near[1][:, None, None, :]
    return x.masked_fill(hole, -1.0)


def _epochs(n: int, epochs: int, batch: int, gen: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """(epoch, indices) for every full batch of shuffled epochs."""
    for epoch in range(epochs):
        for index in torch.randperm(n, generator=gen)[: n - n % batch].split(batch):
            yield epoch, index


def _minimise(
    net: nn.Module,
    loss_of: Callable[[Tensor], Tensor],
    n: int,
    epochs: int,
    batch: int,
    lr: float,
    gen: torch.Generator,
    report: Say,
) -> None:
    """AdamW under a one-cycle learning rate; reports the mean loss of up to `REPORTS` epochs."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.01)
    total, steps = 0.0, n // batch
    schedule: torch.optim.lr_scheduler.LRScheduler
    if epochs * steps < SHORT:  # the rate stays
        schedule = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    else:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * steps, pct_start=0.25)
    net.train()
    for step, (epoch, index) in enumerate(_epochs(n, epochs, batch, gen), start=1):
        optimiser.zero_grad()
        loss = loss_of(index)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % steps == 0:
            if (epoch + 1) % math.ceil(epochs / REPORTS) == 0 or epoch + 1 == epochs:
                report(f"epoch {epoch + 1}/{epochs}  loss {total / steps:.4f}")
            total = 0.0


def batch_of(n: int, labelled: bool) -> int:
    """Images in a batch of a net that is trained on n."""
    return BATCH if labelled or n < BATCH_OF_PAIRS else BATCH_OF_PAIRS


def _check_enough(n: int, batch: int) -> None:
    if n < batch:
        raise UserError(f"A judge cannot be trained on {n} images: give it at least {batch}.")


def panel(
    pixels: Tensor, labels: Tensor | None, classes: int | None, epochs: int, report: Say
) -> Iterator[tuple[str, FeatureNet]]:
    """The nets that judge a data set by name, trained one by one, the leading one first; pixels uint8 (N, C, S, S).

    With labels (N,): classifiers of three seeds and a random control; without: an encoder and a random control.
    """
    size = pixels.shape[-1]
    if labels is None:
        say = _prefixed("simclr", report)
        yield "simclr", train_encoder(pixels, size, seed=0, epochs=epochs, report=say)
    else:
        count = classes or int(labels.max()) + 1
        for seed in range(SEEDS):
            say = _prefixed(f"cnn-{seed}, {seed + 1} of {SEEDS}", report)
            yield f"cnn-{seed}", train_classifier(pixels, labels, count, size, seed=seed, epochs=epochs, report=say)
    yield "random", random_net(pixels, size, seed=0)


def _prefixed(what: str, report: Say) -> Say:
    return lambda words: report(f"{what}: {words}")


def forecast(pixels: Tensor, labels: Tensor | None, classes: int | None, epochs: int) -> str:
    """How long `panel` takes on this machine, by a few steps of its first net, as a sentence."""
    batch = batch_of(len(pixels), labels is not None)
    few, size = pixels[: MEASURED * batch], pixels.shape[-1]
    count = 0 if labels is None else classes or int(labels.max()) + 1

    def play(part: Tensor) -> None:
        if labels is None:
            train_encoder(part, size, seed=0, epochs=1, report=silent)
        else:
            train_classifier(part, labels[: len(part)], count, size, seed=0, epochs=1, report=silent)

    play(few[:batch])  # the first step of a process takes seconds, in which PyTorch imports its optimisers
    begin = time.perf_counter()
    play(few)
    seconds_a_step = (time.perf_counter() - begin) / (len(few) // batch)
    nets = SEEDS if labels is not None else 1
    minutes = nets * epochs * (len(pixels) // batch) * seconds_a_step / 60
    about = f"about {minutes:.0f} minutes" if minutes >= 1.5 else "about a minute" if minutes > 0.5 else "seconds"
    what = f"{nets} classifiers" if labels is not None else "an encoder (there are no labels)"
    passes = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    return f"training {what}, {passes} of {len(pixels):,} images: {about} on this machine"


def train_classifier(
    pixels: Tensor, labels: Tensor, classes: int, size: int, *, seed: int, epochs: int, report: Say = print
) -> FeatureNet:
    """Cross-entropy on slightly turned, scaled and moved images, (N, C, S, S) uint8; labels (N,) int64."""
    batch = BATCH
    _check_enough(len(pixels), batch)
    gen = torch.Generator().manual_seed(seed)
    with seeded(seed):  # the initial weights are drawn from the process's own generator
        net = FeatureNet(pixels.shape[1], size, classes)

    def loss_of(index: Tensor) -> Tensor:
        return nn.functional.cross_entropy(net(affine(fit(pixels[index], net), gen, 12, 0.1, 0.08)), labels[index])

    _minimise(net, loss_of, len(pixels), epochs, batch, 4e-3, gen, report)
    return net.eval()


def train_encoder(pixels: Tensor, size: int, *, seed: int, epochs: int, report: Say = print) -> FeatureNet:
    """SimCLR (Chen et al. 2020): two views of one image get similar features, views of two images do not."""
    batch, temperature = batch_of(len(pixels), False), 0.2
    _check_enough(len(pixels), batch)
    gen = torch.Generator().manual_seed(seed)
    with seeded(seed):
        net = FeatureNet(pixels.shape[1], size, 0)
        projection = nn.Sequential(nn.Linear(N_FEATURES, N_FEATURES), nn.ReLU(), nn.Linear(N_FEATURES, 64))
    both = nn.ModuleList([net, projection])
    partner = torch.arange(2 * batch).roll(batch)

    def loss_of(index: Tensor) -> Tensor:
        twice = fit(pixels[index], net).repeat(2, 1, 1, 1)  # (2B, C, S, S)
        views = erase(affine(twice, gen, 20, 0.25, 0.12), gen, 0.35)
        h = nn.functional.normalize(projection(net.features(views)), dim=1)
        likeness = (h @ h.T / temperature).fill_diagonal_(-torch.inf)
        return nn.functional.cross_entropy(likeness, partner)

    _minimise(both, loss_of, len(pixels), epochs, batch, 3e-3, gen, report)
    return net.eval()


@torch.no_grad()
def random_net(pixels: Tensor, size: int, *, seed: int) -> FeatureNet:
    """Random weights, untrained, with batch-norm statistics of 5,000 images so that no layer is constant."""
    with seeded(seed):
        net = FeatureNet(pixels.shape[1], size, 0).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches
    whole = max(500, min(5000, len(pixels) // 500 * 500))  # images in whole batches
    some = shuffled(pixels, 8)[:whole]  # folders have their classes one after another
    for part in some.split(500):
        net.features(fit(part, net))
    return net.eval()


def accuracy(net: FeatureNet, pixels: Tensor, labels: Tensor) -> float:
    """Share of images whose most probable class is their label, in [0, 1]."""
    probabilities = see(net, pixels).probabilities
    if probabilities is None:
        raise UserError("Only a classifier has an accuracy; this net has no classes.")
    return float((probabilities.argmax(1) == labels).double().mean())
