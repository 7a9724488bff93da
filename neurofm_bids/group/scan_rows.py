"""What is kept of the scans of output folders: read again only where something has changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.group.alike import Alike
from neurofm_bids.group.entry import Own, member_of, own_of
from neurofm_bids.group.presence import ignored_images
from neurofm_bids.group.scan_index import Row, ScanIndex
from neurofm_bids.group.scan_processes import read_all
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.group.source import Source
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.overlap import overlapped

__all__ = ["FolderScans", "read_members"]

_log = logging.getLogger(__name__)


@dataclass
class FolderScans:
    """What became of the scans of one output folder, as its dataset names them.

    Parameters
    ----------
    members
        Scans that can be used.
    unusable
        Why others cannot be used, by stem.
    ignored
        Paths of the images that ``.bidsignore`` of the dataset excludes, by stem.
    """

    members: list[Identity] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)


def read_members(
    readers: Mapping[str, ScanReader],
    sources: Mapping[str, Source],
    stored: Sequence[StoredScan],
    index: ScanIndex,
    processes: int,
) -> tuple[dict[int, Alike], dict[str, FolderScans]]:
    """Return the members of the cohort by number of features, and what became of the scans of each folder.

    Parameters
    ----------
    readers, sources
        By the key of the output folder.
    stored
        The scans that are read.
    processes
        That read many scans.
    """
    by_size: dict[int, Alike] = {}
    folders = {key: FolderScans() for key in sources}
    for scan, row, own in _rows(readers, stored, index, processes):
        reader, source, folder = readers[scan.source], sources[scan.source], folders[scan.source]
        if isinstance(row, str) or own is None:
            folder.unusable[scan.stem] = str(row)
            continue
        if not reader.is_selected(own.scan):
            continue
        if reader.is_ignored(own.scan.path):
            folder.ignored[scan.stem] = own.scan.path
            continue
        if own.problem:
            _log.warning("%s", own.problem)
        member, features, about = member_of(row.entry, own)
        folder.members.append(own.scan)
        if source.key:
            member = replace(member, scan=source.in_cohort(own.scan), source=source.key)
        by_size.setdefault(features.size, Alike()).add(member, features, about)
    for key, folder in folders.items():  # the path of an unreadable record is not known
        folder.ignored |= ignored_images(sources[key].bids_dir, folder.unusable)
        folder.unusable = {stem: why for stem, why in folder.unusable.items() if stem not in folder.ignored}
    return by_size, folders


def _rows(
    readers: Mapping[str, ScanReader], stored: Sequence[StoredScan], index: ScanIndex, processes: int
) -> Iterator[tuple[StoredScan, Row, Own] | tuple[StoredScan, str, None]]:
    """Yield what is kept of each scan, or why it cannot be used, and keep the index up to date."""
    current = overlapped(lambda scan: _current(readers[scan.source], scan, index.get(scan)), stored)
    known = {
        scan: pair
        for scan, pair in zip(stored, current, strict=True)
        if pair and readers[scan.source].is_joined(pair[1].scan, pair[0])
    }
    others = read_all(readers, [scan for scan in stored if scan not in known], processes)
    for scan in stored:
        if scan in known:
            yield scan, *known.pop(scan)
            continue
        reader, row, own = readers[scan.source], next(others), None
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
