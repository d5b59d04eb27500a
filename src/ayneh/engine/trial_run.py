"""One run of a net of one's own in its trial: what comes out, with which gradient, and at which layer it failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ayneh.engine.trial_state import Tensors, copies_of, hidden_in, kinds_of, refuse_made, refuse_memory
from ayneh.errors import UserError, brief
from ayneh.game.inside import FIXED_SEED, BeforeSigmoid
from ayneh.game.own import WORDS, copied
from ayneh.generators import drawn, seeded
from ayneh.terminal.text import few, warn_once


class Failed(UserError):
    """A net could not be run: at which layer, on what."""

    takes_maps = False  # that layer is a convolution, and a plain vector came


class Run:
    """A run of a copy of the net in training mode, with its gradient; and another, to see if it comes to the same."""

    def __init__(
        self, who: str, net: nn.Module, x: Tensor, y: Tensor | None = None, alone: bool = False, reads: int = 0
    ) -> None:
        """y: the classes, for a net that takes them; alone: nothing is looked at but the output.

        reads: number of the classes that D's class head reads.
        """
        self.who, self.name, self.outputs, self.y, self.reads = who, WORDS[who], 0, y, reads
        self.read: Tensor | None = None  # by the class head
        net, clean = copied(net), copied(net)
        self._refuse_compiled(net)
        before_numbers, kinds, self.hidden = _numbers(net), kinds_of(net), hidden_in(net)
        images = x.clone().requires_grad_(who == "dis")
        with seeded(FIXED_SEED), BeforeSigmoid() as mode:
            before = drawn()
            out = self._output(net, images * 1)  # no leaf, as in the game: a layer may change it in place
            self.chance = drawn() != before
        self.sigmoid = mode.before(out) is not out
        self.out = out.detach()
        if alone:
            return
        refuse_made(self.name, kinds, net)
        self._look_at_gradients(net, out, images)
        with seeded(FIXED_SEED):
            again = self._output(copied(clean), x.clone()).detach()
        if not torch.equal(again.nan_to_num(), self.out.nan_to_num()):
            raise UserError(
                f"{self.name} draws random numbers from a generator of its own, so that no run could be repeated: draw "
                "them with torch.randn, torch.rand or nn.Dropout, without a generator."
            )
        changed = [name for name, value in _numbers(net).items() if value != before_numbers.get(name, value)]
        self._need_no_memory(clean, net, x)
        if changed:
            warn_once(
                f"{self.name} changes {changed[0]} in its forward, a plain number, which a checkpoint does not hold: "
                "keep it as a buffer (register_buffer), or a resumed run differs from one that was not stopped."
            )

    def _need_no_memory(self, clean: nn.Module, used: nn.Module, x: Tensor) -> None:
        """Raise UserError unless a net that has run gives what a new one does, with its weights and buffers.

        For another input and other chance: what the first call keeps of its own would fit these only.
        """
        read, outs, fresh = self.read, [], copied(clean)
        for net in (fresh, used):
            with seeded(FIXED_SEED + 1):
                out = self._output(net, x * -0.5, copies_of(clean))
            outs.append(torch.cat([one.detach().flatten() for one in (out, self.read) if one is not None]).nan_to_num())
        self.read = read
        if not torch.equal(*outs):
            refuse_memory(self.name, clean, fresh, used)

    def _output(self, net: nn.Module, x: Tensor, values: Tensors | None = None) -> Tensor:
        """values: of its parameters and buffers, in place of its own, as the game gives them."""
        given = (x,) if self.y is None else (x, self.y.clone())
        with _located(net) as layers:
            try:
                out: Any = net(*given) if values is None else functional_call(net, values, given)
            except Exception as error:
                failed = Failed(self._sentence(layers, x, error))
                at = layers[-1] if layers else None
                failed.takes_maps = at is not None and isinstance(at[1], MAPS) and at[2] == shape_of(x)
                raise failed from error
        self.outputs = sum(layers.outputs) // len(x)
        if self.reads:
            out, self.read = self._pair(out, x)
        if not isinstance(out, Tensor):
            raise UserError(f"{self.name} returns a {type(out).__name__} for {shape_of(x)}; it must return one tensor.")
        if not out.is_floating_point():
            raise UserError(f"{self.name} returns {shape_of(out)} of {type_of(out)}; it must return floats.")
        return out

    def _pair(self, out: Any, x: Tensor) -> tuple[Any, Tensor]:
        """D's logits, and those of its class head. Raises UserError unless both are there, a number for each class."""
        due = (
            "in a game with --rules.labels auxiliary it must return (logits, class logits), the second "
            f"({len(x)}, {self.reads})"
        )
        if not (isinstance(out, tuple) and len(out) == 2 and all(isinstance(one, Tensor) for one in out)):
            got = f"a tuple of {len(out)}" if isinstance(out, tuple) else shape_of(out)
            raise UserError(f"D returns {got} for {len(x)} images; {due}.")
        if out[1].shape != (len(x), self.reads) or not out[1].is_floating_point():
            raise UserError(
                f"D's class head returns {shape_of(out[1])} of {type_of(out[1])} for {len(x)} images and {self.reads} "
                f"classes; {due}, of floats."
            )
        return out[0], out[1]

    def _sentence(self, layers: _Layers, x: Tensor, error: Exception) -> str:
        at = f"{self.name} failed on {shape_of(x)}"
        if layers:
            place, layer, came = layers[-1]
            if place:
                at += f", at its layer {place} ({type(layer).__name__}), to which {came} came"
        return f"{at}: {type(error).__name__}: {brief(error)}."

    def _refuse_compiled(self, net: nn.Module) -> None:
        for place, layer in net.named_modules():
            if isinstance(layer, torch.jit.ScriptModule):
                raise UserError(
                    f"{self.name} is compiled by torch.jit (its layer {place or type(layer).__name__!r}), and such a "
                    "module cannot play: give the module that it was compiled from."
                )

    def _look_at_gradients(self, net: nn.Module, out: Tensor, images: Tensor) -> None:
        trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
        if not trained:
            raise UserError(f"{self.name} has no parameters that are trained: give it layers with weights.")
        grads: tuple[Tensor | None, ...] = (None,) * len(trained)
        total = out.sum() if self.read is None else out.sum() + self.read.sum()
        if out.requires_grad:
            with seeded(FIXED_SEED):
                grads = self._gradients(total, list(trained.values()))
        self.unused = [name for name, grad in zip(trained, grads, strict=True) if grad is None]
        if len(self.unused) == len(trained):
            raise UserError(
                f"No parameter of {self.name} receives a gradient: its output does not depend on them, or was detached "
                "(.detach(), .data, torch.no_grad, .item())."
            )
        if images.requires_grad and self._gradients(out.sum(), [images])[0] is None:
            raise UserError(
                f"{self.name}'s output gives no gradient to its images, so that G could not learn: they are cut off in "
                "its forward (.detach(), .data, torch.no_grad, torch.tensor)."
            )

    def _gradients(self, total: Tensor, at: list[Tensor] | list[nn.Parameter]) -> tuple[Tensor | None, ...]:
        try:
            return torch.autograd.grad(total, at, allow_unused=True, retain_graph=True)
        except Exception as error:  # PyTorch's, or that of a backward of one's own
            advice = ": leave out what changes a tensor in place (x = x + y in place of x += y)"
            advice = advice * ("inplace" in str(error) or "in-place" in str(error))
            raise UserError(
                f"{self.name} failed when its gradient was taken ({type(error).__name__}: {brief(error)}){advice}."
            ) from error

    def warn_of_parameters(self) -> None:
        """Name the parameters that receive no gradient, and where weights are that are no parameters."""
        if self.hidden:
            warn_once(
                f"{self.name} has weights in plain attributes, which are neither trained nor kept: "
                f"{few(self.hidden, 5)}. Use nn.ModuleList, nn.ModuleDict or nn.Parameter."
            )
        if self.unused:
            warn_once(
                f"These parameters of {self.name} never receive a gradient and stay as they are: {few(self.unused, 5)}."
            )


MAPS = (nn.modules.conv._ConvNd, nn.modules.batchnorm.BatchNorm2d, nn.Upsample)


class _Layers(list[tuple[str, nn.Module, str]]):
    """The layers that were entered and not left: name, module, the shape that came; and sizes of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[int] = []


@contextmanager
def _located(net: nn.Module) -> Iterator[_Layers]:
    """Within it, where in the net a call is."""
    layers, hooks = _Layers(), []

    def enter(place: str) -> Callable[..., None]:
        return lambda layer, args: layers.append((place, layer, " and ".join(shape_of(a) for a in args) or "nothing"))

    def leave(layer: nn.Module, args: Any, out: Any) -> None:
        layers.pop()
        if not any(layer.children()) and isinstance(out, Tensor):
            layers.outputs.append(out.numel())

    for place, layer in net.named_modules():
        hooks += [layer.register_forward_pre_hook(enter(place), prepend=True), layer.register_forward_hook(leave)]
    try:
        yield layers
    finally:
        for hook in hooks:
            hook.remove()


def _numbers(net: nn.Module) -> dict[str, float]:
    """The plain numbers among the attributes of its layers, by their dotted names."""
    return {
        f"{place}.{name}".lstrip("."): value
        for place, layer in net.named_modules()
        for name, value in vars(layer).items()
        if type(value) in (int, float)
    }


def shape_of(x: object) -> str:
    return str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__


def type_of(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
