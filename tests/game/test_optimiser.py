"""Optimisers against torch.optim in float64, replica by replica, and in a run that is stopped and resumed."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ayneh.config import Config, Net, Optimizer, Prior
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.game.optimiser import OPTIMISERS

CPU = torch.device("cpu")
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), precision="float64")
BETAS = {"betas": (0.3, 0.9), "eps": 1e-5}
THEIRS = {  # the same rule in torch.optim, from (lr, momentum, weight decay)
    "adam": lambda p, lr, m, wd: torch.optim.Adam(p, lr=lr, weight_decay=wd, **BETAS),
    "adamw": lambda p, lr, m, wd: torch.optim.AdamW(p, lr=lr, weight_decay=wd, **BETAS),
    "sgd": lambda p, lr, m, wd: torch.optim.SGD(p, lr=lr, momentum=m, weight_decay=wd),
    "rmsprop": lambda p, lr, m, wd: torch.optim.RMSprop(p, lr=lr, alpha=0.9, eps=1e-5, momentum=m, weight_decay=wd),
}
REPLICAS = [(0.1, 0.0, 0.0), (0.02, 0.9, 0.0), (0.05, 0.5, 0.3)]


def pixels():
    return torch.randint(0, 256, (64, 1, 14, 14), dtype=torch.uint8, generator=torch.manual_seed(5))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_replica_moves_as_under_torch_optim_with_its_numbers(name):
    rows = [nn.Parameter(torch.randn(50, dtype=torch.float64)) for _ in REPLICAS]
    theirs = [THEIRS[name]([row], *numbers) for row, numbers in zip(rows, REPLICAS, strict=True)]
    theta = torch.stack([row.detach().clone() for row in rows])
    column = lambda values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    hyper = dict(zip(("lr", "momentum", "weight_decay"), map(column, zip(*REPLICAS, strict=True)), strict=True))
    hyper |= {"beta1": column([0.3] * 3), "beta2": column([0.9] * 3), "eps": 1e-5, "decays": True}
    init, update = OPTIMISERS[name]
    memory = init(theta)
    for t in range(1, 30):
        grad = torch.randn(3, 50, dtype=torch.float64)
        given = {"theta": theta, "grad": grad, **memory}
        before = {key: value.clone() for key, value in given.items()}
        for row, one, optimiser in zip(rows, grad, theirs, strict=True):
            row.grad = one.clone()
            optimiser.step()
        theta, memory = update(theta, grad, memory, torch.full((3, 1), t, dtype=torch.float64), hyper)
        assert all(torch.equal(before[key], given[key]) for key in given)  # a pure function
        torch.testing.assert_close(theta, torch.stack([row.detach() for row in rows]), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_run_that_is_saved_by_name_and_restored_goes_on_with_the_same_bits(name):
    optimizer = Optimizer(name, lr=1e-3, momentum=0.8, weight_decay=0.01)
    replicas = [replace(SMALL, seed=r, optimizer=replace(optimizer, momentum=0.4 * r)) for r in range(2)]
    match = Match(replicas, pixels(), CPU)
    state = match.start()
    for i in range(2):
        state, _ = match.play(state, i)
    named = match.named(state)
    kept = {key.partition("/")[0] for key in named} - {"gen", "dis", "ema", "gen_t", "dis_t"}
    memory = {"sgd": {"momentum"}, "rmsprop": {"v", "momentum"}}.get(name, {"m", "v"})
    assert kept == {f"{who}_{key}" for who in ("gen", "dis") for key in memory}
    again = Match(replicas, pixels(), CPU)
    resumed = again.restored(named)
    assert list(resumed) == list(state)
    for i in range(2, 4):
        state, _ = match.play(state, i)
        resumed, _ = again.play(resumed, i)
    assert all(torch.equal(state[key], resumed[key]) for key in state)


def test_a_checkpoint_of_another_optimiser_is_refused():
    adam, sgd = (Match([replace(SMALL, optimizer=Optimizer(name))], pixels(), CPU) for name in ("adam", "sgd"))
    with pytest.raises(UserError, match="gen_momentum"):
        sgd.restored(adam.named(adam.start()))
    with pytest.raises(UserError, match="There is no optimiser called 'adm'. Did you mean 'adam'?"):
        Match([replace(SMALL, optimizer=Optimizer("adm"))], pixels(), CPU)
