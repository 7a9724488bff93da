"""Covariates of a dataset: what its tables say of participants, sessions and scans, joined to the scans.

The tables are ``participants.tsv``, ``sub-*_sessions.tsv``, ``sub-*_scans.tsv`` and ``phenotype/*.tsv``, with
their data dictionaries. A table that cannot be used is reported in a warning and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from neurofm_bids.bids.dataset_tables import DatasetTables
from neurofm_bids.bids.demographics import Definition, Person
from neurofm_bids.bids.description import dataset_name
from neurofm_bids.bids.dictionaries import DataDictionaries
from neurofm_bids.bids.sheets import is_known
from neurofm_bids.bids.source import SourceImages
from neurofm_bids.bids.tables import Row
from neurofm_bids.records.scan import ScanRecord

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["Covariates", "Known", "typed"]

_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class _Source:
    """What one table says of a scan, and how it is to be understood."""

    row: Row
    of_session: bool
    definition: Definition


_NOTHING = "", _Source({}, of_session=True, definition=Definition())


class Known(Protocol):
    """What is known of scans, by the tables of one dataset or several: see :class:`Covariates`."""

    @property
    def dataset_name(self) -> str: ...  # noqa: D102
    @property
    def dictionary(self) -> dict[str, dict[str, Any]]: ...  # noqa: D102
    def person(self, scan: Identity) -> Person: ...  # noqa: D102
    def values(self, scan: Identity) -> dict[str, str]: ...  # noqa: D102
    def table(self, scans: Sequence[Identity]) -> pd.DataFrame: ...  # noqa: D102


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
    tables
        The tables that the covariates come from.
    """

    def __init__(self, bids_dir: Path) -> None:
        self.bids_dir, self.images = bids_dir, SourceImages(bids_dir)
        self._dictionaries = DataDictionaries(bids_dir)
        self.tables = DatasetTables(bids_dir, self.images)
        self._people: dict[tuple[str | None, str | None, str, bool], Person] = {}

    def person_of(self, record: ScanRecord) -> Person:
        """Return age and sex at a processed scan, once its image was compared with that of the dataset."""
        self.images.compare(record)
        return self.person(record.scan)

    def person(self, scan: Identity | Scan) -> Person:
        """Return age and sex at a scan; the column of sex may be named ``sex`` or ``gender``."""
        key = scan.subject, scan.session, str(scan.path), self.images.is_other(scan)
        if key not in self._people:
            self._people[key] = self._person(scan)
        return self._people[key]

    def _person(self, scan: Identity | Scan) -> Person:
        known: dict[str, tuple[str, _Source]] = {}
        for source in self._sources(scan):
            known |= {name.lower(): (text, source) for name, text in source.row.items() if is_known(text)}
        age_text, of_age = known.get("age", _NOTHING)
        column = "sex" if "sex" in known else "gender"
        sex_text, of_sex = known.get(column, _NOTHING)
        age, is_bound = of_age.definition.age(age_text)
        shared = bool(scan.session) and self.tables.labels(scan.subject or "").total() > 1
        remarks = {"lower_bound": is_bound, "not_of_session": shared and not of_age.of_session}
        return Person(
            age,
            age_text or None,
            of_sex.definition.sex(sex_text, column),
            sex_text or None,
            tuple(name for name, holds in remarks.items() if holds and age is not None),
            of_age.definition.unclear_age(age_text) + of_sex.definition.unclear_sex(sex_text, column),
        )

    def values(self, scan: Identity | Scan) -> dict[str, str]:
        """Return the values of a scan by column, as written; one that is not known (``n/a``) is empty.

        Columns of a phenotype table are named ``<file>.<column>``.
        """
        phenotype = (
            {f"{name}.{column}": value for column, value in row.items()}
            for name, table in self.tables.phenotype.items()
            for row, _ in self.tables.rows(table, scan)
        )
        return _merged([*(source.row for source in self._sources(scan)), *phenotype])

    def table(self, scans: Sequence[Identity | Scan]) -> pd.DataFrame:
        """Return one row per scan, in order, with the columns of :meth:`values`, see :func:`typed`."""
        return typed([self.values(scan) for scan in scans])

    @cached_property
    def dataset_name(self) -> str:
        """Name of the dataset in its description, or else that of its folder."""
        return dataset_name(self.bids_dir)

    @cached_property
    def dictionary(self) -> dict[str, dict[str, Any]]:
        """LongName, Description, Units and Levels by column, as far as the dataset gives them."""
        return self._dictionaries.columns()

    def _sources(self, scan: Identity | Scan) -> Iterator[_Source]:
        """Yield what the tables of participants, sessions and scans say of a scan, the farthest first."""
        define, names, folder = self._dictionaries.definition, ["participants.json"], f"sub-{scan.subject}"
        for row, of_session in self.tables.rows(self.tables.participants, scan):
            yield _Source(row, of_session, define(*names))
        names += ["sessions.json", f"{folder}/{folder}_sessions.json"]
        if own := self.tables.session_row(scan):
            yield _Source(own, True, define(*names))
        names += ["scans.json"]
        for name, of_scan in self.tables.scan_rows(scan):
            names += [f"{name}.json"]
            if of_scan:
                yield _Source(of_scan, True, define(*names))


def typed(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return rows of texts as a table; missing values, which are empty, are NaN.

    Columns are numeric where all known values are numbers, and text otherwise. Codes with leading zeros and
    numbers of more than 15 digits are text.
    """
    import pandas as pd

    frame = pd.DataFrame(rows, index=range(len(rows))).replace("", None)
    for name in frame:
        if all(map(_NUMBER.fullmatch, frame[name].dropna())):
            frame[name] = pd.to_numeric(frame[name])
    return frame


def _merged(rows: Iterable[Row]) -> dict[str, str]:
    """Return the last known value by column, empty where there is none."""
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for row in rows:
        for column, value in row.items():
            name = names.setdefault(column.lower(), column)
            values[name] = value if is_known(value) else values.get(name, "")
    return values
