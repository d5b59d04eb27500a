"""The settings of a run, as frozen dataclasses: the command line, the run folder and studies are built on them.

A field's docstring is its help text, its bounds are beside its type, and its name has the unit.
`engine.hyper.HYPER` lists the numbers that may differ between the replicas of one stack.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from math import isfinite
from operator import attrgetter
from typing import Annotated, Any

from ayneh.arguments import checked, plain
from ayneh.bounds import HUGE, MANY, Range, written
from ayneh.dataset import Data
from ayneh.errors import UserError, pick, unknown
from ayneh.files import older
from ayneh.files.reading import shown, typed
from ayneh.rules import Optimizer, Rules, refuse


@dataclass(frozen=True)
class Prior:
    """The distribution of z. A number left out takes the prior's default."""

    name: str = "normal"
    """normal, uniform, sphere, truncated-normal, laplace, student-t, bernoulli or mixture."""
    dim: Annotated[int, Range(1, 1e6)] = 128
    """Length of z."""
    mean: Annotated[float | None, Range(-HUGE, HUGE)] = None
    """normal, truncated-normal, laplace: mean of a coordinate (0)."""
    std: Annotated[float | None, Range(0, HUGE, open=True)] = None
    """normal, truncated-normal: standard deviation (1); mixture: that of each component (0.25)."""
    low: Annotated[float | None, Range(-HUGE, HUGE)] = None
    """uniform, mixture, bernoulli: lower end (-1)."""
    high: Annotated[float | None, Range(-HUGE, HUGE)] = None
    """uniform, mixture, bernoulli: upper end (1)."""
    bound: Annotated[float | None, Range(0.001, HUGE)] = None
    """truncated-normal: where it is cut off, in standard deviations (2)."""
    radius: Annotated[float | None, Range(0, HUGE, open=True)] = None
    """sphere: radius (the square root of dim)."""
    scale: Annotated[float | None, Range(0, HUGE, open=True)] = None
    """laplace, student-t: scale (1)."""
    df: Annotated[float | None, Range(0.5, HUGE)] = None
    """student-t: degrees of freedom (3); 1 is Cauchy."""
    p: Annotated[float | None, Range(0, 1, open=True)] = None
    """bernoulli: probability of the upper value (0.5)."""
    components: Annotated[int | None, Range(2, 1000)] = None
    """mixture: number of Gaussians in each coordinate (2)."""

    def numbers(self) -> dict[str, float | None]:
        """The fields that `game.priors.make_prior` takes as numbers."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("name", "dim")}


DRAWS = ("seed", "once")  # of the constant behind G's first layer
SLOWED = ("dis", "gen")  # by a rescue


@dataclass(frozen=True)
class Net:
    """The generator G and the discriminator D."""

    name: str = "mirror"
    """mirror (Part B of the report) or mlp."""
    width: Annotated[int | None, Range(1, 1e6)] = None
    """Channels of the largest map (mirror: 16) or units of the smallest layer (mlp: 64)."""
    gen_norm: str | None = None
    """Normalisation in G: batch or none (mirror: batch, mlp: none)."""
    dis_norm: str | None = None
    """Normalisation in D: batch or none (mirror: batch, mlp: none)."""
    spectral: bool = False
    """Divide each of D's weights by its largest singular value (Miyato et al. 2018)."""
    gen_first_norm: str = "none"
    """Normalisation right after G's first layer: unit (over the batch), channel (over batch and positions) or none."""
    gen_offset: Annotated[float, Range(0, HUGE)] = 0.0
    """Standard deviation of a constant that is added to each unit of G's first layer."""
    gen_offset_gain: Annotated[float, Range(-HUGE, HUGE)] = 0.0
    """Train that constant, as gain times a weight (0: it is not trained)."""
    gen_offset_draw: str = "seed"
    """The constant is drawn by each run's seed (seed), or is the same in all runs (once, as in earlier versions)."""
    init: str | None = None
    """Initial weights: dcgan (normal, standard deviation 0.02; mirror), glorot (mlp), he or torch (PyTorch's own)."""
    features: Annotated[int | None, Range(1, 1e6)] = None
    """Length of D's features, from which its last layer computes the logit (mirror: prior.dim, mlp: width)."""
    dis_output: str = "auto"
    """What a D of one's own returns: logit, probability, or auto (a sigmoid at its end is found and undone exactly)."""
    gen_labels: str | None = None
    """How G takes the class: concat (joined to z, the default) or norm (in its batch norms; mirror has too few)."""
    label_dim: Annotated[int | None, Range(1, 4096)] = None
    """concat: length of the class's embedding that is joined to z (prior.dim, from 16 to 128)."""


@dataclass(frozen=True)
class Keep:
    """What a run writes, and how often."""

    tick_steps: Annotated[int, Range(1, MANY)] = 100
    """Steps between two lines of metrics.jsonl (an epoch's last step always writes one)."""
    sample_epochs: Annotated[int, Range(1, MANY)] = 1
    """Epochs between two pictures of samples; all pictures are made from the same noise."""
    checkpoint_epochs: Annotated[int, Range(1, MANY)] = 1
    """Epochs between two checkpoints; the last two are kept."""
    keep_epochs: Annotated[int, Range(1, MANY)] = 10
    """Checkpoints after multiples of this many epochs stay, and the last; of the epochs 0, 1, 2, 4, 8, ... G stays."""
    sample_images: Annotated[int, Range(1, 10_000)] = 64
    """Images in each picture."""
    score_epochs: Annotated[int, Range(0, MANY)] = 0
    """Epochs between two scores of G by the judge (0: never); a line warns if scores take over 5 % of the time."""
    score_images: Annotated[int, Range(100, 10_000)] = 1000
    """Generated images behind each score."""
    vitals_steps: Annotated[int, Range(0, MANY)] = 50
    """Steps between two looks at the players' health, at a tick; each look takes about as long as a step (0: never)."""
    tensorboard: bool = False
    """Write TensorBoard event files too (needs ayneh[tensorboard])."""
    callbacks: tuple[str, ...] = ()
    """What sees each line of metrics as it is written: tensorboard, mlflow, wandb or callbacks of one's own."""


@dataclass(frozen=True)
class Config:
    """One run, or a stack of replicas that differ in their seed alone."""

    epochs: Annotated[int, Range(1, 1e6)] = 100
    """Passes over the data."""
    batch: Annotated[int, Range(2, 1e6)] = 128
    """Images in a batch."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0  # as large as those that are derived
    """Seed of the first replica; the others have the numbers after it."""
    seeds: Annotated[int, Range(1, 10_000)] = 1
    """Number of replicas, trained side by side."""
    rescue: Annotated[int, Range(0, 1000)] = 0
    """On a severe finding go back to the last healthy checkpoint and change something, at most so often (0: never)."""
    rescue_slows: str = "dis"
    """Whose learning rate a second rescue lowers to a quarter: dis (after a sudden jump both), or gen alone."""
    data: Data = field(default_factory=Data)
    prior: Prior = field(default_factory=Prior)
    net: Net = field(default_factory=Net)
    rules: Rules = field(default_factory=Rules)
    optimizer: Optimizer = field(default_factory=Optimizer)
    keep: Keep = field(default_factory=Keep)
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: str = "auto"
    """auto (tf32 on CUDA, else float32), float32, tf32, bfloat16 or float64."""

    def __post_init__(self) -> None:
        for name, room in NESTED.items():
            if not isinstance(value := getattr(self, name), room):
                raise UserError(
                    f"The settings: {name} is {shown(value)}; it must be of ayneh.config.{room.__name__}, and "
                    f"Config().changed({name}={{...}}) takes a dictionary."
                )
        for name, value in flatten(self).items():
            if hasattr(value, "tolist"):  # a number of NumPy's, which no file can hold
                *rooms, leaf = name.split(".")
                object.__setattr__(reduce(getattr, rooms, self), leaf, value := plain(value))
            allowed = ranges().get(name)
            for number in value if isinstance(value, tuple) else (value,):
                wrong = ""
                if isinstance(number, float) and not isfinite(number):
                    wrong = "be a finite number"
                elif allowed and isinstance(number, int | float) and not allowed.holds(number):
                    wrong = allowed.needs(number)
                if wrong:
                    raise UserError(f"--{name.replace('_', '-')} is {written(number)}; it must {wrong}.")
            typed(value, _leaves()[name], "The settings", name)
        if not self.optimizer.lr and not self.optimizer.lr_dis:
            raise UserError("--optimizer.lr is 0, so that nothing would learn: choose one above 0, or an lr-dis.")
        refuse(self.rules, self.optimizer)
        pick(dict.fromkeys(DRAWS), self.net.gen_offset_draw, "way of drawing the constant (--net.gen-offset-draw)")
        pick(dict.fromkeys(SLOWED), self.rescue_slows, "player that a rescue slows (--rescue-slows)")
        if self.rescue and self.seeds > 1:
            raise UserError(f"--rescue works on one run at a time, and --seeds is {self.seeds}: leave one of them out.")
        if self.rescue and not self.keep.vitals_steps:
            raise UserError("--rescue acts on the doctor's findings, and --keep.vitals-steps is 0: leave it at 50.")

    @checked
    def changed(self, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> Config:
        """The same with some settings changed: by dotted names, or by fields, whose rooms take dictionaries.

        Raises UserError for an unknown name, with the nearest one, and for a value out of range.

        >>> config = Config().changed({"epochs": 5, "rules.loss": "hinge"})
        >>> config == Config().changed(epochs=5, rules={"loss": "hinge"})
        True
        >>> config.epochs, config.rules.loss
        (5, 'hinge')
        """
        named = dict(changes or {})
        for name, value in fields.items():
            named |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
        return changed(self, named, "The settings")

    def without_folders(self) -> Config:
        """The same without the folders above the user's data, which are private."""
        return replace(self, data=self.data.without_folders())


NESTED = {"data": Data, "prior": Prior, "net": Net, "rules": Rules, "optimizer": Optimizer, "keep": Keep}


@cache
def _leaves() -> dict[str, Any]:
    """The types of all fields but the rooms, with their ranges, by their dotted names, in their order."""
    found: dict[str, Any] = {}
    for part, hint in typing.get_type_hints(Config, include_extras=True).items():
        room = NESTED.get(part)
        inner = typing.get_type_hints(room, include_extras=True) if room else {}
        found |= {f"{part}.{name}": kind for name, kind in inner.items()} if room else {part: hint}
    return found


@cache
def ranges() -> dict[str, Range]:
    """{"rules.gamma": Range(0), ...}: the fields that have one, by their dotted names."""
    marks = {name: getattr(hint, "__metadata__", ()) for name, hint in _leaves().items()}
    return {name: mark for name, some in marks.items() for mark in some if isinstance(mark, Range)}


@cache
def _getter() -> Callable[[Config], tuple[Any, ...]]:
    return attrgetter(*_leaves())


def to_dict(config: Config) -> dict[str, Any]:
    """The config as plain JSON values."""
    return dataclasses.asdict(config)


def from_dict(values: Any, where: str, prefix: str = "config.") -> Config:
    """The inverse of `to_dict`. A field that is unknown, or whose value does not fit, raises UserError.

    ``where`` begins the message; then come the field with ``prefix``, its value and what it must be.
    """
    return typed(older.config(values), Config, where, prefix, closed=True)


def flatten(config: Config) -> dict[str, Any]:
    """{"optimizer.lr": 2e-4, ...}: every leaf by its dotted name, as flags and studies write it."""
    return dict(zip(_leaves(), _getter()(config), strict=True))


def changed(config: Config, changes: Mapping[str, Any], where: str) -> Config:
    """The config with some leaves changed by their dotted names. UserError for an unknown name or a bad value.

    ``where`` begins the message: a file, an arm. With nets of one's own the settings of the former nets end.
    """
    if is_own_net(changes.get("net.name")):
        config = replace(config, net=Net())
    values, leaves = to_dict(config), flatten(config)
    for name, value in changes.items():
        if name not in leaves:
            raise UserError(f"{where}: {unknown('field', name, leaves)}")
        room, _, leaf = name.rpartition(".")
        (values[room] if room else values)[leaf] = plain(value)
    return from_dict(values, where, "")


def is_own_net(name: Any) -> bool:
    """Whether a net of one's own has this name; ayneh's settings of nets are not for those."""
    from ayneh.parts.registry import own

    return isinstance(name, str) and own("net", name) is not None


def differences(ours: Config, theirs: Config) -> str:
    """ "optimizer.lr: 0.0002 -> 0.0001, ..."; empty if the two are the same settings, on the same files."""
    a, b = (
        flatten(replace(config, data=config.data.anchored())) | {"rules.gamma": config.rules.weight}
        for config in (ours, theirs)
    )
    return ", ".join(f"{name}: {a[name]} -> {b[name]}" for name in a if a[name] != b[name])
