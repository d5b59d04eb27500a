"""Nets of one's own, tried before a game: what does not fit is one sentence; what D's sigmoid is, and what it gives."""

import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ayneh.engine.trial import try_dis, try_gen
from ayneh.errors import UserError
from ayneh.game.inside import OwnDiscriminator
from ayneh.game.own import OwnPair, check
from ayneh.generators import seeded
from ayneh.terminal import text


@pytest.fixture(autouse=True)
def warn_again(monkeypatch):
    monkeypatch.setattr(text, "_warned", set())


class Fn(nn.Module):
    """A layer with weights, then a function."""

    def __init__(self, after, n_in=64, n_out=64):
        super().__init__()
        self.first, self.after = nn.Linear(n_in, n_out), after

    def forward(self, x):
        return self.after(self.first(x.flatten(1)))


class Cutting(Fn):
    """The images are cut off."""

    def forward(self, x):
        return super().forward(x.detach())


def gen(after, n_out=64):
    return Fn(after, 6, n_out)


def images(y, channels=1):
    return y.tanh().view(len(y), channels, 8, -1)


OWN = torch.Generator().manual_seed(0)
BAD_GENS = {
    "a vector": (gen(torch.tanh), r"G returns \(4, 64\) for 4 latents; it must return images, \(4, channels, side"),
    "not square": (gen(lambda y: y.tanh().view(-1, 1, 4, 16)), r"returns \(4, 1, 4, 16\).*same number of pixels each"),
    "colours": (gen(lambda y: images(y, 3), 192), r"3 channels \(\(4, 3, 8, 8\).*have 1: give G 1 output channels"),
    "no tanh": (gen(lambda y: 9 * y.view(-1, 1, 8, 8)), r"from -\S+ to \S+, and real .* no tanh comes last"),
    "a sigmoid": (gen(lambda y: y.sigmoid().view(-1, 1, 8, 8)), r"G ends in a sigmoid.*\(0, 1\).*nn\.Tanh\(\) instead"),
    "nan": (gen(lambda y: images(y / 0 * 0)), r"G's images are not finite at the start \(256 of 256 numbers"),
    "a tuple": (gen(lambda y: (images(y), y)), r"G returns a tuple for \(4, 6\); it must return one tensor"),
    "whole numbers": (gen(lambda y: images(y).long()), r"G returns \(4, 1, 8, 8\) of int64; it must return floats"),
    "detached": (gen(lambda y: images(y.detach())), r"No parameter of G receives a gradient.*\.detach\(\)"),
    "no weights": (nn.Unflatten(1, (1, 2, 3)), r"G has no parameters that are trained"),
    "own chance": (
        gen(lambda y: images(y + torch.randn(y.shape, generator=OWN))),
        r"G draws random numbers from a generator of its own",
    ),
    "another length": (
        nn.Sequential(nn.Linear(100, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))),
        r"G failed on \(4, 6\), at its layer 0 \(Linear\), to which \(4, 6\) came: RuntimeError: .* --prior.dim 6",
    ),
    "another length of maps": (
        nn.Sequential(nn.ConvTranspose2d(100, 1, 8), nn.Tanh()),
        r"G failed on \(4, 6, 1, 1\), at its layer 0 \(ConvTranspose2d\).*--prior.dim 6 numbers",
    ),
    "within": (
        nn.Sequential(nn.Linear(6, 64), nn.Sequential(nn.Unflatten(1, (4, 4, 4)), nn.Conv2d(3, 1, 1))),
        r"at its layer 1\.1 \(Conv2d\), to which \(4, 4, 4, 4\) came: RuntimeError",
    ),
}  # fmt: skip
BAD_DISES = {
    "vectors": (Fn(lambda y: y), r"D returns \(4, 64\) for 4 images, 64 numbers for each image; it must return one"),
    "a map": (nn.Conv2d(1, 1, 3), r"returns \(4, 1, 6, 6\) .* 36 numbers for each.*\.mean\(\(1, 2, 3\)\)"),
    "a scalar": (Fn(lambda y: y.mean()), r"D returns \(\) for 4 images, other than one each"),
    "nan": (Fn(lambda y: y[:, 0] * float("inf")), r"D's outputs are not finite at the start"),
    "colours": (nn.Sequential(nn.Conv2d(3, 1, 8)), r"D failed on \(4, 1, 8, 8\), at its layer 0 \(Conv2d\)"),
    "ten numbers": (Fn(lambda y: y, n_out=10), r"10 numbers for each image.*: end it with nn\.Linear\(\.\.\., 1\)"),
    "images cut off": (Cutting(lambda y: y[:, 0]), r"gives no gradient to its images, so that G could not learn"),
    "frozen": (Fn(lambda y: y[:, 0]).requires_grad_(False), r"D has no parameters that are trained"),
}


@pytest.mark.parametrize(("net", "words"), BAD_GENS.values(), ids=BAD_GENS)
def test_a_bad_generator_is_one_sentence(net, words):
    with pytest.raises(UserError, match=words) as error:
        try_gen(net, 6, 1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("net", "words"), BAD_DISES.values(), ids=BAD_DISES)
def test_a_bad_discriminator_is_one_sentence(net, words):
    with pytest.raises(UserError, match=words) as error:
        try_dis(net, (1, 8, 8))
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*is deprecated:DeprecationWarning")
def test_a_compiled_net_is_one_sentence():
    compiled = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(64, 1)))
    with pytest.raises(
        UserError, match=r"D is compiled by torch\.jit \(its layer '0'\), and such a module cannot play"
    ):
        try_dis(nn.Sequential(compiled), (1, 8, 8))


def test_a_layer_may_change_the_images_in_place():
    assert try_dis(nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 1)), (1, 8, 8)).output == "logit"


def test_parameters_without_a_gradient_are_named(capsys):
    net = Fn(lambda y: y[:, 0])
    net.spare = nn.Linear(2, 2)
    try_dis(net, (1, 8, 8))
    assert "of D never receive a gradient and stay as they are: spare.weight, spare.bias." in capsys.readouterr().err


@pytest.mark.parametrize("value", [
    [nn.Linear(64, 64)], {"a": (nn.Linear(64, 64),)}, torch.ones(64, requires_grad=True),
], ids=["list", "dict", "tensor"])  # fmt: skip
def test_weights_that_are_no_parameters_are_named(capsys, value):
    net = Fn(lambda y: y[:, 0])
    net.layers = [net.first]  # which is a layer of it, too
    net.frozen = [nn.Linear(2, 2).requires_grad_(False)]
    try_dis(net, (1, 8, 8))
    assert capsys.readouterr().err == ""
    net.more = value
    try_dis(net, (1, 8, 8))
    said = "D has weights in plain attributes, which are neither trained nor kept: more. Use nn.ModuleList"
    assert said in capsys.readouterr().err


def test_a_number_that_is_no_buffer_is_named(capsys):
    class Counting(Fn):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    net = Counting(lambda y: y[:, 0])
    net.calls = 0
    try_dis(net, (1, 8, 8))
    assert "D changes calls in its forward, a plain number, which a checkpoint does not hold" in capsys.readouterr().err
    assert net.calls == 0  # the trial runs copies


def test_a_gradient_that_cannot_be_taken_is_one_sentence():
    def residual(y):
        z = y.exp()
        z += y
        return z[:, 0]

    with pytest.raises(
        UserError, match=r"D failed when its gradient was taken \(RuntimeError: .*: leave out what chang"
    ):
        try_dis(Fn(residual), (1, 8, 8))


def test_what_a_trial_finds_out():
    maps = nn.Sequential(nn.ConvTranspose2d(6, 3, 8), nn.BatchNorm2d(3), nn.Tanh())
    dis = nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.Dropout(0.1))
    g, d = try_gen(maps, 6, 3), try_dis(dis, (3, 8, 8))
    assert (g.shape, g.spatial, g.chance) == ((3, 8, 8), True, False)
    assert (d.output, d.chance, d.together) == ("logit", True, False)
    assert try_dis(nn.Sequential(nn.Conv2d(1, 1, 8), nn.BatchNorm2d(1)), (1, 8, 8)).together
    assert maps[1].num_batches_tracked == 0


@pytest.mark.parametrize("draw", [
    lambda y: y + random.random(), lambda y: y + np.random.rand(), lambda y: F.dropout(y, 0.5),
    lambda y: y + 0 * torch.randn_like(y),
], ids=["python", "numpy", "dropout", "noise of weight 0"])  # fmt: skip
def test_chance_of_every_kind_is_found_and_comes_from_the_seed(draw):
    net = Fn(lambda y: draw(y)[:, 0])
    assert try_dis(net, (1, 8, 8)).chance
    player, x = OwnDiscriminator(net), torch.ones(4, 1, 8, 8)
    outs = []
    for player.seed in (1, 2, 1):
        outs.append(player(x))
        random.random(), np.random.rand(), torch.rand(1)
    assert torch.equal(outs[0], outs[2])


SIGMOIDS = {
    "a module": lambda y: nn.Sigmoid()(y[:, :1]),
    "torch.sigmoid": lambda y: torch.sigmoid(y[:, 0]),
    "a method, then squeezed": lambda y: y[:, :1].sigmoid().squeeze(1),
    "functional, then flat": lambda y: F.sigmoid(y[:, :1]).view(-1).reshape(-1, 1).flatten(),
    "in place": lambda y: (y * 1)[:, 0].sigmoid_(),
    "of a map of one": lambda y: torch.sigmoid(y[:, :1, None, None]).squeeze(-1).squeeze(-1),
    "after one inside": lambda y: torch.sigmoid((y * y.sigmoid())[:, 0]),
}


@pytest.mark.parametrize("after", SIGMOIDS.values(), ids=SIGMOIDS)
def test_a_sigmoid_is_undone_exactly_and_has_the_gradients_of_its_loss(after):
    """-log D with the logit is BCE of the probability: the same loss and gradients in float64."""
    net = Fn(after).double()
    assert try_dis(net, (1, 8, 8)).output == "sigmoid"
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    weights = list(net.parameters())
    logits = OwnDiscriminator(net, "sigmoid")(x)
    assert torch.equal(logits.sigmoid(), net(x).flatten())
    ours = torch.autograd.grad(F.softplus(-logits).mean(), weights)
    theirs = torch.autograd.grad(F.binary_cross_entropy(net(x).flatten(), torch.ones(4).double()), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("flat", [lambda p: p.squeeze(1), lambda p: p.unsqueeze_(2).squeeze_(2).squeeze_(1)])
def test_the_logarithm_of_a_sigmoid_is_undone_too(flat):
    net, x = Fn(lambda y: flat(F.logsigmoid(y[:, :1]))), torch.randn(4, 1, 8, 8)
    assert try_dis(net, (1, 8, 8)).output == "sigmoid"
    assert torch.equal(F.logsigmoid(OwnDiscriminator(net, "sigmoid")(x)), net(x))


@pytest.mark.parametrize("change", [
    lambda p: p.mul_(0.5), lambda p: p.clamp_(-0.7).view(-1, 1).flatten(), lambda p: halved(p),
], ids=["halved", "clamped, then flat", "by a view"])  # fmt: skip
def test_a_sigmoid_that_is_changed_in_place_is_none(change):
    """Its output is what it returns then, as where it is changed in a new tensor."""
    net, x = Fn(lambda y: change(F.logsigmoid(y[:, 0]))), torch.randn(4, 1, 8, 8)
    assert try_dis(net, (1, 8, 8)).output == "logit"
    assert torch.equal(OwnDiscriminator(net, "sigmoid")(x), net(x))


def halved(p):
    p.view(-1, 1).mul_(0.5)
    return p


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_logit_of_a_probability_is_finite_in_all_numbers(kind):
    """1 - 1e-6 is 1 in bfloat16."""
    p = torch.tensor([0.0, 0.5, 1.0], dtype=kind, requires_grad=True)
    logit = OwnDiscriminator(nn.Flatten(0), "probability")(p)
    torch.testing.assert_close(logit, torch.tensor([-13.8155, 0, 13.8155]).to(logit), rtol=0.01, atol=1e-6)
    assert torch.autograd.grad(logit.sum(), p)[0].isfinite().all()
    assert logit.dtype == (torch.float64 if kind == torch.float64 else torch.float32)


def test_a_logit_does_not_saturate_where_the_probability_does():
    net = Fn(lambda y: 200 + torch.sigmoid(y[:, 0] * 0 + 200) * 0)
    assert try_dis(Fn(lambda y: torch.sigmoid(200 + y[:, 0])), (1, 8, 8)).output == "sigmoid"
    player = OwnDiscriminator(Fn(lambda y: torch.sigmoid(200 + y[:, 0])), "sigmoid")
    assert (player(torch.zeros(2, 1, 8, 8)) > 190).all()
    assert try_dis(net, (1, 8, 8)).output == "logit"  # what comes last is a sum


def test_no_sigmoid_is_no_sigmoid(capsys):
    halves = Fn(lambda y: y.sigmoid().mean(1))  # a mean of probabilities
    assert try_dis(halves, (1, 8, 8)).output == "logit"
    assert "All outputs of D are in (0, 1)" in capsys.readouterr().err
    assert try_dis(halves, (1, 8, 8), "probability").output == "probability"
    assert try_dis(halves, (1, 8, 8), "logit").output == "logit"
    assert capsys.readouterr().err == ""
    x = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(OwnDiscriminator(halves, "probability")(x).sigmoid(), halves(x))
    assert try_dis(Fn(lambda y: y.sigmoid()[:, 0]), (1, 8, 8), "logit").output == "logit"  # as asked
    with pytest.raises(UserError, match=r"--net\.dis-output is probability, but D returns numbers from"):
        try_dis(Fn(lambda y: 9 * y[:, 0]), (1, 8, 8), "probability")


def test_a_source_that_gives_no_module_is_one_sentence():
    with pytest.raises(UserError, match=r"G could not be built by Linear\(in_features=2, widht=3\): TypeError"):
        OwnPair(nn.Linear, nn.Linear, {"in_features": 2, "widht": 3}).make("gen", 0)
    with pytest.raises(UserError, match="returned a int for D"):
        OwnPair(nn.Linear, lambda: 3).make("dis", 0)


class Complex(nn.Module):
    def __init__(self, buffer):
        super().__init__()
        w = torch.ones(2, dtype=torch.complex64)
        self.w = nn.Buffer(w) if buffer else nn.Parameter(w)


@pytest.mark.parametrize("buffer", [False, True])
@pytest.mark.parametrize("built", [False, True])
def test_complex_weights_are_refused_and_not_cut_to_their_real_parts(buffer, built):
    dis = nn.Sequential(Complex(buffer)) if built else lambda: nn.Sequential(Complex(buffer))
    kind = "buffer" if buffer else "parameter"
    with pytest.raises(UserError, match=rf"D has the complex {kind} 0\.w, .*torch\.view_as_real\(w\)"):
        OwnPair(dis, dis).make("dis", 0, as_is=True)


@pytest.mark.parametrize(("value", "arguments", "words"), [
    (("a", "b"), {}, r"must be \(Gen, Dis\)"),
    ((nn.Linear,), {}, r"must be \(Gen, Dis\)"),
    (3, {}, r"must be \(Gen, Dis\)"),
    ((nn.Linear, nn.Linear), {"width": 3}, r"width=3; nets take gen_args and dis_args"),
    ((nn.Linear(1, 1), nn.Linear), {"gen_args": {"a": 1}}, r"its gen is built already"),
])  # fmt: skip
def test_a_part_that_is_no_net_is_refused_as_it_is_added(value, arguments, words):
    with pytest.raises(UserError, match=words):
        check("mine", value, arguments)


def test_a_module_that_is_built_is_reset_for_each_seed_or_kept_as_it_is(capsys):
    built = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    pair = OwnPair(built, built)
    one, other, again = (pair.make("gen", seed) for seed in (1, 2, 1))
    assert not torch.equal(one[0].weight, other[0].weight)
    assert torch.equal(one[0].weight, again[0].weight)
    assert "G is a module that is built already" in capsys.readouterr().err
    assert torch.equal(pair.make("gen", 1, as_is=True)[0].weight, built[0].weight)

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

    with pytest.raises(UserError, match=re.escape("'1' (Bare) has no reset_parameters")):
        OwnPair(nn.Sequential(nn.Linear(2, 2), Bare()), built).make("gen", 0)


def test_seeded_puts_every_generator_back():
    before = torch.get_rng_state(), random.getstate()
    with seeded(5):
        first = torch.rand(2), random.random(), np.random.rand()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    with seeded(5):
        assert torch.equal(torch.rand(2), first[0])
        assert (random.random(), np.random.rand()) == first[1:]
