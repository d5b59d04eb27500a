"""The support probe of a run: what it measures, what it means in words, and its figures. docs/probe.md."""

from __future__ import annotations

from ayneh.probing.drawings import figures
from ayneh.probing.examination import default_epochs, probe
from ayneh.probing.sentences import words

__all__ = ["default_epochs", "figures", "probe", "words"]
