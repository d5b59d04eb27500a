"""UNPLAYED: settings of a run that the runs of a study do not play by, and what a study does instead.

`studies.stack` plays several runs side by side: it decides when they are scored, pictured and saved, and takes none
back to an earlier checkpoint. A study whose arms differ in such a setting would compare arms that are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ayneh.config import Config, changed, flatten
from ayneh.errors import UserError
from ayneh.files.reading import shown
from ayneh.presets import PRESETS
from ayneh.studies.design import Changes, Study

RESCUE = "a study does not rescue its runs; one whose numbers stop being finite ends there and counts as failed"
SAVED = "a study saves each run every 30 seconds, and keeps its last two checkpoints"
UNPLAYED = {  # field by its dotted name -> what a study does instead, and what to set for it
    "seed": "a study gives its runs their seeds; set first_seed at the top of the file",
    "rescue": RESCUE,
    "rescue_slows": RESCUE,
    "device": "a study plays all its runs on one device; choose it with --device (in Python: device=)",
    "keep.sample_epochs": "a study pictures its runs at its looks; set looks at the top of the file",
    "keep.sample_images": "a study shows 36 images in every picture of its runs",
    "keep.checkpoint_epochs": SAVED,
    "keep.keep_epochs": SAVED,
    "keep.score_epochs": "a study scores its runs at its looks; set looks at the top of the file",
    "keep.score_images": "a study has one number of images behind each score; set images at the top of the file (in "
    "Python: scored=)",
}  # fmt: skip
USUAL = {name: value for name, value in flatten(Config()).items() if name in UNPLAYED}


def refuse_unplayed(study: Study, where: str) -> None:
    """Raise UserError for a setting of ``set``, an arm or a level that the study's runs would not play by.

    One that is the preset's own value changes nothing, and passes.
    """
    if "seeds" in study.set:  # of an arm it is the arm's own number
        raise UserError(
            f"{where}: set: seeds is {shown(study.set['seeds'])}, which changes nothing there: set seeds at the top of "
            "the file, or in an arm."
        )
    usual = flatten(replace(PRESETS[study.base].config, device="cpu"))  # as `Study.config` has it, before ``set``
    for place, changes in _places(study).items():
        found = [name for name, value in changes.items() if name in UNPLAYED and value != usual[name]]
        if found:
            why = "; ".join(f"{name} is {shown(changes[name])}, and {UNPLAYED[name]}" for name in found)
            raise UserError(f"{where}: {place}: {why}. Leave {' and '.join(found)} out.")


def as_played(config: Config) -> Config:
    """The config with the usual values of what a study's runs do not play by; its seed stays."""
    return changed(config, {name: value for name, value in USUAL.items() if name != "seed"}, "The settings")


def _places(study: Study) -> Mapping[str, Changes]:
    """What the study changes, by where it is written."""
    arms = {f"the arm {arm!r}": changes for arm, changes in study.arms.items()}
    levels: dict[str, Any] = {
        f"the level {label!r} of {name}": changes
        for name, labels in study.factors.items()
        for label, changes in labels.items()
    }
    return {"set": study.set} | arms | levels
