"""ayneh (آینه, Persian for mirror): a laboratory for GANs on small images.

Look at what others trained; the generators came with the package::

    import ayneh

    ayneh.pretrained("conditional").generate(n=16, classes="7")  # uint8 (16, 1, 28, 28)

Train, from a preset or with settings of your own::

    import ayneh

    images = ayneh.images("digits", resize=16)  # or a folder, a file, an array, a tensor, a data set of PyTorch
    config = ayneh.preset("fast").changed({"epochs": 5, "rules.loss": "hinge"})
    run = ayneh.train(config, images, out="runs/mine")

Look at a run, of Python or of the command line, finished or in training::

    run = ayneh.open("runs/mine")
    run.metrics["loss_d"]              # an array; run.metrics.frame() is a pandas DataFrame
    run.picture(); run.animation(); run.curves()
    run.sample(64, seed=1)             # uint8 (64, C, S, S)
    run.evaluate()["fd"]               # Score(value=..., low=..., high=..., floor=..., protocol=...)
    run.findings; run.diagnose().show()
    gen, dis = run.at(epoch=4).nets()  # plain modules of PyTorch
    run.explore()                      # the explorer in a frame of the notebook

Compare settings over many seeds, and runs with one another::

    study = ayneh.Study("rates", config, arms={"usual": {}, "slow": {"optimizer.lr": 5e-4}}, seeds=8)
    study.run("runs/rates", workers=2).verdicts  # sentences, with the figures behind them
    ayneh.compare([run, "runs/other"])

Play the course report that ayneh grew from, and write its page::

    ayneh.report(minutes=5).show()

Play in your own loop, where nothing is written::

    for moment in ayneh.play(config, images):
        ...

Measure what you care about, and see each line of metrics as it is written::

    ayneh.add("metric", "sharpness", ayneh.Metric(sharpness, better="higher"))
    ayneh.add("finding", "too bright", ayneh.Symptom("high", threshold=0.9))
    ayneh.train(config, images, callbacks=["tensorboard", lambda line: print(line["loss_d"])])

Bad input raises `UserError`, work that was cut short `Stopped`; each is one sentence with what to do. Images are
uint8 (N, C, H, W); epochs and replicas are counted from 0. Nothing here imports torch before it is needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ayneh.version import __version__ as __version__

if TYPE_CHECKING:
    from ayneh.api.checkpoint import Checkpoint as Checkpoint
    from ayneh.api.compare import Comparison as Comparison
    from ayneh.api.compare import compare as compare
    from ayneh.api.images import Images as Images
    from ayneh.api.images import images as images
    from ayneh.api.opening import open as open
    from ayneh.api.opening import preset as preset
    from ayneh.api.play import Moment as Moment
    from ayneh.api.play import play as play
    from ayneh.api.report import Report as Report
    from ayneh.api.report import report as report
    from ayneh.api.results import Results as Results
    from ayneh.api.results import Verdict as Verdict
    from ayneh.api.results import open_study as open_study
    from ayneh.api.run import Run as Run
    from ayneh.api.scores import Score as Score
    from ayneh.api.study import Study as Study
    from ayneh.api.train import train as train
    from ayneh.config import Config as Config
    from ayneh.doctor.own import Symptom as Symptom
    from ayneh.errors import Stopped as Stopped
    from ayneh.errors import UserError as UserError
    from ayneh.game.augment import Augmentation as Augmentation
    from ayneh.game.losses import Loss as Loss
    from ayneh.game.optimiser import Optimiser as Optimiser
    from ayneh.game.own_prior import Prior as Prior
    from ayneh.game.penalties import Penalty as Penalty
    from ayneh.judge.own import Metric as Metric
    from ayneh.loading.model import load as load
    from ayneh.loading.pretrained import pretrained as pretrained
    from ayneh.parts.registry import add as add
    from ayneh.training.init_from import InitFrom as InitFrom

_AT = {  # name, in the order of use -> the module that has it, imported when the name is first used
    "train": "ayneh.api.train",
    "open": "ayneh.api.opening",
    "images": "ayneh.api.images",
    "preset": "ayneh.api.opening",
    "play": "ayneh.api.play",
    "compare": "ayneh.api.compare",
    "Study": "ayneh.api.study",
    "open_study": "ayneh.api.results",
    "report": "ayneh.api.report",
    "add": "ayneh.parts.registry",
    "Metric": "ayneh.judge.own",
    "Symptom": "ayneh.doctor.own",
    "load": "ayneh.loading.model",
    "pretrained": "ayneh.loading.pretrained",
    "Config": "ayneh.config",
    "Run": "ayneh.api.run",
    "Images": "ayneh.api.images",
    "Checkpoint": "ayneh.api.checkpoint",
    "Moment": "ayneh.api.play",
    "Score": "ayneh.api.scores",
    "Comparison": "ayneh.api.compare",
    "Results": "ayneh.api.results",
    "Report": "ayneh.api.report",
    "Verdict": "ayneh.api.results",
    "UserError": "ayneh.errors",
    "Stopped": "ayneh.errors",
    "Loss": "ayneh.game.losses",
    "Penalty": "ayneh.game.penalties",
    "Prior": "ayneh.game.own_prior",
    "Augmentation": "ayneh.game.augment",
    "Optimiser": "ayneh.game.optimiser",
    "InitFrom": "ayneh.training.init_from",
}

__all__ = list(_AT)


if not TYPE_CHECKING:  # a type checker would take every name for one of this module

    def __getattr__(name: str) -> Any:
        if name not in _AT:
            raise AttributeError(f"module 'ayneh' has no attribute {name!r}; it has {', '.join(__all__)}")
        value = getattr(importlib.import_module(_AT[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
