"""The run's sample pictures nearest to its findings, made small enough for one page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ayneh.doctor.courses import Course
from ayneh.doctor.findings import Finding
from ayneh.errors import UserError
from ayneh.pages.sheet import data_address, read_picture
from ayneh.record.visited import Visited

MOST = 6  # pictures on a page
WIDTH = 300  # pixels, at most


@dataclass(frozen=True)
class Picture:
    """A picture of the fixed noise, and why it is shown; ``address`` is a data URL with the image."""

    epoch: int
    why: str
    address: str


def moments(record: Visited, replica: int, replicas: int, course: Course, findings: Sequence[Finding]) -> list[Picture]:
    """The pictures nearest to the epochs where findings began, appeared and cleared; the first and the last one."""
    epochs = record.pictures(replica, replicas)
    if not epochs:
        return []
    wanted: dict[int, list[str]] = {}

    apart = max(np.diff(sorted(epochs)).tolist(), default=0)  # epochs between two pictures

    def want(epoch: int, why: str) -> None:
        nearest = min(epochs, key=lambda have: (abs(have - epoch), have))
        if abs(nearest - epoch) <= apart and (nearest in wanted or len(wanted) < MOST):
            wanted.setdefault(nearest, []).append(why)

    want(max(epochs), "the last picture")
    for severity in ("severe", "warning"):
        for finding in findings:
            if finding.severity == severity:
                want(_epoch(course, finding.found_step), f"{finding.name} appeared")
                if finding.until_step is not None:
                    want(_epoch(course, finding.until_step), f"{finding.name} cleared")
    want(min(epochs), "the first picture")
    for finding in findings:
        if finding.severity == "severe":
            want(_epoch(course, finding.since_step) - 1, f"before {finding.name}")
    shown = sorted((epoch, ", ".join(reasons)) for epoch, reasons in wanted.items())
    pictures = []
    for epoch, why in shown:
        with suppress(UserError):  # a damaged picture is left out
            pictures.append(Picture(epoch, why, address(record.picture(epochs[epoch]))))
    return pictures


def _epoch(course: Course, step: int) -> int:
    at = int(abs(course.steps - step).argmin())
    return int(course.get("epoch")[at])


def address(body: bytes) -> str:
    """The picture as a data URL, shrunk to `WIDTH` pixels."""
    page = read_picture(body)
    if page.width > WIDTH:
        page = page.resize((WIDTH, round(page.height * WIDTH / page.width)), Image.Resampling.BOX)
    return data_address(page)
