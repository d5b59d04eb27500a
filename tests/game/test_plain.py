"""docs/plain.md: its program plays the game of `step`, number for number, and ends with images as the sampler's."""

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from ayneh.data.sources import load
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.sampler import STANDING_LATENTS, Sampler
from ayneh.game.frame import levels, put, scale
from ayneh.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "plain.md"
CPU = torch.device("cpu")
CONFIG = replace(PRESETS["digits"].config, precision="float64")


@pytest.fixture(scope="module")
def page():
    """The program of the page, as a module; its ``main`` is not called."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    module = ModuleType("plain")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def match(page):
    return Match(replicas_of(CONFIG), load("digits", "all", resize=16).pixels, CPU)


def filled(net: nn.Module, ours: nn.Module) -> nn.Module:
    """The page's net, in float64, with the weights of ours: the same layers in the same order, of the same shapes."""
    net = net.double().train()
    for theirs, weight in zip(net.parameters(), ours.parameters(), strict=True):
        assert theirs.shape == weight.shape
        theirs.data.copy_(weight)
    return net


def same(net: nn.Module, ours: nn.Module) -> None:
    for theirs, weight in zip(net.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(theirs.detach(), weight.detach(), rtol=1e-9, atol=1e-9)


def test_the_page_and_the_step_end_with_the_same_weights(page, match, monkeypatch):
    """Ten steps of the preset, in float64: the same images, latents and dropped pixels, then the same three nets."""
    state = match.start()
    gen, dis, average = (
        filled(net(), ours.filled(state[who][0]))
        for net, ours, who in (
            (page.generator, match.gen, "gen"),
            (page.discriminator, match.dis, "dis"),
            (page.generator, match.gen, "ema"),
        )
    )
    adam_gen, adam_dis = page.adam(gen), page.adam(dis)
    waiting: list[torch.Tensor] = []  # the chance of each dropout to come

    def dropout(x, p, training, inplace):  # as torch's own, with the run's random numbers
        assert training
        return x * (waiting.pop(0) >= p) / (1 - p)

    monkeypatch.setattr(nn.functional, "dropout", dropout)
    for i in range(10):
        (d,), (g,) = match.draws(i)["dis"], match.draws(i)["gen"]
        waiting += [d["real"]["drop"][0], d["fake"]["drop"][0], g["fake"]["drop"][0]]
        real = scale(put(match.reals(i)[0], match.size), torch.float64)[0]
        loss_d, loss_g = page.step(gen, dis, adam_gen, adam_dis, real, d["z"][0])
        page.follow(average, gen, i + 1)
        assert not waiting
        state, measures = match.play(state, i)
        assert loss_d == pytest.approx(measures["loss_d"].item(), abs=1e-10)
        assert loss_g == pytest.approx(measures["loss_g"].item(), abs=1e-10)
    same(gen, match.gen.filled(state["gen"][0]))
    same(dis, match.dis.filled(state["dis"][0]))
    same(average, match.gen.filled(state["ema"][0]))

    sampler = Sampler(match.gen, state["ema"][0], CONFIG)
    with torch.no_grad():
        images = page.finished(average, sampler.latents("standing", STANDING_LATENTS))(sampler.latents("shown", 64))
    torch.testing.assert_close(images.float(), sampler.images("shown", 64), rtol=1e-6, atol=1e-6)


def test_the_page_has_the_presets_images_and_numbers(page, match):
    pixels = load("digits", "all", resize=16).pixels
    assert torch.equal(levels(page.real_images()), pixels)
    assert (CONFIG.prior.dim, CONFIG.batch, CONFIG.epochs) == (page.Z, page.BATCH, page.EPOCHS)


def test_the_page_draws_its_first_weights_by_the_presets_law(page, match):
    """Weights around 0 and scales of batch norm around 1, with a standard deviation of 0.02; biases 0."""
    torch.manual_seed(0)
    net = page.generator().apply(page.initial_weights)
    for theirs, ours in zip(net.parameters(), match.gen.filled(match.start()["gen"][0]).parameters(), strict=True):
        assert theirs.mean().item() == pytest.approx(ours.mean().item(), abs=0.02)
        assert (theirs - theirs.mean()).square().mean().item() == pytest.approx(ours.var(correction=0).item(), rel=0.5)


@pytest.mark.slow
def test_the_page_trains_and_saves_its_picture(page, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "EPOCHS", 1)
    page.main()
    assert capsys.readouterr().out.startswith("epoch: 0      last batch loss D: ")
    with Image.open("plain.png") as picture:
        assert picture.size == (384, 384)
        assert len(picture.getcolors(9999)) > 50
