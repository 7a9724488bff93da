"""What a gap, or any other number of scans, is associated with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.age_gap.robust import RobustFit, robust_fit
from neurofm_bids.analysis.design import LEAST_OF_LEVEL, Terms, complete, independent, terms_of
from neurofm_bids.readouts.permutation import holm
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ASSOCIATION_COLUMNS", "LEAST_SPARE", "Associations", "associations"]

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
        What the outcome is associated with: numbers, or levels that are compared with the most frequent one.
    adjust
        Covariates; one that is also in ``columns`` is not adjusted for itself.
    participant
        Column of the participant.
    categories
        Columns that are levels although their values are numbers.
    """
    import pandas as pd

    y = table[outcome].to_numpy(dtype=np.float64, na_value=np.nan)
    people = np.unique(table[participant].astype(str).to_numpy(), return_inverse=True)[1]
    terms = {name: terms_of(name, table[name], categories) for name in dict.fromkeys([*columns, *adjust])}
    rows: list[tuple[object, ...]] = []
    remarks = [_rare(part) for part in terms.values() if part.rare]
    for column in dict.fromkeys(columns):
        others = [terms[name] for name in adjust if name != column]
        with one_thread():
            made = _fit(y, terms[column], others, people)
        if isinstance(made, str):
            remarks.append(f"The association of {outcome} with {column} is not tested: {made}.")
        else:
            rows += _rows(outcome, terms[column], *made)
    frame = pd.DataFrame(rows, columns=list(ASSOCIATION_COLUMNS))
    return Associations(_corrected(frame), tuple(remarks))


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
) -> tuple[RobustFit, _Sample] | str:
    """Return the fit of a column and its sample, or why there is none."""
    rows = np.isfinite(outcome) & complete([tested, *others])
    covariates = np.column_stack([np.empty((rows.sum(), 0)), *(part.values[rows] for part in others)])
    n_people = len(np.unique(people[rows]))
    if n_people < tested.values.shape[1] + covariates.shape[1] + 1 + LEAST_SPARE:
        return f"{n_people} people have all values"
    if not independent(tested.values[rows]).all() or not tested.names:
        return "it does not vary where all values are known, or lacks levels there"
    kept = independent(covariates)
    both = np.column_stack([covariates[:, kept], tested.values[rows]])
    if not independent(both).all():
        return "it cannot be told from what it is adjusted for"
    fit = robust_fit(outcome[rows], tested.values[rows], covariates[:, kept], people[rows])
    places = np.repeat(np.arange(len(others)), [part.values.shape[1] for part in others])
    used = tuple(others[place].column for place in dict.fromkeys(places[kept].tolist()))
    return fit, _Sample(n_people, int(rows.sum()), used)


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


def _rare(part: Terms) -> str:
    return (
        f"Levels of {part.column} with fewer than {LEAST_OF_LEVEL} scans count as not known: "
        f"{some_of(part.rare)}."
    )
