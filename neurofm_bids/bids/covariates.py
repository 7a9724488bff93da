"""Covariates of a dataset: what its tables say of participants, sessions and scans, joined to the scans.

The tables are ``participants.tsv``, ``sub-*_sessions.tsv``, ``sub-*_scans.tsv`` and ``phenotype/*.tsv``, with
their data dictionaries. A table that cannot be used is reported in a warning and ignored.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.demographics import Definition, Person
from neurofm_bids.bids.dictionaries import DataDictionaries
from neurofm_bids.bids.source import SourceImages
from neurofm_bids.bids.tables import ByLabel, Row, is_known, label_of, listed, read_table, unpadded
from neurofm_bids.records.scan import ScanRecord

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["Covariates"]

_log = logging.getLogger(__name__)

_FOLDER = re.compile(r"[^/\0]+")  # a record may hold any label; no folder above the dataset is read
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")

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
        self._participants = _by_participant(bids_dir / "participants.tsv")
        self._tables: dict[str, dict[tuple[str, ...], Row]] = {}
        self._labels = lru_cache(maxsize=2)(self._list)

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
        )

    def log_known(self, scans: Iterable[Identity | Scan]) -> None:
        """Log of how many participants age and sex are known, if the dataset has a ``participants.tsv``."""
        people = [(f"sub-{scan.subject}", self.person(scan)) for scan in scans]
        if not (people and os.path.lexists(self.bids_dir / "participants.tsv")):
            return
        ages = _tally([(name, person.age_years, person.age_text) for name, person in people])
        sexes = _tally([(name, person.sex, person.sex_text) for name, person in people])
        unclear = any(person.age_text and person.age_years is None for _, person in people)
        level = logging.WARNING if unclear else logging.INFO
        _log.log(level, "Ages known for %s. Sexes known for %s.", ages, sexes)

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
        name = _name(folders[:1], "sessions")
        names += ["sessions.json", f"{name}.json"]
        sessions = ByLabel({label: row for (label,), row in self._table(name, "session_id").items()})
        if own := sessions.get(session, self._labels(subject)):
            yield _Source(own, True, define(*names))
        names += ["scans.json"]
        for depth in range(1, len(folders) + 1):
            name = _name(folders[:depth], "scans")
            names += [f"{name}.json"]
            if listed_scan := self._table(name, "filename").get((image,)):
                yield _Source(listed_scan, True, define(*names))

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
        folder, prefix = (
            (self.bids_dir, "sub-") if subject is None else (self.bids_dir / f"sub-{subject}", "ses-")
        )
        try:
            names = [path.name for path in folder.iterdir()] if _FOLDER.fullmatch(subject or "-") else []
        except OSError:
            names = []
        return Counter(unpadded(name.removeprefix(prefix)) for name in names if name.startswith(prefix))

    def _table(self, name: str, key: str) -> dict[tuple[str, ...], Row]:
        """Return the table of sessions or scans of this name, read when it is first needed."""
        if name not in self._tables:
            self._tables[name] = read_table(self.bids_dir / f"{name}.tsv", key)
        return self._tables[name]

    @cached_property
    def _phenotype(self) -> dict[str, ByLabel[_Sessions]]:
        return {
            path.stem: _by_participant(path) for path in sorted(self.bids_dir.glob("phenotype/[!.]*.tsv"))
        }


def _by_participant(path: Path) -> ByLabel[_Sessions]:
    """Return the rows of a table by participant and session."""
    participants: dict[str, _Sessions] = {}
    for (subject, session), row in read_table(path, "participant_id", "session_id").items():
        participants.setdefault(subject, {})[session] = row
    return ByLabel(participants)


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


def _tally(known: Sequence[tuple[str, object, str | None]]) -> str:
    """Say of how many participants a value is known, and what is written of the others."""
    names = {name for name, _, _ in known}
    unknown = {name for name, value, _ in known if value is None}
    unclear = {f"{name} '{text}'": None for name, value, text in known if value is None and text}
    tally = f"{len(names - unknown)} of {len(names)} participants"
    return f"{tally}; not understood: {listed(list(unclear))}" if unclear else tally
