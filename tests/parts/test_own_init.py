"""Initial weights of one's own: drawn under the run's seed, and watched, so that no game begins with broken ones."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

import ayneh
from ayneh.config import Config
from ayneh.engine.match import Match, replicas_of
from ayneh.game.inits import INITS
from ayneh.game.own import OwnPair

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


def plain(init, make=lambda layer: layer):
    """The weight and the bias that an initialisation gives a layer, which ``make`` norms before."""
    torch.manual_seed(0)
    layer = make(torch.nn.Linear(5, 3))
    torch.nn.init.constant_(layer.bias, 7.0)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        INITS[init](layer)
    layer(torch.zeros(1, 5))  # the old norms compute the weight in the forward
    return layer


NORMS = {
    "weight norm": parametrizations.weight_norm,
    "weight norm over all": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "PyTorch's former weight norm": old_weight_norm,
    "and over columns": lambda layer: old_weight_norm(layer, dim=1),
    "spectral norm": parametrizations.spectral_norm,
    "PyTorch's former spectral norm": old_spectral_norm,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_layer_under_a_norm_gets_the_weights_of_a_plain_one(norm, init):
    """Under spectral norm the weight that is divided, under weight norm the product of direction and length."""
    due, layer = plain(init), plain(init, norm)
    found = dict(layer.named_parameters())
    weight = found.get("parametrizations.weight.original", found.get("weight_orig", layer.weight))
    torch.testing.assert_close(weight, due.weight)
    assert torch.equal(layer.bias, due.bias)


class NoWayBack(torch.nn.Module):
    def forward(self, a, b):
        return a * b


class Product(NoWayBack):
    def right_inverse(self, weight):
        return weight, torch.ones_like(weight)


def test_a_weight_that_is_computed_without_a_way_back_is_refused():
    layer = torch.nn.Linear(2, 2)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", Product())
    INITS["dcgan"](layer)
    assert layer.weight.std() < 0.1
    layer.parametrizations.weight[0].__class__ = NoWayBack
    with pytest.raises(
        ayneh.UserError, match="--net.init cannot fill the weight of a ParametrizedLinear, which NoWayBack"
    ):
        INITS["dcgan"](layer)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_built_module_under_a_norm_cannot_be_reset_for_each_seed(norm):
    net = torch.nn.Sequential(norm(torch.nn.Linear(2, 2)))
    with pytest.raises(ayneh.UserError, match="has no reset_parameters, with which each seed would draw other"):
        OwnPair(net, net).make("gen", 0)
