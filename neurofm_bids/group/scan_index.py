"""What earlier runs of the group level read of scans, so that a run reads only new and changed ones.

It is only an aid: without its file, or with one that is damaged or of another program, every scan is read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.entry import Entry
from neurofm_bids.storage.arrow import read_rows, write_rows

__all__ = ["Row", "ScanIndex", "index_path"]

_log = logging.getLogger(__name__)

_COLUMNS = {
    "scan": "string",
    "files": "string",
    "joined": "string",
    "image": "string",
    "own": "string",
    "about": "int32",
    "layouts": "int32",
    "volumes": "int32",
    "numbers": "binary",
    "features": "binary",
    "checksum": "int64",
}
_FEW = 1 / 200  # of the scans
_SOURCES = frozenset({".py", ".json", ".toml", ".tsv"})


@dataclass(frozen=True)
class Row:
    """What was read of a scan, and what it depends on.

    Parameters
    ----------
    files
        JSON of the versions of its files; empty if it must not be used again.
    joined
        JSON of what was joined from the dataset and the options.
    image
        JSON of the comparison of its image with the one that was processed.
    """

    files: str
    joined: str
    image: str
    entry: Entry


class ScanIndex:
    """Rows by scan, in a file.

    Parameters
    ----------
    path
        The file; None for an index that is empty and never written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._rows, self._n_changed = path, dict[str, Row](), 0
        if path is not None and path.is_file():
            try:
                self._rows = dict(_read(path))
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.info("The index %s is not used, all scans are read: %s", path.name, error)

    def get(self, scan: StoredScan) -> Row | None:
        """Return the row of a scan."""
        return self._rows.get(_name(scan))

    def put(self, scan: StoredScan, row: Row | str) -> None:
        """Replace the row of a scan; there is none any more where it cannot be used again."""
        is_kept = isinstance(row, Row) and row.files
        earlier = self._rows.pop(_name(scan), None)
        if isinstance(row, Row) and is_kept:
            self._rows[_name(scan)] = row
        self._n_changed += bool(is_kept or earlier)

    def write(self, scans: Sequence[StoredScan]) -> None:
        """Write the rows of these scans; a file that cannot be written is logged.

        The file stays as it is if no scan was removed and so few have changed that it takes less time to read
        them again than to write all.
        """
        names = list(map(_name, scans))
        is_removed = bool(self._rows.keys() - set(names))
        if self._path is None or not (is_removed or self._n_changed > len(names) * _FEW):
            return
        texts: dict[str, int] = {}
        kept = [(name, self._rows[name]) for name in names if name in self._rows]
        for _, row in kept:
            for text in row.entry.shared:
                texts.setdefault(text, len(texts))
        rows = (
            (
                *(name, row.files, row.joined, row.image, row.entry.own),
                *(texts[text] for text in row.entry.shared),
                *(row.entry.numbers, row.entry.features, _checksum(row)),
            )
            for name, row in kept
        )
        details = json.dumps({"program": _program(), "texts": list(texts)})
        try:
            write_rows(self._path, rows, _COLUMNS, details)
        except NeuroFMError as error:
            _log.warning("The index of the scans is not written, the next run reads all of them: %s", error)


def index_path(out: Derivatives) -> Path:
    """Return the file of the index of an output folder."""
    return out.out_dir / f"group_desc-{out.label}_index.arrow"


def _name(scan: StoredScan) -> str:
    return json.dumps([scan.source, scan.subject, scan.session, scan.stem])


def _read(path: Path) -> Iterator[tuple[str, Row]]:
    rows = read_rows(path, _COLUMNS)
    details = json.loads(next(rows))
    if details["program"] != _program():
        raise ValueError("it is of another version of NeuroFM-BIDS")
    texts = details["texts"]
    for name, versions, joined, image, own, about, layouts, volumes, numbers, features, checksum in rows:
        shared = texts[about], texts[layouts], texts[volumes]
        row = Row(versions, joined, image, Entry(own, shared, numbers, features))
        if _checksum(row) != checksum:
            raise ValueError("it is damaged")
        yield name, row


def _checksum(row: Row) -> int:
    parts = row.files, row.joined, row.image, row.entry.own, *row.entry.shared
    checksum = zlib.crc32("\0".join(parts).encode())
    return zlib.crc32(row.entry.features, zlib.crc32(row.entry.numbers, checksum))


@cache
def _program() -> str:
    """Return the SHA-256 of all files of the package that say how scans are read."""
    root, digest = Path(str(files("neurofm_bids"))), hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.suffix in _SOURCES):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
