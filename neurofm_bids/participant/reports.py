"""Reports, centiles, scores and citation text, made from the files in the output folder."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import TypeVar

from neurofm_bids.analysis.settings import Columns
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import REPORT
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.participant.centile_files import write_centiles
from neurofm_bids.participant.readout_files import measured_scan, write_profile
from neurofm_bids.participant.scan_reports import hash_of, scan_report
from neurofm_bids.participant.scored_reports import with_scores
from neurofm_bids.pipeline.provenance import software
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.methods import bibliography, methods_text
from neurofm_bids.report.participant import contents_comment, write_participant_report
from neurofm_bids.report.pdf import print_pdf
from neurofm_bids.report.readout_methods import write_citation as write_methods
from neurofm_bids.storage.atomic import file_version, remove_leftovers
from neurofm_bids.storage.locks import Locks
from neurofm_bids.storage.text import read_json

__all__ = ["Reports", "write_citation"]

_log = logging.getLogger(__name__)

_Finished = tuple[ScanRecord, Person, Mapping[str, Path]]
_Read = TypeVar("_Read")

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
    reference
        With whose volumes those of the scans are compared.
    readouts
        Whose scores the scans get.
    browser
        Path of the browser that prints the reports to PDF; empty for no PDF.

    Attributes
    ----------
    judged
        Judgement of the scans in the reports, by stem.
    unwritten
        Participants whose outputs cannot be read: their reports are not written.
    """

    out: Derivatives
    covariates: Covariates
    command: str
    locks: Locks
    reference: Reference = PUBLISHED
    readouts: tuple[Readout, ...] = ()
    browser: str = ""
    judged: dict[str, Judgement] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)

    def write(
        self, subjects: Iterable[str], failures: Sequence[Failure] = (), *, only_stale: bool = False
    ) -> set[Path]:
        """Write the report of each participant from the outputs that exist and the failures of this run.

        Raises
        ------
        NeuroFMError
            A report cannot be written: the disk is full, for example.
        """
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
                    _remove(path)

    def _is_orphan(self, report: Path) -> bool:
        if report.is_symlink() or not _OURS.search(_end(report)):
            return False
        try:
            return not _has_features(self.out.out_dir / report.stem)
        except OSError as error:
            _log.warning("%s is kept: %s cannot be read (%s).", report.name, error.filename, error.strerror)
            return False

    def _write(self, subject: str, failures: Sequence[Failure], only_stale: bool) -> set[Path]:
        failed = {failure.stem for failure in failures}
        shown = self._shown(subject)
        if shown is None:
            return set()
        for scan in shown:
            write_centiles(self.out, scan.record, scan.person, scan.centiles, self.reference)
            write_profile(self.out, scan.record, scan.profile, self.readouts)
        scans = [scan for scan in shown if scan.record.scan.stem not in failed]
        contents = hash_of(scans, failures)
        if not (scans or failures) or (only_stale and self._is_current(subject, contents)):
            return set()
        path = self.out.report(subject)
        remove_leftovers([path, path.with_suffix(".pdf")])
        try:
            write_participant_report(
                path,
                subject,
                scans,
                failures,
                command=self.command,
                software=software(),
                contents=contents,
            )
        except OSError as error:  # a figure; what cannot be written is a NeuroFMError
            self._not_written(subject, error)
            return set()
        self._print(subject, path)
        return {path}

    def _print(self, subject: str, report: Path) -> None:
        """Print a report to PDF where that was asked for, or log that its PDF is of an older report."""
        try:
            if self.browser:
                print_pdf(report, self.browser)
            elif report.with_suffix(".pdf").is_file():
                _log.warning("sub-%s.pdf is older than the report: print it again with --pdf.", subject)
        except NeuroFMError as error:
            _log.error("sub-%s.pdf is not written: %s", subject, error)
            self.unwritten.add(subject)

    def check_images(self, subjects: Iterable[str]) -> None:
        """Log of which finished scans the dataset has another image: no covariates are joined to these.

        Raises
        ------
        NeuroFMError
            That is so for all of them.
        """
        for subject in sorted(set(subjects)):
            self._readable(subject)
        if warning := self.covariates.images.warning():
            _log.warning("%s", warning)

    def _readable(self, subject: str) -> list[_Finished] | None:
        """Return the finished scans of a participant, or None if its outputs cannot be read."""
        return self._or_not_written(subject, lambda: list(self._finished(subject)))

    def _shown(self, subject: str) -> list[ScanReport] | None:
        """Return what the report of a participant shows, or None if its outputs cannot be read."""
        return self._or_not_written(
            subject, lambda: [self._scan_report(*one) for one in self._finished(subject)]
        )

    def _scan_report(self, record: ScanRecord, person: Person, figures: Mapping[str, Path]) -> ScanReport:
        values = self.covariates.values(record.scan)
        acquired = values.get(Columns().date_in(values) or "", "")
        made = replace(scan_report(record, person, figures, self.reference), acquired=acquired)
        if not self.readouts:
            return made
        return with_scores(
            made, self.readouts, measured_scan(self.out, record, self.covariates), self.reference
        )

    def _or_not_written(self, subject: str, read: Callable[[], list[_Read]]) -> list[_Read] | None:
        try:
            return read()
        except (OSError, NeuroFMError) as error:
            self._not_written(subject, error)
            return None

    def _not_written(self, subject: str, error: OSError | NeuroFMError) -> None:
        reason = str(error)
        if isinstance(error, OSError):
            reason = (
                f"{error.filename} cannot be read ({error.strerror}). Check it and run the command again."
            )
        if subject not in self.unwritten:
            _log.error("The report of sub-%s is not written: %s", subject, reason)
        self.unwritten.add(subject)

    def _finished(self, subject: str) -> Iterator[_Finished]:
        """Yield record, person and figures of the finished scans: with a sidecar and a readable record."""
        for scan in stored_scans(self.out, subject):
            path = self.out.path(scan, "predictions")
            if not self.out.path(scan, "sidecar").is_file():
                continue
            try:
                record = ScanRecord.from_dict(read_json(path))
            except (OSError, ValueError, NeuroFMError):
                _log.warning("The record of %s cannot be read: the report does not show it.", scan.stem)
                continue
            self.judged[record.scan.stem] = record.quality
            yield record, self.covariates.person_of(record), self.out.figures(scan)

    def _is_current(self, subject: str, contents: str) -> bool:
        """Tell whether the report of a participant shows contents of this hash."""
        report = self.out.report(subject)
        return contents_comment(contents).encode() in _end(report) and (
            not self.browser or file_version(report.with_suffix(".pdf"))[1:2] >= file_version(report)[1:2]
        )


def _remove(report: Path) -> None:
    try:
        report.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s shows no selected scan and cannot be removed (%s).", report, error.strerror)
        return
    _log.info("Removed %s: no scan is finished, and none is selected any more.", report.name)


def _has_features(folder: Path) -> bool:
    """Tell whether a participant has features of any model.

    Raises
    ------
    OSError
        A folder cannot be read.
    """

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    names = chain.from_iterable(files for *_, files in os.walk(folder, onerror=fail))
    return any(fnmatch(name, "*_desc-*_features.json") for name in names)


def _end(report: Path) -> bytes:
    """Return the last bytes of a report, none if there is none or it is too short to be one."""
    try:
        with report.open("rb") as stream:
            stream.seek(-_ENDING, os.SEEK_END)
            return stream.read()
    except OSError:
        return b""


def write_citation(out: Derivatives, processing: Processing, model: ModelSpec) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` for what is actually run."""
    parameters = processing.parameters
    attributed = bool(processing.attribution)
    text = methods_text(
        parameters, model=model.name, notice=model.notice, versions=software(), is_attributed=attributed
    )
    bibtex = bibliography(parameters, model=model.name, is_attributed=attributed)
    write_methods(out.out_dir, text, bibtex)
