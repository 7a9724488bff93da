"""The cohort: every scan with outputs under one folder, and every scan that should have them."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.filters import Selector, selector
from neurofm_bids.bids.labels import check_sessions, unknown_participants
from neurofm_bids.bids.names import Derivatives
from neurofm_bids.bids.stored import StoredScan, stored_scans
from neurofm_bids.config import Selection
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.member import left_out_scans, make_member, prediction_columns
from neurofm_bids.group.presence import (
    abandoned_outputs,
    absent_images,
    check_participants,
    excluded_images,
    ignored_images,
    incomplete_outputs,
)
from neurofm_bids.group.reading import read_failures, read_scan
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.option import options_in_use
from neurofm_bids.records.cohort import Cohort, Member, Missing
from neurofm_bids.records.columns import RECORDED_COLUMNS, entries
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.origin import Origin, origin_of
from neurofm_bids.records.scan import Identity, ScanRecord

__all__ = ["EVERYTHING", "collect"]

_log = logging.getLogger(__name__)

EVERYTHING = Selection()
_Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Alike:
    """The scans with one number of features, and what they were made with."""

    example: ScanRecord
    members: list[tuple[Member, _Features]] = field(default_factory=list)
    weights: Counter[str] = field(default_factory=Counter)
    segmentation: Counter[str] = field(default_factory=Counter)
    settings: Counter[str] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    origins: list[Origin] = field(default_factory=list)  # distinct ones
    entries: dict[str, Entry] = field(default_factory=dict)
    predicted: dict[str, None] = field(default_factory=dict)  # in order

    def add(self, member: Member, features: _Features, record: ScanRecord) -> None:
        made = record.provenance
        self.members.append((member, features))
        if {*member.predictions, *member.morphometry, *member.quality} - {*self.entries, *RECORDED_COLUMNS}:
            self.entries.update(entries(record))
        self.predicted.update(dict.fromkeys(prediction_columns(record.predictions)))
        self.weights[made.model.weights_sha256] += 1
        if record.anatomy is not None:
            self.segmentation[record.anatomy.weights_sha256] += 1
        self.settings[made.parameters_hash] += 1
        self.versions[made.pipeline_version] += 1
        if (origin := origin_of(record)) not in self.origins:
            self.origins.append(origin)

    def differences(self) -> tuple[str, ...]:
        """Return a sentence for everything that is not the same for all scans."""
        counters = {
            "weights": self.weights,
            "weights of the segmentation": self.segmentation,
            "settings": self.settings,
            "pipeline version of NeuroFM-BIDS": Counter({str(v): n for v, n in self.versions.items()}),
        }
        return tuple(_difference(what, counts) for what, counts in counters.items() if len(counts) > 1)


def collect(
    out_dir: Path,
    label: str,
    covariates: Covariates,
    selection: Selection = EVERYTHING,
    reference: Reference = PUBLISHED,
    *,
    include_failed: bool = False,
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

    Raises
    ------
    NeuroFMError
        None of the participants is in the source dataset, all its images are other ones, or none of the
        images is there and the outputs link another dataset; or a session is neither in the dataset nor in
        the output folder.
    """
    out, is_selected = Derivatives(out_dir, label), selector(selection)
    stored = list(stored_scans(out))
    subjects = {scan.subject for scan in stored}
    check_participants(covariates.bids_dir, subjects)
    if stored:
        having = {scan.session for scan in stored if scan.session}
        check_sessions(covariates.bids_dir, selection.session_label, having)
    in_all = sum(out.path(scan, "sidecar").is_file() for scan in stored)
    stored = [scan for scan in stored if is_selected(scan.subject, scan.stem)]
    by_size, unusable, ignored = _read(
        out, stored, covariates, is_selected, reference, include_failed=include_failed
    )
    members = [member for alike in by_size.values() for member, _ in alike.members]
    scans = [member.scan for member in members]
    abandoned = abandoned_outputs(unusable, scans, covariates.bids_dir, is_selected)
    unusable = {stem: why for stem, why in unusable.items() if stem not in abandoned}
    sentences = (
        covariates.images.warning(),
        absent_images(scans, out, covariates.bids_dir),
        incomplete_outputs([scan for scan in stored if scan.stem in abandoned], out),
        excluded_images(ignored),
        *left_out_scans(members),
    )
    warnings = list(filter(None, sentences))
    alike, odd = _most(by_size)
    finished = {scan.stem for scan in stored if out.path(scan, "sidecar").is_file()}  # a failure removes it
    if alike and len(alike.members) + len((unusable | odd | ignored).keys() & finished) < in_all:
        warnings.insert(0, _partial(len(alike.members), in_all, selection))
    failed = read_failures(out_dir, covariates.bids_dir, is_selected)
    reasons = unusable | odd | {stem: failed[stem] for stem in failed.keys() - finished}
    named = {f"sub-{label}" for label in selection.participant_label}
    having = {re.split("[_/]", stem)[0] for stem in (*reasons, *finished)}
    reasons |= dict.fromkeys(named - having, "no scan of this participant is selected")
    unknown = unknown_participants(covariates.bids_dir, selection.participant_label, subjects)
    reasons |= {f"sub-{label}": why for label, why in unknown.items() if f"sub-{label}" not in having}
    missing = tuple(Missing(stem, reasons[stem]) for stem in sorted(reasons))
    return _cohort(label, alike, missing, tuple(warnings))


def _partial(n_members: int, n_finished: int, selection: Selection) -> str:
    used = ", ".join(options_in_use(selection).values())
    return (
        f"{n_members} of {n_finished} finished scans are in the group tables ({used}). "
        "Run the group level without it for all."
    )


def _cohort(
    label: str, alike: _Alike | None, missing: tuple[Missing, ...], warnings: tuple[str, ...]
) -> Cohort:
    warnings += alike.differences() if alike else ()
    for warning in warnings:
        _log.warning("%s", warning)
    if alike is None:
        return Cohort(label, (), missing, np.empty((0, 0), np.float32), warnings=warnings)
    pairs = sorted(alike.members, key=lambda pair: _order(pair[0].scan))
    return Cohort(
        label,
        members=tuple(member for member, _ in pairs),
        missing=missing,
        features=np.stack([row for _, row in pairs]),
        made=alike.example.provenance,
        entries=alike.entries,
        predicted=tuple(alike.predicted),
        weights_sha256=tuple(sorted(alike.weights)),
        origins=tuple(alike.origins),
        warnings=warnings,
    )


def _read(
    out: Derivatives,
    stored: Iterable[StoredScan],
    covariates: Covariates,
    is_selected: Selector,
    reference: Reference,
    *,
    include_failed: bool,
) -> tuple[dict[int, _Alike], dict[str, str], dict[str, str]]:
    """Return the scans by number of features, the reasons of those that cannot be used, those in .bidsignore.

    The reasons and the paths of the images that are in ``.bidsignore`` are by stem.
    """
    by_size: dict[int, _Alike] = {}
    missing: dict[str, str] = {}
    ignored: dict[str, str] = {}
    is_ignored = read_bidsignore(covariates.bids_dir)
    for scan in stored:
        try:
            record, features = read_scan(out, scan)
        except NeuroFMError as error:
            missing[scan.stem] = str(error)
            continue
        if not is_selected(scan.subject, PurePosixPath(record.scan.path).name):
            continue
        if is_ignored(record.scan.path):
            ignored[scan.stem] = record.scan.path
            continue
        alike = by_size.setdefault(features.size, _Alike(record))
        person = covariates.person_of(record)
        alike.add(make_member(record, person, reference, include_failed=include_failed), features, record)
    ignored |= ignored_images(covariates.bids_dir, missing)  # the path of an unreadable record is not known
    return by_size, {stem: why for stem, why in missing.items() if stem not in ignored}, ignored


def _most(by_size: Mapping[int, _Alike]) -> tuple[_Alike | None, dict[str, str]]:
    """Return the scans with the most common number of features, and the reasons of all others by stem."""
    usual = max(by_size, key=lambda size: (len(by_size[size].members), size), default=0)
    odd = {
        member.scan.stem: f"{size} features where the other scans have {usual}"
        for size, alike in by_size.items()
        for member, _ in alike.members
        if size != usual
    }
    return by_size.get(usual), odd


def _order(scan: Identity) -> tuple[str, str, str]:
    return scan.subject or "", scan.session or "", scan.stem


def _difference(what: str, counts: Counter[str]) -> str:
    parts = ", ".join(f"{n} with {value[:12]}" for value, n in sorted(counts.items()))
    return f"The scans were not all made with the same {what} ({parts}): they are not comparable."
