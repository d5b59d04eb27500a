"""The metrics of a run as arrays: a column for each measure, a row for each line that training wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ayneh.api.named import Named
from ayneh.errors import extra

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
WHOLE = ("epoch", "step", "images", "images_given_up")  # columns of integers
ALL = (*WHOLE, "images_per_s", "wall_s")  # columns of a whole line, and not of a replica


class Metrics(Named[NDArray[Any]]):
    """What training measured: ``metrics["loss_d"]`` is a float64 array (lines,), of several replicas (lines, R).

    A line is written every `keep.tick_steps` steps and at an epoch's end. ``epoch`` (from 0), ``step`` and ``images``
    (seen by D) are integers (lines,), ``images_per_s`` and ``wall_s`` floats (lines,). ``loss_d`` is that of the last
    step, ``mean_loss_d`` the mean since the last line. ``vitals.spread`` and ``scores.fd`` are NaN in the lines that
    have none. An unknown name raises UserError with the nearest one.

    >>> import ayneh
    >>> metrics = ayneh.open("runs/mine").metrics
    >>> metrics["mean_loss_g"].dtype, metrics.steps.tolist()
    (dtype('float64'), [4, 8, 12])
    >>> metrics.frame().shape == (3, len(metrics))
    True
    """

    _what = "measure of this run"

    def __init__(self, lines: Sequence[Mapping[str, Any]], replicas: int) -> None:
        """lines: of metrics.jsonl; replicas: R."""
        super().__init__(dict.fromkeys(name for line in lines for name in _names(line)))
        self._lines, self._replicas = lines, replicas

    @property
    def steps(self) -> NDArray[np.int64]:
        """The steps played before each line, (lines,)."""
        return self._whole("step")

    @property
    def epochs(self) -> NDArray[np.int64]:
        """The epoch of each line, from 0, (lines,)."""
        return self._whole("epoch")

    def _of(self, name: str) -> NDArray[Any]:
        if name in WHOLE:
            return self._whole(name)
        if name in ALL:
            return np.array([line.get(name, np.nan) for line in self._lines], np.float64)
        rows = np.full((len(self._lines), self._replicas), np.nan)
        for row, line in zip(rows, self._lines, strict=True):
            values = _value(line, name)
            if isinstance(values, list) and len(values) == self._replicas:
                row[:] = [np.nan if (number := _number(one)) is None else number for one in values]
        return rows[:, 0] if self._replicas == 1 else rows

    def frame(self) -> DataFrame:
        """All columns as a pandas DataFrame: a row for each line and replica; with several, "replica" is its number.

        Raises UserError where pandas is missing: `pip install 'ayneh[pandas]'`.
        """
        with extra("pandas", "A frame of metrics"):
            import pandas as pd
        columns: dict[str, NDArray[Any]] = {}
        for name, values in self.items():
            columns[name] = np.repeat(values, self._replicas) if name in ALL else values.reshape(-1)
        if self._replicas > 1:
            columns = {"replica": np.tile(np.arange(self._replicas), len(self._lines))} | columns
        return pd.DataFrame(columns)

    def _whole(self, name: str) -> NDArray[np.int64]:
        return np.array([line.get(name, 0) for line in self._lines], np.int64)

    def __repr__(self) -> str:
        return f"Metrics({len(self._lines)} lines of {len(self)} measures: {', '.join(self)})"


def _names(line: Mapping[str, Any]) -> Iterator[str]:
    for name, value in line.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        elif name in ALL or isinstance(value, list):
            yield name


def _value(line: Mapping[str, Any], name: str) -> Any:
    if name in line:
        return line[name]
    room, _, inner = name.partition(".")
    values = line.get(room)
    return values.get(inner) if isinstance(values, dict) else None


def _number(one: Any) -> float | None:
    """A measure's number, or a score's."""
    value = one.get("value") if isinstance(one, dict) else one
    return float(value) if isinstance(value, int | float) else None
