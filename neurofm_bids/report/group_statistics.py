"""Statistics of the cohort as the group report prints them, from its tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from neurofm_bids.records.columns import AGE, AGE_REMARKS, CENTILE_NOTES, KNOWN_AGE, MASK_VOLUME
from neurofm_bids.records.dictionary import Entry, centile_columns
from neurofm_bids.report.group_columns import GroupTable, unit_of
from neurofm_bids.report.group_views import Cell, Head, View, number_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["age_rows", "centile_view", "not_compared", "summary_view", "volume_columns"]

_SUMMARY = ("mean", "sd", "median", "minimum", "maximum", "n_outliers")
_AGREEMENT = {
    "n_age_unknown": "Scans left out: age not known",
    "n_lower_bound": "Scans left out: the age is a lower bound, such as 89+",
    "n_not_of_session": "Scans compared with an age that is not of their session",
    "mae": "Mean absolute error (MAE)",
    "bias": "Bias (mean of predicted minus chronological)",
    "sd_of_gap": "Standard deviation of the gap",
    "pearson_r": "Pearson correlation (r)",
}
_SIGNED = ("bias",)
_TOO_FEW = {"sd_of_gap": "needs two scans", "pearson_r": "needs three scans and a spread of ages"}


def summary_view(statistics: pd.DataFrame, known: Mapping[str, Entry], measures: Collection[str]) -> View:
    """Return mean, spread, range and outliers of measures, one row each.

    Parameters
    ----------
    statistics
        The table, one row per measure and statistic.
    known
        Meaning of the measures.
    measures
        Those to show, if they have statistics.
    """
    heads = (Head("Measure"), Head("Unit"), *(Head(text, is_number=True) for text in _titles()))
    rows = []
    for measure, own in statistics[statistics["measure"].isin(measures)].groupby("measure", sort=False):
        entry = known.get(str(measure), {})
        unit, factor = unit_of(entry, is_volume=_is_large(str(measure)))
        values = dict(zip(own["statistic"], own["value"], strict=True))
        numbers = [_scaled(values.get(name), 1.0 if name == "n_outliers" else factor) for name in _SUMMARY]
        title = str(entry.get("LongName", measure))
        rows.append(tuple(Cell(text) for text in (title, unit, f"{int(own['n'].iloc[0]):,}", *numbers)))
    return View(heads, tuple(rows), len(rows), "statistics")


def _titles() -> tuple[str, ...]:
    return ("Scans", "Mean", "SD", "Median", "Minimum", "Maximum", "Outliers")


def _is_large(measure: str) -> bool:
    return measure == MASK_VOLUME or measure.startswith("predicted_")


def _scaled(value: object, factor: float) -> str:
    import pandas as pd

    return "n/a" if pd.isna(value) else number_text(float(value) * factor)  # type: ignore[arg-type]


def age_rows(statistics: pd.DataFrame) -> list[tuple[str, str]]:
    """Return how predicted and chronological age agree, as name and value; none where no scan is compared."""
    own = statistics[statistics["measure"] == "age_agreement"]
    values = dict(zip(own["statistic"], own["value"], strict=True))
    if "mae" not in values:
        return []
    rows = [("Scans compared (n)", f"{int(own.loc[own['statistic'] == 'mae', 'n'].iloc[0]):,}")]
    for name, title in _AGREEMENT.items():
        value = values.get(name)
        if name.startswith("n_"):
            rows += [(title, f"{int(value):,}")] if value else []
        elif value is None or np.isnan(value):
            rows.append((title, _TOO_FEW[name]))
        elif name == "pearson_r":
            rows.append((title, f"{value:.2f}"))
        else:
            rows.append((title, f"{value:{'+' if name in _SIGNED else ''}.1f} years"))
    return rows


def not_compared(predictions: pd.DataFrame) -> str:
    """Return why no scan can be compared, from the table of predictions."""
    if AGE not in predictions or predictions[AGE].isna().all():
        return "The model does not predict age."
    known = predictions[KNOWN_AGE].notna()
    if not known.any():
        return "No chronological ages are known."
    remarks = predictions.loc[known, AGE_REMARKS]
    if remarks.map(lambda text: isinstance(text, str) and "lower_bound" in text.split(";")).all():
        return "All known chronological ages are lower bounds, such as 89+, which are not compared."
    return "No scan has both a predicted and a known chronological age that is not a lower bound."


def volume_columns(centiles: GroupTable) -> list[str]:
    """Return the columns of centiles that are to be shown: those of volumes whose centiles are reliable."""
    withheld = centile_columns()[CENTILE_NOTES]["Levels"]["unreliable"]
    return [
        str(column)
        for column in centiles.frame.columns
        if str(column).endswith("_centile")
        and centiles.frame[column].notna().any()
        and withheld not in str(centiles.columns.get(column, {}).get("Description", ""))
    ]


def centile_view(centiles: GroupTable) -> View:
    """Return the median of the centiles of each volume, and how many scans are below 5 and above 95."""
    numbers = ("Scans", "Median centile", "Below 5", "Share", "Above 95", "Share")
    heads = (Head("Volume"), *(Head(title, is_number=True) for title in numbers))
    rows = []
    for column in volume_columns(centiles):
        values = centiles.frame[column].dropna().astype(float).to_numpy()
        title = str(centiles.columns.get(column, {}).get("LongName", column)).removesuffix(", centile")
        texts = [title, f"{values.size:,}", f"{np.median(values):.0f}"]
        for is_far in (values < 5, values > 95):
            texts += [f"{int(is_far.sum()):,}", f"{is_far.mean():.1%}"]
        rows.append(tuple(Cell(text) for text in texts))
    return View(heads, tuple(rows), len(rows), "centiles")
