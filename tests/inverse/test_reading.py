"""`read`: a checkpoint in, a reading out; nothing is printed or written."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.game.frame import scale
from ayneh.inverse import reading
from ayneh.inverse.reading import read
from ayneh.labels import Labels
from ayneh.record.record import Record


def test_a_reading_has_what_the_report_says_and_the_images_that_went_round(tiny_run, capsys):
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")}
    said = []
    found = read(Record.open(tiny_run).checkpoints.at_epoch(1), replica=1, images=200, inverted=2, say=said.append)
    assert (found.step, found.features, found.latents, found.prior) == (8, 8, 8, "N(0, 1)")
    assert set(found.r2_by_coordinate) == {"ridge", "perceptron"}
    assert found.scores[f"r2@{found.read_by}"].protocol == f"r2_40_generated_{found.read_by}"
    assert len(found.words) == 3
    ways = ("", " round trip", " by descent")
    assert list(found.rows) == [kind + way for kind in ("test", "generated") for way in ways]
    assert {tuple(x.shape) for x in found.rows.values()} == {(2, 1, 8, 8)}
    plain = found.as_dict()
    assert "rows" not in plain
    assert plain["scores"]["relative_error@generated"]["value"] == found.scores["relative_error@generated"].value
    assert len(said) == 4  # the data, then three steps
    assert capsys.readouterr().out == ""
    assert {path: path.stat().st_mtime_ns for path in tiny_run.rglob("*")} == before


@pytest.mark.parametrize(("numbers", "words"), [({"images": 99}, "--images is 99"), ({"inverted": -1}, "--invert is")])
def test_numbers_out_of_bounds_are_refused(tiny_run, numbers, words):
    with pytest.raises(UserError, match=words):
        read(Record.open(tiny_run).checkpoints.at_epoch(None), **numbers)


def test_images_make_their_way_back_at_their_own_class():
    """G(z, y) is z beside y: read back and drawn at y an image is itself, at another class it is not."""
    labels, y = Labels(("a", "b", "c"), (0.5, 0.25, 0.25)), torch.arange(60) % 3
    z = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))

    def gen(z, y):
        return torch.cat([z, 3 * torch.nn.functional.one_hot(y, 3), z[:, :1]], 1).view(-1, 1, 2, 4)

    gen.requires_grad_ = lambda on: None
    config = SimpleNamespace(prior=SimpleNamespace(dim=4, name="normal"))
    sampler = SimpleNamespace(
        gen=gen, labels=labels, config=config, prior=SimpleNamespace(moments=lambda dim: (0.0, 1.0)),
        latents=lambda purpose, n: torch.randn(n, 4, generator=torch.Generator().manual_seed(1)),
    )  # fmt: skip
    critic = SimpleNamespace(sampler=sampler, features=lambda x, y: x.flatten(1))
    best = SimpleNamespace(read=lambda rows: rows[:, :4])
    assert reading._Seen(gen(z, y), y).encoded(critic).shape == (60, 8 + 3)
    way = partial(reading._by_features, critic, best)
    right = reading._trip(critic, way, reading._Seen(gen(z, y), y), 6)
    wrong = reading._trip(critic, way, reading._Seen(gen(z, y), (y + 1) % 3), 6)
    assert right.error.value < 1e-6 < 0.3 < wrong.error.value
    assert right.squared["descent"].value < 1e-3 < 1 < wrong.squared["descent"].value


def test_a_real_image_has_its_own_label_else_the_class_that_d_reads():
    images = load("digits", "test", resize=8, limit=50)
    read = torch.zeros(20, 10).index_fill_(1, torch.tensor([4]), 1.0)
    critic = SimpleNamespace(sampler=SimpleNamespace(labels=images.described()), read_class=lambda x: read[: len(x)])
    real, places = reading._real(critic, images, 20, 8), reading._some(images, 20)
    assert torch.equal(real.y, images.labels[places])
    assert torch.equal(real.x, scale(images.pixels[places]))  # each beside its own image
    sorted_ones = replace(images, pixels=images.pixels[images.labels.argsort()], labels=images.labels.sort().values)
    assert len(reading._real(critic, sorted_ones, 20, 8).y.unique()) > 5  # of a folder, which has class after class
    assert reading._real(critic, replace(images, labels=None), 20, 8).y.tolist() == [4] * 20
    others = tuple(f"other {k}" for k in range(10))
    named = reading._real(critic, replace(images, names=others), 20, 8)
    assert torch.equal(named.y, images.labels[places])  # a run on numbers, whose file has names for them now
    critic.sampler.labels = replace(critic.sampler.labels, names=tuple(f"mine {k}" for k in range(10)))
    assert reading._real(critic, replace(images, names=others), 20, 8).y.tolist() == [4] * 20
    critic.sampler.labels = None
    assert reading._real(critic, images, 20, 8).y is None
