"""The scans of a cohort as analyses take them, made from its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.analysis.scans import AGE, SEX, Scans
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import AGE_GAP, IDENTITY_COLUMNS, KNOWN_AGE, MASK_VOLUME, RECORDED_COLUMNS
from neurofm_bids.records.dictionary import readout_column

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.group.table import Table

__all__ = ["scans_of"]

_SEX = RECORDED_COLUMNS[-1]
_VOLUME = "_mm3"
_SOURCES = ("predictions", "morphometry", "readouts")  # tables of measures


def scans_of(cohort: Cohort, tables: Mapping[str, Table]) -> Scans:
    """Return the scans of a cohort.

    Parameters
    ----------
    tables
        Those of the cohort, by name.
    """
    import pandas as pd

    predictions, covariates = tables["predictions"].frame, tables["covariates"].frame
    measures = _measures(cohort, tables)
    frames = [predictions[[*IDENTITY_COLUMNS]], _recorded(cohort, predictions)]
    frames += [_known(table.frame, measures) for name, table in tables.items() if name in _SOURCES]
    frames += [_known(predictions, [f"{name}_sd" for name in cohort.predicted])]
    frames += [_known(tables["quality"].frame, cohort.metrics)]
    taken = {name for frame in frames for name in frame.columns}
    own = [name for name in covariates.columns if name not in taken]
    table = pd.concat([*frames, covariates[own]], axis=1)
    table = table.loc[:, ~table.columns.duplicated()]  # several tables have the volume of the mask
    for name, rows in _left_out(cohort).items():
        if name in table:
            table.loc[rows, name] = np.nan
    return Scans(
        table, cohort.features, cohort.included, measures, cohort.metrics, tuple(own), cohort.origins
    )


def _left_out(cohort: Cohort) -> dict[str, list[int]]:
    """Return the rows of the scans whose values do not take part in statistics, by column."""
    rows: dict[str, list[int]] = {}
    for row, member in enumerate(cohort.members):
        for name in member.left_out:
            rows.setdefault(name, []).append(row)
    return rows


def _measures(cohort: Cohort, tables: Mapping[str, Table]) -> dict[str, str]:
    """Return the columns of predictions, volumes and scores of readouts, and their units."""
    names = [*cohort.predicted, MASK_VOLUME]
    if "morphometry" in tables:
        names += [name for name in tables["morphometry"].frame.columns if name.endswith(_VOLUME)]
    names += [
        readout_column(score.name)
        for member in cohort.members
        for score in member.scores
        if score.kind != "multiclass"
    ]
    described = {name: entry for table in tables.values() for name, entry in table.columns.items()}
    return {name: str(described.get(name, {}).get("Units", "arbitrary")) for name in dict.fromkeys(names)}


def _recorded(cohort: Cohort, predictions: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    age = np.where(cohort.ages.lower_bound, np.nan, cohort.values(KNOWN_AGE))
    return pd.DataFrame({AGE: age, SEX: predictions[_SEX], AGE_GAP: cohort.values(AGE_GAP)})


def _known(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    return frame[[name for name in names if name in frame.columns]]
