"""The analysis of the quality of a cohort: outliers, duplicates, swaps, drift, and the list to review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.dates import decimal_years
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import AGE, PARTICIPANT, SCAN, SESSION, SEX, Scans

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.analysis.quality.comparison import Brains
    from neurofm_bids.analysis.quality.drift import Occasions
    from neurofm_bids.analysis.settings import AnalysisSettings

__all__ = ["analyse", "group_columns"]

PREDICTED_AGE, MALE = "predicted_age_years", "predicted_male_probability"
_GROUPS = ("site", "site_id", "scanner", "scanner_id", "DeviceSerialNumber", "ManufacturersModelName")
_VOLUME, _PREDICTED = "mm^3", "predicted_"


def analyse(scans: Scans, settings: AnalysisSettings) -> Result:
    """Return the tables of outliers, drift and of what to review.

    Parameters
    ----------
    scans
        Of the cohort.
    settings
        Those of quality, and the columns of site and date.

    Returns
    -------
    Result
        Tables ``outliers`` (a row per scan), ``drift`` and ``review``; remarks on what was not done.
    """
    from neurofm_bids.analysis.quality.comparison import compare
    from neurofm_bids.analysis.quality.drift import find_drift
    from neurofm_bids.analysis.quality.outliers import LEAST_SCANS, find_outliers
    from neurofm_bids.analysis.quality.review import review_table
    from neurofm_bids.readouts.threads import one_thread

    own = settings.quality
    with one_thread():
        outliers = find_outliers(scans.features, scans.included, own.false_outliers)
        compared = compare(_brains(scans), own.least_ratio)
        names = [*scans.measures, *scans.metrics]
        values = scans.table[list(dict.fromkeys(names))].astype(float)
        values.loc[~scans.included] = np.nan
        units = {name: scans.measures.get(name, "") for name in values}
        drift, notes = find_drift(
            values, units, _occasions(scans, settings), own.least_scans, own.least_shift
        )
    why = f"fewer than {LEAST_SCANS} scans" if scans.included.sum() < LEAST_SCANS else "no feature varies"
    remarks = [f"Outliers were not looked for: {why}."] if outliers["is_outlier"].isna().all() else []
    identity = scans.table[[PARTICIPANT, SESSION, SCAN]].reset_index(drop=True)
    tables = {
        "review": review_table(scans.table, compared, outliers, drift),
        "outliers": identity.join(_plain(outliers, "is_outlier")),
        "drift": _plain(drift, "is_drift"),
    }
    return Result(tables, (*remarks, *compared.remarks, *notes))


def group_columns(scans: Scans, settings: AnalysisSettings) -> dict[str, npt.NDArray[np.object_]]:
    """Return the columns of site and scanner: the one of the settings, or those that are known and exist."""
    site = settings.columns.site
    names = [site] if site else [name for name in _GROUPS if name in scans.covariates]
    return {name: _texts(scans.table[name]) for name in names}


def _occasions(scans: Scans, settings: AnalysisSettings) -> Occasions:
    from neurofm_bids.analysis.quality.drift import Occasions

    date = settings.columns.date_in(scans.covariates)
    years = np.full(len(scans.table), np.nan) if date is None else decimal_years(scans.table[date])
    groups = group_columns(scans, settings)
    return Occasions(_people(scans), _numbers(scans, AGE), _texts(scans.table[SEX]), groups, years)


def _brains(scans: Scans) -> Brains:
    from neurofm_bids.analysis.quality.comparison import Brains

    volumes = [n for n, units in scans.measures.items() if units == _VOLUME and not n.startswith(_PREDICTED)]
    return Brains(
        people=_people(scans),
        features=scans.features,
        volumes=scans.table[volumes].to_numpy(dtype=float),
        metrics=scans.table[list(scans.metrics)].to_numpy(dtype=float),
        age=_numbers(scans, AGE),
        sex=_texts(scans.table[SEX]),
        predicted_age=_numbers(scans, PREDICTED_AGE),
        male=_numbers(scans, MALE),
        included=scans.included,
    )


def _people(scans: Scans) -> npt.NDArray[np.intp]:
    """Return the number of the participant of each scan; a scan without participant is one of its own."""
    import pandas as pd

    names = scans.table[PARTICIPANT].where(scans.table[PARTICIPANT].notna(), scans.table[SCAN])
    return np.asarray(pd.factorize(names)[0], dtype=np.intp)


def _plain(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table whose truth values are those of Python, None where there is none."""
    cells = zip(table[column], table[column].isna(), strict=True)
    values = [None if missing else bool(value) for value, missing in cells]
    return table.assign(**{column: np.array(values, dtype=object)})


def _numbers(scans: Scans, column: str) -> npt.NDArray[np.float64]:
    if column not in scans.table:
        return np.full(len(scans.table), np.nan)
    return np.asarray(scans.table[column], dtype=np.float64)


def _texts(values: pd.Series) -> npt.NDArray[np.object_]:
    """Return the texts of a column, None where there is none."""
    return np.array(
        [str(value) if known else None for value, known in zip(values, values.notna(), strict=True)],
        dtype=object,
    )
