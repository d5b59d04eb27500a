"""Settings that the runs of a study do not play by are refused where a study is read."""

import pytest

from ayneh.config import Config, flatten
from ayneh.errors import UserError
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import base_of, from_dict, planned
from ayneh.studies.unplayed import UNPLAYED, as_played

ARMS = {"name": "s", "arms": {"a": {}, "b": {"optimizer.lr": 1e-4}}}
PLAYED = {  # room -> the fields that the runs of a study play by
    "": "epochs batch precision",
    "data": "name resize pad_to limit test range skip_broken background split",
    "prior": "name dim mean std low high bound radius scale df p components",
    "net": "name width gen_norm dis_norm spectral gen_first_norm gen_offset gen_offset_gain gen_offset_draw "
    "init features dis_output gen_labels label_dim",
    "rules": "loss penalty gamma gamma_schedule gamma_images gamma_end gamma_warmup_images penalty_every "
    "dropout label_smoothing instance_noise instance_noise_images instance_noise_schedule instance_noise_end "
    "instance_noise_warmup_images translation cutout augmentation augmentation_strength numbers "
    "dis_steps gen_steps ema_halflife_images mirror_weight mirror_weight_gen mirror_reader labels "
    "classes label_weight",
    "optimizer": "name lr lr_dis beta1 beta2 eps momentum weight_decay decay_images schedule warmup_images "
    "end_factor milestones_images step_factor",
    "keep": "tick_steps vitals_steps tensorboard callbacks",
}  # fmt: skip


def test_of_every_field_it_is_decided_whether_a_study_plays_by_it():
    """A new one is to be added to `UNPLAYED` or here: an arm that differed in `rescue` was compared with its like."""
    played = {f"{room}.{name}" if room else name for room, names in PLAYED.items() for name in names.split()}
    assert played | {*UNPLAYED} | {"seeds"} == {*flatten(Config())}
    assert not played & {*UNPLAYED}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": {"a": {}, "b": {"rescue": 2}}}, "s: the arm 'b': rescue is 2, and a study does not rescue its runs"),
        ({"set": {"rescue": 2}}, "s: set: rescue is 2, and a study does not rescue"),
        (
            {"arms": {"a": {}, "b": {"rescue_slows": "gen"}}},
            "the arm 'b': rescue_slows is \"gen\", and a study does not",
        ),
        ({"factors": {"rescue": [0, 1]}}, "the level 'rescue 1' of rescue: rescue is 1"),
        (
            {"arms": {"a": {"device": "cuda"}, "b": {}}},
            "the arm 'a': device is \"cuda\", and a study plays all its runs on",
        ),
        ({"set": {"device": "cuda"}}, 's: set: device is "cuda", and a study plays all its runs on one device; choose'),
        ({"arms": {"a": {}, "b": {"keep.sample_images": 4}}}, "keep.sample_images is 4, and a study shows 36 images"),
        ({"set": {"keep": {"score_images": 500}}}, "keep.score_images is 500, and a study has one number of images"),
        ({"set": {"keep": {"checkpoint_epochs": 7}}}, "keep.checkpoint_epochs is 7, and a study saves each run every"),
        (
            {"set": {"keep.keep_epochs": 7, "keep.sample_epochs": 1, "keep.tick_steps": 5}},  # all at once
            "last two checkpoints; keep.sample_epochs is 1, and a study pictures its runs at its looks; set "
            "looks at the top of the file. Leave keep.keep_epochs and keep.sample_epochs out.",
        ),
        ({"set": {"seeds": 3}}, "s: set: seeds is 3, which changes nothing there: set seeds at the top of the file"),
    ],
)
def test_what_a_study_does_not_play_by_is_refused_with_its_arm(changes, words):
    with pytest.raises(UserError) as error:
        planned(ARMS | changes, "s")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_value_that_a_run_has_anyhow_passes():
    preset = PRESETS["digits"].config.keep
    assert preset.sample_epochs != Config().keep.sample_epochs
    changes = {"device": "cpu", "rescue": 0, "keep.sample_epochs": preset.sample_epochs}
    study = planned(ARMS | {"base": "digits", "arms": {"a": changes, "b": {"optimizer.lr": 1e-4}}}, "s")
    assert list(study.cells()) == ["a", "b"]


def test_a_folder_of_an_earlier_version_that_has_such_settings_is_read_and_gone_on_with(tmp_path):
    old = from_dict(ARMS | {"arms": {"a": {}, "b": {"optimizer.lr": 1e-4, "rescue": 2}}}, "s")
    with Ledger.playing(tmp_path, old) as ledger:
        for run in ledger.runs:
            Record.create(ledger.path(run), run.config, {"device": "cpu"})
    assert [run.config.rescue for run in Ledger.open(tmp_path).runs if run.arm == "b"] == [2] * 5
    with Ledger.playing(tmp_path, planned(ARMS, "s")):
        pass
    other = planned(ARMS | {"arms": {"a": {}, "b": {"optimizer.lr": 2e-4}}}, "s")
    with pytest.raises(UserError, match="has another 'b'"), Ledger.playing(tmp_path, other):
        pass


def test_of_settings_in_python_what_a_study_decides_is_left_out_and_a_rescue_is_not():
    config = PRESETS["digits"].config.changed({"keep.sample_images": 9, "device": "cpu", "rescue": 1, "epochs": 7})
    base, differences = base_of(config)
    assert differences == {"rescue": 1, "epochs": 7}
    assert as_played(config.changed(rescue=0)) == as_played(PRESETS[base].config.changed(epochs=7))
