"""Whether the outputs in the output folder were made from the dataset of a run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.link import other_source
from neurofm_bids.bids.stored import StoredScan, stored_scans
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.participant.job import Job
from neurofm_bids.participant.plan import Plan
from neurofm_bids.pipeline.provenance import identify_input
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.text import read_json, some_of

__all__ = ["check_origin"]

_log = logging.getLogger(__name__)


def check_origin(job: Job, plan: Plan) -> bool:
    """Tell whether the output folder links no other dataset than that of the run; warn where it does.

    The same dataset may have been moved or copied, or is staged one participant at a time: only images tell.

    Raises
    ------
    NeuroFMError
        The run would replace outputs made from a dataset that still exists and has other images.
    """
    config = job.config
    linked = other_source(config.out_dir, config.bids_dir)
    if linked is None:
        return True
    todo = () if config.outputs.reports_only else plan.todo
    replaced = [scan for scan in todo if _is_made_from_another(scan, job.out)]
    if others := [scan.stem for scan in replaced if _has_another(linked, scan, job.out)]:
        raise NeuroFMError(
            f"the output folder was made from another dataset ({linked}), and this run would replace the "
            f"outputs of {len(others)} of its scans, whose images differ ({some_of(others)})",
            where=config.out_dir,
            fix=f"Use another output folder for {config.bids_dir}.",
            code=Exit.CANT_CREATE,
        )
    _warn(job.out, config.bids_dir, linked, [scan for scan in replaced if _record(scan, job.out)])
    return False


def _warn(out: Derivatives, bids_dir: Path, linked: Path, replaced: Sequence[Scan]) -> None:
    """Log of which scans the dataset has another image or none, where that is not just a copy in parts."""
    if replaced:
        _log.warning(
            "The output folder was made from another dataset (%s). The outputs of %d scans, made from other "
            "images, are replaced (%s). Use one output folder per dataset.",
            linked,
            len(replaced),
            some_of([scan.stem for scan in replaced]),
        )
    stored = list(stored_scans(out))
    absent = [scan for scan in stored if not _is_in(bids_dir, scan)]
    if absent and (len(absent) == len(stored) or linked.is_dir()):
        _log.warning(
            "The output folder was made from another dataset (%s), and %d of its %d scans are not in %s, to "
            "which BIDS URIs (bids:raw:) then refer. Use one output folder per dataset: covariates are "
            "joined by the labels of participants.",
            linked,
            len(absent),
            len(stored),
            bids_dir,
        )


def _is_in(bids_dir: Path, scan: StoredScan) -> bool:
    folder = Derivatives(bids_dir, "").folder(scan)
    try:
        return folder.is_dir() and any(path.name.startswith(f"{scan.stem}_") for path in folder.iterdir())
    except OSError:  # nobody knows what is in a folder that cannot be read
        return True


def _is_made_from_another(scan: Scan, out: Derivatives) -> bool:
    """Tell whether a scan has finished outputs that are not known to be made from its image."""
    try:
        if not out.path(scan, "sidecar").is_file():
            return False
        record = _record(scan, out)
        source = record.provenance.input if record else None
        return source is None or not source.is_in(scan.path)
    except OSError:  # its image is gone, or its outputs cannot be read: nothing is replaced
        return False


def _has_another(linked: Path, scan: Scan, out: Derivatives) -> bool:
    """Tell whether the linked dataset has an image of a scan, and another one."""
    record = _record(scan, out)
    image = linked / (record.scan.path if record else scan.relative)
    try:
        theirs = identify_input(image) if image.is_file() else None
        return theirs is not None and not theirs.is_in(scan.path)
    except OSError:
        return False


def _record(scan: Scan, out: Derivatives) -> ScanRecord | None:
    """Return the record of finished outputs; None for one that cannot be read, as of another version."""
    try:
        return ScanRecord.from_dict(read_json(out.path(scan, "predictions")))
    except (OSError, ValueError, NeuroFMError):
        return None
