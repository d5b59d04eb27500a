"""Initial weights of one's own: drawn under the run's seed, and watched, so that no game begins with broken ones."""

import re
from pathlib import Path

import pytest
import torch

import ayneh
from ayneh.config import Config
from ayneh.engine.match import Match, replicas_of

PAGE = Path(__file__).parents[2] / "docs" / "parts.md"
CPU = torch.device("cpu")


def started(init, seeds=1):
    config = Config(batch=4, seeds=seeds).changed({"net.width": 2, "prior.dim": 4, "net.init": init})
    match = Match(replicas_of(config), torch.zeros(8, 1, 8, 8, dtype=torch.uint8), CPU)
    return match, match.start()


def test_the_one_of_the_page_fills_the_weights_under_the_seed():
    (block,) = re.findall(r"^```python\n((?:(?!```).)*add\(\"init\", \"small\".*?)^```", PAGE.read_text(), re.M | re.S)
    exec(block, {"ayneh": ayneh})
    match, state = started("small", seeds=3)
    _, again = started("small", seeds=3)
    for who in ("gen", "dis"):
        assert torch.equal(state[who], again[who])
        assert not torch.equal(state[who][0], state[who][1])
        weights = match.players[who].unpack(state[who][0])
        wide = [w for w in weights.values() if w.ndim > 1 and w.numel() > 50]
        assert wide
        assert all(float(w.std()) == pytest.approx(0.01, rel=0.3) for w in wide)


def removes(net):
    layer = next(one for one in net.modules() if getattr(one, "weight", None) is not None)
    layer.weight = None


def reshapes(net):
    layer = next(one for one in net.modules() if getattr(one, "weight", None) is not None)
    layer.weight = torch.nn.Parameter(torch.zeros(3, 3))


def adds(net):
    net.more = torch.nn.Linear(2, 2)


def empties(net):
    for p in net.parameters():
        p.data.fill_(float("nan"))


def huge(net):
    net.double()
    for p in net.parameters():
        p.data.fill_(1e300)


async def later(net): ...


OWN = torch.Generator().manual_seed(0)


def own_chance(net):
    for p in net.parameters():
        p.data.normal_(generator=OWN)


@pytest.mark.filterwarnings("ignore:coroutine")  # nobody awaits it
@pytest.mark.filterwarnings("ignore:Complex modules")
@pytest.mark.parametrize(
    ("init", "words"),
    [
        (lambda net: 1 / 0, "The initialisation 'x' failed: ZeroDivisionError: division by zero .*test_own_init.py:"),
        (lambda a, b: None, "The initialisation 'x' failed: TypeError: "),
        (removes, r"The initialisation 'x' removes \S+weight: fill the weights that are there"),
        (reshapes, r"gives \S+weight the shape \(3, 3\), and it had \("),
        (adds, "The initialisation 'x' adds more.weight"),
        (empties, "numbers that are NaN or infinite in float32: each must be finite"),
        (huge, "numbers that are NaN or infinite in float32"),
        (lambda net: net.to("meta"), "makes .*weight torch.float32 on meta; it was torch.float32 on cpu: keep it"),
        (lambda net: net.to(torch.complex64), "makes .* torch.complex64"),
        (later, "gives a coroutine, and has filled nothing"),
        (lambda net: torch.nn.Linear(2, 2), "gives a Linear, and has filled nothing"),
        (own_chance, "other weights at a second call under one seed, so that no run could be repeated"),
    ],
)
def test_what_would_break_the_game_is_one_sentence(init, words):
    ayneh.add("init", "x", init)
    with pytest.raises(ayneh.UserError, match=words):
        started("x")


def test_what_is_no_function_and_arguments_are_refused_when_added():
    with pytest.raises(ayneh.UserError, match="The initialisation 'x' is 3: it must be a function"):
        ayneh.add("init", "x", 3)
    with pytest.raises(ayneh.UserError, match="takes no arguments, and 'x' is given std"):
        ayneh.add("init", "x", empties, std=1)
    with pytest.raises(ayneh.UserError, match="A schedule takes no arguments, and 'x' is given rate"):
        ayneh.add("schedule", "x", lambda images: 1.0, rate=2)
