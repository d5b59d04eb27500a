"""The nets of a config on a device: ayneh's own by name, or a pair of one's own, tried first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ayneh.config import Config
from ayneh.config import Net as Settings
from ayneh.engine.device import choose_precision
from ayneh.engine.memory import bytes_of, game_bytes, refuse_over
from ayneh.engine.own_net import OwnNet
from ayneh.engine.replicas import Net
from ayneh.engine.trial import NO_LABELS, try_dis, try_gen
from ayneh.errors import UserError, pick
from ayneh.game import nets
from ayneh.game.inits import initialisation
from ayneh.game.inside import OUTPUTS, OwnDiscriminator, OwnGenerator, Player
from ayneh.game.nets import First, Pair, Spec, make_nets
from ayneh.game.own import AS_IS, OwnPair
from ayneh.generators import seeded
from ayneh.labels import Labels
from ayneh.terminal.text import warn_once

ALIGNED = 64  # numbers: some of cuDNN's and cuBLAS's kernels take only weights at multiples of 16 bytes or more
TEMPLATE = 0  # the seed of the modules that weights are filled into
ADVICE = "make the largest of these numbers smaller"
TAKEN = ("name", "init", "dis_output")  # settings of nets that a pair of one's own takes


def pair_of(config: Config) -> Pair | OwnPair:
    """The pair that this config names. Raises UserError for an unknown name and for rules that it cannot play by.

    Settings of the nets that it does not take are named in a line: a preset may have them.
    """
    pair, net = nets.pair_of(config.net.name), config.net
    pick(dict.fromkeys(OUTPUTS), net.dis_output, "output of D")
    if isinstance(pair, OwnPair):
        idle = [field.name for field in dataclasses.fields(Settings) if getattr(net, field.name) != field.default]
        idle = [f"--net.{name.replace('_', '-')} {getattr(net, name)}" for name in idle if name not in TAKEN]
        if idle:  # of a preset, or asked for
            warn_once(f"{net.name} is a pair of your own: {', '.join(idle)} changes ayneh's nets, and nothing here.")
        if net.init not in (None, AS_IS):
            warn_once(f"The first weights of {net.name} are those of --net.init {net.init}, not its constructors' own.")
        if config.rules.mirror_weight:
            lacks = "has no features that a reader of z could be put on"
            if config.rules.mirror_reader == "own":
                lacks = "is no net of ayneh's, whose layers a reader of its own repeats (--rules.mirror-reader own)"
            raise UserError(
                f"--rules.mirror-weight is {config.rules.mirror_weight:g}, but the D of {net.name} {lacks}: set it to "
                "0, or take one of ayneh's own nets."
            )
    elif net.dis_output != "auto":
        raise UserError(f"--net.dis-output is {net.dis_output}, but {net.name} is ayneh's own: leave it out.")
    return pair


def init_of(config: Config) -> Callable[[nn.Module], None]:
    """The function that gives this config's nets their initial weights; nets of one's own have theirs when built."""
    pair, name = pair_of(config), config.net.init
    if isinstance(pair, OwnPair):
        return _leave if name in (None, AS_IS) else initialisation(str(name))
    return initialisation(name or pair.init)


def _leave(net: nn.Module) -> None:
    """The weights that it has."""


def nets_of(
    config: Config,
    image_shape: tuple[int, int, int],
    device: torch.device,
    reads: bool | None = None,
    labels: Labels | None = None,
) -> tuple[Net, Net]:
    """(G, D) of this config for images of (C, S, S), without weights. Raises UserError for what they do not take.

    ``reads``: whether D has a reader of z (None: if the config weighs it); ``labels``: the classes of a labelled game.
    """
    pair, (_, autocast) = pair_of(config), choose_precision(config.precision, device)
    if isinstance(pair, OwnPair):
        both = [_own_net(config, pair, who, image_shape, device, labels) for who in ("gen", "dis")]
        return both[0], both[1]
    align = ALIGNED if device.type == "cuda" else 1
    gen, dis = make_nets(config.net.name, spec_of(config, image_shape, reads, labels))
    return Net(gen, autocast, align), Net(dis, autocast, align)


def net_of(
    who: str, config: Config, image_shape: tuple[int, int, int], device: torch.device, labels: Labels | None = None
) -> Net:
    """One of `nets_of`, "gen" or "dis"; the other of a pair of one's own is neither built nor tried."""
    pair = pair_of(config)
    if isinstance(pair, OwnPair):
        return _own_net(config, pair, who, image_shape, device, labels)
    return nets_of(config, image_shape, device, labels=labels)[who == "dis"]


def _own_net(
    config: Config,
    pair: OwnPair,
    who: str,
    image_shape: tuple[int, int, int],
    device: torch.device,
    labels: Labels | None = None,
) -> OwnNet:
    build, (_, autocast) = partial(built, config, pair, who, image_shape), choose_precision(config.precision, device)
    module = build(TEMPLATE)
    player: Player
    if who == "gen":
        tried = try_gen(module, config.prior.dim, image_shape[0], _ways(config, labels))
        player = OwnGenerator(module, tried.spatial)
    else:
        tried = try_dis(module, image_shape, config.net.dis_output, _ways(config, labels))
        player = OwnDiscriminator(module, tried.output)
    # Aligned on a CPU, too: some sums depend on where a weight is.
    return OwnNet(who, player, build, tried, autocast, ALIGNED, config.net.init == AS_IS)


def built(config: Config, pair: OwnPair, who: str, image_shape: tuple[int, int, int], seed: int) -> nn.Module:
    """A new module of ``who`` under this seed, in the run's floats; one whose sizes follow from its input gets one."""
    net = pair.make(who, seed, config.net.init == AS_IS)
    if any(map(is_lazy, [*net.parameters(), *net.buffers()])):
        shape = (2, config.prior.dim) if who == "gen" else (2, *image_shape)
        y = (torch.zeros(2, dtype=torch.int64),) if takes_class(config, who) else ()
        with seeded(seed + 1), torch.no_grad():  # other numbers than those of the constructor
            try:
                net.eval()(torch.zeros(shape), *y)
            except Exception:  # a G that takes (B, Z, 1, 1); what is wrong otherwise comes out in the trial
                if who == "gen":
                    net.eval()(torch.zeros(*shape, 1, 1), *y)
                else:
                    raise
    return net.train().to(torch.float64 if config.precision == "float64" else torch.float32)


def takes_class(config: Config, who: str) -> bool:
    """Whether G or D ("gen", "dis") of a labelled game takes the class: an auxiliary game's D reads it instead."""
    return config.rules.labelled and (who == "gen" or config.rules.labels != "auxiliary")


def features_take_class(config: Config) -> bool:
    """Whether D's features of a labelled game take the class, too: of ayneh's own nets those with concat."""
    return takes_class(config, "dis") and (config.rules.labels == "concat" or isinstance(pair_of(config), OwnPair))


def parts_read(config: Config, labels: Labels) -> tuple[int, ...]:
    """The lengths of the parts of D's class head: of a D of one's own it has a number for each class."""
    return (labels.count,) if isinstance(pair_of(config), OwnPair) else labels.parts


def _ways(config: Config, labels: Labels | None) -> tuple[str, int]:
    """How the game has labels, and how many classes."""
    return NO_LABELS if labels is None else (config.rules.labels, labels.count)


def nets_for(
    config: Config,
    replicas: int,
    channels: int,
    side: int,
    device: torch.device,
    reads: bool,
    labels: Labels | None = None,
) -> tuple[Net, Net, int]:
    """(G, D, pixels a side of the game's images) for data with this many channels and pixels; the rest: see `nets_of`.

    Raises UserError where the data do not fit the nets, or the game of so many replicas the memory of the machine.
    """
    pair, asked = pair_of(config), config.data.pad_to
    if not isinstance(pair, OwnPair):
        size = asked or pair.padded_size(side)
        if size < side:
            raise UserError(f"--data.pad-to is {size}, but the images are {side} pixels a side already.")
        _refuse_too_large(config, pair, replicas, (channels, size, size), device, labels)
        return *nets_of(config, (channels, size, size), device, reads, labels), size
    gen = _own_net(config, pair, "gen", (channels, side, side), device, labels)
    size = gen.tried.shape[-1]
    if asked not in (None, size):
        raise UserError(f"--data.pad-to is {asked}, but G draws images of {size} pixels a side: leave it out.")
    if size < side:
        raise UserError(
            f"G draws images of {size}x{size} pixels, and those of the data have {side}x{side}: resize them with "
            f"--data.resize {size}, or give G another size."
        )
    dis = _own_net(config, pair, "dis", (channels, size, size), device, labels)
    _refuse_own_too_large(config, replicas, (gen, dis), device)
    return gen, dis, size


def spec_of(
    config: Config, image_shape: tuple[int, int, int], reads: bool | None = None, labels: Labels | None = None
) -> Spec:
    """The settings of this config's nets; ``reads`` and ``labels`` as for `nets_of`."""
    (channels, size, _), net = image_shape, config.net
    return Spec(
        z_dim=config.prior.dim,
        channels=channels,
        size=size,
        width=net.width,
        gen_norm=net.gen_norm,
        dis_norm=net.dis_norm,
        spectral=net.spectral,
        first=First(net.gen_first_norm, net.gen_offset, net.gen_offset_gain, net.gen_offset_draw == "once"),
        features=net.features,
        reads=config.rules.mirror_weight > 0 if reads is None else reads,
        reader=config.rules.mirror_reader,
        labels=config.rules.labels if labels else None,
        parts=labels.parts if labels else (),
        gen_labels=net.gen_labels,
        label_dim=net.label_dim,
    )


def _refuse_too_large(
    config: Config,
    pair: Pair,
    replicas: int,
    image_shape: tuple[int, int, int],
    device: torch.device,
    labels: Labels | None = None,
) -> None:
    penalty, size = config.rules.penalty != "none", image_shape[-1]
    needed = game_bytes(
        config.net.name, spec_of(config, image_shape, labels=labels), config.batch, replicas, device, penalty
    )
    classes = f" of {labels.count:,} classes" if labels else ""
    what = (
        f"{config.net.name} nets (--net.width {config.net.width or pair.width:,}, --prior.dim {config.prior.dim:,}) "
        f"for images of {size}x{size} pixels{classes}, --batch {config.batch:,}, {replicas:,} at a time,"
    )
    refuse_over(needed, device, what, ADVICE)


def _refuse_own_too_large(config: Config, replicas: int, both: tuple[OwnNet, OwnNet], device: torch.device) -> None:
    """By what their trials have counted."""
    weights = sum(sum(net.sizes) for net in both)
    outputs = config.batch * sum(net.tried.outputs for net in both)
    needed = bytes_of(weights, outputs, replicas, device, config.rules.penalty != "none")
    what = f"{config.net.name} nets ({weights:,} weights), --batch {config.batch:,}, {replicas:,} at a time,"
    refuse_over(needed, device, what, ADVICE)


def refuse_before_reading(config: Config, device: torch.device) -> None:
    """Raise UserError if a game would not fit into memory at the size that is set for its images, whatever they are.

    To make thousands of images larger takes longer than a user waits for a refusal.
    """
    pair = pair_of(config)
    if not isinstance(pair, OwnPair) and (side := config.data.pad_to or config.data.resize):
        size = max(side, pair.padded_size(config.data.resize or 1))
        _refuse_too_large(config, pair, config.seeds, (1, size, size), device)


def started(
    net: Net, seeds: list[int], init: Callable[[nn.Module], None], device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, dict[str, Tensor]]:
    """Initial weights (R, P) of a net and what it remembers then, on this device; floats in this type."""
    rows, memory = net.start(seeds, init)
    return rows.to(device, dtype), {
        name: value.to(device, dtype if value.is_floating_point() else value.dtype) for name, value in memory.items()
    }
