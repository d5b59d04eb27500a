"""Rows with named columns, for Python: shown in a notebook, and a pandas DataFrame where pandas is there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ayneh.api.scores import table as table_html
from ayneh.errors import extra, unknown

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 60  # rows that a notebook shows


class Table(Sequence[Mapping[str, Any]]):
    """Rows, each {column: value}; ``table[0]["arm"]``, ``table.column("arm")``, ``table.frame()``."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [dict(row) for row in rows]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(dict.fromkeys(name for row in self._rows for name in row))

    def column(self, name: str) -> list[Any]:
        """The values of a column, None in rows that lack it. Raises UserError for an unknown name."""
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return [row.get(name) for row in self._rows]

    def frame(self) -> DataFrame:
        """The rows as a pandas DataFrame. Raises UserError where pandas is missing: `pip install 'ayneh[pandas]'`."""
        with extra("pandas", "A table as a frame"):
            import pandas as pd
        return pd.DataFrame(self._rows, columns=self.columns)

    @overload
    def __getitem__(self, at: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, at: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._rows[at]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows of {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        cells = [[_cell(row.get(name)) for name in self.columns] for row in self._rows[:MOST]]
        more = f"<p>{len(self) - MOST:,} more rows</p>" if len(self) > MOST else ""
        return table_html(self.columns, cells) + more


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 else f"{value}"
