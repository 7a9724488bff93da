"""The cohort: every scan with outputs under one folder, and every scan that should have them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.filters import selector
from neurofm_bids.bids.labels import check_sessions
from neurofm_bids.bids.stored import StoredScan, stored_scans
from neurofm_bids.config import Selection
from neurofm_bids.group.alike import Alike, most_common
from neurofm_bids.group.entry import Own, member_of, own_of
from neurofm_bids.group.member import left_out_scans
from neurofm_bids.group.presence import (
    abandoned_outputs,
    absent_images,
    check_participants,
    excluded_images,
    ignored_images,
    incomplete_outputs,
    participants_without_scan,
)
from neurofm_bids.group.reading import read_failures
from neurofm_bids.group.readout_scores import of_one_readout
from neurofm_bids.group.scan_index import Row, ScanIndex
from neurofm_bids.group.scan_processes import read_all
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.option import options_in_use
from neurofm_bids.records.cohort import Cohort, Member, Missing
from neurofm_bids.records.scan import Identity
from neurofm_bids.resources import without_garbage_collection
from neurofm_bids.storage.overlap import overlapped

__all__ = ["EVERYTHING", "collect"]

_log = logging.getLogger(__name__)

EVERYTHING = Selection()


def collect(
    out_dir: Path,
    label: str,
    covariates: Covariates,
    selection: Selection = EVERYTHING,
    reference: Reference = PUBLISHED,
    *,
    include_failed: bool = False,
    index: Path | None = None,
    processes: int = 1,
) -> Cohort:
    """Read the outputs of every scan under ``out_dir`` and join the covariates.

    A scan counts as found when any of its files exists. Found scans whose files are partial, unreadable or
    inconsistent become :class:`Missing`, and so do scans that a run listed as failed and that have not been
    finished since, if their image is still in the dataset. Scans whose image ``.bidsignore`` of the dataset
    excludes are neither: a warning names them.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset.
    label
        Model label used in ``desc-`` (``openS``).
    covariates
        Of the source dataset.
    selection
        Which scans are members or missing; a participant named in it is missing where there is no scan.
    reference
        With whose volumes those of the scans are compared.
    include_failed
        Whether scans whose quality is judged as fail take part in statistics.
    index
        A file that holds what was read of scans: only new and changed ones are read. It is written again; the
        result is the same without it.
    processes
        That read many scans.

    Raises
    ------
    NeuroFMError
        None of the participants is in the source dataset, all its images are other ones, or none of the
        images is there and the outputs link another dataset; a session is neither in the dataset nor in the
        output folder; or a process was killed.
    """
    out, is_selected = Derivatives(out_dir, label), selector(selection)
    every = list(stored_scans(out))
    _check(every, covariates.bids_dir, selection)
    stored = [scan for scan in every if is_selected(scan.subject, scan.stem)]
    is_ignored = read_bidsignore(covariates.bids_dir)
    reader = ScanReader(out, covariates, is_selected, is_ignored, reference, include_failed)
    known = ScanIndex(index)
    with without_garbage_collection():
        by_size, unusable, ignored = _read(reader, stored, known, processes)
    known.write(every)
    members = [member for alike in by_size.values() for member, _ in alike.members]
    abandoned = abandoned_outputs(unusable, [m.scan for m in members], covariates.bids_dir, is_selected)
    alike, odd = most_common(by_size)
    reasons = odd | {stem: why for stem, why in unusable.items() if stem not in abandoned}
    left = [scan for scan in stored if scan.stem in abandoned]
    finished, n_finished = _finished(stored), len(_finished(every))
    warnings = [text for text in _warnings(out, covariates, members, left, ignored) if text]
    if alike and len(alike.members) + len({*reasons, *ignored, *abandoned} & finished) < n_finished:
        warnings.insert(0, _partial(len(alike.members), n_finished, selection))
    failed = read_failures(out_dir, covariates.bids_dir, is_selected)
    reasons |= {stem: failed[stem] for stem in failed.keys() - finished}
    labels, having = selection.participant_label, {scan.subject for scan in every}
    reasons |= participants_without_scan(covariates.bids_dir, labels, having, {*reasons, *finished})
    missing = tuple(Missing(stem, reasons[stem]) for stem in sorted(reasons))
    return _cohort(label, alike, missing, tuple(warnings))


def _warnings(
    out: Derivatives,
    covariates: Covariates,
    members: Sequence[Member],
    abandoned: Sequence[StoredScan],
    ignored: Mapping[str, str],
) -> tuple[str, ...]:
    """Return sentences about the images and the scans; some are empty."""
    return (
        covariates.images.warning(),
        absent_images([member.scan for member in members], out, covariates.bids_dir),
        incomplete_outputs(abandoned, out),
        excluded_images(ignored),
        *left_out_scans(members),
    )


def _check(stored: Sequence[StoredScan], bids_dir: Path, selection: Selection) -> None:
    """Refuse a dataset of other participants, and sessions that do not exist, as :func:`collect` says."""
    check_participants(bids_dir, {scan.subject for scan in stored})
    if stored:
        having = {scan.session for scan in stored if scan.session}
        check_sessions(bids_dir, selection.session_label, having)


def _finished(stored: Iterable[StoredScan]) -> set[str]:
    """Return the stems of the finished scans."""
    return {scan.stem for scan in stored if scan.is_finished}


def _partial(n_members: int, n_finished: int, selection: Selection) -> str:
    used = ", ".join(options_in_use(selection).values())
    return (
        f"{n_members} of {n_finished} finished scans are in the group tables ({used}). "
        "Run the group level without it for all."
    )


def _cohort(
    label: str, alike: Alike | None, missing: tuple[Missing, ...], warnings: tuple[str, ...]
) -> Cohort:
    pairs = sorted(alike.members, key=lambda pair: _order(pair[0].scan)) if alike else []
    members, of_scores = of_one_readout([member for member, _ in pairs])
    warnings += (*alike.differences(), *of_scores) if alike else ()
    for warning in warnings:
        _log.warning("%s", warning)
    if alike is None:
        return Cohort(label, (), missing, np.empty((0, 0), np.float32), warnings=warnings)
    return Cohort(
        label,
        members=members,
        missing=missing,
        features=np.stack([row for _, row in pairs]),
        made=alike.example.made,
        entries=alike.entries,
        predicted=alike.predicted,
        weights_sha256=tuple(sorted(alike.weights)),
        origins=alike.origins,
        warnings=warnings,
    )


def _read(
    reader: ScanReader, stored: Sequence[StoredScan], index: ScanIndex, processes: int
) -> tuple[dict[int, Alike], dict[str, str], dict[str, str]]:
    """Return the scans by number of features, the reasons of those that cannot be used, those in .bidsignore.

    The reasons and the paths of the images that are in ``.bidsignore`` are by stem.
    """
    by_size: dict[int, Alike] = {}
    missing: dict[str, str] = {}
    ignored: dict[str, str] = {}
    for scan, row, own in _rows(reader, stored, index, processes):
        if isinstance(row, str) or own is None:
            missing[scan.stem] = str(row)
            continue
        if not reader.is_selected(own.scan):
            continue
        if reader.is_ignored(own.scan.path):
            ignored[scan.stem] = own.scan.path
            continue
        if own.problem:
            _log.warning("%s", own.problem)
        member, features, about = member_of(row.entry, own)
        by_size.setdefault(features.size, Alike()).add(member, features, about)
    bids_dir = reader.covariates.bids_dir
    ignored |= ignored_images(bids_dir, missing)  # the path of an unreadable record is not known
    return by_size, {stem: why for stem, why in missing.items() if stem not in ignored}, ignored


def _rows(
    reader: ScanReader, stored: Sequence[StoredScan], index: ScanIndex, processes: int
) -> Iterator[tuple[StoredScan, Row, Own] | tuple[StoredScan, str, None]]:
    """Yield what is kept of each scan, or why it cannot be used, and keep the index up to date."""
    current = overlapped(lambda scan: _current(reader, scan, index.get(scan)), stored)
    known = {
        scan: pair
        for scan, pair in zip(stored, current, strict=True)
        if pair and reader.is_joined(pair[1].scan, pair[0])
    }
    others = read_all(reader, [scan for scan in stored if scan not in known], processes)
    for scan in stored:
        if scan in known:
            yield scan, *known.pop(scan)
            continue
        row, own = next(others), None
        if isinstance(row, Row):
            own = own_of(row.entry)
            reader.compare(own, row)
            if not reader.is_joined(own.scan, row):
                row, own = reader.read(scan), None  # the dataset has changed meanwhile
        index.put(scan, row)
        if isinstance(row, Row):
            yield scan, row, own or own_of(row.entry)
        else:
            yield scan, row, None


def _current(reader: ScanReader, scan: StoredScan, row: Row | None) -> tuple[Row, Own] | None:
    """Return what is kept of a scan if its files are the same, and compare its image."""
    if row is None or not reader.is_current(scan, row):
        return None
    own = own_of(row.entry)
    reader.compare(own, row)
    return row, own


def _order(scan: Identity) -> tuple[str, str, str]:
    return scan.subject or "", scan.session or "", scan.stem
