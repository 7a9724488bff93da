"""Of how many participants age and sex are known, and what the tables of a dataset have that is not used."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.sheets import listed

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["log_coverage"]

_log = logging.getLogger(__name__)

_LEVELS = '{"sex": {"Levels": {"1": "male", "2": "female"}}}'


def log_coverage(covariates: Covariates, scans: Iterable[Identity | Scan]) -> None:
    """Log of how many participants age and sex are known, and a warning for everything that is not used."""
    scans = list(scans)
    people = [(f"sub-{scan.subject}", covariates.person(scan)) for scan in scans]
    if not people:
        return
    ages = _tally("age", [(name, person, person.age_years, person.age_text) for name, person in people])
    sexes = _tally("sex", [(name, person, person.sex, person.sex_text) for name, person in people])
    unclear = any("age" in person.unclear for _, person in people)
    level = logging.WARNING if unclear else logging.INFO
    _log.log(level, "Ages known for %s. Sexes known for %s.", ages, sexes)
    for warning in (*_codes(people), *_columns(covariates, people), *_rows(covariates, scans)):
        _log.warning("%s", warning)


def _tally(what: str, known: Sequence[tuple[str, Person, object, str | None]]) -> str:
    """Say of how many participants a value is known, and what is written of the others.

    A sex that is written, understood and neither F nor M is other.
    """
    names = {name for name, *_ in known}
    unknown = {name for name, _, value, _ in known if value is None}
    unread = [(f"{name} '{text}'", person) for name, person, value, text in known if value is None and text]
    unclear = {name: None for name, person in unread if what in person.unclear}
    other = {name: None for name, person in unread if what == "sex" and what not in person.unclear}
    parts = [f"{len(names - unknown)} of {len(names)} participants"]
    parts += [f"other: {listed(list(other))}"] if other else []
    parts += [f"not understood: {listed(list(unclear))}"] if unclear else []
    return "; ".join(parts)


def _codes(people: Iterable[tuple[str, Person]]) -> Iterator[str]:
    codes = {person.sex_text or "": None for _, person in people if "sex_code" in person.unclear}
    if codes:
        yield (
            f"No data dictionary gives the meaning of {listed(list(codes))} in the column of sexes. "
            f"Add it to participants.json, such as {_LEVELS}."
        )


def _columns(covariates: Covariates, people: Iterable[tuple[str, Person]]) -> Iterator[str]:
    """Yield a warning if the tables have no column of ages, with the columns that they have."""
    tables = covariates.columns()
    names = [name.lower() for columns in tables.values() for name in columns]
    if not tables or "age" in names or any(person.age_text for _, person in people):
        return
    shown = [f"{table} has the columns {listed(_likely(columns))}" for table, columns in tables.items()]
    yield f"No table has a column age, so no age is known ({'; '.join(shown)}). Name the column of ages age."


def _likely(columns: Sequence[str]) -> list[str]:
    """Return the names of columns, first those that may be meant as age."""
    return sorted(columns, key=lambda name: "age" not in name.lower())


def _rows(covariates: Covariates, scans: Iterable[Identity | Scan]) -> Iterator[str]:
    """Yield a warning for rows and participants that do not match."""
    lacking: dict[str, dict[str, None]] = {}
    for table, who in chain.from_iterable(map(covariates.lacking, scans)):
        lacking.setdefault(table, {})[who] = None
    for table, names in lacking.items():
        yield f"{table}: no row for {len(names)} of those selected ({listed(list(names))})."
    if strangers := covariates.strangers():
        rows = f"{len(strangers)} labels" if len(strangers) > 1 else "1 label"
        yield f"participants.tsv: {rows} of no participant in the dataset ({listed(strangers)})."
