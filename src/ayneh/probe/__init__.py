"""The support probe of a run: what it measures, what it means in words, and its figures. docs/probe.md."""

from __future__ import annotations

from ayneh.probe.examination import NAME, probe
from ayneh.probe.figures import figures
from ayneh.probe.sentences import words

__all__ = ["NAME", "figures", "probe", "words"]
