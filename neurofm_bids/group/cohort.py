"""The cohort: every scan with outputs in some folders, and every scan that should have them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.filters import Selector, selector
from neurofm_bids.bids.labels import check_sessions
from neurofm_bids.bids.stored import StoredScan, stored_scans
from neurofm_bids.config import Selection
from neurofm_bids.group.alike import Alike, most_common
from neurofm_bids.group.failures import expected_scans
from neurofm_bids.group.inputs import check_distinct
from neurofm_bids.group.member import left_out_scans
from neurofm_bids.group.presence import (
    abandoned_outputs,
    absent_images,
    check_participants,
    excluded_images,
    incomplete_outputs,
    participants_without_scan,
)
from neurofm_bids.group.readout_scores import of_one_readout
from neurofm_bids.group.scan_index import ScanIndex
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.group.scan_rows import FolderScans, read_members
from neurofm_bids.group.source import Source
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.option import options_in_use
from neurofm_bids.records.cohort import Cohort, Missing
from neurofm_bids.records.scan import Identity
from neurofm_bids.resources import without_garbage_collection

__all__ = ["EVERYTHING", "collect"]

_log = logging.getLogger(__name__)

EVERYTHING = Selection()


@without_garbage_collection()
def collect(
    sources: Mapping[str, Source],
    selection: Selection = EVERYTHING,
    reference: Reference = PUBLISHED,
    *,
    include_failed: bool = False,
    index: Path | None = None,
    processes: int = 1,
) -> Cohort:
    """Read the outputs of every scan in some output folders and join the covariates.

    A scan counts as found when any of its files exists. Found scans whose files are partial, unreadable or
    inconsistent become :class:`Missing`, and so do scans that a run listed as failed, or left to the stage of
    encoding, and that have not been finished since, if their image is still in the dataset. Scans whose
    image ``.bidsignore`` of the dataset excludes are neither: a warning names them.

    Parameters
    ----------
    sources
        The output folders by key, see :func:`neurofm_bids.group.inputs.sources_of`.
    selection
        Which scans are members or missing; a participant named in it is missing where there is no scan. Its
        labels are those of the datasets.
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
        A scan is in two folders, or participants of two datasets have one label; none of the participants of
        a folder is in its dataset, all images there are other ones, or none is there and the outputs link
        another dataset; a session is neither in the datasets nor in the folders; or a process was killed.
    """
    is_selected = selector(selection)
    every = [scan for key, one in sources.items() for scan in stored_scans(one.out, source=key)]
    _check(every, sources, selection)
    stored = [scan for scan in every if is_selected(scan.subject, scan.stem)]
    expected = expected_scans(sources, is_selected)
    check_distinct(stored, sources, expected)
    by_key: dict[str, list[StoredScan]] = {key: [] for key in sources}
    for scan in stored:
        by_key[scan.source].append(scan)
    readers = {key: _reader(one, is_selected, reference, include_failed) for key, one in sources.items()}
    known = ScanIndex(index)
    by_size, folders = read_members(readers, sources, stored, known, processes)
    known.write(every)
    judged = {key: _judge(one, folders[key], by_key[key], is_selected) for key, one in sources.items()}
    alike, reasons = most_common(by_size)
    for one in judged.values():
        reasons |= one.reasons
    finished, n_finished = _finished(stored, sources), len(_finished(every, sources))
    left = set().union(*(one.left_out for one in judged.values()))
    warnings = [*dict.fromkeys(text for one in judged.values() for text in one.warnings)]
    warnings += left_out_scans([member for one in by_size.values() for member, _ in one.members])
    if alike and len(alike.members) + len({*reasons, *left} & finished) < n_finished:
        warnings.insert(0, _partial(len(alike.members), n_finished, selection))
    unfinished = {_shown(scan, sources): why for scan, why in expected.items()}
    reasons |= {stem: why for stem, why in unfinished.items() if stem not in finished}
    known_stems = {*reasons, *finished}
    present = {scan.subject for scan in (*stored, *expected) if _shown(scan, sources) in known_stems}
    reasons |= _without_scan(sources, selection, {scan.subject for scan in every}, present)
    missing = tuple(Missing(stem, reasons[stem]) for stem in sorted(reasons))
    return _cohort(next(iter(sources.values())).out.label, alike, missing, tuple(warnings))


def _reader(source: Source, selector: Selector, reference: Reference, include_failed: bool) -> ScanReader:
    is_ignored = read_bidsignore(source.bids_dir)
    return ScanReader(source.out, source.covariates, selector, is_ignored, reference, include_failed)


@dataclass(frozen=True)
class _Judged:
    """What is said of the scans of one folder that have no row, by their stems in the cohort.

    Parameters
    ----------
    reasons
        Why scans count as missing.
    left_out
        Scans that do not count.
    """

    reasons: Mapping[str, str]
    left_out: Set[str]
    warnings: Sequence[str]


def _judge(source: Source, scans: FolderScans, stored: Sequence[StoredScan], selector: Selector) -> _Judged:
    """Judge the scans of one folder, of which ``stored`` are selected."""
    bids_dir = source.bids_dir
    abandoned = abandoned_outputs(scans.unusable, scans.members, bids_dir, selector)
    texts = (
        source.covariates.images.warning(),
        absent_images(scans.members, source.out, bids_dir),
        incomplete_outputs([scan for scan in stored if scan.stem in abandoned], source.out),
        excluded_images(scans.ignored),
    )
    return _Judged(
        {source.shown(stem): why for stem, why in scans.unusable.items() if stem not in abandoned},
        {*map(source.shown, (*scans.ignored, *abandoned))},
        [text for text in texts if text],
    )


def _shown(scan: StoredScan, sources: Mapping[str, Source]) -> str:
    """Return the stem of a scan in the cohort."""
    return sources[scan.source].shown(scan.stem)


def _without_scan(
    sources: Mapping[str, Source], selection: Selection, having: Set[str], present: Set[str]
) -> dict[str, str]:
    """Return why participants that are named have no scan in any folder, by labels of the datasets."""
    labels = selection.participant_label
    if not labels:
        return {}
    stems = {f"sub-{label}" for label in present}
    return participants_without_scan(_datasets(sources), labels, having, stems)


def _check(stored: Sequence[StoredScan], sources: Mapping[str, Source], selection: Selection) -> None:
    """Refuse datasets of other participants, and sessions that do not exist, as :func:`collect` says."""
    subjects: dict[str, set[str]] = {key: set() for key in sources}
    for scan in stored:
        subjects[scan.source].add(scan.subject)
    for key, source in sources.items():
        check_participants(source.bids_dir, subjects[key])
    if stored:
        having = {scan.session for scan in stored if scan.session}
        check_sessions(_datasets(sources), selection.session_label, having)


def _datasets(sources: Mapping[str, Source]) -> list[Path]:
    return list(dict.fromkeys(source.bids_dir for source in sources.values()))


def _finished(stored: Iterable[StoredScan], sources: Mapping[str, Source]) -> set[str]:
    """Return the stems of the finished scans in the cohort."""
    return {_shown(scan, sources) for scan in stored if scan.is_finished}


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


def _order(scan: Identity) -> tuple[str, str, str]:
    return scan.subject or "", scan.session or "", scan.stem
