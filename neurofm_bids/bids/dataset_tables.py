"""The tables of participants, sessions, scans and phenotypes of a dataset, with their rows by scan."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids.bids.entities import is_hidden
from neurofm_bids.bids.sheets import label_of
from neurofm_bids.bids.source import SourceImages
from neurofm_bids.bids.tables import ByLabel, Row, read_table, unpadded

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["NO_ROW", "ONLY_SESSIONS", "DatasetTables"]

NO_ROW = "no row for {} of those selected ({})"
ONLY_SESSIONS = "rows of several sessions for {} of those selected, whose images have no session ({})"

_FOLDER = re.compile(r"[^/\0]+")  # a record may hold any label; no folder above the dataset is read
_PARTICIPANTS, _SESSIONS, _SCANS = "participants.tsv", "sub-<label>_sessions.tsv", "sub-<label>_scans.tsv"

_Sessions = dict[str, Row]  # rows of one participant; "" is the label of a row for all sessions


class DatasetTables:
    """The tables of a dataset; those of sessions, scans and phenotypes are read when they are needed.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    images
        A scan that was processed from another image than the one at its path in the dataset has no rows.

    Attributes
    ----------
    participants
        Rows by participant, then by session.
    """

    def __init__(self, bids_dir: Path, images: SourceImages) -> None:
        self._root, self._images = bids_dir, images
        self._tables: dict[str, dict[tuple[str, ...], Row]] = {}
        self._list = lru_cache(maxsize=2)(self._counted)
        self.participants = self._by_participant(bids_dir / _PARTICIPANTS)

    @cached_property
    def phenotype(self) -> dict[str, ByLabel[_Sessions]]:
        """Rows of each phenotype table by participant, then by session."""
        paths = sorted(self._root.glob("phenotype/*.tsv"))
        return {path.stem: self._by_participant(path) for path in paths if not is_hidden(path.name)}

    def labels(self, subject: str | None) -> Counter[str]:
        """Count the sessions of a participant, or the participants, by label without zero padding."""
        return self._list(subject)

    def rows(self, table: ByLabel[_Sessions], scan: Identity | Scan) -> Iterator[tuple[Row, bool]]:
        """Yield the rows of a scan in a table of participants, and whether they are of its session."""
        is_other = self._images.is_other(scan)
        sessions = {} if is_other else table.get(scan.subject or "", self.labels(None)) or {}
        if "" in sessions:
            yield sessions[""], False
        elif not scan.session and len(sessions) == 1:
            yield from ((row, True) for row in sessions.values())
        if not (scan.session and sessions):
            return
        if own := ByLabel(sessions).get(scan.session, self.labels(scan.subject or "")):
            yield own, True

    def session_row(self, scan: Identity | Scan) -> Row | None:
        """Return the row of a scan in the table of sessions of its participant."""
        if not self._has_folder(scan) or self._images.is_other(scan):
            return None
        subject = scan.subject or ""
        sessions = self._sessions(subject)
        return sessions.get(scan.session or "", self.labels(subject)) if sessions.values else None

    def scan_rows(self, scan: Identity | Scan) -> Iterator[tuple[str, Row | None]]:
        """Yield the path of each table of scans that applies to a scan, without suffix, and its row there."""
        if not self._has_folder(scan) or self._images.is_other(scan):
            return
        folders = [f"sub-{scan.subject}", *([f"ses-{scan.session}"] if scan.session else [])]
        for depth in range(1, len(folders) + 1):
            name = _name(folders[:depth], "scans")
            table = self._table(name, "filename")
            yield name, table.get((label_of("filename", str(scan.path)),)) if table else None

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of the tables of participants, sessions and scans that were read with rows."""
        rows = {_PARTICIPANTS: [row for rows in self.participants.values.values() for row in rows.values()]}
        for name, what in ((_SESSIONS, "_sessions"), (_SCANS, "_scans")):
            tables = [table for path, table in self._tables.items() if path.endswith(what)]
            rows[name] = [row for table in tables for row in table.values()]
        return {name: list(dict.fromkeys(chain(*found))) for name, found in rows.items() if found}

    def lacking(self, scan: Identity | Scan) -> Iterator[tuple[str, str, str]]:
        """Yield the tables of participants and sessions that have rows, but none for a scan: why, for whom.

        The reason is :data:`NO_ROW` or :data:`ONLY_SESSIONS`, with places for how many and for whom.
        """
        subject, session = scan.subject or "", scan.session or ""
        if self._images.is_other(scan) or not _FOLDER.fullmatch(subject):
            return
        who = f"sub-{subject} ses-{session}" if session else f"sub-{subject}"
        if self.participants.values and not any(self.rows(self.participants, scan)):
            has_rows = self.participants.get(subject, self.labels(None))
            why = ONLY_SESSIONS if has_rows and not session else NO_ROW
            yield _PARTICIPANTS, why, who if has_rows else f"sub-{subject}"
        sessions = self._sessions(subject)
        if session and sessions.values and not sessions.get(session, self.labels(subject)):
            yield _SESSIONS, NO_ROW, who

    def strangers(self) -> list[str]:
        """Return the labels in ``participants.tsv`` that no participant of the dataset has."""
        return [label for label in self.participants.values if unpadded(label) not in self.labels(None)]

    def _has_folder(self, scan: Identity | Scan) -> bool:
        return _FOLDER.fullmatch((scan.subject or "") + (scan.session or "")) is not None

    def _sessions(self, subject: str) -> ByLabel[Row]:
        """Return the rows of the table of sessions of a participant."""
        table = self._table(_name([f"sub-{subject}"], "sessions"), "session_id")
        return ByLabel({label: row for (label,), row in table.items()})

    def _counted(self, subject: str | None) -> Counter[str]:
        return Counter(map(unpadded, self._names(subject)))

    def _names(self, subject: str | None) -> list[str]:
        """Return the labels of the sessions of a participant, or of the participants."""
        folder, prefix = self._root, "sub-"
        if subject is not None:
            folder, prefix = self._root / f"sub-{subject}", "ses-"
        try:
            names = [path.name for path in folder.iterdir()] if _FOLDER.fullmatch(subject or "-") else []
        except OSError:
            names = []
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def _table(self, name: str, key: str) -> dict[tuple[str, ...], Row]:
        """Return the table of sessions or scans of this name, read when it is first needed."""
        if name not in self._tables:
            path = f"{self._root}/{name}.tsv"
            self._tables[name] = read_table(Path(path), key) if os.path.lexists(path) else {}
        return self._tables[name]

    def _by_participant(self, path: Path) -> ByLabel[_Sessions]:
        """Return the rows of a table by participant and session."""
        participants: dict[str, _Sessions] = {}
        rows = read_table(path, "participant_id", "session_id", sessions=self._sessions_of)
        for (subject, session), row in rows.items():
            participants.setdefault(subject, {})[session] = row
        return ByLabel(participants)

    def _sessions_of(self, label: str) -> Counter[str]:
        """Count the sessions of a participant whose label a table may write with other zero padding."""
        return self.labels(self._as_named.get(label, Counter()) or label)

    @cached_property
    def _as_named(self) -> ByLabel[str]:
        return ByLabel({name: name for name in self._names(None)})


def _name(folders: Sequence[str], what: str) -> str:
    """Return the path of the table of sessions or scans in a folder, without suffix."""
    return "/".join([*folders, "_".join([*folders, what])])
