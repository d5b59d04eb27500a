"""A user's file: it runs, and mypy takes it in strict mode."""

from __future__ import annotations

from pathlib import Path

import ayneh


def main(folder: Path) -> float:
    images = ayneh.images("digits", resize=8, limit=128)
    config = ayneh.preset("fast").changed({"epochs": 2, "batch": 32, "net.width": 4, "keep.score_epochs": 0})
    run = ayneh.train(config, images, out=folder, quiet=True)
    losses = run.metrics["loss_d"]
    last: float = float(losses[-1])
    scores = run.evaluate(n=100)
    score: ayneh.Score = scores["fd"]
    if score.value is not None and score.floor is not None:
        last += score.value - score.floor
    for finding in run.findings:
        config = config.changed(finding.changes)
        print(finding.name, finding.since_step, finding)
    gen, dis = run.at(epoch=1).nets()
    a, b = run.prior.sample(2, seed=0)
    logits = dis(gen(run.prior.path(a, b, n=3)))
    print(tuple(logits.shape), run.sample(4).shape, run.picture().array.shape)
    for moment in ayneh.play(config, images, every=1):
        print(moment.step, moment.losses["loss_g"])
        break
    try:
        ayneh.open(folder / "nothing")
    except ayneh.UserError as error:
        print(error)
    return last
