"""What is inside nets of one's own: chance, drawn from seeds of the run; and a sigmoid at the end, undone exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ayneh.errors import UserError
from ayneh.generators import seeded

OUTPUTS = ("auto", "logit", "probability")  # what an own D returns: config's net.dis_output
FIXED_SEED = 0  # of the chance inside a net in use, which is drawn from a run's chance while it is trained


class Player(nn.Module):
    """A module of one's own behind the game's shapes. ``net`` is the module itself."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.seed: int | None = None  # of the chance inside for the next call; None: the net draws nothing

    def used(self, x: Tensor, y: Tensor | None = None) -> Any:
        """The module's output for x, and the classes y where it takes them; its chance from ``seed``.

        It gets copies, since a layer may change its input in place.
        """
        given = (x.clone(),) if y is None else (x.clone(), y.clone())
        with nullcontext() if self.seed is None else seeded(self.seed, x.device):
            return self.net(*given)


class OwnGenerator(Player):
    """z (B, Z), classes (B,) if any -> images (B, C, S, S) in [-1, 1]. ``spatial``: it takes z as (B, Z, 1, 1)."""

    def __init__(self, net: nn.Module, spatial: bool = False) -> None:
        super().__init__(net)
        self.spatial = spatial

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        image: Tensor = self.used(z[:, :, None, None] if self.spatial else z, y)
        return image


class OwnDiscriminator(Player):
    """Images (B, C, S, S), classes (B,) if it takes any -> logits (B,).

    ``output``: "logit"; "sigmoid", of which the number that went into it is the logit; or "probability", whose logit
    is log(p / (1 - p)). A module with a class head returns two tensors; ``classify=True`` appends the second:
    (B, 1 + K).
    """

    reader = projection = classifier = None  # only ayneh's own have such layers

    def __init__(self, net: nn.Module, output: str = "logit") -> None:
        super().__init__(net)
        self.output = output

    @property
    def features(self) -> Features:
        """Images (B, C, S, S) -> what goes into the last layer that has weights, (B, F)."""
        return Features(self)

    def forward(self, x: Tensor, y: Tensor | None = None, classify: bool = False) -> Tensor:
        if self.output == "sigmoid":
            with BeforeSigmoid() as mode:
                logits, classes = _pair(self.used(x, y))
                logits = mode.before(logits)
        else:
            logits, classes = _pair(self.used(x, y))
            if self.output == "probability":
                logits = torch.logit(_at_least_float32(logits), 1e-6)
        logits = logits.flatten()
        return torch.cat([logits[:, None], classes], 1) if classify and classes is not None else logits


def _at_least_float32(p: Tensor) -> Tensor:
    """The nearest number of bfloat16 or float16 to 1 - 1e-6 is 1, whose logit is infinite."""
    return p.to(torch.promote_types(p.dtype, torch.float32))


def _pair(out: Any) -> tuple[Tensor, Tensor | None]:
    """What a D of one's own returns: logits, and the class head's where it has one."""
    return (out[0], out[1]) if isinstance(out, tuple) else (out, None)


class Features(nn.Module):
    """Images (B, C, S, S) -> (B, F): what goes into the last linear layer or convolution that D calls."""

    def __init__(self, dis: OwnDiscriminator) -> None:
        super().__init__()
        self.dis = dis

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raises UserError where D calls no such layer."""
        with BeforeLast(x.shape[0]) as mode:
            self.dis.used(x, y)
        if mode.last is None:
            raise UserError(
                "D has no features: they are what goes into its last linear layer or convolution, and it calls none."
            )
        return mode.last.flatten(1)


LINEAR: set[Callable[..., Any]] = {  # functions by which a layer's weights meet its input, in modules and in lines
    nn.functional.linear, nn.functional.bilinear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm,
    torch.addmm, torch.bmm, Tensor.bmm, torch.einsum, torch.conv1d, torch.conv2d, torch.conv3d,
    torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d,
}  # fmt: skip


class BeforeLast(TorchFunctionMode):
    """Within it, what went into the last linear layer is kept: ``last``, (n, ...)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.last: Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in LINEAR:
            given = [x for x in (*args, *(kwargs or {}).values()) if isinstance(x, Tensor)]
            self.last = next((x for x in given if x.ndim > 1 and x.shape[0] == self.n), self.last)
        return func(*args, **(kwargs or {}))


SIGMOIDS: set[Callable[..., Any]] = {  # and its logarithm: what goes into either is the logit
    torch.sigmoid, Tensor.sigmoid, nn.functional.sigmoid, torch.special.expit, nn.functional.logsigmoid,
}  # fmt: skip
IN_PLACE: set[Callable[..., Any]] = {torch.sigmoid_, Tensor.sigmoid_}
SHAPES: set[Callable[..., Any]] = {  # change the shape of a tensor, not its numbers
    torch.squeeze, Tensor.squeeze, torch.flatten, Tensor.flatten, torch.reshape, Tensor.reshape, Tensor.view,
    torch.unsqueeze, Tensor.unsqueeze, torch.ravel, Tensor.ravel, Tensor.view_as, Tensor.contiguous,
    torch.permute, Tensor.permute, torch.transpose, Tensor.transpose, Tensor.__getitem__,
}  # fmt: skip
SHAPES_IN_PLACE: dict[Callable[..., Any], Callable[..., Any]] = {  # and their twins that leave the tensor as it is
    Tensor.squeeze_: Tensor.squeeze, Tensor.unsqueeze_: Tensor.unsqueeze, Tensor.transpose_: Tensor.transpose,
    Tensor.t_: Tensor.t, Tensor.swapaxes_: Tensor.swapaxes,
}  # fmt: skip


class BeforeSigmoid(TorchFunctionMode):
    """Within it, what goes into each sigmoid is kept, and changes its shape as the sigmoid's result does.

    A result that was changed in place afterwards is that of a sigmoid no more.
    """

    def __init__(self) -> None:
        super().__init__()
        # (what came out of a sigmoid, which version of it, what went into the sigmoid)
        self.logits: list[tuple[Tensor, int, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        came: Any = args[0].clone() if func in IN_PLACE else args[0] if args else (kwargs or {}).get("input")
        reshape = func if func in SHAPES else SHAPES_IN_PLACE.get(func)
        logit = self._before(args[0]) if reshape and args else None
        out = func(*args, **(kwargs or {}))
        if func in SIGMOIDS or func in IN_PLACE:
            self.logits.append((out, _version(out), came))
        elif reshape and logit is not None:
            self.logits.append((out, _version(out), reshape(logit, *args[1:], **(kwargs or {}))))
        return out

    def before(self, out: Tensor) -> Tensor:
        """What went into the sigmoid that this is the result of; itself if it is of none."""
        logit = self._before(out)
        return out if logit is None else logit

    def _before(self, out: Any) -> Tensor | None:
        return next((logit for found, version, logit in self.logits if found is out and version == _version(out)), None)


def _version(x: Tensor) -> int:
    """Counts the changes of a tensor in place, and those of its views."""
    return 0 if x.is_inference() else x._version
