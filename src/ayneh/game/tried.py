"""Parts of one's own made ready for the game: called as the built-in ones are, after a trial call.

A trial runs a part on small random tensors of two replicas (`trying.py`). What comes back must have the right shape, be
finite, follow from what the part is given alone, and must not mix the replicas; each failure is one sentence that names
the part.
"""

from __future__ import annotations

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
from ayneh.game.trying import Numbers, given, need_shape, places, short, trial
from ayneh.parts.registry import refuse_arguments

TYPES = {"loss": Loss, "penalty": Penalty, "augmentation": Augmentation, "optimiser": Optimiser}
FUNCTIONS = {"loss": ("dis", "gen"), "penalty": ("fn",), "augmentation": ("fn",), "optimiser": ("init", "update")}
DRAWS = ("mix", "perturb")  # that a penalty may need
NAMED = ', when D has run on it already: name the batch where the penalty is made, as at=("real",)'
BOTH, EACH = slice(0, 2), (slice(0, 1), slice(1, 2))  # the replicas of a trial
NUMBERS = ("lr", "beta1", "beta2", "momentum", "weight_decay")  # that an optimiser is given for each replica
MIXES = "mixes the replicas of a stack: its first axis is the replica, and none may affect it"
MEMORY = re.compile(r"(?!t$|buffers$)[a-z][a-z0-9]*")


def check(kind: str, name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError unless ``value`` has the type of this kind and what it needs, without calling it."""
    made = TYPES[kind]
    if not isinstance(value, made):
        raise UserError(f"The {kind} {name!r} is {short(value)}: it must be an ayneh.{made.__name__}.")
    refuse_arguments(kind, name, arguments)
    for field in FUNCTIONS[kind]:
        found = getattr(value, field)
        if not callable(found):
            raise UserError(f"The {kind} {name!r} has {field}={short(found)}: it must be a function.")
    if isinstance(value, Penalty) and (other := [draw for draw in value.draws if draw not in DRAWS]):
        raise UserError(f"The penalty {name!r} needs draws of {other[0]!r}: there are {' and '.join(DRAWS)}.")
    if isinstance(value, Penalty) and (other := [side for side in value.at if side not in ("real", "fake")]):
        raise UserError(f"The penalty {name!r} has at={value.at}: it may name real and fake.")
    if isinstance(value, Augmentation) and not (isinstance(value.draws, int) and value.draws >= 1):
        raise UserError(f"The augmentation {name!r} has draws={short(value.draws)}: it must be a whole number from 1.")


check_loss, check_penalty, check_augmentation, check_optimiser = (partial(check, kind) for kind in TYPES)


# -- one trial for each kind -------------------------------------------------------------------------------------------


def loss(name: str, mine: Loss, batch: int, numbers: Numbers) -> Loss:
    """A loss that is called as the built-in ones are: with logits (R, B) of all replicas, and with ``smooth``.

    One's own functions may take (real, fake) and (fake) alone, and logits (B,) of one replica; ``numbers`` are given to
    those that take them by name. A parameter that has a default keeps it, but for ``smooth`` of a loss that smooths.
    Raises UserError for what gives no loss for each image.
    """
    what = f"The loss {name!r}"
    dis, gen = given(what, (mine.dis, mine.gen), numbers)
    takes_smooth = places(mine.dis, needed=not mine.smooths) >= 3
    takes_real = places(mine.gen, needed=not mine.gen_needs_real) >= 2
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
    (fn,) = given(what, (mine.fn,), numbers)
    chance = torch.Generator().manual_seed(0)
    shape = (2, 3, *image_shape)
    theta = torch.randn(2, 1, *image_shape, generator=chance).requires_grad_()

    def called(rows: slice) -> Tensor:
        def dis(x: Tensor) -> Tensor:
            return (x * theta[rows]).flatten(2).sum(2).tanh()

        def played(real: Tensor, fake: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
            seen = [(x, dis(x)) for x in (real, fake)]  # as in the game, where D runs once on each batch

            def logits(x: Tensor) -> Tensor:
                made: Tensor | None = next((logit for batch, logit in seen if batch is x), None)
                return dis(x) if made is None else made

            found: Tensor = fn(logits, real, fake, draws)
            return found

        draws = {"mix": torch.full(shape[:2], 0.3)[rows], "perturb": torch.full(shape, 0.3)[rows]}
        real, fake = (
            torch.full(shape, level)[rows].requires_grad_(side in mine.at)
            for level, side in ((-0.5, "real"), (0.1, "fake"))
        )
        arguments = {"real": real, "fake": fake, "draws": {key: draws[key] for key in mine.draws}}
        found: Tensor = trial(what, played, arguments, grads=NAMED)
        return found

    if not _apart(what, called, shape[:2], "a penalty for each image, (R, B)").requires_grad:
        raise UserError(f"{what} does not depend on D's weights: take D's slope with create_graph=True.")
    return mine._replace(fn=fn)


def augmentation(name: str, mine: Augmentation, image_shape: tuple[int, int, int], numbers: Numbers) -> Augmentation:
    """An augmentation after a trial on images (2, 3, C, S, S), with the numbers that it takes by name."""
    what = f"The augmentation {name!r}"
    (fn,) = given(what, (mine.fn,), numbers)
    chance = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, *image_shape, generator=chance).mul(2).sub(1).requires_grad_()
    u, strength = torch.rand(2, 3, mine.draws, generator=chance), torch.full((2, 1, 1, 1, 1), 0.5)

    def called(rows: slice) -> Tensor:
        found: Tensor = trial(what, fn, {"x": x[rows], "u": u[rows], "strength": strength[rows]})
        return found

    if not _apart(what, called, x.shape, "images like those that it gets").requires_grad:
        raise UserError(f"{what} cuts the gradient off: G learns through it, so that it must be differentiable in x.")
    return mine._replace(fn=fn)


def optimiser(name: str, mine: Optimiser, kind: torch.dtype = torch.float32) -> Optimiser:
    """An optimiser after a trial update of theta (2, 3), of both replicas and of each alone.

    kind: the type of the run's numbers, in which a checkpoint keeps theta and the memory.
    """
    what, like = f"The optimiser {name!r}", "a tensor like theta"
    call = f"{what}: update(theta, grad, memory, t, hyper)"
    chance = torch.Generator().manual_seed(0)
    theta, grad = (torch.randn(2, 3, generator=chance).to(kind) for _ in "tg")
    # Of each number the replicas have different ones, so that an update by those of another replica is found.
    hyper = {key: torch.tensor([[0.5], [0.4]], dtype=kind) for key in NUMBERS}

    def updated(rows: slice) -> dict[str, Tensor]:
        memory = trial(f"{what}: init(theta)", mine.init, {"theta": theta[rows]})
        if not isinstance(memory, dict) or not all(isinstance(key, str) and MEMORY.fullmatch(key) for key in memory):
            raise UserError(
                f"{what}: init(theta) gave {short(memory)}: it must be a dict of tensors like theta, by names of small "
                "letters and digits, other than t and buffers."
            )
        for key, value in memory.items():  # floats of another type become theta's when they are saved and resumed
            floats = isinstance(value, Tensor) and value.is_floating_point()
            need_shape(f"{what}: init(theta), {key}", value, theta[rows].shape, like, None if floats else kind)
        numbers = {key: value[rows] for key, value in hyper.items()} | {"eps": 1e-8, "decays": True}
        t = torch.ones(2, 1, dtype=kind)[rows]
        given = {"theta": theta[rows], "grad": grad[rows], "memory": memory, "t": t, "hyper": numbers}
        found = trial(call, mine.update, given)
        if not (
            isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict) and set(found[1]) == set(memory)
        ):
            raise UserError(f"{call} gave {short(found)}: it must give the pair (theta, memory), with the same memory.")
        new: dict[str, Tensor] = {"theta": found[0], **found[1]}
        for key, value in new.items():
            need_shape(f"{call}, {key}", value, theta[rows].shape, like, kind)
        return new

    both, *alone = (updated(rows) for rows in (BOTH, *EACH))
    for key, value in both.items():
        if not _same_alone(value, [one[key] for one in alone]):
            raise UserError(f"{call}, {key}: it {MIXES}.")
    return mine


# -- what they share ---------------------------------------------------------------------------------------------------


def _by_rows(what: str, fn: Callable[..., Tensor], args: tuple[Any, ...], batch: int, hint: str = "") -> Any:
    """The function for logits (R, B): itself if it keeps the replicas apart, else called for one replica at a time."""

    def rows(*args: Any) -> Tensor:
        count = next(len(arg) for arg in args if isinstance(arg, Tensor))
        pick = lambda r: [arg[r] if isinstance(arg, Tensor) else arg for arg in args]  # noqa: E731
        return torch.stack([fn(*pick(r)) for r in range(count)])

    one = [arg[0] if isinstance(arg, Tensor) else arg for arg in args]
    alone = trial(what, fn, dict(zip(("real", "fake", "smooth"), one, strict=False)), hint)
    if isinstance(alone, Tensor) and alone.dim() == 0:
        raise UserError(
            f"{what} gave one number for the whole batch: it must give a loss for each image, so leave out the mean "
            '(in PyTorch\'s losses, reduction="none").'
        )
    need_shape(what, alone, (batch,), "a loss for each image")
    if not alone.requires_grad:
        raise UserError(f"{what} does not depend on D's logits, so that nothing could be learnt from it.")
    expected = rows(*args)
    try:
        whole = fn(*args)
        same = whole.shape == expected.shape and torch.allclose(whole, expected, rtol=1e-5, atol=1e-6)
    except Exception:
        same = False
    return fn if same else rows


def _apart(what: str, fn: Callable[[slice], Tensor], shape: tuple[int, ...], wanted: str) -> Tensor:
    """What it gives for both replicas. Raises UserError unless it gives the same for each alone."""
    both, *alone = (fn(rows) for rows in (BOTH, *EACH))
    for found, r in ((both, 2), *((one, 1) for one in alone)):
        need_shape(what, found, (r, *shape[1:]), wanted)
    if not _same_alone(both, alone):
        raise UserError(f"{what} {MIXES}.")
    return both


def _same_alone(both: Tensor, alone: list[Tensor]) -> bool:
    """Whether what was given for each replica alone is what was given for both, but for rounding."""
    return torch.allclose(both, torch.cat(alone), rtol=1e-4, atol=1e-6)
