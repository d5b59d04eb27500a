"""PRESETS: name -> a complete config, what it shows, where it comes from and the minutes it takes."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ayneh.config import Config, Data, Keep, Net, Optimizer, Prior, Rules, flatten
from ayneh.errors import UserError, pick
from ayneh.files.home import at_home


@dataclass(frozen=True)
class Preset:
    """A config, and what `ayneh presets` prints about it."""

    config: Config
    shows: str
    source: str
    minutes: float | None = None  # of one run over all its epochs on a CPU; None: not measured
    timed: str = ""  # on what, or how much of it was timed

    def time(self) -> str:
        """The minutes in words."""
        return "not measured" if self.minutes is None else f"{self.minutes:g} min"


def _part_a(prior: Prior) -> Config:
    """Perceptrons on MNIST, 100 epochs, this prior, Part B's dropout: the report does not name Part A's nets."""
    return Config(epochs=100, data=Data("mnist"), net=Net("mlp"), prior=prior)


def _part_a_digits(prior: Prior) -> Config:
    """The perceptrons of `_part_a` on the digits, where both arms take seconds. Pictures are of G itself: its moving
    average would blur the single shape, which changes from epoch to epoch."""
    return Config(
        epochs=60,
        batch=64,
        data=Data("digits", resize=16),
        net=Net("mlp"),
        prior=prior,
        optimizer=Optimizer(lr=1e-3),
        keep=Keep(sample_epochs=5, checkpoint_epochs=5, keep_epochs=20, score_epochs=20),
    )


def _fast(data: Data, epochs: int = 10, noise_images: int = 60_000, labels: str = "none") -> Config:
    """The report's nets under R1 at ten times its rate, with noise at first: docs/findings/speed.md."""
    return Config(
        epochs=epochs,
        batch=64,
        data=data,
        net=Net("mirror"),
        rules=Rules(
            penalty="r1",
            gamma=0.5,
            dropout=0.0,
            instance_noise=0.5,  # at first: at this rate and without it, D won at the start in 3 of 6 runs on MNIST
            instance_noise_images=noise_images,
            ema_halflife_images=20_000,
            labels=labels,
        ),
        optimizer=Optimizer(lr=2e-3),
    )


DIGITS = Config(
    epochs=100,
    batch=64,
    data=Data("digits", resize=16),
    net=Net("mirror", width=32),
    rules=Rules(ema_halflife_images=10_000),
    optimizer=Optimizer(lr=1e-3),
    keep=Keep(sample_epochs=5, checkpoint_epochs=5, keep_epochs=20, score_epochs=20),
)


def _best() -> Config:
    """`conditional` with nets of twice the width, five times the images and a longer average: docs/findings/best.md."""
    base = _fast(Data("mnist"), epochs=50, labels="projection")
    rules = replace(base.rules, penalty_every=4, ema_halflife_images=120_000)  # R1 in every fourth step costs less
    return replace(base, net=replace(base.net, width=32), rules=rules)


PRESETS = {
    "digits": Preset(
        DIGITS,
        "the mirror nets on scikit-learn's digits",
        "Part B of the report on data that needs no download",
        minutes=0.7,
        timed="two cores, of which it took one",
    ),
    "mirror": Preset(
        Config(epochs=100, data=Data("mnist"), net=Net("mirror"), keep=Keep(keep_epochs=10)),
        "Part B: the mirror DCGAN on MNIST, dropout",
        "report, R5 to R12; Radford et al. 2016 for the optimiser",
        minutes=99,
        timed="one thread of a busy machine; computed from the measured speed of two idle cores: 27 min",
    ),
    "fast": Preset(
        _fast(Data("mnist")),
        "the report's nets in 10 epochs: R1 instead of dropout, a high rate, noise at first",
        "Mescheder et al. 2018 for R1, Sonderby et al. 2017 for fading noise; docs/findings/speed.md",
        minutes=8,
        timed="one core",
    ),
    "conditional": Preset(
        _fast(Data("mnist"), labels="projection"),
        "`fast` with labels: ask for a seven",
        "Miyato & Koyama 2018 for D's way of having labels, Mirza & Osindero 2014 for G's; docs/labels.md",
        minutes=10,
        timed="one thread of a busy machine",
    ),
    "best": Preset(
        _best(),
        "`conditional`, longer and with wider nets",
        "Karras et al. 2020 for the penalty in every fourth step; docs/findings/best.md",
        minutes=74,
        timed="two cores: computed from 1.48 ms an image, without labels",
    ),
    "hoda": Preset(
        _fast(Data("hoda"), epochs=25, noise_images=22_000, labels="projection"),
        "the same on Persian digits",
        "Khosravi & Kabir 2007 for the digits; docs/labels.md",
        minutes=10,
        timed="one thread of a busy machine",
    ),
    "stacked": Preset(
        Config(
            epochs=40,
            batch=64,
            data=Data("stacked-mnist"),
            net=Net("mirror", width=32, dis_norm="none", init="he"),
            rules=Rules(loss="relativistic", penalty="r1+r2", gamma=0.3, dropout=0.0, ema_halflife_images=50_000),
            optimizer=Optimizer(lr=1e-3, beta1=0.0, beta2=0.99),
        ),
        "three digits in three channels, 1000 modes to cover: `ayneh evaluate` counts them",
        "Metz et al. 2017 for the task, Huang et al. 2024 (R3GAN) for the game; docs/findings/speed.md",
        timed="its first 11 epochs: 21 min on one core, in bfloat16",
    ),
    "digits-conditional": Preset(
        replace(DIGITS, rules=replace(DIGITS.rules, labels="projection")),
        "`digits` with labels: ask for a seven",
        "Miyato & Koyama 2018; docs/labels.md",
        minutes=0.7,
        timed="two cores",
    ),
    "digits-normal": Preset(
        _part_a_digits(Prior("normal")),
        "Part A on the digits, N(0, 1): it works",
        "report, R1 to R4; so in 12 of 12 seeds: docs/findings/prior.md",
        minutes=0.1,
        timed="one thread",
    ),
    "digits-uniform01": Preset(
        _part_a_digits(Prior("uniform", low=0.0, high=1.0)),
        "Part A on the digits, U(0, 1): it collapses",
        "report, R1 to R4; so in 12 of 12 seeds: docs/findings/prior.md",
        minutes=0.1,
        timed="one thread",
    ),
    "part-a-normal": Preset(
        _part_a(Prior("normal")),
        "Part A on MNIST with normal noise, N(0, 1)",
        "report, R1 to R4; Goodfellow et al. 2014",
    ),
    "part-a-uniform": Preset(
        _part_a(Prior("uniform", low=-1.0, high=1.0)),
        "Part A with centred uniform noise, U(-1, 1)",
        "report, R1 to R4; Lucic et al. 2018 used this prior throughout",
    ),
    "part-a-uniform01": Preset(
        _part_a(Prior("uniform", low=0.0, high=1.0)),
        "Part A with torch.rand's U(0, 1)",
        "report, R1 to R4",
    ),
}

WGAN_GP = (  # without batch norm in D, as in Gulrajani et al. 2017: with it, one run of 20 epochs lost 7 of 10 digits
    "ayneh train digits --net.dis-norm none --rules.loss wasserstein --rules.penalty wgan-gp --rules.gamma 10 "
    "--rules.dropout 0"
)
MEANT = {  # a name in the literature without a preset -> the command that trains it
    "gan": "ayneh train part-a-normal",
    "vanilla": "ayneh train part-a-normal",
    "dcgan": "ayneh train mirror",
    **dict.fromkeys(("cgan", "conditional-gan", "cdcgan"), "ayneh train conditional --rules.labels concat"),
    **dict.fromkeys(("acgan", "ac-gan"), "ayneh train conditional --rules.labels auxiliary"),
    "projection-gan": "ayneh train conditional",
    "lsgan": "ayneh train mirror --rules.loss least-squares",
    "sngan": "ayneh train mirror --net.spectral --rules.loss hinge",
    "wgan": WGAN_GP,
    "wgan-gp": WGAN_GP,
    "r3gan": "ayneh train stacked",
    "mlp": "ayneh train digits --net.name mlp",
    **dict.fromkeys(("fashion-mnist", "fashionmnist", "fashion"), "ayneh train mirror --data.name fashion-mnist"),
    **dict.fromkeys(("kmnist", "k-mnist", "kuzushiji"), "ayneh train mirror --data.name kmnist"),
    **dict.fromkeys(("stacked-mnist", "stackedmnist"), "ayneh train stacked"),
}
ELSEWHERE = (  # how the names of data sets begin that people know and ayneh does not have
    *("cifar", "celeb", "svhn", "imagenet", "lsun", "stl10", "stl-10", "emnist", "omniglot", "ffhq", "usps"),
)


def preset(name: str) -> Preset:
    """The preset of this name. For a data set or a GAN of the literature, the UserError names the command to use."""
    word = name.lower().replace("_", "-")
    on_data = [other for other, found in PRESETS.items() if found.config.data.name == word]
    if Data(name).path() is not None:
        raise UserError(f"There is no preset called {name!r}; `{_on(name)}` trains it.")
    if name and name not in PRESETS and at_home(name).exists():
        data = f"{'folder' if at_home(name).is_dir() else 'file'}:{name}"
        raise UserError(f"{name!r} is a file or folder and no preset; `{_on(data)}` trains on it.")
    if word.startswith(ELSEWHERE):
        raise UserError(
            f"There is no preset called {name!r}, and no such data set comes with ayneh: save its images into a folder "
            f"or an .npz file; then `{_on('folder:PATH')}`, or file:PATH, trains on them."
        )
    if name in PRESETS or not (on_data or word in MEANT):
        return pick(PRESETS, name, "preset")
    if on_data:
        raise UserError(
            f"There is no preset called {name!r}. Presets on {word}: {', '.join(on_data)}; for example `ayneh train "
            f"{on_data[0]}`."
        )
    raise UserError(f"There is no preset called {name!r}; `{MEANT[word]}` trains it.")


def nearest(wanted: Mapping[str, Any], but: Collection[str] = ()) -> tuple[str, dict[str, Any]]:
    """The preset that settings by their dotted names (`config.flatten`) differ least from, and the differences.

    but: settings that do not count. Fewest differences to nothing come first, since no TOML file can set a value to it.
    """
    found: list[tuple[tuple[int, int], str, dict[str, Any]]] = []
    for name, one in PRESETS.items():
        theirs = flatten(one.config)
        apart = {leaf: value for leaf, value in wanted.items() if value != theirs[leaf] and leaf not in but}
        found.append(((sum(value is None for value in apart.values()), len(apart)), name, apart))
    _, name, changes = min(found, key=lambda one: one[0])
    return name, changes


def _on(data: str) -> str:
    """The command that trains on the user's own files."""
    return f"ayneh train digits --data.name {data if data.endswith(':PATH') else shlex.quote(data)}"
