"""A match: a config's game on a device, with nets, images, random numbers and hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ayneh.config import Config
from ayneh.engine.chosen import rules_of
from ayneh.engine.classes import Labelled, drawn, ends_of, pairing, picked
from ayneh.engine.device import choose_precision, keep_freed_memory
from ayneh.engine.hyper import HYPER, courses_of
from ayneh.engine.noise import FIXED, BlockChance, Chance, derive
from ayneh.engine.own_net import OwnNet
from ayneh.engine.players import init_of, nets_for, parts_read, started, takes_class
from ayneh.engine.players import nets_of as nets_of  # the cards of earlier exports import it from here
from ayneh.engine.replicas import Net, tensor_in
from ayneh.errors import UserError
from ayneh.game.own_prior import Own
from ayneh.game.priors import Prior, make_prior
from ayneh.game.step import Draws, Game, Hyper, State, step
from ayneh.labels import Labels

OTHERS = ("meter/", "vitals/")  # tensors of a checkpoint that are not of the state
DIS_CALLS = {"z": "gen", "real": "dis", "fake": "dis", "penalty": "dis"}  # of nets in an update of D: which net
GEN_CALLS = {"z": "gen", "fake": "dis", "real": "dis"}  # and of G


def replicas_of(config: Config) -> list[Config]:
    """One config a replica: the same but for the seed, which counts on."""
    return [replace(config, seed=config.seed + r, seeds=1) for r in range(config.seeds)]


def prior_of(config: Config) -> Prior:
    """The prior that this config trains, samples, interpolates and evaluates with."""
    return make_prior(config.prior.name, **config.prior.numbers())


class Match:
    """R replicas of one game; they may differ in seed, prior and the numbers of `HYPER`, not in structure."""

    def __init__(
        self,
        replicas: Sequence[Config],
        pixels: Tensor,
        device: torch.device,
        rescues: int = 0,
        labelled: Labelled | None = None,
    ) -> None:
        """pixels: uint8 (N, C, h, w), square; rescues: see `Chance`; labelled: the images' classes, which a game
        without labels leaves out.

        Raises UserError where the config does not fit the nets or the data.
        """
        one, self.replicas, self.device = replicas[0], replicas, device
        self.labelled = (labelled[0].to(device), labelled[1]) if labelled and one.rules.labelled else None
        self.labels: Tensor | None
        self.classes: Labels | None
        self.labels, self.classes = self.labelled or (None, None)
        (n, channels, height, width) = pixels.shape
        if height != width:
            raise UserError(
                f"The images are {width}x{height} (width x height); ayneh takes square ones: choose a side "
                "with --data.resize."
            )
        self.images_per_step = one.batch * one.rules.dis_steps
        self.steps_per_epoch = n // self.images_per_step
        if not self.steps_per_epoch:
            raise UserError(
                f"A step takes {self.images_per_step} images and the data set has {n}: choose a smaller --batch."
            )
        self.dtype, _ = choose_precision(one.precision, device)
        reads = any(c.rules.mirror_weight > 0 for c in replicas)
        self.gen, self.dis, self.size = nets_for(one, len(replicas), channels, height, device, reads, self.classes)
        self.image_shape = (channels, self.size, self.size)
        self.init = init_of(one)
        self.game = self._game(one, reads)
        if any(c.rules.label_smoothing for c in replicas) and not self.game.loss.smooths:
            raise UserError(f"The {one.rules.loss} loss has no labels to smooth; set --rules.label-smoothing 0.")
        for c in replicas if reads else ():
            _need_variance(c)
        memory = [f"_{name}" for name in self.game.remembered]
        self.state_keys = [*(f"{who}{end}" for who in ("gen", "dis") for end in ("", *memory, "_t")), "ema"]
        self.pixels = pixels.to(device)
        self.pairs = pairing(self.game, one)
        self._ends = ends_of(self.classes, one.rules.classes).to(device, self.dtype) if self.classes else None
        if device.type == "cpu":
            keep_freed_memory()
        priors = [prior_of(c) for c in replicas]
        for prior in priors:
            if isinstance(prior, Own):
                prior.try_out(one.prior.dim)
        chance = BlockChance if device.type == "cuda" else Chance
        self.chance = chance([c.seed for c in replicas], priors, one.prior.dim, device, self.dtype, rescues)
        images = one.epochs * self.steps_per_epoch * self.images_per_step
        self._courses = courses_of(replicas, images)
        self._hyper = {
            name: torch.tensor([[number.value(c)] for c in replicas], dtype=self.dtype, device=device)  # (R, 1)
            for name, number in HYPER.items()
        }

    def _game(self, one: Config, reads: bool) -> Game:
        """The nets and the rules. reads: whether D reads z."""
        parts: tuple[int, ...] = ()
        if self.classes and one.rules.labels == "auxiliary":
            parts = parts_read(one, self.classes)
        return Game(
            gen=self.gen,
            dis=self.dis,
            **rules_of(one, self.image_shape),
            size=self.size,
            averages=any(c.rules.ema_halflife_images for c in self.replicas),
            eps=one.optimizer.eps,
            decays=any(c.optimizer.weight_decay for c in self.replicas),
            reads=one.prior.dim if reads else 0,
            labelled=tuple(who for who in ("gen", "dis") if takes_class(one, who)),
            parts=parts,
            inside={who: net.play for who, net in self.players.items() if isinstance(net, OwnNet)},
        )

    @property
    def players(self) -> dict[str, Net]:
        """Both nets."""
        return {"gen": self.gen, "dis": self.dis}

    def start(self) -> State:
        """The state before the first step: weights by each replica's seed, and the optimiser's first memory."""
        seeds = [c.seed for c in self.replicas]
        state: State = {}
        for who, net in self.players.items():
            of_init = [derive(seed, FIXED, f"init {who}") for seed in seeds]
            theta, remembered = started(net, of_init, self.init, self.device, self.dtype)
            memory = self.game.optimiser.init(theta)
            state |= {who: theta, **{f"{who}_{name}": value for name, value in memory.items()}} | remembered
            state[f"{who}_t"] = torch.zeros_like(theta[:, :1])
        state["ema"] = state["gen"].clone()
        return state

    def play(self, state: State, i: int) -> tuple[State, State]:
        """Step number i (from 0): the new state, and the measures of this step, (R,) each."""
        return step(self.game, state, self.reals(i), self.draws(i), self.hyper(i))

    def named(self, state: State) -> State:
        """The state with a name and shape for each weight: "gen/0.weight" (R, ...), "gen_m/0.weight", "gen_t", ..."""
        named: State = {}
        for key, value in state.items():
            net = self._net_of(key)
            named |= {f"{key}/{name}": p for name, p in net.unpack(value).items()} if net else {key: value}
        return named

    def restored(self, named: Mapping[str, Tensor]) -> State:
        """The inverse of `named`; tensors of the meter and of the vital signs are left out.

        Raises UserError if a weight is missing, has another shape, or belongs to no net.
        """
        state: State = {}
        r = len(self.replicas)
        for key in self.state_keys:
            net = self._net_of(key)
            value = net.pack(net.weights_in(named, key, r)) if net else tensor_in(named, key, (r, 1))
            state[key] = value.to(self.device, self.dtype)
        for net in self.players.values():
            state |= net.restored(named, r, state["gen"])
        for name in named:
            if not name.startswith(OTHERS) and not self._has(name):
                raise UserError(f"The checkpoint does not fit the nets of its config: {name} belongs to no net.")
        return state

    def _has(self, name: str) -> bool:
        """Whether the state has a tensor of this name. A run in a stack may have a reader of z that it does not use."""
        key, _, weight = name.partition("/")
        if key.endswith("_buffers"):
            return weight in self.players[key[:3]].memory
        net = self._net_of(key) if key in self.state_keys else None
        return weight in net.shapes or weight.startswith("reader.") if net else name in self.state_keys

    def _net_of(self, key: str) -> Net | None:
        if key.endswith("_t") or "_buffers/" in key:
            return None
        return self.dis if key.startswith("dis") else self.gen

    def reals(self, i: int) -> list[Tensor]:
        """The real batches of step i, uint8 (R, B, C, h, w) each: the next rows of this epoch's permutation."""
        return [self.pixels[rows] for rows in self._rows(i)]

    def penalised(self, i: int) -> bool:
        """Whether D's updates in step i have the penalty, if there is one: those of every k-th step do."""
        return i % self.game.penalty_every == 0

    def kinds(self, first: int = 0) -> dict[bool, tuple[int, float]]:
        """The kinds of steps, by what `penalised` is: the first such step from ``first`` on, and their share of all."""
        every = self.game.penalty_every
        kinds = {True: (first + -first % every, 1 / every)}
        return kinds if every == 1 else kinds | {False: (first + (first % every == 0), 1 - 1 / every)}

    def _rows(self, i: int) -> list[Tensor]:
        """The numbers of the images in each real batch of step i, (R, B)."""
        epoch, within = divmod(i, self.steps_per_epoch)
        order = self.chance.order(epoch, len(self.pixels))  # (R, N)
        batch = self.replicas[0].batch
        first = within * self.images_per_step
        return [order[:, first + k * batch : first + (k + 1) * batch] for k in range(self.replicas[0].rules.dis_steps)]

    def _classes(self, i: int, purpose: str, rows: Tensor) -> Draws:
        """The classes of the real batch of these rows and of the fakes beside it; empty in a game without labels."""
        if self.labels is None or self._ends is None:
            return {}
        real = self.labels[rows]  # (R, B)
        fake = real if self.pairs else picked(self.chance.uniform(i, f"{purpose} y", rows.shape[1]), self._ends)
        return {"y": {"real": real, "fake": fake}}

    def draws(self, i: int) -> dict[str, list[Draws]]:
        """What step i takes for each update beside the images: latents, classes, dropped pixels, noise, shifts."""
        one, rows = self.replicas[0], self._rows(i)
        dis: list[Draws] = []
        for k in range(one.rules.dis_steps):
            draw: Draws = {side: self._distortion(i, f"dis {k} {side}") for side in ("real", "fake")}
            draw["z"] = self.chance.z(i, f"dis {k} z", one.batch)
            draw |= self._classes(i, f"dis {k}", rows[k])
            if self.game.penalty and self.penalised(i):
                shapes = {"mix": (one.batch,), "perturb": (one.batch, *self.image_shape)}
                draw["penalty"] = {
                    name: self.chance.uniform(i, f"dis {k} {name}", *shapes[name]) for name in self.game.penalty.draws
                }
            dis.append(draw | self._inside(i, f"dis {k}", DIS_CALLS))
        gen: list[Draws] = []
        for k in range(one.rules.gen_steps):
            draw = {"fake": self._distortion(i, f"gen {k} fake")}
            if self.game.loss.gen_needs_real:
                draw["real"] = self._distortion(i, f"gen {k} real")
            if k:
                draw["z"] = self.chance.z(i, f"gen {k} z", one.batch)
                draw |= self._classes(i, f"gen {k}", rows[-1])
            gen.append(draw | self._inside(i, f"gen {k}", GEN_CALLS))
        return {"dis": dis, "gen": gen}

    def classes_of(self, seed: int, purpose: str, n: int) -> Tensor | None:
        """n classes of fakes, int64 (n,): always the same for these; None in a game without labels."""
        if self.classes is None:
            return None
        return drawn(self.classes, self.replicas[0].rules.classes, n, seed, purpose).to(self.device)

    def hyper(self, i: int) -> Hyper:
        """The numbers of step i, (R, 1) each, as their schedules have it."""
        seen, hyper = i * self.images_per_step, dict(self._hyper)
        for name, courses in self._courses.items():
            factors, added = zip(*(course(seen) if course else (1.0, 0.0) for course in courses), strict=True)
            hyper[name] = hyper[name] * self._column(factors)
            if any(added):
                hyper[name] = hyper[name] + self._column(added)
        return hyper

    def _column(self, numbers: Sequence[float]) -> Tensor:
        """One number for each replica, (R, 1) on the device."""
        column = torch.tensor(numbers, dtype=self.dtype)[:, None]
        return column.to(self.device, non_blocking=self.device.type == "cuda")

    def _inside(self, i: int, purpose: str, calls: Mapping[str, str]) -> Draws:
        """Seeds, (R,), for the chance inside nets of one's own in each of their calls in an update; most draw none."""
        seeds = {
            call: self.chance.inside(i, f"{purpose} {call} inside")
            for call, who in calls.items()
            if self.players[who].draws
        }
        return {"inside": seeds} if seeds else {}

    def _distortion(self, i: int, purpose: str) -> dict[str, Tensor]:
        """The random numbers of `game.step.distort` for one batch; what no replica uses is not drawn."""
        batch = self.replicas[0].batch
        draws: dict[str, Tensor] = {}
        if self._uses("translation") or self._uses("cutout"):
            draws["augment"] = self.chance.uniform(i, f"{purpose} augment", batch, 4)
        if self.game.augmentation:
            draws["own"] = self.chance.uniform(i, f"{purpose} own", batch, self.game.augmentation.draws)
        if self._uses("instance_noise") or self._uses("instance_noise_end"):
            draws["instance"] = self.chance.normal(i, f"{purpose} instance", batch, *self.image_shape)
        if self._uses("dropout"):
            draws["drop"] = self.chance.uniform(i, f"{purpose} drop", batch, *self.image_shape)
        return draws

    def _uses(self, rule: str) -> bool:
        return any(getattr(c.rules, rule) > 0 for c in self.replicas)


def _need_variance(c: Config) -> None:
    prior = prior_of(c)
    variance = prior.moments(c.prior.dim)[1]
    if not 0 < variance < math.inf:
        raise UserError(
            f"--rules.mirror-weight measures z in units of its variance, and that of {prior.describe()} is "
            f"{variance:g}: choose another --prior.name, or set it to 0."
        )
