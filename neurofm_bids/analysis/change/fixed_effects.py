"""The fixed effects of mixed models of change: time, and what is known at the first scan of a participant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.design import LEAST_KNOWN, Terms, complete, independent, terms_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Design", "design_of", "fixed_terms"]

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """The terms of the n scans of a cohort.

    Parameters
    ----------
    people, years
        Number of the person, and years since the first scan of that person, shape (n,).
    least
        Years between visits.
    known
        Scans of which time and all terms are known, shape (n,); others are left out of each model.
    at_first
        Age, sex and covariates, as at the first scan of the person.
    with_time
        Which of them the change per year depends on.
    omitted
        Age or sex, known of too few scans.
    """

    people: npt.NDArray[np.intp]
    years: _Array
    least: float
    known: npt.NDArray[np.bool_]
    at_first: tuple[Terms, ...]
    with_time: tuple[bool, ...]
    omitted: tuple[str, ...]


def design_of(
    table: pd.DataFrame,
    participant: str,
    always: Sequence[str],
    covariates: Sequence[str],
    categories: Collection[str],
    years: _Array,
    least: float,
) -> Design:
    """Return the terms of a cohort.

    Parameters
    ----------
    table
        One row per scan.
    participant
        Column of the participant.
    always
        Columns that every model has if enough is known of them; the first is the age.
    covariates, categories
        Columns whose products with time are terms too, and those that are levels although they are numbers.
    years, least
        Since the first scan of the participant, shape (n,), and the years between two visits.
    """
    people = np.unique(table[participant].astype(str).to_numpy(), return_inverse=True)[1]
    timed = np.flatnonzero(np.isfinite(years))
    order = timed[np.lexsort((years[timed], people[timed]))]
    first = np.full(people.max(initial=-1) + 1, -1)
    first[people[order[::-1]]] = order[::-1]
    names = [*dict.fromkeys([*always, *covariates])]
    terms = {
        name: terms_of(name, table[name].iloc[first[people]], categories, people=people) for name in names
    }
    timed_rows = np.isfinite(years)
    omitted = tuple(
        name
        for name in always
        if name not in covariates and terms[name].known[timed_rows].sum() < LEAST_KNOWN * timed_rows.sum()
    )
    used = [name for name in names if name not in omitted]
    titles = {always[0]: f"{always[0]}_at_first_scan"}
    parts = tuple(_renamed(terms[name], titles.get(name, name)) for name in used)
    known = timed_rows & complete(parts) if parts else timed_rows
    return Design(people, years, least, known, parts, tuple(name in covariates for name in used), omitted)


def _renamed(part: Terms, title: str) -> Terms:
    names = tuple(title + name[len(part.column) :] for name in part.names)
    return Terms(title, names, part.values, part.reference, part.rare)


def fixed_terms(
    design: Design, places: npt.NDArray[np.intp], years: _Array
) -> tuple[tuple[str, ...], _Array]:
    """Return names and values of the fixed terms but the constant, without those that follow from others.

    ``places`` and ``years`` are those of visits.
    """
    names, columns = ["years"], [years]
    products: list[tuple[str, _Array]] = []
    for part, with_time in zip(design.at_first, design.with_time, strict=True):
        values = part.values[places]
        values = values if part.reference else values - values.mean(axis=0)
        names += part.names
        columns += list(values.T)
        if with_time:
            products += [
                (f"years:{name}", years * own) for name, own in zip(part.names, values.T, strict=True)
            ]
    names += [name for name, _ in products]
    matrix = np.column_stack([*columns, *(own for _, own in products)])
    kept = independent(matrix)
    return tuple(name for name, keep in zip(names, kept, strict=True) if keep), matrix[:, kept]
