"""What `show` and `presets` print."""

from ayneh.presets import PRESETS
from ayneh.record.record import Record


def test_show_states_where_a_run_stands(ayneh, tiny_run):
    status, out, _ = ayneh("show", tiny_run)
    assert status == 0
    line = Record(tiny_run).lines()[-1]
    assert "epoch 3 of 3, 384 images" in out
    assert f"{line['mean_loss_d'][1]:.4g}" in out
    assert str(tiny_run / "samples" / "epoch-0002-replica-1.png") in out
    assert "checkpoints after epochs: 0, 1, 2" in out


def test_show_of_a_run_that_has_not_begun(ayneh, tmp_path):
    from ayneh.config import Config

    Record.create(tmp_path / "new", Config(), {})
    status, out, _ = ayneh("show", tmp_path / "new")
    assert status == 0
    assert "no step is written yet" in out


def test_presets_lists_every_preset_with_what_it_shows(ayneh):
    status, out, _ = ayneh("presets")
    assert status == 0
    words = out.replace("│", " ").split()
    for name, preset in PRESETS.items():
        assert name in words
        assert preset.shows.split()[0] in words
        assert preset.time().split()[0] in words
