"""Reports of participants and citation text, made from the files in the output folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.names import DATASET_OUTPUTS, REPORT, Derivatives
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.pipeline.provenance import software
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.report.methods import bibliography, methods_text
from neurofm_bids.report.participant import ScanReport, contents_comment, write_participant_report
from neurofm_bids.storage.atomic import remove_leftovers, write_text
from neurofm_bids.storage.locks import Locks
from neurofm_bids.storage.text import read_json

__all__ = ["Reports", "write_citation"]

_log = logging.getLogger(__name__)

_ENDING = 200  # bytes at the end of a report that hold the hash of what it shows
_OURS = re.compile(contents_comment("0").replace("0", "[0-9a-f]{64}").encode() + rb"\Z")


@dataclass(frozen=True)
class Reports:
    """Writes the reports of participants.

    Parameters
    ----------
    out
        Names of the outputs.
    covariates
        Age, sex and more of the participants.
    command
        The command line.
    locks
        Of the output folder: several runs may write reports.

    Attributes
    ----------
    serious
        Messages of the serious flags of the scans in the reports, by stem.
    """

    out: Derivatives
    covariates: Covariates
    command: str
    locks: Locks
    serious: dict[str, str] = field(default_factory=dict)

    def write(
        self, subjects: Iterable[str], failures: Sequence[Failure] = (), *, only_stale: bool = False
    ) -> set[Path]:
        """Write the report of each participant from the outputs that exist and the failures of this run."""
        written = set()
        for subject in sorted(set(subjects)):
            mine = [failure for failure in failures if failure.subject == subject]
            with self.locks.held(f"report {subject}"):
                written |= self._write(subject, mine, only_stale)
        return written

    def refresh(self, subjects: Iterable[str]) -> set[Path]:
        """Write the reports that are absent, show failures, or were made from other outputs or covariates."""
        return self.write(subjects, only_stale=True)

    def remove_orphans(self, subjects: Set[str]) -> None:
        """Remove reports of other participants than these who have no features of any model.

        Such reports show errors only. Only files that end as this program writes them are removed.
        """
        for path in sorted(self.out.out_dir.glob(REPORT.format("*"))):
            subject = path.stem.removeprefix("sub-")
            if subject in subjects or not self._is_orphan(path):
                continue
            with self.locks.held(f"report {subject}"):
                if self._is_orphan(path):  # no other run has written it in the meantime
                    path.unlink()
                    _log.info("Removed %s: no scan is finished, and none is selected any more.", path.name)

    def _is_orphan(self, report: Path) -> bool:
        features = (self.out.out_dir / report.stem).rglob("*_desc-*_features.json")
        return not report.is_symlink() and bool(_OURS.search(_end(report))) and not any(features)

    def _write(self, subject: str, failures: Sequence[Failure], only_stale: bool) -> set[Path]:
        failed = {failure.stem for failure in failures}
        scans = [scan for scan in self._finished(subject) if scan.record.scan.stem not in failed]
        contents = _hash(scans, failures)
        if not (scans or failures) or (only_stale and self._is_current(subject, contents)):
            return set()
        path = self.out.report(subject)
        remove_leftovers([path])
        write_participant_report(
            path,
            subject,
            scans,
            failures,
            command=self.command,
            software=software(),
            contents=contents,
        )
        return {path}

    def check_images(self, subjects: Iterable[str]) -> None:
        """Log of which finished scans the dataset has another image: no covariates are joined to these.

        Raises
        ------
        NeuroFMError
            That is so for all of them.
        """
        for subject in sorted(set(subjects)):
            for _ in self._finished(subject):
                pass
        if warning := self.covariates.images.warning():
            _log.warning("%s", warning)

    def _finished(self, subject: str) -> Iterator[ScanReport]:
        """Yield the finished scans of a participant: those that have a sidecar and a readable record."""
        for scan in stored_scans(self.out, subject):
            path = self.out.path(scan, "predictions")
            if not self.out.path(scan, "sidecar").is_file():
                continue
            try:
                record = ScanRecord.from_dict(read_json(path))
            except (OSError, ValueError, NeuroFMError):
                _log.warning("The record of %s cannot be read: the report does not show it.", scan.stem)
                continue
            if messages := [flag.message for flag in record.flags if flag.severity == "serious"]:
                self.serious[record.scan.stem] = ". ".join(messages)
            yield ScanReport(record, self.covariates.person_of(record), self.out.figures(scan))

    def _is_current(self, subject: str, contents: str) -> bool:
        """Tell whether the report of a participant shows contents of this hash."""
        return contents_comment(contents).encode() in _end(self.out.report(subject))


def _end(report: Path) -> bytes:
    """Return the last bytes of a report, none if there is none or it is too short to be one."""
    try:
        with report.open("rb") as stream:
            stream.seek(-_ENDING, os.SEEK_END)
            return stream.read()
    except OSError:
        return b""


def _hash(scans: Iterable[ScanReport], failures: Iterable[Failure]) -> str:
    """Return a hash of what the report of a participant shows."""
    shown: list[object] = [(scan.record.to_dict(), repr(scan.person)) for scan in scans]
    shown += [failure.row() for failure in failures]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def write_citation(out: Derivatives, processing: Processing, model: ModelSpec) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` for what is actually run."""
    parameters = processing.parameters
    text = methods_text(parameters, model=model.name, notice=model.notice, versions=software())
    write_text(out.out_dir / DATASET_OUTPUTS["citation"], text)
    write_text(out.out_dir / DATASET_OUTPUTS["bibliography"], bibliography(parameters))
