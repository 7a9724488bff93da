"""What a gap, or any other number of scans, is associated with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.age_gap.robust import RobustFit, robust_fit
from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.analysis.design import LEAST_OF_LEVEL, Terms, complete, independent, terms_of
from neurofm_bids.readouts.columns import numbers, texts
from neurofm_bids.readouts.permutation import holm
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ASSOCIATION_COLUMNS", "LEAST_SPARE", "Associations", "associations"]

_NONE: Mapping[str, Sequence[str]] = {}

LEAST_SPARE = 10  # people beyond the terms of a model

ASSOCIATION_COLUMNS = (
    "column",
    "level",
    "reference",
    "outcome",
    "estimate",
    "lower95",
    "upper95",
    "p",
    "p_column",
    "p_corrected",
    "partial_r",
    "people",
    "scans",
    "adjusted_for",
    "standard_errors",
)


@dataclass(frozen=True)
class Associations:
    """A row for each column of numbers, and for each level of other columns but the reference.

    Parameters
    ----------
    frame
        With the columns :data:`ASSOCIATION_COLUMNS`.
    remarks
        Sentences on what was left out.
    """

    frame: pd.DataFrame
    remarks: tuple[str, ...] = ()


def associations(
    table: pd.DataFrame,
    outcome: str,
    columns: Sequence[str],
    adjust: Sequence[str] = (),
    participant: str = "participant_id",
    categories: Collection[str] = (),
    references: Mapping[str, Sequence[str]] = _NONE,
) -> Associations:
    """Return the association of an outcome with each column, adjusted for other columns.

    Each is a linear model of the scans in which everything is known, with heteroscedasticity-robust errors
    (HC3), or errors that are robust to equal people where some have several scans. Covariates that are
    constant or follow from others are omitted. P-values are corrected over the columns (Holm 1979).

    Parameters
    ----------
    table
        One row per scan.
    outcome
        Column of numbers, NaN where there is none.
    columns
        What the outcome is associated with: numbers, or levels that are compared with a reference.
    adjust
        Covariates; one that is also in ``columns`` is not adjusted for itself.
    participant
        Column of the participant.
    categories
        Columns that are levels although their values are numbers.
    references
        Levels by column of which the most frequent one is the reference; otherwise it is the most frequent
        of all.

    Raises
    ------
    NeuroFMError
        The table lacks a column.
    """
    import pandas as pd

    check_columns_of(table, outcome, *columns, *adjust, participant)
    y = table[outcome].to_numpy(dtype=np.float64, na_value=np.nan)
    people = np.unique(table[participant].astype(str).to_numpy(), return_inverse=True)[1]
    cells = {name: np.array(texts(table[name])) for name in dict.fromkeys([*columns, *adjust])}
    by_level = {*categories, *(name for name, own in cells.items() if numbers(own.tolist()) is None)}
    rows: list[tuple[object, ...]] = []
    rare: dict[str, set[str]] = {}
    remarks = []
    for column in dict.fromkeys(columns):
        names = [column, *(name for name in adjust if name != column)]
        terms, complete_rows = _terms(
            {name: cells[name] for name in names}, np.isfinite(y), people, by_level, references
        )
        for part in terms:
            rare.setdefault(part.column, set()).update(part.rare)
        with one_thread():
            made = _fit(y, terms[0], terms[1:], people, complete_rows)
        if isinstance(made, str):
            remarks.append(f"The association of {outcome} with {column} is not tested: {made}.")
        else:
            rows += _rows(outcome, terms[0], *made)
    frame = pd.DataFrame(rows, columns=list(ASSOCIATION_COLUMNS))
    about_levels = [_rare(name, levels) for name, levels in rare.items() if levels]
    return Associations(_corrected(frame), (*about_levels, *remarks))


def _terms(
    cells: Mapping[str, npt.NDArray[np.str_]],
    rows: npt.NDArray[np.bool_],
    people: npt.NDArray[np.intp],
    categories: Collection[str],
    references: Mapping[str, Sequence[str]],
) -> tuple[list[Terms], npt.NDArray[np.bool_]]:
    """Return the terms of columns and the rows in which all are known.

    Each row that is left out can make another level rare, until every level has enough people in the rows
    that remain. ``rare`` has all levels that are left out on the way.
    """
    rare: dict[str, set[str]] = {name: set() for name in cells}
    while True:
        terms = [
            terms_of(name, np.where(rows, own, ""), categories, references.get(name, ()), people)
            for name, own in cells.items()
        ]
        for part in terms:
            rare[part.column].update(part.rare)
        kept = rows & complete(terms)
        if (kept == rows).all():
            return [replace(part, rare=tuple(sorted(rare[part.column]))) for part in terms], rows
        rows = kept


@dataclass(frozen=True)
class _Sample:
    """How many people and scans a model was fitted to, and what was adjusted for."""

    people: int
    scans: int
    adjusted_for: tuple[str, ...]


def _fit(
    outcome: npt.NDArray[np.float64],
    tested: Terms,
    others: Sequence[Terms],
    people: npt.NDArray[np.intp],
    rows: npt.NDArray[np.bool_],
) -> tuple[RobustFit, _Sample] | str:
    """Return the fit of a column to complete rows and its sample, or why there is none."""
    covariates = np.column_stack([np.empty((rows.sum(), 0)), *(part.values[rows] for part in others)])
    n_people = len(np.unique(people[rows]))
    needed = tested.values.shape[1] + covariates.shape[1] + 1 + LEAST_SPARE
    if n_people < needed:
        return f"{n_people} people have all values, {needed} are needed"
    if not independent(tested.values[rows]).all() or not tested.names:
        return (
            "where all values are known, it does not vary or has fewer than two levels of "
            f"{LEAST_OF_LEVEL} people"
        )
    rarer = LEAST_OF_LEVEL if tested.levels else _beside_most(tested.values[rows, 0], people[rows])
    if rarer < LEAST_OF_LEVEL:
        return f"{rarer} people have another value than the most frequent one, {LEAST_OF_LEVEL} are needed"
    kept = independent(covariates)
    both = np.column_stack([covariates[:, kept], tested.values[rows]])
    if not independent(both).all():
        return "it cannot be told from what it is adjusted for"
    try:
        fit = robust_fit(outcome[rows], tested.values[rows], covariates[:, kept], people[rows])
    except ValueError as error:
        return str(error)
    places = np.repeat(np.arange(len(others)), [part.values.shape[1] for part in others])
    used = tuple(others[place].column for place in dict.fromkeys(places[kept].tolist()))
    return fit, _Sample(n_people, int(rows.sum()), used)


def _beside_most(values: npt.NDArray[np.float64], people: npt.NDArray[np.intp]) -> int:
    """Return how many people have another value than the one that most people have."""
    pairs = np.unique(np.column_stack([values, people]), axis=0)
    distinct, counts = np.unique(pairs[:, 0], return_counts=True)
    return len(np.unique(people[values != distinct[counts.argmax()]]))


def _rows(outcome: str, tested: Terms, fit: RobustFit, sample: _Sample) -> Iterator[tuple[object, ...]]:
    for place, level in enumerate(tested.levels or (None,)):
        yield (
            tested.column,
            level,
            tested.reference or None,
            outcome,
            *(float(part[place]) for part in (fit.estimates, fit.lower95, fit.upper95, fit.p)),
            fit.p_joint,
            np.nan,
            float(fit.partial_r[place]),
            sample.people,
            sample.scans,
            ";".join(sample.adjusted_for) or None,
            fit.errors,
        )


def _corrected(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with p-values that are corrected over its columns."""
    by_column = dict(zip(frame["column"], frame["p_column"], strict=True))
    frame["p_corrected"] = frame["column"].map(holm(by_column)).astype(np.float64)
    return frame


def _rare(column: str, levels: Collection[str]) -> str:
    return (
        f"Levels of {column} with fewer than {LEAST_OF_LEVEL} people who have all values of a model count as "
        f"not known there: {some_of(sorted(levels))}."
    )
