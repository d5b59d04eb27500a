"""A net's file, run by onnxruntime, and what a class head's numbers mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.errors import UserError, brief, extra
from ayneh.loading.folder import net_of, refuse_other

BATCH = 256  # images at a time
Array = np.ndarray


def runtime(what: str) -> Any:
    """The module onnxruntime, without telemetry; UserError with ``what`` where it is missing.

    From 1.29 on it reports its use to Microsoft, by a number of the machine that it keeps, unless the variable is set.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    with extra("export", what):
        import onnxruntime
    return onnxruntime


class Net:
    """A net of an export; its file is read when it is first run."""

    def __init__(self, folder: Path, about: Mapping[str, Any], name: str, asks: bool) -> None:
        """about: the config.json; asks: whether the net takes the class of each image."""
        self.folder, self.about, self.name, self.asks = folder, about, name, asks
        self._session: Any = None

    @property
    def file(self) -> Path:
        """The file."""
        return self.folder / str(self.about["nets"][self.name]["file"])

    def run(self, output: str, x: Array, classes: Array | None = None) -> Array:
        """The output of this name for z or images, and their classes int64 (N,).

        UserError where the file is damaged, or has other outputs or inputs than in the config.
        """
        if self._session is None:
            self._session = self._checked(runtime("Running a model"))
        given = {one.name: x for one in self._session.get_inputs()}
        if classes is not None:
            given["classes"] = classes
        parts: list[Array] = []
        for i in range(0, max(len(x), 1), BATCH):
            try:
                parts += self._session.run([output], {name: values[i : i + BATCH] for name, values in given.items()})
            except Exception as error:  # one of onnxruntime's own
                raise UserError(f"{self.file} cannot be run ({brief(error)}): export the run again.") from error
        return np.concatenate(parts)

    def _checked(self, onnxruntime: Any) -> Any:
        about, file = self.about, self.file
        model = net_of(self.folder, about, self.name)
        try:
            session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
            refuse_other(self.folder, about, session.get_modelmeta().custom_metadata_map)
            gives, takes = ([one.name for one in side] for side in (session.get_outputs(), session.get_inputs()))
        except UserError:
            raise
        except Exception as error:  # onnxruntime has an exception of its own for every kind of damage
            raise UserError(
                f"{file} is no net that onnxruntime reads ({brief(error)}): export the run again."
            ) from error
        wanted = about["nets"][self.name]["outputs"]
        if set(gives) != set(wanted) or not takes or takes[1:] != ["classes"] * self.asks:
            raise UserError(f"{file} does not have the outputs and inputs of config.json: export the run again.")
        return session


def log_shares(read: Array, parts: tuple[int, ...]) -> Array:
    """What D reads of each part of a class, (N, sum of parts), as log-probabilities of the classes, (N, K).

    The last part changes fastest, as digits of a number do.
    """
    found = np.zeros((len(read), 1), read.dtype)
    for logits in np.split(read, np.cumsum(parts)[:-1], 1):
        logits = logits - logits.max(1, keepdims=True)
        logits = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        found = (found[:, :, None] + logits[:, None]).reshape(len(read), found.shape[1] * logits.shape[1])
    return found
