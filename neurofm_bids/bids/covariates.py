"""Covariates of a dataset: what its tables say of participants, sessions and scans, joined to the scans.

The tables are ``participants.tsv``, ``sub-*_sessions.tsv``, ``sub-*_scans.tsv`` and ``phenotype/*.tsv``, with
their data dictionaries. A table that cannot be used is reported in a warning and ignored.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from neurofm_bids.bids.sidecars import read_sidecar
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.tables import read_tsv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Covariates", "Located", "Person", "read_covariates"]

_log = logging.getLogger(__name__)

_SEX = {"f": "F", "female": "F", "m": "M", "male": "M"}
_PREFIXES = {"participant_id": "sub-", "session_id": "ses-", "filename": ""}  # of the labels in key columns
_MISSING = {"", "n/a", "nan"}
_FOLDER = re.compile(r"[^/\0]+")  # a record may hold any label; no folder above the dataset is read
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*\+?")
_DICTIONARY_KEYS = {"LongName": str, "Description": str, "Units": str, "Levels": dict}
_DICTIONARIES = (
    "phenotype/*.json",
    "participants.json",
    "sessions.json",
    "sub-*/sub-*_sessions.json",
    "scans.json",
    "sub-*/sub-*_scans.json",
    "sub-*/ses-*/sub-*_scans.json",
)  # of columns with the same name, the last one's entry is used

_Row = Mapping[str, str]
_Table = dict[tuple[str, ...], _Row]


class Located(Protocol):
    """A scan of a dataset: labels without prefix, and the path of the image, of which the name is used."""

    @property
    def subject(self) -> str | None: ...  # noqa: D102
    @property
    def session(self) -> str | None: ...  # noqa: D102
    @property
    def path(self) -> str | Path: ...  # noqa: D102


@dataclass(frozen=True)
class Person:
    """Age and sex at one scan.

    Parameters
    ----------
    age_years
        Age, or None if it is not known; ``89+`` counts as 89.
    age_text
        The age as written.
    sex
        ``F``, ``M`` or None.
    """

    age_years: float | None = None
    age_text: str | None = None
    sex: str | None = None


class Covariates:
    """The covariates of a dataset; tables of sessions, scans and phenotypes are read when they are needed.

    The value of a column comes from the nearest table that has one: first that of the scans, then of the
    sessions, then of the participants. Names of columns are compared without regard to upper and lower case.

    Parameters
    ----------
    bids_dir
        Root of the dataset.
    """

    def __init__(self, bids_dir: Path) -> None:
        self.bids_dir = bids_dir
        self._participants = _read_people(bids_dir / "participants.tsv", "participant_id")
        self._tables: dict[Path, _Table] = {}

    def person(self, scan: Located) -> Person:
        """Return age and sex at a scan; the column of sex may be named ``sex`` or ``gender``."""
        values = {name.lower(): value for name, value in _merged(self._rows(scan)).items()}
        age = values.get("age", "")
        sex = values.get("sex") or values.get("gender", "")
        return Person(_age(age), age or None, _SEX.get(sex.lower()))

    def values(self, scan: Located) -> dict[str, str]:
        """Return the values of a scan by column, as written; one that is not known (``n/a``) is empty.

        Columns of a phenotype table are named ``<file>.<column>``.
        """
        subject, session = scan.subject or "", scan.session or ""
        phenotype = [rows.get((subject, session)) or rows.get((subject, ""), {}) for rows in self._phenotype]
        return _merged([*self._rows(scan), *phenotype])

    def table(self, scans: Sequence[Located]) -> pd.DataFrame:
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
        entries: dict[str, dict[str, Any]] = {}
        for pattern in _DICTIONARIES:
            for path in sorted(self.bids_dir.glob(pattern)):
                prefix = f"{path.stem}." if pattern.startswith("phenotype") else ""
                entries |= {f"{prefix}{name}": entry for name, entry in _entries(path).items()}
        return entries

    def _rows(self, scan: Located) -> Iterator[_Row]:
        """Yield what the tables of participants, sessions and scans say of a scan, the farthest first."""
        subject, session, image = scan.subject or "", scan.session or "", _label("filename", str(scan.path))
        yield self._participants.get((subject,), {})
        if _FOLDER.fullmatch(subject + session):
            folders = [f"sub-{subject}", *([f"ses-{session}"] if session else [])]
            yield self._table(folders[:1], "session_id").get((session,), {})
            for depth in range(1, len(folders) + 1):
                yield self._table(folders[:depth], "filename").get((image,), {})

    def _table(self, folders: Sequence[str], key: str) -> _Table:
        """Return the table of sessions or scans in a folder, read when it is first needed."""
        name = "_".join([*folders, {"session_id": "sessions.tsv", "filename": "scans.tsv"}[key]])
        path = self.bids_dir.joinpath(*folders, name)
        if path not in self._tables:
            self._tables[path] = _read_people(path, key)
        return self._tables[path]

    @cached_property
    def _phenotype(self) -> list[_Table]:
        return [_read_phenotype(path) for path in sorted(self.bids_dir.glob("phenotype/*.tsv"))]


def read_covariates(bids_dir: Path) -> Covariates:
    """Return the covariates of a dataset; without tables, nothing is known."""
    return Covariates(bids_dir)


def _merged(rows: Iterable[_Row]) -> dict[str, str]:
    """Return the last known value by column, empty where there is none."""
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for row in rows:
        for column, value in row.items():
            name = names.setdefault(column.lower(), column)
            if column not in _PREFIXES:
                values[name] = values.get(name, "") if value.lower() in _MISSING else value
    return values


def _read_phenotype(path: Path) -> _Table:
    table = _read_table(path, "participant_id", "session_id")
    return {key: {f"{path.stem}.{name}": row[name] for name in row} for key, row in table.items()}


def _read_table(path: Path, *keys: str) -> _Table:
    """Return the rows of a table by the labels in its key columns, of which the first must be there.

    The first row of a label counts. A table that cannot be used is empty.
    """
    table: _Table = {}
    repeated: dict[str, None] = {}
    for row in _usable_rows(path, keys[0]):
        labels = tuple(_label(key, row.pop(key, "")) for key in keys)
        if labels in table:
            repeated[" ".join(labels).strip()[:50]] = None
        elif labels[0]:
            table[labels] = row
    if repeated:
        named = _listed(list(repeated))
        _log.warning(
            "%s has several rows for %s: the first is used. Remove the other rows.", path.name, named
        )
    return table


def _read_people(path: Path, key: str) -> _Table:
    """Return the rows of a table that may hold ages, and log those that cannot be used."""
    table = _read_table(path, key)
    unusable = [
        f"{labels[0]}: {value[:20]}"
        for labels, row in table.items()
        for name, value in row.items()
        if name.lower() == "age" and value.lower() not in _MISSING and _age(value) is None
    ]
    if unusable:
        _log.warning(
            "Ages in %s that cannot be used: %d (%s). Write years from 0 to 130, such as 34.5 or 89+.",
            path.name,
            len(unusable),
            _listed(unusable),
        )
    return table


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - 5} more" if len(items) > 5 else ""
    return ", ".join(items[:5]) + more


def _usable_rows(path: Path, key: str) -> Iterable[dict[str, str]]:
    """Return the rows of a table, with the names of key columns in lower case."""
    try:
        columns, rows = read_tsv(path)
    except FileNotFoundError:
        if path.is_symlink():
            _ignore(path, "has not been downloaded", f"Run: datalad get {path}")
        return []
    except (OSError, ValueError) as error:
        _ignore(path, f"cannot be read ({getattr(error, 'strerror', error)})", "Check the file.")
        return []
    if key not in map(str.lower, columns):
        _ignore(path, f"has no column {key}", "Add the column.")
        return []
    names = {name: name.lower() if name.lower() in _PREFIXES else name for name in columns}
    return ({names[name]: value for name, value in row.items()} for row in rows)


def _ignore(path: Path, problem: str, fix: str) -> None:
    _log.warning("%s %s: its values are not used. %s", path.name, problem, fix)


def _label(column: str, text: str) -> str:
    """Return the label in a key column; an image is known by its name, whether compressed or not."""
    if column == "filename":
        return PurePosixPath(text).name.removesuffix(".gz")
    return "" if text == "n/a" else text.removeprefix(_PREFIXES[column])


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        values = read_sidecar(path)
    except NeuroFMError as error:
        _log.warning("%s", error)
        return {}
    return {
        name: {key: entry[key] for key, kind in _DICTIONARY_KEYS.items() if isinstance(entry.get(key), kind)}
        for name, entry in values.items()
        if isinstance(entry, dict)
    }


def _age(text: str) -> float | None:
    match = _AGE.fullmatch(text)
    age = float(match.group(1)) if match else math.nan
    return age if 0 <= age <= 130 else None
