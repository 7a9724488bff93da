"""The age gap without its dependence on age, which every regression to the mean leaves in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.readouts.folds import stratified_folds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOLDS", "LEAST_CONTROLS", "corrected_gaps"]

_Array = npt.NDArray[np.float64]

FOLDS, LEAST_CONTROLS, _SEED = 10, 20, 20


def corrected_gaps(
    table: pd.DataFrame,
    age: str,
    predicted: str,
    controls: Collection[str] | str,
    participant: str = "participant_id",
) -> pd.DataFrame:
    """Return the age gap of scans, raw and corrected with a line that is fitted to controls.

    ``corrected = (predicted - age) - (intercept + slope * age)``, the offset of Beheshti et al. 2019, which
    equals the correction of de Lange and Cole 2020 for a predicted age that is regressed on age: the slope
    there is larger by one. Controls are dealt to folds by participant, without regard to age; a control gets
    the line of the controls of the other folds, anyone else that of all controls. So nobody's own age is in
    the line. Each control has the same weight, whatever the number of scans.

    Parameters
    ----------
    table
        One row per scan.
    age, predicted, participant
        Columns of the chronological and the predicted age, in years, NaN where not known, and of the
        participant.
    controls
        Participants to whom lines are fitted, with or without ``sub-``.

    Returns
    -------
    Frame with the index of the table: ``age_gap_years``, ``age_gap_corrected_years``, ``is_control``,
    ``fold`` (from 1; NaN where none), ``correction_intercept_years``, ``correction_slope`` (years per year)
    and ``outside_control_ages``, whether the line is extrapolated to a scan.

    Raises
    ------
    NeuroFMError
        The table lacks a column.
    ValueError
        Fewer than :data:`LEAST_CONTROLS` controls have both ages, or all of a line have the same age.
    """
    import pandas as pd

    check_columns_of(table, age, predicted, participant)
    ages, predictions = (table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (age, predicted))
    names, people = np.unique(table[participant].astype(str).to_numpy(), return_inverse=True)
    labels = {name.removeprefix("sub-") for name in ([controls] if isinstance(controls, str) else controls)}
    is_control = np.array([name.removeprefix("sub-") in labels for name in names.tolist()], dtype=bool)[
        people
    ]
    gaps = predictions - ages
    fitted = is_control & np.isfinite(gaps)
    _check(people[fitted])
    folds = np.full(len(table), np.nan)
    count = min(FOLDS, len(np.unique(people[fitted])))
    folds[fitted] = 1 + stratified_folds(people[fitted], np.zeros(fitted.sum(), np.intp), count, _SEED)
    lines = np.tile(_line(ages[fitted], gaps[fitted], people[fitted]), (len(table), 1))
    for fold in range(1, count + 1):
        others = fitted & (folds != fold)
        lines[folds == fold] = _line(ages[others], gaps[others], people[others])
    span = ages[fitted].min(), ages[fitted].max()
    return pd.DataFrame(
        {
            "age_gap_years": gaps,
            "age_gap_corrected_years": gaps - lines[:, 0] - lines[:, 1] * ages,
            "is_control": is_control,
            "fold": folds,
            "correction_intercept_years": lines[:, 0],
            "correction_slope": lines[:, 1],
            "outside_control_ages": (ages < span[0]) | (ages > span[1]),
        },
        index=table.index,
    )


def _check(people: npt.NDArray[np.intp]) -> None:
    count = len(np.unique(people))
    if count < LEAST_CONTROLS:
        who = "1 control has" if count == 1 else f"{count} controls have"
        raise ValueError(f"{who} both ages, at least {LEAST_CONTROLS} are needed")


def _line(ages: _Array, gaps: _Array, people: npt.NDArray[np.intp]) -> _Array:
    """Return intercept and slope of gaps over ages, each person with the same weight.

    Raises
    ------
    ValueError
        All ages are equal.
    """
    if np.ptp(ages) == 0:
        raise ValueError("all controls, or all but those of a tenth, have the same age")
    _, inverse, counts = np.unique(people, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[inverse]
    weights /= weights.sum()
    mean_age, mean_gap = float(weights @ ages), float(weights @ gaps)
    centred = ages - mean_age
    slope = float((weights * centred) @ (gaps - mean_gap)) / float((weights * centred) @ centred)
    return np.array([mean_gap - slope * mean_age, slope])
