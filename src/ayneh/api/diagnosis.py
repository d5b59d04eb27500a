"""A run's diagnosis as a page, with what rescues and probes added to the run."""

from __future__ import annotations

from pathlib import Path

from ayneh.api.findings import Finding, findings_of
from ayneh.api.pictures import Page
from ayneh.doctor import page, rescue
from ayneh.doctor.diagnosis import Diagnosis
from ayneh.doctor.page import Section
from ayneh.errors import brief
from ayneh.record.record import Record
from ayneh.record.visited import Visited


class Diagnosed(Page):
    """The doctor's page on a run, in a frame in a notebook, and its words.

    ``verdict`` and ``standing`` are sentences, ``findings`` the most severe first, ``untold`` what cannot be judged,
    with the reason.
    """

    def __init__(self, record: Visited, diagnosis: Diagnosis) -> None:
        """Writes the page into the run folder, where that can be.

        Raises UserError where the libraries for figures are missing.
        """
        super().__init__(*written(record, diagnosis))
        self.verdict, self.standing = diagnosis.verdict, diagnosis.standing
        self.findings: list[Finding] = findings_of(diagnosis)
        self.untold = dict(diagnosis.untold)

    def __repr__(self) -> str:
        return f"{self.verdict} Page: {self.path}" if self.path else self.verdict


def written(record: Visited, diagnosis: Diagnosis) -> tuple[str, Path | None]:
    """Write the page of a diagnosis into the run folder; as `doctor.page.write`."""
    return page.write(record, diagnosis, [*_rescues(record), *_probed(record, diagnosis.replica)])


def _rescues(record: Record) -> list[Section]:
    """The page's section about rescues, if there were any."""
    rescues = rescue.of(record)
    return [Section("rescues", "Rescues", [one.sentence() for one in rescues])] if rescues else []


def _probed(record: Record, replica: int) -> list[Section]:
    """The page's section about the last probe, if there was one."""
    from ayneh import probe

    try:
        if (values := record.report(probe.NAME, replica=replica)) is None:
            return []
        return [Section("probe", "The support probe", probe.words(values), probe.figures(values))]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        path = record.report_path(probe.NAME, replica=replica)
        why = brief(error).replace(str(path), path.name)  # the page names no folder above the run
        old = f"probe.json is damaged or of another version ({why}): run `ayneh diagnose --probe` again."
        return [Section("probe", "The support probe", [old])]
