"""What an attacker counts: attempts, and each failure with the way to repeat it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 40  # failures of an attacker that are kept in words


@dataclass
class Row:
    """One line of the table."""

    what: str
    n: int = 0
    failures: Counter[str] = field(default_factory=Counter)  # by kind: lost, silent, traceback, leak, slow, memory
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        """What was counted so far."""
        failed = ", ".join(f"{n} {kind}" for kind, n in self.failures.items()) or "0 failures"
        return f"{self.what}: {self.n:,} in {self.seconds:.0f} s, {failed}"

    def fail(self, kind: str, words: str) -> None:
        """Count a failure; the first of them are kept in words."""
        self.failures[kind] += 1
        if sum(example.startswith(f"{kind}: ") for example in self.examples) < SHOWN:
            self.examples.append(f"{kind}: {words}")


class Tally:
    """The rows of one attacker."""

    def __init__(self, attacker: str) -> None:
        self.attacker, self.rows = attacker, dict[str, Row]()
        self._clock = time.perf_counter()
        self._current: Row | None = None

    def row(self, what: str) -> Row:
        """The row of this name, made at its first use; the seconds since the last call belong to the last row."""
        now, self._clock = self._clock, time.perf_counter()
        if self._current:
            self._current.seconds += self._clock - now
            print(f"{self.attacker}, {self._current.line()}", file=sys.stderr, flush=True)
        self._current = self.rows.setdefault(what, Row(what))
        return self._current

    def close(self) -> None:
        """The last row ends here."""
        self.row(next(iter(self.rows)))

    def write(self, path: Path) -> None:
        """All rows as JSON."""
        self.close()
        path.write_text(json.dumps([vars(row) for row in self.rows.values()], indent=1), encoding="utf-8")

    def words(self) -> str:
        """A line for each row, and the examples of its failures."""
        self.close()
        lines = []
        for row in self.rows.values():
            lines += [f"{self.attacker}, {row.line()}"]
            lines += [f"  {example}" for example in row.examples]
        return "\n".join(lines)
