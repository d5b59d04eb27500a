"""G alone of early epochs: kept where checkpoints are thinned out, shown in the window, and no state to train from."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from ayneh.engine.sampler import sampler_of
from ayneh.explorer.library import Absent, Library
from ayneh.explorer.single import answers
from ayneh.record.record import Record

EARLY = [0, 1, 2, 4, 8]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run twice: with every checkpoint, and with the last two alone."""
    from tests.conftest import TINY

    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("early")
    for name, keep in (("all", 1), ("thinned", 1000)):
        main(["train", "digits", *TINY, "--epochs", "12", "--seeds", "2", "--keep.keep-epochs", str(keep),
              "--keep.checkpoint-epochs", "1", "--quiet", "--out", str(folder / name)])  # fmt: skip
    return SimpleNamespace(all=Record.open(folder / "all"), thinned=Record.open(folder / "thinned"))


def test_the_first_epochs_and_powers_of_two_are_kept_small(runs):
    assert runs.thinned.checkpoints.epochs() == [10, 11]
    assert runs.thinned.generators.epochs() == EARLY
    assert not runs.all.generators.folder.exists()  # every checkpoint is there
    size = runs.thinned.checkpoints.path("epoch-0010").stat().st_size
    assert max(path.stat().st_size for path in runs.thinned.generators.folder.iterdir()) < size / 2


def test_it_draws_what_the_whole_checkpoint_draws(runs):
    for epoch in EARLY:
        a, b = (place.at_epoch(epoch) for place in (runs.all.checkpoints, runs.thinned.generators))
        assert (a.step, a.image_shape, a.config.seed) == (b.step, b.image_shape, b.config.seed)
        assert set(b.tensors) == {name for name in a.tensors if name.startswith("ema/")}
        images = [sampler_of(c.config, c.image_shape, c.tensors, 1).images("samples", 8) for c in (a, b)]
        assert images[0].equal(images[1])


def test_the_verbs_that_need_g_alone_take_it(runs, ayneh, tmp_path):
    for place in (runs.all, runs.thinned):
        assert ayneh("sample", place.folder, "--epoch", "2", "--out", tmp_path / f"{place.folder.name}.npy")[0] == 0
        assert ayneh("evaluate", place.folder, "--epoch", "2", "--replica", "1", "--n", "100")[0] == 0
    drawn = [np.load(tmp_path / f"{name}.npy") for name in ("all", "thinned")]
    assert np.array_equal(*drawn)
    reports = [place.report("evaluation", 2, 1) for place in (runs.all, runs.thinned)]
    assert reports[0]["scores"] == reports[1]["scores"]
    status, _, err = ayneh("mirror", runs.thinned.folder, "--epoch", "2")  # it needs D
    assert status == 2
    assert "no checkpoint of epoch 2; there are: 10, 11" in err


def test_nothing_is_trained_from_it(runs, ayneh, tmp_path):
    run = shutil.copytree(runs.thinned.folder, tmp_path / "run")
    shutil.rmtree(run / "checkpoints")
    assert Record.open(run).checkpoints.newest() == (None, [])
    status, _, err = ayneh("evaluate", run)
    assert status == 2
    assert "has no checkpoint" in err
    status, _, err = ayneh("resume", run, "--quiet")
    assert status == 2
    assert "none of its checkpoints is left" in err


def test_the_window_shows_them_beside_the_checkpoints(runs):
    library = Library([runs.thinned.folder, runs.all.folder])
    about, whole = json.loads(library.runs().body)["runs"]
    assert (about["epochs"], about["films"]) == ([10, 11], [*EARLY, 10, 11])
    assert whole["films"] == whole["epochs"] == list(range(12))
    assert json.loads(library.live(0).body)["films"] == about["films"]
    for epoch in EARLY:
        assert library.part(0, 1, epoch, "generator").body == library.part(1, 1, epoch, "generator").body
        with pytest.raises(Absent, match=f"keeps no checkpoint of epoch {epoch}"):
            library.part(0, 1, epoch, "discriminator")
    with pytest.raises(Absent, match="keeps no checkpoint of epoch 3"):
        library.part(0, 0, 3, "generator")
    kept = answers(Library([runs.thinned.folder]), 0, 20)
    (run,) = json.loads(kept["/api/runs"])["runs"]
    assert (run["epochs"], run["films"]) == ([11], about["films"])
    assert all(f"/api/runs/0/replicas/0/epochs/{epoch}/generator" in kept for epoch in about["films"])


def test_a_link_to_another_place_is_not_read(runs, tmp_path):
    run = shutil.copytree(runs.thinned.folder, tmp_path / "run")
    elsewhere = tmp_path / "elsewhere.safetensors"
    file = run / "generators" / "epoch-0002.safetensors"
    shutil.move(file, elsewhere)
    file.symlink_to(elsewhere)
    library = Library([run])
    assert json.loads(library.runs().body)["runs"][0]["films"] == [0, 1, 4, 8, 10, 11]
    with pytest.raises(Absent):
        library.part(0, 0, 2, "generator")


@pytest.mark.parametrize(("checkpoints", "keep", "alone"), [
    (1, 1, []), (1, 3, [0, 1, 4, 16]), (5, 20, [0, 1, 2, 4, 8, 16]), (5, 5, [0, 1, 2, 8, 16]),
])  # fmt: skip
def test_where_a_checkpoint_stays_g_is_not_kept_again(checkpoints, keep, alone):
    from ayneh.config import Config, Keep
    from ayneh.training.journal import usual

    habits = usual(Config(epochs=30, keep=Keep(checkpoint_epochs=checkpoints, keep_epochs=keep)))
    assert [epoch for epoch in range(30) if habits.alone(epoch)] == alone
    assert np.all([habits.saved(e) for e in range(29) if e in {0, 1, 2, 4, 8, 16} and e not in alone])
