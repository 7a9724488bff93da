"""Of how many participants age and sex are known, and what the tables of a dataset have that is not used."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.sheets import listed

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan
    from neurofm_bids.records.scan import Identity

__all__ = ["log_coverage"]

_log = logging.getLogger(__name__)

_YOUNG = 10  # years: ages of adults that are years, read as months, are below it
_LEVELS = '{"sex": {"Levels": {"1": "male", "2": "female"}}}'
_UNITS = '{"age": {"Units": "month"}}'
_NO_AGE = (
    "No column age in the tables of participants, sessions and scans that could be read, so no age is known"
)
_COPY = (
    "it may be of another day than the scan. Copy it to participants.tsv or the tables of sessions, with its "
    "data dictionary, if it is the age at the scan."
)
_LIKE_AGE = re.compile(r"(?<![A-Za-z])(?:age|AGE)|Age")  # age_months, ScanAge; not language


def log_coverage(covariates: Covariates, scans: Iterable[Identity | Scan]) -> None:
    """Log of how many participants age and sex are known, and a warning for everything that is not used."""
    scans = list(scans)
    people = [(f"sub-{scan.subject}", covariates.person(scan)) for scan in scans]
    if not people:
        return
    if _has_no_table(covariates, [person for _, person in people]):
        _log.info("The dataset has no participants.tsv: ages and sexes are not known.")
        return
    ages = _tally("age", [(name, person, person.age_years, person.age_text) for name, person in people])
    sexes = _tally("sex", [(name, person, person.sex, person.sex_text) for name, person in people])
    level = logging.WARNING if any(person.unclear for _, person in people) else logging.INFO
    _log.log(level, "Ages known for %s. Sexes known for %s.", ages, sexes)
    for warning in (
        *_young(people),
        *_codes(people),
        *_columns(covariates, people),
        *_rows(covariates, scans),
    ):
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


def _young(people: Iterable[tuple[str, Person]]) -> Iterator[str]:
    """Yield a warning of a median age that adults have only when the unit of their ages is wrong."""
    ages = [person.age_years for _, person in people if person.age_years is not None]
    if ages and (age := median(ages)) < _YOUNG:
        yield (
            f"The median age is {age:.2g} years. If that is wrong, correct Units of the column age in "
            "its data dictionary (participants.json); without Units, ages are read as years."
        )


def _codes(people: Iterable[tuple[str, Person]]) -> Iterator[str]:
    codes = {person.sex_text or "": None for _, person in people if "sex_code" in person.unclear}
    if codes:
        yield (
            f"No Levels in a data dictionary that could be read give the meaning of {listed(list(codes))} in "
            f"the column of sexes. Add them to participants.json, such as {_LEVELS}."
        )


def _has_no_table(covariates: Covariates, people: Iterable[Person]) -> bool:
    """Tell whether there is no table of participants, and no other table has rows, ages or sexes."""
    if os.path.lexists(covariates.bids_dir / "participants.tsv"):
        return False
    columns = covariates.tables.columns()
    if "sub-<label>_sessions.tsv" in columns or any(map(_has_age, columns.values())):
        return False
    return not any(person.age_text or person.sex_text for person in people) and not _phenotypes(covariates)


def _has_age(columns: Iterable[str]) -> bool:
    return "age" in map(str.lower, columns)


def _phenotypes(covariates: Covariates) -> list[str]:
    """Return the phenotype tables that have a column of ages."""
    return [
        f"phenotype/{name}.tsv"
        for name, table in covariates.tables.phenotype.items()
        if any(map(_has_age, chain.from_iterable(rows.values() for rows in table.values.values())))
    ]


def _columns(covariates: Covariates, people: Iterable[tuple[str, Person]]) -> Iterator[str]:
    """Yield a warning if the tables have no column of ages, with the columns that they have."""
    if any(person.age_text for _, person in people):
        return
    tables = covariates.tables.columns()
    if any(map(_has_age, tables.values())):
        return
    phenotypes = _phenotypes(covariates)
    if tables:
        likely = list(filter(_LIKE_AGE.search, chain.from_iterable(tables.values())))
        shown = "; ".join(f"{table} has {_shown(columns)}" for table, columns in tables.items())
        yield f"{_NO_AGE} ({shown}).{'' if phenotypes else f' {_advice(likely)}'}"
    if phenotypes:
        yield f"The column age of {listed(phenotypes)} is not used: {_COPY}"


def _shown(columns: Sequence[str]) -> str:
    """Return the names of columns in one phrase, first those that may be meant as age."""
    if not columns:
        return "only labels"
    return f"the columns {listed(sorted(columns, key=lambda name: not _LIKE_AGE.search(name)))}"


def _advice(likely: Sequence[str]) -> str:
    if not likely:
        return "If ages are known, add them as a column age."
    return (
        f"If {listed(likely[:1])} holds the ages, rename it to age; unless they are in years, also give "
        f"Units in participants.json, such as {_UNITS}."
    )


def _rows(covariates: Covariates, scans: Iterable[Identity | Scan]) -> Iterator[str]:
    """Yield a warning for rows and participants that do not match."""
    lacking: dict[tuple[str, str], dict[str, None]] = {}
    for table, why, who in chain.from_iterable(map(covariates.tables.lacking, scans)):
        lacking.setdefault((table, why), {})[who] = None
    for (table, why), names in lacking.items():
        yield f"{table}: {why.format(len(names), listed(list(names)))}."
    if strangers := covariates.tables.strangers():
        rows = f"{len(strangers)} labels" if len(strangers) > 1 else "1 label"
        yield f"participants.tsv: {rows} of no participant in the dataset ({listed(strangers)})."
