"""The table of covariates of a cohort."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from neurofm_bids.bids.covariates import Known
from neurofm_bids.group.table import Table, scans_table
from neurofm_bids.records import dictionary
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import IDENTITY_COLUMNS
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.storage.tables import cell

__all__ = ["covariate_table", "unexplained"]

_RESERVED = ("Description", "NeuroFM", "MeasurementToolMetadata", "Derivative")


def covariate_table(cohort: Cohort, covariates: Known) -> Table:
    """Return every column of the dataset's tables, and the acquisition parameters."""
    import pandas as pd

    known = covariates.table([member.scan for member in cohort.members])
    acquisition = pd.DataFrame([member.acquisition for member in cohort.members], dtype=object)
    explained = covariates.dictionary
    meanings = [explained.get(name) or unexplained(name) for name in known.columns]
    meanings += [dictionary.acquisition(name) for name in acquisition.columns]
    frame = pd.concat([known, acquisition], axis=1)
    frame.columns = pd.Index(_distinct(frame.columns, {*IDENTITY_COLUMNS, *_RESERVED}), dtype=object)
    columns = dict(zip(frame.columns, meanings, strict=True))
    return scans_table(cohort, "Covariates and acquisition parameters", frame, columns, digits=15)


def unexplained(name: str) -> Entry:
    """Return the entry of a column that no data dictionary describes."""
    return {"LongName": name, "Description": f"Column {name} of the source dataset, not described there"}


def _distinct(names: Iterable[str], taken: Collection[str]) -> list[str]:
    """Return names as they are written into a table, numbered where they are taken already."""
    made: list[str] = []
    for name in map(cell, names):
        used, number, distinct = {*taken, *made}, 2, name
        while distinct in used:
            distinct, number = f"{name}_{number}", number + 1
        made.append(distinct)
    return made
