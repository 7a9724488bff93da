"""What a run is going to do: which scans to process, which are up to date, which cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurofm_bids.bids.discovery import Refused, Scan, find_scans
from neurofm_bids.config import BOTH_STAGES, ENCODE, PREPROCESS
from neurofm_bids.errors import with_fix
from neurofm_bids.participant.freshness import Cause, Reason, is_older
from neurofm_bids.participant.job import Job
from neurofm_bids.pipeline.hand_over import read_hand_over_failure
from neurofm_bids.records.failure import Failure
from neurofm_bids.storage.text import some_of

__all__ = ["Plan", "make_plan"]

_log = logging.getLogger(__name__)
_NONE: Mapping[str, str] = {}
_VERBS = {  # what the stages do with a scan, and what there is where they need not
    BOTH_STAGES: ("run", "outputs exist"),
    PREPROCESS: ("preprocess", "it is preprocessed, or its outputs exist"),
    ENCODE: ("encode", "outputs exist"),
}


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Parameters
    ----------
    todo
        Scans to process, and why.
    done
        Scans whose outputs are up to date.
    failed
        Scans that cannot be used.
    skipped
        Images that are left out, and participants without any.
    excluded
        Paths under the dataset of images that labels and filters exclude.
    stage
        Of the run; after that of preprocessing, a scan is up to date also if it waits for that of encoding.
    """

    todo: Mapping[Scan, Reason]
    done: tuple[Scan, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Refused, ...]
    excluded: tuple[str, ...] = ()
    stage: str = BOTH_STAGES

    @property
    def subjects(self) -> set[str]:
        """Participants with a scan to process, one that is up to date, or one that cannot be used."""
        return {scan.subject for scan in (*self.todo, *self.done)} | {f.subject for f in self.failed}

    def table(self, failures: Mapping[str, str] = _NONE) -> list[tuple[str, str, str]]:
        """Return ``(what happens, scan, why)`` for every scan.

        Parameters
        ----------
        failures
            Why scans failed in earlier runs, by stem.
        """
        verb, done = _VERBS[self.stage]
        failures = {} if self.stage == ENCODE else failures  # they were preprocessed since
        rows = [(verb, str(scan.relative), _why(scan, self.todo[scan], failures)) for scan in self.todo]
        rows += [("up to date", str(scan.relative), done) for scan in self.done]
        rows += [("cannot run", f.scan, with_fix(f.reason, f.fix)) for f in self.failed]
        rows += [("skip", r.where, with_fix(r.reason, r.fix)) for r in self.skipped]
        return sorted(rows, key=lambda row: row[1])


def make_plan(job: Job) -> Plan:
    """Find the scans and decide which have to be processed, from the input and the outputs alone.

    Raises
    ------
    NeuroFMError
        There is no dataset, or nothing is selected.
    """
    selection = find_scans(job.config)
    reasons: dict[Scan, Reason | None] = {}
    failed = list(map(_refusal, selection.refused))
    for scan in selection.scans:
        reason = _reason(job, scan)
        if reason and (failure := _obstacle(job, scan, reason)):
            failed.append(failure)
        else:
            reasons[scan] = reason
    done = tuple(scan for scan, reason in reasons.items() if reason is None)
    _warn_of_missing(job, done)
    return Plan(
        todo={scan: reason for scan, reason in reasons.items() if reason is not None},
        done=done,
        failed=tuple(failed),
        skipped=selection.skipped,
        excluded=selection.excluded,
        stage=job.config.running.stage,
    )


def _reason(job: Job, scan: Scan) -> Reason | None:
    """Return why a scan has to be processed, None if it is up to date."""
    reason = job.why(scan)
    return Reason(Cause.FORCED, "forced") if _is_forced(job, scan) else reason


def _obstacle(job: Job, scan: Scan, reason: Reason) -> Failure | None:
    """Return why a scan that has to be processed cannot be; None if it can, or only gets a report."""
    config, unprepared = job.config, None
    if config.running.stage == ENCODE:
        unprepared = _unprepared(job, scan)
        if unprepared is None:  # files of other programs were read when it was preprocessed
            return None
    problem = job.lookup(scan).problem
    if problem is None or (config.outputs.reports_only and reason.cause is not Cause.NEW):
        return unprepared
    return _refusal(Refused(scan.path, scan, *problem))


def _warn_of_missing(job: Job, done: Sequence[Scan]) -> None:
    """Log which scans are up to date although files that they were processed with are not found."""
    missing = [(scan, problem) for scan in done if (problem := job.lookup(scan).problem)]
    if missing:
        _log.warning(
            "Derivative no longer found of %d scans, whose outputs are kept (%s): %s.",
            len(missing),
            some_of([scan.stem for scan, _ in missing]),
            missing[0][1][0],
        )


def _unprepared(job: Job, scan: Scan) -> Failure | None:
    """Return why a scan cannot be encoded, such as why it was not preprocessed; None if it can."""
    error = job.why_not_encoded(scan)
    if error is None:
        return None
    earlier = read_hand_over_failure(job.out.interim(scan))
    if earlier is None:
        return _refusal(Refused(scan.path, scan, error.what, error.fix))
    return replace(
        earlier, fix=f"{earlier.fix} Then run the stage of preprocessing again.".strip(), traceback=""
    )


def _is_forced(job: Job, scan: Scan) -> bool:
    """Tell whether a scan is processed whatever its outputs; with an index, only once since it was made."""
    config, index = job.config, job.config.selection.index
    return config.outputs.force and (index is None or is_older(job.marker(scan), index))


def _why(scan: Scan, reason: Reason, failures: Mapping[str, str]) -> str:
    return failures.get(scan.stem, reason.text) if reason.cause is Cause.NEW else reason.text


def _refusal(refused: Refused) -> Failure:
    subject = refused.scan.subject if refused.scan else refused.path.name.removeprefix("sub-")
    stem = refused.scan.stem if refused.scan else ""
    return Failure(refused.where, subject, stem, "select", refused.reason, refused.fix)
