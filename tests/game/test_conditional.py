"""How a class enters the nets, each way against its formula written out in float64; and where such weights begin."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ayneh.engine.replicas import Net
from ayneh.errors import UserError
from ayneh.game.conditional import ClassNorm, Embedding, Joined, class_loss, code, read_right
from ayneh.game.nets import INITS, First, Spec, make_nets

K = 5
Y = torch.tensor([0, 4, 2, 2, 1, 3])
MIRROR = Spec(z_dim=8, channels=2, size=16, width=4, parts=(K,), label_dim=3)


def spec(**changes):
    return Spec(**{**vars(MIRROR), **changes})


def filled(net: nn.Module, init: str = "glorot", seed: int = 1) -> nn.Module:
    """The net with first weights, in float64, in training mode."""
    stack = Net(net)
    (row,), _ = stack.start([seed], INITS[init])
    return stack.filled(row.double()).train()


def test_a_class_of_several_parts_is_several_one_hots():
    """Class 7 of (2, 2, 3) is (1, 0, 1): 7 = 1 * 6 + 0 * 3 + 1, as 731 is the digits 7, 3 and 1."""
    assert code(torch.tensor([7]), (2, 2, 3)).int().tolist() == [[0, 1, 1, 0, 0, 1, 0]]
    digits = code(torch.tensor([731]), (10, 10, 10)).int().reshape(3, 10)
    assert digits.argmax(1).tolist() == [7, 3, 1]
    assert torch.equal(code(torch.arange(K), (K,)), torch.eye(K, dtype=torch.bool))


@pytest.mark.parametrize(
    "first", [First(), First("unit", 0.3, 2.0), First("channel")], ids=["plain", "unit", "channel"]
)
@pytest.mark.parametrize("name", ["mirror", "mlp"])
def test_concat_gives_g_the_embedding_beside_z(name, first):
    gen = filled(make_nets(name, spec(labels="concat", first=first))[0])
    z = torch.randn(6, 8, dtype=torch.float64)
    joined, *rest = gen
    z_and_e = torch.cat([z, joined.embedding.weight[Y]], 1)  # (B, 8 + 3)
    if name == "mirror":
        weight = torch.cat([joined.layer.weight, joined.beside])
        x = F.conv_transpose2d(z_and_e[:, :, None, None], weight, joined.layer.bias)
    else:
        x = z_and_e @ torch.cat([joined.layer.weight, joined.beside], 1).T + joined.layer.bias
    for layer in rest:
        x = layer(x)
    torch.testing.assert_close(gen(z, Y), x, rtol=1e-12, atol=1e-12)


def test_norm_gives_each_class_its_own_scales_and_shifts():
    """(1 + s(y)) * batch norm + t(y), with the mean and the variance of the whole batch."""
    gen = filled(make_nets("mirror", spec(labels="projection", gen_labels="norm"))[0])
    norms = [layer for layer in gen if isinstance(layer, ClassNorm)]
    assert len(norms) == 1  # a map of 8 x 8 between those of 4 x 4 and 16 x 16
    x = torch.randn(6, 4, 8, 8, dtype=torch.float64) * 3 + 1
    for one in norms:
        mean = x.mean((0, 2, 3), keepdim=True)
        standard = (x - mean) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        normed = standard * one.norm.weight[:, None, None] + one.norm.bias[:, None, None]
        scale, shift = (weight[Y][:, :, None, None] for weight in (one.scale.weight, one.shift.weight))
        torch.testing.assert_close(one(x, Y), (1 + scale) * normed + shift, rtol=1e-12, atol=1e-12)
    z = torch.randn(6, 8, dtype=torch.float64)
    by_hand = z[:, :, None, None]
    for layer in gen:
        by_hand = layer(by_hand, Y) if isinstance(layer, ClassNorm) else layer(by_hand)
    assert torch.equal(gen(z, Y), by_hand)
    assert not torch.equal(gen(z, Y), gen(z, (Y + 1) % K))


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("name", ["mirror", "mlp"])
def test_concat_gives_d_the_class_as_a_map_beside_the_image(name, spectral):
    """With spectral norm the weights are divided by the largest singular value of those for image and map together."""
    dis = filled(make_nets(name, spec(labels="concat", spectral=spectral))[1])
    x = torch.randn(6, 2, 16, 16, dtype=torch.float64)
    joined = next(layer for layer in dis.features if isinstance(layer, Joined))
    rest = list(dis.features)[list(dis.features).index(joined) + 1 :]
    beside = joined.embedding.weight[Y].reshape(6, 1, 16, 16)
    weight = torch.cat([joined.layer.weight, joined.beside], 1)
    weight = weight / torch.linalg.svdvals(weight.flatten(1)).max() if spectral else weight
    if name == "mirror":
        h = F.conv2d(torch.cat([x, beside], 1), weight, joined.layer.bias, 2, 1)
    else:
        h = torch.cat([x.flatten(1), beside.flatten(1)], 1) @ weight.T + joined.layer.bias
    for layer in rest:
        h = layer(h)
    torch.testing.assert_close(dis(x, Y), dis.head(h).flatten(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("name", ["mirror", "mlp"])
def test_projection_adds_the_product_of_embedding_and_features(name, spectral):
    dis = filled(make_nets(name, spec(labels="projection", spectral=spectral))[1])
    x = torch.randn(6, 2, 16, 16, dtype=torch.float64)
    features = dis.features(x).flatten(1)
    v = dis.projection.weight
    v = v / torch.linalg.svdvals(v).max() if spectral else v
    expected = dis.head(dis.features(x)).flatten() + (v[Y] * features).sum(1)
    torch.testing.assert_close(dis(x, Y), expected, rtol=1e-12, atol=1e-12)
    assert not torch.equal(dis(x, Y), dis(x, (Y + 1) % K))


@pytest.mark.parametrize("parts", [(6,), (2, 3)])
def test_auxiliary_reads_the_class_and_z_from_the_same_features(parts):
    dis = filled(make_nets("mirror", spec(labels="auxiliary", parts=parts, reads=True))[1])
    x = torch.randn(6, 2, 16, 16, dtype=torch.float64)
    features = dis.features(x).flatten(1)
    logit, z, read = dis(x, read=True, classify=True).split([1, 8, sum(parts)], 1)
    assert torch.equal(logit[:, 0], dis(x))
    torch.testing.assert_close(z, F.linear(features, dis.reader.weight, dis.reader.bias))
    torch.testing.assert_close(read, F.linear(features, dis.classifier.weight, dis.classifier.bias))
    y = torch.tensor([0, 5, 2, 3, 1, 4])
    if parts == (6,):
        expected = F.cross_entropy(read, y, reduction="none")
        right = read.argmax(1) == y
    else:
        first, second = read.split([2, 3], 1)
        expected = F.cross_entropy(first, y // 3, reduction="none") + F.cross_entropy(second, y % 3, reduction="none")
        right = (first.argmax(1) == y // 3) & (second.argmax(1) == y % 3)
    torch.testing.assert_close(class_loss(read, y, parts), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(read_right(read, y, parts), right)


@pytest.mark.parametrize("how", ["concat", "projection", "auxiliary"])
@pytest.mark.parametrize("name", ["mirror", "mlp"])
@pytest.mark.parametrize("init", INITS)
def test_all_other_weights_begin_as_without_labels(name, init, how):
    for gen_labels in ("concat", "norm") if name == "mirror" else ("concat",):
        nets = make_nets(name, spec(labels=how, gen_labels=gen_labels, reads=True))
        plain = make_nets(name, spec(reads=True))
        for net, without in zip(nets, plain, strict=True):
            ours, theirs = (dict(filled(one, init).named_parameters()) for one in (net, without))
            shared = {key.replace(".layer.", ".").replace(".norm.", "."): value for key, value in ours.items()}
            assert all(torch.equal(shared[key], value) for key, value in theirs.items())


@pytest.mark.parametrize("gen_labels", ["concat", "norm"])
@pytest.mark.parametrize("name", ["mirror", "mlp"])
@pytest.mark.parametrize("init", INITS)
def test_the_class_reaches_the_image_from_the_first_step_on(name, init, gen_labels):
    """Weights of N(0, 0.02^2) for an embedding of 0.02 would be lost beside z: a class moves an image by some of what
    another z moves it by."""
    gen = filled(
        make_nets(name, spec(labels="concat", gen_labels=gen_labels, gen_norm="batch", label_dim=None))[0], init
    )
    z, y = torch.randn(40, 8, dtype=torch.float64), torch.arange(40) % K
    images = torch.stack([gen(z, (y + k) % K) for k in range(K)])  # (K, 40, ...): each z with every class
    by_class, by_z = images.std(0).mean(), images.std(1).mean()
    assert 0.05 < by_class / by_z < 2


def test_g_without_batch_norm_cannot_take_the_class_in_it():
    with pytest.raises(UserError, match="this G has no batch norm: set --net.gen-norm batch"):
        make_nets("mlp", spec(labels="concat", gen_labels="norm"))
    with pytest.raises(
        UserError, match=r"way of G to take the class \(--net.gen-labels\) called 'nrom'. Did you mean 'norm'"
    ):
        make_nets("mlp", spec(labels="concat", gen_labels="nrom"))


def test_an_embedding_is_a_row_for_each_class():
    embedding = Embedding((2, 3), 4)
    nn.init.normal_(embedding.weight)
    rows = embedding(torch.arange(6))
    assert torch.equal(rows[4], embedding.weight[1] + embedding.weight[2 + 1])
    assert len(rows.unique(dim=0)) == 6
