"""Change of the people of a cohort over their sessions."""

from __future__ import annotations

import numpy as np

from neurofm_bids.analysis.change.mixed_model import mixed_models
from neurofm_bids.analysis.change.person_table import change_per_year
from neurofm_bids.analysis.change.settings import main_measures
from neurofm_bids.analysis.change.times import scan_times
from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import AGE, PARTICIPANT, SEX, Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.records.columns import AGE_GAP

__all__ = ["analyse"]


def analyse(scans: Scans, settings: AnalysisSettings) -> Result | None:
    """Return the tables ``change`` and ``mixedmodel``; None where no participant has several scans.

    Only a remark where no participant has scans at two known times.
    """
    wanted, units = settings.change, {AGE_GAP: "year", **scans.measures}
    table = scans.table[scans.included].reset_index(drop=True)
    if not table[PARTICIPANT].duplicated().any():
        return None
    date = settings.columns.date_in(scans.covariates)
    times = scan_times(table, PARTICIPANT, AGE, date, wanted.time)
    if not np.nanmax(times.years, initial=0.0) > 0:
        return Result({}, times.remarks)
    measures = wanted.measures or main_measures(scans.measures)
    changes = change_per_year(
        table,
        measures,
        units,
        times=times,
        retest_weeks=wanted.retest_weeks,
        error_sd=wanted.error_sd,
    )
    models = mixed_models(
        table,
        measures,
        units,
        age=AGE,
        sex=SEX,
        covariates=wanted.covariates,
        categories=wanted.categories,
        times=times,
        retest_weeks=wanted.retest_weeks,
    )
    tables = {"change": changes.frame, "mixedmodel": models.frame}
    return Result(
        {name: frame for name, frame in tables.items() if len(frame)},
        (*times.remarks, *changes.remarks, *models.remarks),
    )
