"""Covariates of a dataset: what its tables say of participants, sessions and scans, joined to the scans.

The tables are ``participants.tsv``, ``sub-*_sessions.tsv``, ``sub-*_scans.tsv`` and ``phenotype/*.tsv``, with
their data dictionaries. A table that cannot be used is reported in a warning and ignored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.demographics import Definition, Person
from neurofm_bids.bids.dictionaries import DataDictionaries
from neurofm_bids.bids.sheets import is_known, label_of
from neurofm_bids.bids.source import SourceImages
from neurofm_bids.bids.tables import ByLabel, Row, read_table, unpadded
from neurofm_bids.records.scan import ScanRecord

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["Covariates"]

_FOLDER = re.compile(r"[^/\0]+")  # a record may hold any label; no folder above the dataset is read
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")

_PARTICIPANTS, _SESSIONS = "participants.tsv", "sub-<label>_sessions.tsv"

_Sessions = dict[str, Row]  # rows of one participant; "" is the label of a row for all sessions


@dataclass(frozen=True)
class _Source:
    """What one table says of a scan, and how it is to be understood."""

    row: Row
    of_session: bool
    definition: Definition


_NOTHING = "", _Source({}, of_session=True, definition=Definition())


class Covariates:
    """The covariates of a dataset; tables of sessions, scans and phenotypes are read when they are needed.

    The value of a column comes from the nearest table that has one: first that of the scans, then of the
    sessions, then of the participants. Names of columns are compared without regard to upper and lower case,
    labels without regard to zero padding where that is unique. Nothing is known of a scan that was found to
    be processed from another image than the one at its path in the dataset.

    Parameters
    ----------
    bids_dir
        Root of the dataset.

    Attributes
    ----------
    images
        Compares the images of the dataset with those that were processed.
    """

    def __init__(self, bids_dir: Path) -> None:
        self.bids_dir, self.images = bids_dir, SourceImages(bids_dir)
        self._dictionaries = DataDictionaries(bids_dir)
        self._tables: dict[str, dict[tuple[str, ...], Row]] = {}
        self._labels = lru_cache(maxsize=2)(self._list)
        self._participants = self._by_participant(bids_dir / _PARTICIPANTS)

    def person_of(self, record: ScanRecord) -> Person:
        """Return age and sex at a processed scan, once its image was compared with that of the dataset."""
        self.images.compare(record)
        return self.person(record.scan)

    def person(self, scan: Identity | Scan) -> Person:
        """Return age and sex at a scan; the column of sex may be named ``sex`` or ``gender``."""
        known: dict[str, tuple[str, _Source]] = {}
        for source in self._sources(scan):
            known |= {name.lower(): (text, source) for name, text in source.row.items() if is_known(text)}
        age_text, of_age = known.get("age", _NOTHING)
        column = "sex" if "sex" in known else "gender"
        sex_text, of_sex = known.get(column, _NOTHING)
        age, is_bound = of_age.definition.age(age_text)
        shared = bool(scan.session) and self._labels(scan.subject or "").total() > 1
        remarks = {"lower_bound": is_bound, "not_of_session": shared and not of_age.of_session}
        return Person(
            age,
            age_text or None,
            of_sex.definition.sex(sex_text, column),
            sex_text or None,
            tuple(name for name, holds in remarks.items() if holds and age is not None),
            of_age.definition.unclear_age(age_text) + of_sex.definition.unclear_sex(sex_text, column),
        )

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of the tables of participants and sessions that were read and have rows."""
        rows = {_PARTICIPANTS: [row for rows in self._participants.values.values() for row in rows.values()]}
        read = [table for name, table in self._tables.items() if name.endswith("_sessions")]
        rows[_SESSIONS] = [row for table in read for row in table.values()]
        return {name: list(dict.fromkeys(chain(*found))) for name, found in rows.items() if found}

    def lacking(self, scan: Identity | Scan) -> Iterator[tuple[str, str]]:
        """Yield the tables of participants and sessions that have rows but none for a scan, and for whom."""
        subject, session = scan.subject or "", scan.session or ""
        if self.images.is_other(scan) or not _FOLDER.fullmatch(subject):
            return
        who = f"sub-{subject} ses-{session}" if session else f"sub-{subject}"
        if self._participants.values and not any(self._rows(self._participants, scan)):
            has_rows = self._participants.get(subject, self._labels(None))
            yield _PARTICIPANTS, who if has_rows else f"sub-{subject}"
        sessions = self._sessions(subject)
        if session and sessions.values and not sessions.get(session, self._labels(subject)):
            yield _SESSIONS, who

    def strangers(self) -> list[str]:
        """Return the labels in ``participants.tsv`` that no participant of the dataset has."""
        return [label for label in self._participants.values if unpadded(label) not in self._labels(None)]

    def values(self, scan: Identity | Scan) -> dict[str, str]:
        """Return the values of a scan by column, as written; one that is not known (``n/a``) is empty.

        Columns of a phenotype table are named ``<file>.<column>``.
        """
        phenotype = (
            {f"{name}.{column}": value for column, value in row.items()}
            for name, table in self._phenotype.items()
            for row, _ in self._rows(table, scan)
        )
        return _merged([*(source.row for source in self._sources(scan)), *phenotype])

    def table(self, scans: Sequence[Identity | Scan]) -> pd.DataFrame:
        """Return one row per scan, in order, with the columns of :meth:`values`.

        Columns are numeric where all known values are numbers, and text otherwise; missing values are NaN.
        Codes with leading zeros and numbers of more than 15 digits are text.
        """
        import pandas as pd

        frame = pd.DataFrame([self.values(scan) for scan in scans], index=range(len(scans))).replace("", None)
        for name in frame:
            if all(map(_NUMBER.fullmatch, frame[name].dropna())):
                frame[name] = pd.to_numeric(frame[name])
        return frame

    @cached_property
    def dictionary(self) -> dict[str, dict[str, Any]]:
        """LongName, Description, Units and Levels by column, as far as the dataset gives them."""
        return self._dictionaries.columns()

    def _sources(self, scan: Identity | Scan) -> Iterator[_Source]:
        """Yield what the tables of participants, sessions and scans say of a scan, the farthest first."""
        subject, session, image = scan.subject or "", scan.session or "", label_of("filename", str(scan.path))
        define, names = self._dictionaries.definition, ["participants.json"]
        for row, of_session in self._rows(self._participants, scan):
            yield _Source(row, of_session, define(*names))
        if not _FOLDER.fullmatch(subject + session) or self.images.is_other(scan):
            return
        folders = [f"sub-{subject}", *([f"ses-{session}"] if session else [])]
        names += ["sessions.json", f"{_name(folders[:1], 'sessions')}.json"]
        if own := self._sessions(subject).get(session, self._labels(subject)):
            yield _Source(own, True, define(*names))
        names += ["scans.json"]
        for depth in range(1, len(folders) + 1):
            name = _name(folders[:depth], "scans")
            names += [f"{name}.json"]
            if listed_scan := self._table(name, "filename").get((image,)):
                yield _Source(listed_scan, True, define(*names))

    def _sessions(self, subject: str) -> ByLabel[Row]:
        """Return the rows of the table of sessions of a participant."""
        table = self._table(_name([f"sub-{subject}"], "sessions"), "session_id")
        return ByLabel({label: row for (label,), row in table.items()})

    def _rows(self, table: ByLabel[_Sessions], scan: Identity | Scan) -> Iterator[tuple[Row, bool]]:
        """Yield the rows of a scan in a table of participants, and whether they are of its session."""
        is_other = self.images.is_other(scan)
        sessions = {} if is_other else table.get(scan.subject or "", self._labels(None)) or {}
        if "" in sessions:
            yield sessions[""], False
        elif not scan.session and len(sessions) == 1:
            yield from ((row, True) for row in sessions.values())
        if scan.session and (own := ByLabel(sessions).get(scan.session, self._labels(scan.subject or ""))):
            yield own, True

    def _list(self, subject: str | None) -> Counter[str]:
        """Count the sessions of a participant, or the participants, by label without zero padding."""
        return Counter(map(unpadded, self._names(subject)))

    def _names(self, subject: str | None) -> list[str]:
        """Return the labels of the sessions of a participant, or of the participants."""
        folder, prefix = self.bids_dir, "sub-"
        if subject is not None:
            folder, prefix = self.bids_dir / f"sub-{subject}", "ses-"
        try:
            names = [path.name for path in folder.iterdir()] if _FOLDER.fullmatch(subject or "-") else []
        except OSError:
            names = []
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def _table(self, name: str, key: str) -> dict[tuple[str, ...], Row]:
        """Return the table of sessions or scans of this name, read when it is first needed."""
        if name not in self._tables:
            self._tables[name] = read_table(self.bids_dir / f"{name}.tsv", key)
        return self._tables[name]

    @cached_property
    def _phenotype(self) -> dict[str, ByLabel[_Sessions]]:
        paths = sorted(self.bids_dir.glob("phenotype/[!.]*.tsv"))
        return {path.stem: self._by_participant(path) for path in paths}

    def _by_participant(self, path: Path) -> ByLabel[_Sessions]:
        """Return the rows of a table by participant and session."""
        participants: dict[str, _Sessions] = {}
        rows = read_table(path, "participant_id", "session_id", sessions=self._sessions_of)
        for (subject, session), row in rows.items():
            participants.setdefault(subject, {})[session] = row
        return ByLabel(participants)

    def _sessions_of(self, label: str) -> Counter[str]:
        """Count the sessions of a participant whose label a table may write with other zero padding."""
        return self._labels(self._as_named.get(label, Counter()) or label)

    @cached_property
    def _as_named(self) -> ByLabel[str]:
        return ByLabel({name: name for name in self._names(None)})


def _name(folders: Sequence[str], what: str) -> str:
    """Return the path of the table of sessions or scans in a folder, without suffix."""
    return "/".join([*folders, "_".join([*folders, what])])


def _merged(rows: Iterable[Row]) -> dict[str, str]:
    """Return the last known value by column, empty where there is none."""
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for row in rows:
        for column, value in row.items():
            name = names.setdefault(column.lower(), column)
            values[name] = value if is_known(value) else values.get(name, "")
    return values
