"""A net of one's own as rows of weights. Beside them a module may remember (buffers) and draw (dropout, noise).

What it remembers is part of the state, as ``gen_buffers/NAME`` and ``dis_buffers/NAME``, (R, ...) each in its own type:
buffers, and parameters that are not trained. A call gets copies, since modules change theirs in place, and returns what
they are afterwards. What it draws comes from PyTorch's own generator, seeded for each call and put back after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ayneh.engine.replicas import Memory, Net, tensor_in
from ayneh.engine.trial import BATCH as TRIED
from ayneh.engine.trial import Tried
from ayneh.errors import UserError, brief, of_memory
from ayneh.game.inside import FIXED_SEED, Player
from ayneh.game.layers import BatchNorm, BatchNorm1d
from ayneh.game.own import WORDS, copied
from ayneh.game.step import State
from ayneh.generators import seeded
from ayneh.terminal.text import warn_once

Seeds = Sequence[int]  # one for each replica


class OwnNet(Net):
    """A net of one's own as ``who``: "gen" or "dis"."""

    module: Player
    channels_last = False  # what comes out would be so, too, and .view(len(x), -1) would fail

    def __init__(
        self,
        who: str,
        module: Player,
        build: Callable[[int], nn.Module],
        tried: Tried,
        precision: torch.dtype | None = None,
        align: int = 1,
        as_is: bool = False,
    ) -> None:
        """build: seed -> a new module with initial weights, as in ``module.net``; tried: what its trial found out.

        as_is: it is to have the same weights under each seed.
        """
        self.module, self.build, self.tried, self.precision = module, build, tried, precision
        self.as_is = as_is
        self.draws, self.key, self.stacks = tried.chance, f"{who}_buffers/", not tried.chance
        trained = {name: p for name, p in module.net.named_parameters() if p.requires_grad}
        self.shapes = {name: p.shape for name, p in trained.items()}
        self.sizes = [math.ceil(shape.numel() / align) * align for shape in self.shapes.values()]
        self.memory = _memory_of(module.net)
        self.shell: Player = copied(module)
        self.device: torch.device | None = None  # of the shell's plain tensors
        for layer in self.shell.modules():
            if isinstance(layer, nn.RNNBase):  # it keeps its weights in a list of its own, too
                layer.register_forward_pre_hook(_gather_weights)

    def play(
        self,
        theta: Tensor,
        x: Tensor,
        state: State,
        seeds: Seeds | None,
        y: Tensor | None = None,
        **options: Any,
    ) -> tuple[Tensor, State]:
        """theta (R, P), x (R, B, ...) -> output (R, B, ...), and what the net remembers then, by the state's names.

        state: with what it remembers; seeds: of what it draws in this call (None: it draws nothing); y: the classes of
        x, int64 (R, B), for a net that takes them; options: of the player's forward.
        """
        with torch.autocast(theta.device.type, self.precision, enabled=self.precision is not None):
            if self.stacks and len(theta) > 1 and not _is_cpu(theta):
                try:
                    out, after = self._stacked(theta, x, state, y, **options)
                    return out.to(theta.dtype), after
                except Exception as error:  # whatever vmap refuses, or a bug of the module's, which the rows show too
                    self.stacks = False
                    warn_once(
                        f"A stack of these nets runs row by row, which is slower: vmap refuses them "
                        f"({type(error.__cause__ or error).__name__})."
                    )
            outs, memories = [], []
            for r, (row, one) in enumerate(zip(theta.unbind(), x.unbind(), strict=True)):
                memories.append(self.of(state, r))
                classes, seed = None if y is None else y[r], seeds[r] if seeds else None
                outs.append(self.forward(row, one, classes, memory=memories[-1], seed=seed, **options))
        return torch.stack(outs).to(theta.dtype), self.kept(memories)

    def _stacked(
        self, theta: Tensor, x: Tensor, state: State, y: Tensor | None = None, **options: Any
    ) -> tuple[Tensor, State]:
        memory = {name: state[self.key + name] for name in self.memory}

        def one(row: Tensor, x: Tensor, memory: Memory, *y: Tensor) -> tuple[Tensor, Memory]:
            memory = dict(memory)
            return self.forward(row, x, *y, memory=memory, **options), memory

        out, after = vmap(one)(theta, x, memory, *(() if y is None else (y,)))
        return out, {self.key + name: value for name, value in after.items()}

    def forward(
        self,
        row: Tensor,
        x: Tensor,
        y: Tensor | None = None,
        *,
        memory: Memory | None = None,
        seed: int | None = None,
        **options: Any,
    ) -> Tensor:
        """One replica: row (P,), x (B, ...), y (B,) -> (B, ...).

        ``memory`` then has what the net remembers after the call. The tensors that were in it stay. None: as
        the net was built.
        """
        memory = self.of(self.first(1, row), 0) if memory is None else memory
        if self.device != row.device:
            self.device = row.device
            _move_plain_tensors(self.shell, row.device)
        values = {name: value.clone() for name, value in memory.items()}
        self.shell.seed = (FIXED_SEED if seed is None else seed) if self.draws else None
        values = {f"net.{name}": value for name, value in (values | self.unpack(row)).items()}
        try:
            out: Tensor = functional_call(self.shell, values, (x, y), options)
        except Exception as error:
            if of_memory(error):
                raise
            raise UserError(
                f"{WORDS[self.key[:3]]} took {TRIED} inputs in its trial, and fails on {tuple(x.shape)} in the game: "
                f"{type(error).__name__}: {brief(error)}."
            ) from error
        memory.update({name: values[f"net.{name}"].detach() for name in self.memory})
        return out

    def first(self, replicas: int, like: Tensor) -> State:
        """What it remembers as it was built, by the state's names, on the device of ``like`` and in its floats."""
        return {self.key + name: _as(value, like).expand(replicas, *value.shape) for name, value in self.memory.items()}

    def of(self, state: Mapping[str, Tensor], r: int) -> Memory:
        """What replica r remembers in this state."""
        return {name: state[self.key + name][r] for name in self.memory}

    def start(self, seeds: Seeds, init: Callable[[nn.Module], None]) -> tuple[Tensor, State]:
        """Initial weights (R, P) in float32 and what is remembered then, of a module built for each seed.

        Prints a line where another seed gives the same weights. Raises UserError where it gives other shapes.
        """
        rows, memories = zip(*(self._begun(seed, init) for seed in seeds), strict=True)
        if not self.as_is:
            others = rows[1:] or (self._begun(seeds[0] + 1, init)[0],)
            if all(torch.equal(rows[0], other) for other in others):
                warn_once(
                    f"{WORDS[self.key[:3]]} has the same first weights under every seed: what builds it sets a seed of "
                    "its own (torch.manual_seed), or draws none; leave the seed to ayneh, so that runs differ in them."
                )
        return torch.stack(rows), self.kept(memories)

    def _begun(self, seed: int, init: Callable[[nn.Module], None]) -> tuple[Tensor, Memory]:
        """The weights (P,) of a module built under this seed, and what it remembers."""
        net = self.build(seed)
        with seeded(seed + 1):  # other numbers than those of the constructor
            init(net)
        named, memory = dict(net.named_parameters()), _memory_of(net)
        if {name: named[name].shape for name in self.shapes if name in named} != self.shapes:
            raise UserError("A net has other weights under another seed: it must be built the same each time.")
        ours, theirs = _kinds(self.memory), _kinds(memory)
        for other in {**ours, **theirs}:
            if ours.get(other) != theirs.get(other):
                raise UserError(
                    f"{WORDS[self.key[:3]]} has another buffer {other} under another seed, by name, shape or type: it "
                    "must be built the same each time."
                )
        return self.pack({name: named[name].detach() for name in self.shapes}), memory

    def kept(self, memories: Sequence[Memory]) -> State:
        """The inverse of `of` for all replicas, by the names of the state."""
        return {self.key + name: torch.stack([memory[name] for memory in memories]) for name in self.memory}

    def restored(self, tensors: Mapping[str, Tensor], replicas: int, like: Tensor) -> State:
        """What it remembers in a checkpoint. Raises UserError unless all is there, in shape and type."""
        return {
            self.key + name: _as(tensor_in(tensors, self.key + name, (replicas, *value.shape), value.dtype), like)
            for name, value in self.memory.items()
        }

    def filled(self, row: Tensor, memory: Memory | None = None) -> Player:
        """A new plain module with this row's (P,) weights and what it remembers, on its device.

        What it draws in use is the same at each call: `Player.seed` changes it.
        """
        module: Player = copied(self.module).to(row.device, row.dtype)
        _move_plain_tensors(module, row.device)
        values = self.unpack(row) | (self.of(self.first(1, row), 0) if memory is None else memory)
        with torch.no_grad():
            for name, p in [*module.net.named_parameters(), *module.net.named_buffers()]:
                if name in values:
                    p.copy_(values[name])
        module.seed = FIXED_SEED if self.draws else None
        return module


def _memory_of(net: nn.Module) -> Memory:
    """Buffers, and parameters that are not trained. The batch norm of ayneh's own nets remembers nothing."""
    stateless = {
        f"{place}.{name}".lstrip(".")
        for place, layer in net.named_modules()
        if isinstance(layer, BatchNorm | BatchNorm1d)
        for name, _ in layer.named_buffers(recurse=False)
    }
    frozen = {name: p.detach() for name, p in net.named_parameters() if not p.requires_grad}
    return frozen | {name: value for name, value in net.named_buffers() if name not in stateless}


def _kinds(memory: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """The shape and type of each buffer."""
    return {name: (value.shape, value.dtype) for name, value in memory.items()}


def _move_plain_tensors(net: nn.Module, device: torch.device) -> None:
    """Tensors that a layer has as plain attributes, which `Module.to` leaves where they are."""
    for layer in net.modules():
        for name, value in vars(layer).items():
            if isinstance(value, Tensor):
                vars(layer)[name] = value.to(device)


def _is_cpu(theta: Tensor) -> bool:
    return theta.device.type == "cpu"


def _as(value: Tensor, like: Tensor) -> Tensor:
    """On the device of ``like``; floats in its type, others as they are."""
    return value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)


def _gather_weights(layer: nn.Module, args: Any) -> None:
    layer._flat_weights = [getattr(layer, name) for name in layer._flat_weights_names]  # type: ignore
