"""Parts of one's own made ready for the game: called as the built-in ones are, after a trial call.

A trial runs a part on small random tensors of two replicas. What comes back must have the right shape, be finite, and
must not mix the replicas; each failure is one sentence that names the part.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.game.augment import Augmentation
from ayneh.game.losses import Loss
from ayneh.game.optimiser import Optimiser
from ayneh.game.penalties import Penalty
from ayneh.parts.calling import parameters_of, what_happened
from ayneh.parts.registry import refuse_arguments

TYPES = {"loss": Loss, "penalty": Penalty, "augmentation": Augmentation, "optimiser": Optimiser}
FUNCTIONS = {"loss": ("dis", "gen"), "penalty": ("fn",), "augmentation": ("fn",), "optimiser": ("init", "update")}
DRAWS = ("mix", "perturb")  # that a penalty may need
MEMORY = re.compile(r"(?!t$|buffers$)[a-z][a-z0-9]*")
Numbers = Mapping[str, float]


def check(kind: str, name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError unless ``value`` has the type of this kind and what it needs, without calling it."""
    made = TYPES[kind]
    if not isinstance(value, made):
        raise UserError(f"The {kind} {name!r} is {_short(value)}: it must be an ayneh.{made.__name__}.")
    refuse_arguments(kind, name, arguments)
    for field in FUNCTIONS[kind]:
        found = getattr(value, field)
        if not callable(found):
            raise UserError(f"The {kind} {name!r} has {field}={_short(found)}: it must be a function.")
    if isinstance(value, Penalty) and (other := [draw for draw in value.draws if draw not in DRAWS]):
        raise UserError(f"The penalty {name!r} needs draws of {other[0]!r}: there are {' and '.join(DRAWS)}.")
    if isinstance(value, Penalty) and (other := [side for side in value.at if side not in ("real", "fake")]):
        raise UserError(f"The penalty {name!r} has at={value.at}: it may name real and fake.")
    if isinstance(value, Augmentation) and not (isinstance(value.draws, int) and value.draws >= 1):
        raise UserError(f"The augmentation {name!r} has draws={_short(value.draws)}: it must be a whole number from 1.")


check_loss, check_penalty, check_augmentation, check_optimiser = (partial(check, kind) for kind in TYPES)


# -- one trial for each kind -------------------------------------------------------------------------------------------


def loss(name: str, mine: Loss, batch: int, numbers: Numbers) -> Loss:
    """A loss that is called as the built-in ones are: with logits (R, B) of all replicas, and with ``smooth``.

    One's own functions may take (real, fake) and (fake) alone, and logits (B,) of one replica; ``numbers`` are given to
    those that take them by name. Raises UserError for what gives no loss for each image.
    """
    what = f"The loss {name!r}"
    dis, gen = _given(what, (mine.dis, mine.gen), numbers)
    takes_smooth, takes_real = _places(mine.dis) >= 3, _places(mine.gen) >= 2
    if mine.gen_needs_real and not takes_real:
        raise UserError(f"{what} has gen_needs_real=True: its gen must take (real, fake).")
    if mine.smooths and not takes_smooth:
        raise UserError(f"{what} has smooths=True: its dis must take (real, fake, smooth).")
    chance = torch.Generator().manual_seed(0)
    logits = [torch.randn(2, batch, generator=chance).mul(3).requires_grad_() for _ in "rf"]
    dis_fn = dis if takes_smooth else lambda real, fake, smooth: dis(real, fake)
    gen_fn = gen if takes_real else lambda real, fake: gen(fake)
    smooth = torch.full((2, 1), 0.1 if mine.smooths else 0.0)
    ready_dis = _by_rows(f"{what}: dis(real, fake{', smooth' * takes_smooth})", dis_fn, (*logits, smooth), batch)
    real = logits[0] if mine.gen_needs_real else None
    hint = "" if mine.gen_needs_real else " (gen gets the real logits with gen_needs_real=True alone)"
    ready_gen = _by_rows(f"{what}: gen({'real, ' * takes_real}fake)", gen_fn, (real, logits[1]), batch, hint)
    return Loss(ready_dis, ready_gen, mine.gen_needs_real, mine.smooths)


def penalty(name: str, mine: Penalty, image_shape: tuple[int, int, int], numbers: Numbers) -> Penalty:
    """A penalty after a trial on images (2, 3, C, S, S), with the numbers that it takes by name."""
    what = f"The penalty {name!r}"
    (fn,) = _given(what, (mine.fn,), numbers)
    chance = torch.Generator().manual_seed(0)
    shape = (2, 3, *image_shape)
    theta = torch.randn(2, 1, *image_shape, generator=chance).requires_grad_()

    def called(rows: slice) -> Tensor:
        def logits(x: Tensor) -> Tensor:
            return (x * theta[rows]).flatten(2).sum(2).tanh()

        draws = {"mix": torch.full(shape[:2], 0.3)[rows], "perturb": torch.full(shape, 0.3)[rows]}
        real, fake = (
            torch.full(shape, level)[rows].requires_grad_(side in mine.at)
            for level, side in ((-0.5, "real"), (0.1, "fake"))
        )
        found: Tensor = fn(logits, real, fake, {key: draws[key] for key in mine.draws})
        return found

    if not _apart(what, called, shape[:2], "a penalty for each image, (R, B)").requires_grad:
        raise UserError(f"{what} does not depend on D's weights: take D's slope with create_graph=True.")
    return mine._replace(fn=fn)


def augmentation(name: str, mine: Augmentation, image_shape: tuple[int, int, int], numbers: Numbers) -> Augmentation:
    """An augmentation after a trial on images (2, 3, C, S, S), with the numbers that it takes by name."""
    what = f"The augmentation {name!r}"
    (fn,) = _given(what, (mine.fn,), numbers)
    chance = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, *image_shape, generator=chance).mul(2).sub(1).requires_grad_()
    u, strength = torch.rand(2, 3, mine.draws, generator=chance), torch.full((2, 1, 1, 1, 1), 0.5)
    found = _apart(what, lambda rows: fn(x[rows], u[rows], strength[rows]), x.shape, "images like those that it gets")
    if not found.requires_grad:
        raise UserError(f"{what} cuts the gradient off: G learns through it, so that it must be differentiable in x.")
    return mine._replace(fn=fn)


def optimiser(name: str, mine: Optimiser) -> Optimiser:
    """An optimiser after a trial of two updates of theta (2, 3)."""
    what = f"The optimiser {name!r}"
    chance = torch.Generator().manual_seed(0)
    theta, grad = (torch.randn(2, 3, generator=chance) for _ in "tg")
    memory = _tried(f"{what}: init(theta)", mine.init, theta)
    if not isinstance(memory, dict) or not all(isinstance(key, str) and MEMORY.fullmatch(key) for key in memory):
        raise UserError(
            f"{what}: init(theta) gave {_short(memory)}: it must be a dict of tensors like theta, by names of small "
            "letters and digits, other than t and buffers."
        )
    column = torch.full((2, 1), 0.5)
    hyper = dict.fromkeys(("lr", "beta1", "beta2", "momentum", "weight_decay"), column) | {"eps": 1e-8, "decays": True}
    call = f"{what}: update(theta, grad, memory, t, hyper)"
    given = {"theta": theta, "grad": grad, **memory}
    before = {key: value.clone() for key, value in given.items()}
    found = _tried(call, mine.update, theta, grad, dict(memory), column + 0.5, hyper)
    if not (
        isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict) and set(found[1]) == set(memory)
    ):
        raise UserError(f"{call} gave {_short(found)}: it must give the pair (theta, memory), with the same memory.")
    for key, value in ({"theta": found[0]} | found[1] | memory).items():
        _need_shape(f"{call}, {key}", value, theta.shape, "a tensor like theta")
    if changed := [key for key, value in before.items() if not torch.equal(value, given[key])]:
        raise UserError(f"{call} changes {changed[0]}, which it is given: it must give a new tensor.")
    return mine


# -- what they share ---------------------------------------------------------------------------------------------------


def _by_rows(what: str, fn: Callable[..., Tensor], given: tuple[Any, ...], batch: int, hint: str = "") -> Any:
    """The function for logits (R, B): itself if it keeps the replicas apart, else called for one replica at a time."""

    def rows(*args: Any) -> Tensor:
        count = next(len(arg) for arg in args if isinstance(arg, Tensor))
        pick = lambda r: [arg[r] if isinstance(arg, Tensor) else arg for arg in args]  # noqa: E731
        return torch.stack([fn(*pick(r)) for r in range(count)])

    alone = _tried(what, fn, *(arg[0] if isinstance(arg, Tensor) else arg for arg in given), hint=hint)
    if isinstance(alone, Tensor) and alone.dim() == 0:
        raise UserError(
            f"{what} gave one number for the whole batch: it must give a loss for each image, so leave out the mean "
            '(in PyTorch\'s losses, reduction="none").'
        )
    _need_shape(what, alone, (batch,), "a loss for each image")
    if not alone.requires_grad:
        raise UserError(f"{what} does not depend on D's logits, so that nothing could be learnt from it.")
    expected = rows(*given)
    try:
        whole = fn(*given)
        same = whole.shape == expected.shape and torch.allclose(whole, expected, rtol=1e-5, atol=1e-6)
    except Exception:
        same = False
    return fn if same else rows


def _apart(what: str, fn: Callable[[slice], Tensor], shape: tuple[int, ...], wanted: str) -> Tensor:
    """What it gives for both replicas. Raises UserError unless it gives the same for the first one alone."""
    both, alone = (_tried(what, fn, slice(0, r)) for r in (2, 1))
    _need_shape(what, both, shape, wanted)
    if not torch.allclose(both[:1], alone, rtol=1e-4, atol=1e-6):
        raise UserError(f"{what} mixes the replicas of a stack: its first axis is the replica, and none may affect it.")
    found: Tensor = both
    return found


def _tried(what: str, fn: Callable[..., Any], *args: Any, hint: str = "") -> Any:
    try:
        return fn(*args)
    except UserError:
        raise
    except Exception as error:  # whatever a part of one's own raises
        raise UserError(f"{what} failed on its trial call ({what_happened(error)}){hint}.") from error


def _need_shape(what: str, found: Any, shape: tuple[int, ...], wanted: str) -> None:
    if not isinstance(found, Tensor):
        raise UserError(f"{what} gave {_short(found)}: it must give {wanted}, a tensor of {tuple(shape)} here.")
    if found.shape != shape:
        raise UserError(f"{what} gave {tuple(found.shape)}: it must give {wanted}, {tuple(shape)} here.")
    if not found.isfinite().all():
        raise UserError(f"{what} gave a number that is not finite ({_first_bad(found)}) on its trial call.")


def _first_bad(found: Tensor) -> float:
    return float(found.detach()[~found.isfinite()].flatten()[0])


def _given(what: str, functions: tuple[Callable[..., Any], ...], numbers: Numbers) -> list[Callable[..., Any]]:
    """The functions, each with those numbers that it takes by name. Raises UserError for one that none takes."""
    takes = [{p.name for p in parameters_of(fn) if p.kind is p.KEYWORD_ONLY} for fn in functions]
    for key in numbers:
        if not any(key in names for names in takes):
            there = ", ".join(sorted(set().union(*takes))) or "none (write them after a * in its function)"
            raise UserError(f"{what} has no number {key!r}; it has {there}.")
    given = [{key: value for key, value in numbers.items() if key in names} for names in takes]
    return [partial(fn, **of) if of else fn for fn, of in zip(functions, given, strict=True)]


def _places(fn: Callable[..., Any]) -> int:
    """The arguments that a function takes by their place."""
    kinds = [p.kind for p in parameters_of(fn)]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 99
    return sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)


def _short(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:80]}..."
