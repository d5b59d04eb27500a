"""The nets have the layers, shapes and parameters of the report (report R5 to R8)."""

import itertools

import pytest
import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.game.nets import INITS, NETS, Spec, make_nets


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def shapes_through(net: nn.Module, x: torch.Tensor) -> list[tuple[int, ...]]:
    """The shape after each layer that changes it."""
    seen: list[tuple[int, ...]] = []
    for module in net:
        x = module(x)
        if not seen or seen[-1] != tuple(x.shape[1:]):
            seen.append(tuple(x.shape[1:]))
    return seen


def convolutions(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]


def test_the_mirror_nets_have_the_reports_parameters():
    gen, dis = make_nets("mirror", Spec(z_dim=128, channels=1, size=32))
    assert count(gen) == 172_449
    assert count(dis) == 172_881


def test_the_mirror_nets_have_the_reports_shapes():
    gen, dis = make_nets("mirror", Spec(z_dim=128, channels=1, size=32))
    assert shapes_through(gen, torch.randn(2, 128, 1, 1)) == [
        (64, 4, 4),
        (32, 8, 8),
        (16, 16, 16),
        (1, 32, 32),
    ]
    assert shapes_through(dis.features, torch.randn(2, 1, 32, 32)) == [
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
        (128, 1, 1),
    ]
    assert dis(torch.randn(5, 1, 32, 32)).shape == (5,)
    assert gen(torch.randn(5, 128)).shape == (5, 1, 32, 32)


def test_what_follows_each_layer_is_what_the_report_says():
    gen, dis = make_nets("mirror", Spec(z_dim=128, channels=1, size=32))
    kinds = lambda net: [type(m).__name__ for m in net]  # noqa: E731
    block = ["BatchNorm", "LeakyReLU"]
    assert kinds(dis.features) == ["Conv", *(["Conv", *block] * 3)]
    assert kinds(gen) == ["Deconv", *(["Deconv", *block] * 2), "Deconv", "Tanh"]
    assert {m.negative_slope for m in [*gen, *dis.features] if isinstance(m, nn.LeakyReLU)} == {0.2}
    for net in (gen, dis.features):  # biases on the layers without batch normalisation, none on those with it
        layers = list(net)
        for layer, after in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                assert (layer.bias is None) == isinstance(after, nn.BatchNorm2d)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_block_halves_exactly_and_d_mirrors_g(size, channels):
    gen, dis = make_nets("mirror", Spec(z_dim=128, channels=channels, size=size))
    down = convolutions(dis.features)
    up = convolutions(gen)[::-1]
    assert len(up) == len(down)
    for conv, deconv in zip(down, up, strict=True):
        assert (conv.in_channels, conv.out_channels) == (deconv.out_channels, deconv.in_channels)
        assert conv.kernel_size == deconv.kernel_size == (4, 4)
        assert (conv.stride, conv.padding) == (deconv.stride, deconv.padding)
    assert [c.stride[0] for c in down] == [2] * (len(down) - 1) + [1]
    sides = [size, *(s[1] for s in shapes_through(dis.features, torch.zeros(2, channels, size, size)))]
    assert all(a == 2 * b for a, b in itertools.pairwise(sides[:-1]))
    assert sides[-2:] == [4, 1]
    assert gen(torch.zeros(2, 128)).shape == (2, channels, size, size)


def test_logits_leave_the_net_not_probabilities():
    torch.manual_seed(0)
    _, dis = make_nets("mirror", Spec(z_dim=128, channels=1, size=32))
    with torch.no_grad():
        dis.head.weight.mul_(100)
    logits = dis(torch.randn(64, 1, 32, 32))
    assert logits.min() < 0 or logits.max() > 1


@pytest.mark.parametrize("name", NETS)
def test_the_features_judge_and_the_image_range(name):
    gen, dis = make_nets(name, Spec(z_dim=16, channels=1, size=NETS[name].padded_size(28)))
    x = gen(50 * torch.randn(8, 16))
    assert x.abs().max() <= 1
    torch.testing.assert_close(dis(x), dis.head(dis.features(x)).flatten())


def test_the_mlp_takes_any_size_and_colour():
    gen, dis = make_nets("mlp", Spec(z_dim=10, channels=3, size=11))
    assert dis(gen(torch.randn(4, 10))).shape == (4,)


@pytest.mark.parametrize("size", [28, 4, 33, 0])
def test_a_size_that_the_mirror_cannot_take_is_refused(size):
    with pytest.raises(UserError, match=rf"power of two.*not {size}.*--data\.pad-to"):
        make_nets("mirror", Spec(z_dim=128, channels=1, size=size))


def test_unknown_names_name_the_nearest():
    with pytest.raises(UserError, match="no net called 'mirorr'.*mean 'mirror'"):
        make_nets("mirorr", Spec(z_dim=128, channels=1, size=32))
    with pytest.raises(UserError, match="no normalisation called 'bach'.*mean 'batch'"):
        make_nets("mirror", Spec(z_dim=128, channels=1, size=32, gen_norm="bach"))


@pytest.mark.parametrize(("side", "padded"), [(28, 32), (32, 32), (8, 8), (5, 8), (33, 64)])
def test_the_size_to_pad_to(side, padded):
    assert NETS["mirror"].padded_size(side) == padded
    assert NETS["mlp"].padded_size(side) == side


def test_initial_weights_follow_their_laws():
    gen, _ = make_nets("mirror", Spec(z_dim=128, channels=1, size=32))
    first = gen[0]
    torch.manual_seed(0)
    INITS["dcgan"](gen)
    assert first.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert first.bias.abs().max() == 0
    assert gen[2].weight.mean().item() == pytest.approx(1, abs=0.02)
    INITS["torch"](gen)
    bound = 1 / (64 * 16) ** 0.5  # PyTorch counts fan-in of a transposed convolution on its output channels
    assert 0.98 * bound < first.weight.abs().max().item() <= bound
    assert (gen[2].weight == 1).all()


def test_glorot_and_he_keep_to_their_bounds():
    gen, _ = make_nets("mlp", Spec(z_dim=100, channels=1, size=28, width=300))
    INITS["glorot"](gen)
    bound = (6 / 400) ** 0.5
    assert 0.99 * bound < gen[0].weight.abs().max().item() <= bound
    INITS["he"](gen)
    assert gen[0].weight.std().item() == pytest.approx((2 / 1.04 / 100) ** 0.5, rel=0.02)
    assert gen[0].bias.abs().max() == 0


def test_he_keeps_the_size_of_a_signal_through_leaky_layers():
    gen, _ = make_nets("mlp", Spec(z_dim=512, channels=1, size=28, width=512))
    sizes = {}
    for name in ("he", "torch"):
        torch.manual_seed(0)
        INITS[name](gen)
        x = nn.Sequential(*list(gen)[:6])(torch.randn(256, 512))  # three layers with leaky ReLU
        sizes[name] = x.square().mean().item()
    assert sizes["he"] == pytest.approx(1, rel=0.1)
    assert sizes["torch"] < 0.1


@pytest.mark.parametrize("name", NETS)
def test_features_may_be_of_any_length_and_a_reader_maps_them_to_z(name):
    _, dis = make_nets(name, Spec(z_dim=16, channels=1, size=32, features=24, reads=True))
    x = torch.rand(3, 1, 32, 32)
    assert dis.features(x).flatten(1).shape == (3, 24)
    both = dis(x, read=True)
    assert both.shape == (3, 17)
    assert torch.equal(both[:, 0], dis(x))
    assert torch.equal(both[:, 1:], dis.reader(dis.features(x).flatten(1)))
    assert count(dis) == count(make_nets(name, Spec(z_dim=16, channels=1, size=32, features=24))[1]) + 24 * 16 + 16


@pytest.mark.parametrize("name", NETS)
def test_a_reader_may_have_layers_of_its_own_like_those_of_the_features(name):
    spec = Spec(z_dim=16, channels=1, size=32, features=24, reads=True, reader="own", spectral=True)
    _, dis = make_nets(name, spec)
    x = torch.rand(3, 1, 32, 32)
    assert torch.equal(dis(x, read=True)[:, 1:], dis.reader(x))
    assert count(dis.reader) == count(dis.features) + 24 * 16 + 16
    assert not any(getattr(layer, "spectral", False) for layer in dis.reader.modules())
    with torch.no_grad():
        for p in dis.features.parameters():
            p.zero_()
    assert dis(x, read=True)[:, 1:].abs().max() > 0  # nothing of D's features is in it
