"""What a net of one's own remembers when it runs: in parameters and buffers it may, elsewhere a run would lose it."""

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.engine.trial import try_dis
from ayneh.errors import UserError


class Fn(nn.Module):
    """A layer with weights, then a function."""

    def __init__(self, after, n_in=64, n_out=64):
        super().__init__()
        self.first, self.after = nn.Linear(n_in, n_out), after

    def forward(self, x):
        return self.after(self.first(x.flatten(1)))


class Made(Fn):
    """Changes ``at`` by ``change(net, y)`` in its forward, y: what its first layer gives."""

    def __init__(self, change, **at):
        super().__init__(lambda y: y[:, 0])
        self.change, self.at = change, at
        for name, value in at.items():
            self.register_buffer(name, value)
        self.buffer, self.plain, self.seen = nn.Buffer(torch.zeros(64)), torch.zeros(64), []
        self.rng, self.ready, self.noise = np.random.default_rng(0), False, None
        self.scale = nn.Parameter(torch.ones(64))

    def forward(self, x):
        y = self.first(x.flatten(1)) * self.scale
        return self.after(self.change(self, y))


def mean(net, y):
    net.plain = 0.9 * net.plain + 0.1 * y.detach().mean(0)
    return y - net.plain


def means(net, y):
    net.seen.append(y.detach().mean(0))
    return y - torch.stack(net.seen).mean(0)


def rng(net, y):
    return y + 0.1 * torch.from_numpy(net.rng.standard_normal(tuple(y.shape))).to(y)


def act_norm(net, y):
    if not net.ready:
        net.scale.data.copy_(1 / y.detach().std(0))
        net.ready = True
    return y * net.scale


def fixed_noise(net, y):
    if net.noise is None:
        net.noise = torch.randn(64)
    return y + net.noise


def head(net, y):
    if not hasattr(net, "head"):
        net.head = nn.Linear(64, 64)
    return net.head(y)


def anew(net, y):
    net.scale = nn.Parameter(torch.ones(64))
    return y * net.scale


def none_at_first(net, y):
    net.late = y.detach().mean(0) if net.late is None else net.late
    return y - net.late


def queue(net, y):
    net.queue = torch.cat([net.queue, y.detach()])[-100:]
    return y - net.queue.mean(0)


def to_floats(net, y):
    net.calls = net.calls * 0.9 + 0.1 * len(y)
    return y


CALLED = []


def somewhere_else(net, y):
    CALLED.append(1)
    return y + len(CALLED)


REMEMBERING = {
    "a plain tensor": (Made(mean), "D's output depends on plain, which its former calls change, .* in no checkpoint"),
    "a list": (Made(means), "D's output depends on seen, which its former calls change"),
    "a generator of NumPy's": (Made(rng), "D's output depends on rng, .* torch.randn, torch.rand or nn.Dropout"),
    "a flag": (Made(act_norm), "D's output depends on ready, which"),
    "noise drawn once": (Made(fixed_noise), r"D's output depends on noise, .* in buffers \(register_buffer\)"),
    "a layer": (Made(head), "D makes head.weight in its forward, where it is neither trained nor kept.*nn.LazyLinear"),
    "a parameter anew": (Made(anew), "D makes scale in its forward, where it is neither trained nor kept"),
    "a buffer of None": (Made(none_at_first, late=None), r"D makes its buffer late in its forward, .* shape, \(64,\)"),
    "another shape": (Made(queue, queue=torch.zeros(0, 64)), r"its buffer queue from \(0, 64\) to \(4, 64\) in it"),
    "another type": (Made(to_floats, calls=torch.tensor(0)), "D changes its buffer calls from int64 to float32"),
}  # fmt: skip


@pytest.mark.parametrize(("net", "words"), REMEMBERING.values(), ids=REMEMBERING)
def test_what_a_net_remembers_outside_its_buffers_is_refused(net, words):
    """It would be in no checkpoint, and the replicas of a stack would share it."""
    with pytest.raises(UserError, match=words) as error:
        try_dis(net, (1, 8, 8))
    assert "\n" not in str(error.value)


def test_what_a_net_remembers_in_a_global_is_refused():
    with pytest.raises(UserError, match="draws random numbers from a generator of its own|depends on its former calls"):
        try_dis(Made(somewhere_else), (1, 8, 8))


def in_a_buffer(net, y):
    net.buffer = 0.9 * net.buffer + 0.1 * y.detach().mean(0)
    return y - net.buffer


def by_a_flag(net, y):
    if not net.done:
        net.scale.data.copy_(1 / y.detach().std(0))
        net.done.fill_(True)
    return y * net.scale


def positions(net, y):
    """As masks and tables of angles are kept: made at the first call, and in no checkpoint."""
    if net.table is None:
        net.table = torch.linspace(0, 1, y.shape[1])
    return y + net.table


def first_batch(net, y):
    net.table = y.detach().mean(0) if net.table is None else net.table
    return y - net.table


def grid(net, y):
    net.noise = torch.linspace(0, 1, 64) if net.noise is None else net.noise
    net.seen = [y.detach()]  # to be looked at
    return y + net.noise + 0.1 * torch.randn_like(y)


def clipped(net, y):
    net.scale.data.clamp_(-0.1, 0.1)
    return y


@pytest.mark.parametrize("change", [in_a_buffer, by_a_flag, grid, clipped], ids=lambda change: change.__name__)
def test_what_a_net_keeps_in_buffers_or_does_not_use_may_change(change):
    try_dis(Made(change, done=torch.tensor(False)), (1, 8, 8))


def test_a_cache_in_a_buffer_that_is_not_kept_may_be_made_in_the_forward():
    net = Made(positions)
    net.register_buffer("table", None, persistent=False)
    try_dis(net, (1, 8, 8))


def test_a_memory_in_a_buffer_that_is_not_kept_is_refused():
    net = Made(first_batch)
    net.register_buffer("table", None, persistent=False)
    with pytest.raises(UserError, match="D's output depends on"):
        try_dis(net, (1, 8, 8))
