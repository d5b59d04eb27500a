"""What is wrong with a run: symptoms in its metrics, findings with evidence and cures, rescues, and a page."""

from __future__ import annotations

from ayneh.doctor.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
