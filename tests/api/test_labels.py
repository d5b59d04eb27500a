"""A labelled run from Python: images of a class, what its nets take, classes by name, and what is shown of them."""

import copy
import pickle

import numpy as np
import pytest
import torch

import ayneh
from ayneh.game.frame import levels


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """A finished run with labels, for tests that only read it."""
    labelled = config.changed({"rules.labels": "projection"})
    return ayneh.train(labelled, out=tmp_path_factory.mktemp("labels") / "run", quiet=True)


@pytest.fixture(scope="module")
def plain(config, tmp_path_factory):
    return ayneh.train(config.changed(epochs=1), out=tmp_path_factory.mktemp("labels") / "plain", quiet=True)


@pytest.fixture(scope="module")
def pets():
    """Bright cats and dark dogs, as an array and their names."""
    chance = np.random.default_rng(0)
    cats, dogs = chance.integers(150, 256, (64, 8, 8), np.uint8), chance.integers(0, 100, (96, 8, 8), np.uint8)
    return np.concatenate([cats, dogs]), ["cat"] * 64 + ["dog"] * 96


def test_images_of_a_class_are_those_of_the_verb(ayneh_verb, run, tmp_path):
    for classes, flags in ((7, ["7"]), ("7", ["7"]), ([3, "0"], ["3", "0"])):
        args = ["--n", 6, "--draw", 2, "--out", tmp_path / "x.npy"]
        status, _, err = ayneh_verb("sample", run.folder, "--classes", *flags, *args)
        assert status == 0, err
        images = run.sample(6, seed=2, classes=classes)
        assert (images.dtype, images.shape) == (np.uint8, (6, 1, 8, 8))
        assert np.array_equal(images.transpose(0, 2, 3, 1), np.load(tmp_path / "x.npy"))


def test_an_array_has_a_class_for_each_image(run):
    each = np.array([5, 1, 5, 9])
    images = run.sample(classes=each)
    assert len(images) == 4
    for k, number in enumerate(each):
        assert np.array_equal(images[k], run.sample(4, classes=int(number))[k])
    assert np.array_equal(images, run.sample(4, classes=torch.from_numpy(each)))


def test_without_classes_they_are_those_of_the_prior(run):
    y = run.prior.classes(50, seed=3)
    assert (y.dtype, tuple(y.shape)) == (torch.int64, (50,))
    assert len(y.unique()) > 3
    assert np.array_equal(run.sample(50, seed=3), run.sample(seed=3, classes=y))
    assert not torch.equal(y, run.prior.classes(50, seed=4))
    assert run.sample().shape[0] == 64


def test_even_classes_are_drawn_evenly(config, pets, tmp_path):
    even = config.changed({"epochs": 1, "rules.labels": "concat", "rules.classes": "even"})
    found = ayneh.train(even, ayneh.images(pets, test=0.2), out=tmp_path / "even", quiet=True)
    assert found.labels.shares[0] < 0.45
    assert abs(float(found.prior.classes(4000).double().mean()) - 0.5) < 0.04


def test_the_nets_take_z_and_the_class(run):
    gen, dis = run.at(epoch=1).nets()
    z, y = run.prior.sample(6, seed=0), run.prior.classes(6, seed=0)
    with torch.no_grad():
        images = gen(z, y)
        assert np.array_equal(levels(images).numpy(), run.sample(6))
        logits = dis(images, y)
        assert tuple(logits.shape) == (6,)
        assert not torch.equal(logits, dis(images, (y + 1) % 10)), "the logit depends on the class"
        walk = gen(run.prior.path(z[0], z[1], n=5), torch.full((5,), 7))
        assert np.array_equal(levels(walk[:1]).numpy(), levels(gen(z[:1], torch.tensor([7]))).numpy())
    gen, _ = run.at(epoch=0).nets()
    with torch.no_grad():
        assert np.array_equal(levels(gen(z, y)).numpy(), run.sample(6, epoch=0))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            (),
            r"This {} takes \({}, y\), and y is left out: y is int64 \(B,\), the number of each image's class, 0 to 9",
        ),
        ((torch.tensor([0, 10]),), "This {} has no class 10"),
        ((torch.tensor([0, -1]),), "This {} has no class -1"),
        ((torch.tensor([0.0, 1.0]),), r"and y is torch.float32: y is int64 \(B,\)"),
        ((7,), "and y is 7: y is int64"),
        ((torch.tensor([0, 1, 2]),), r"This {} got {} .* and y \(3,\): y is int64"),
    ],
)
def test_a_class_that_is_missing_or_none_is_refused_by_the_nets(run, y, message):
    """The embedding of class 10 of 10 would be that of class 0, and a projection D without y has a logit, too."""
    for who, x, net, one in zip("GD", ("z", "images"), run.at().nets(), ((run.prior.dim,), (1, 8, 8)), strict=True):
        inputs = torch.zeros(2, *one)
        with torch.no_grad(), pytest.raises(ayneh.UserError, match=message.format(who, x)):
            net(inputs, *y)


def test_nets_without_labels_refuse_classes(plain, config):
    z, y = plain.prior.sample(2), torch.tensor([0, 1])
    for gen, dis in (plain.at().nets(), next(iter(ayneh.play(config.changed(epochs=1)))).nets()):
        with torch.no_grad(), pytest.raises(ayneh.UserError, match="This G takes z alone, and no classes: leave y out"):
            gen(z, y)
        with torch.no_grad(), pytest.raises(ayneh.UserError, match="This D takes images alone"):
            dis(gen(z), y)


def test_checked_nets_are_copied_pickled_and_mapped(run):
    gen, _ = run.at().nets()
    z, y = run.prior.sample(3), torch.tensor([0, 9, 4])
    with torch.no_grad():
        expected = gen(z, y)
        for again in (copy.deepcopy(gen), pickle.loads(pickle.dumps(gen))):
            assert torch.equal(again(z, y), expected)
            with pytest.raises(ayneh.UserError, match="no class 10"):
                again(z, y + 1)
        each = torch.vmap(lambda z, y: gen(z[None], y[None])[0])(z, y)
        torch.testing.assert_close(each, expected)


def test_with_auxiliary_d_takes_no_class_and_reads_it(config, tmp_path):
    own = config.changed({"epochs": 1, "rules.labels": "auxiliary"})
    _, dis = ayneh.train(own, out=tmp_path / "auxiliary", quiet=True).at().nets()
    images = torch.rand(3, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        both = dis(images, classify=True)
        assert tuple(both.shape) == (3, 11)
        assert torch.equal(both[:, 0], dis(images))


def test_classes_go_by_name_where_words_were_given(config, pets, tmp_path):
    images = ayneh.images(pets, test=0.2, name="pets")
    run = ayneh.train(config.changed({"rules.labels": "projection"}), images, out=tmp_path / "pets", quiet=True)
    assert run.labels.names == images.classes == ("cat", "dog")
    counts = np.bincount(images.labels)
    assert run.labels.shares == pytest.approx(tuple(counts / counts.sum()))
    assert np.array_equal(run.sample(4, classes="dog"), run.sample(4, classes=1))
    with pytest.raises(ayneh.UserError, match="no class 'dig'. Did you mean 'dog'"):
        run.sample(4, classes="dig")
    assert "2 classes (cat, dog)" in run._repr_html_()


def test_a_run_without_labels_has_no_classes(plain):
    assert plain.labels is None
    with pytest.raises(ayneh.UserError, match="was trained without labels: leave --classes out"):
        plain.sample(4, classes=1)
    with pytest.raises(ayneh.UserError, match="This run has no classes"):
        plain.prior.classes(4)


def test_a_moment_draws_a_class_too(run, config):
    moments = list(ayneh.play(config.changed({"rules.labels": "projection"}), every=100))
    assert np.array_equal(moments[-1].samples(5, seed=1, classes=[8, 3]), run.sample(5, seed=1, classes=[8, 3]))
    assert np.array_equal(moments[-1].samples(5), run.sample(5))
    gen, _ = moments[-1].nets()
    z, y = run.prior.sample(3), torch.tensor([0, 1, 2])
    with torch.no_grad():
        assert torch.equal(gen(z, y), run.at().nets()[0](z, y))


# -- what is shown -------------------------------------------------------------------------------------------------


def test_training_says_its_labels_in_one_line(config, tmp_path, capsys):
    ayneh.train(config.changed({"epochs": 1, "rules.labels": "concat"}), out=tmp_path / "said")
    said = capsys.readouterr().err
    line = "labels: concat; 10 classes (0, 1, 2, 3, ...), drawn for fakes in the shares of the training images"
    assert said.count("labels: ") == 1
    assert line in said
    ayneh.train(config.changed(epochs=1), out=tmp_path / "silent")
    assert "labels: " not in capsys.readouterr().err


def test_a_labelled_run_says_so_when_it_is_shown(ayneh_verb, run, plain):
    status, out, err = ayneh_verb("show", run.folder)
    assert status == 0, err
    assert "labels: projection; 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), drawn for fakes in the shares" in out
    assert repr(run).endswith("mirror on digits with labels (projection), finished, 2 of 2 epochs)")
    assert "10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)" in run._repr_html_()
    for shown in (ayneh_verb("show", plain.folder)[1], repr(plain), plain._repr_html_()):
        assert "labels:" not in shown
        assert "with labels" not in shown


def test_images_show_their_classes(pets):
    images = ayneh.images(pets, test=0.2)
    page = images.picture(16, by_class=True)
    whole = images.picture(16)
    assert page.image.width > whole.image.width, "with names at the left"
    margin = page.image.width - whole.image.width
    rows = page.array[:, margin:, 0]
    middle = rows.shape[0] // 2
    assert rows[: middle - 40].max() > 200 > 110 > rows[middle + 40 :].max(), "cats above, dogs below"
    assert ayneh.images(pets[0]).picture(4).array.shape[1] < 200
    with pytest.raises(ayneh.UserError, match="has no labels"):
        ayneh.images(pets[0]).picture(by_class=True)


@pytest.fixture
def ayneh_verb(request):
    """The command line: its fixture has the name of the package."""
    return request.getfixturevalue("ayneh")
