"""A game that would not fit is refused with its number before anything of its size is allocated."""

from dataclasses import replace

import pytest
import torch

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine import memory
from ayneh.engine.match import Match
from ayneh.engine.players import spec_of
from ayneh.errors import UserError
from ayneh.game.nets import NETS, make_nets
from ayneh.labels import Labels

CPU = torch.device("cpu")


def estimated(config, size=32, replicas=1):
    return memory.game_bytes(config.net.name, spec_of(config, (1, size, size)), config.batch, replicas, CPU, False)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.parametrize("reader", ["features", "own"])
def test_the_outputs_of_all_layers_are_counted(name, size, reader):
    """As a forward pass counts them."""
    rules = Rules(mirror_weight=1.0, mirror_reader=reader)
    config = Config(net=Net(name, width=4, features=5), prior=Prior(dim=6), rules=rules)
    nets = make_nets(name, spec_of(config, (1, size, size)))
    for net, x, side in zip(nets, (torch.zeros(2, 6), torch.zeros(2, 1, size, size)), (1, size), strict=True):
        seen = []
        for layer in net.modules():
            if not any(layer.children()) and not isinstance(layer, torch.nn.Flatten):  # a view
                layer.register_forward_hook(lambda _, __, y, seen=seen: seen.append(y[0].numel()))
        with torch.no_grad():  # in training the first two of D's convolutions are one
            net(x, **({"read": True} if net is nets[1] else {}))
        assert memory._outputs(net, side) == sum(seen)


def test_what_takes_the_class_is_counted(monkeypatch):
    """D's map beside the image has a number for each pixel and class: 10,000 classes of 128 x 128 are 164 million."""
    monkeypatch.setattr(memory, "machine_bytes", lambda device: 12e9)
    monkeypatch.setattr("ayneh.engine.players.nets_of", lambda *_: pytest.fail("nets were made"))
    names = tuple(map(str, range(10_000)))
    labels = Labels(names, (1e-4,) * 10_000)
    pixels = torch.zeros(128, 1, 128, 128, dtype=torch.uint8)
    config = replace(Config(), rules=Rules(labels="concat"))
    with pytest.raises(UserError, match="pixels of 10,000 classes, --batch 128, 1 at a time, would need about 1"):
        Match([config], pixels, CPU, labelled=(torch.arange(128), labels))

    def per_image(labels=None):
        spec = spec_of(config, (1, 128, 128), labels=labels)
        more, fewer = (memory.game_bytes("mirror", spec, batch, 1, CPU, False) for batch in (2, 1))
        return more - fewer

    assert per_image(labels) - per_image() == (128 + 128**2) * memory.ACTIVATIONS * 4


def test_an_estimate_grows_with_what_it_is_of():
    base = Config()
    first = estimated(base)
    for larger in (replace(base, batch=1280), replace(base, net=Net(width=64)), replace(base, prior=Prior(dim=12800))):
        assert estimated(larger) > 1.5 * first
    assert estimated(base, replicas=50) > 10 * first
    assert estimated(base, size=128) > 4 * first


@pytest.mark.parametrize(
    "config",
    [
        Config(prior=Prior(dim=1_000_000)),
        Config(net=Net(width=1_000_000)),
        Config(net=Net("mlp", width=100_000)),
        Config(net=Net(features=1_000_000)),
        Config(batch=1_000_000),
        Config(seeds=10_000, net=Net(width=256)),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_allocated(config, monkeypatch):
    """prior.dim 10^6 took 40 seconds without a word."""
    monkeypatch.setattr(memory, "machine_bytes", lambda device: 16e9)
    monkeypatch.setattr("ayneh.engine.match.nets_of", lambda *_: pytest.fail("nets were made"))
    one = replace(config, seeds=1)
    pixels = torch.zeros(1, 1, 28, 28, dtype=torch.uint8).expand(config.batch, -1, -1, -1)
    with pytest.raises(
        UserError, match=r"would need about [\d,.]+ GB of memory, and at most 12\.8 GB may be used \(80% of 16\.0 GB\)"
    ):
        Match([one] * config.seeds, pixels, CPU)


def test_a_padding_that_does_not_fit_is_refused(monkeypatch, ayneh, tmp_path):
    monkeypatch.setattr(memory, "machine_bytes", lambda device: 4e9)
    flags = ("--data.pad-to", "4096", "--net.name", "mlp")
    status, _, err = ayneh("train", "digits", *flags, "--out", tmp_path / "run")
    assert status == 2
    assert "4096x4096 pixels" in err
    assert "GB of memory" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", [("--data.resize", "4096"), ("--data.resize", "2049"), ("--data.pad-to", "4096")])
def test_a_size_that_no_game_fits_into_is_refused_before_images_are_enlarged(flags, monkeypatch, ayneh, tmp_path):
    """Half a minute and 7 GB for 200 images of 4096 pixels a side."""
    monkeypatch.setattr(memory, "machine_bytes", lambda device: 16e9)
    monkeypatch.setattr("ayneh.evaluation.read_images", lambda *_, **__: pytest.fail("the images were read"))
    status, _, err = ayneh("train", "digits", *flags, "--out", tmp_path / "run")
    assert status == 2
    assert "images of 4096x4096 pixels" in err


def test_the_machine_has_memory_and_no_more_than_a_container_allows(tmp_path, monkeypatch):
    whole = memory.machine_bytes(CPU)
    assert whole > 1e8
    (tmp_path / "memory.max").write_text("123456789\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "none"), str(tmp_path / "memory.max"), "/nowhere"))
    assert memory.machine_bytes(CPU) == 123456789
