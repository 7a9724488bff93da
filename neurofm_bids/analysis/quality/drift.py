"""Drift: measures that differ between sites or scanners, or change over the date of acquisition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from neurofm_bids.analysis.dates import day_of
from neurofm_bids.analysis.quality.adjustment import adjusted, confounding, design
from neurofm_bids.analysis.quality.shifts import group_shifts
from neurofm_bids.analysis.quality.trends import step_over, trend_over
from neurofm_bids.readouts.permutation import holm_values
from neurofm_bids.records.statistics import robust_sd

__all__ = ["COLUMNS", "DATE", "Occasions", "find_drift"]

COLUMNS = (
    *("measure", "units", "by", "group", "test", "n", "value", "lower95", "upper95"),
    *("effect_size", "p", "p_holm", "change_date", "is_drift", "adjusted_for"),
)
DATE = "date"
_LEVEL, _MOST_GROUPS = 0.05, 30
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Occasions:
    """Who was scanned where and when.

    ``people`` (n,) numbers the participants, ``groups`` has for each column of sites or scanners a text or
    None for each scan, ``years`` (n,) is the date in years since 2000, NaN where not known.
    """

    people: npt.NDArray[np.intp]
    age: _Array
    sex: npt.NDArray[np.object_]
    groups: Mapping[str, npt.NDArray[np.object_]]
    years: _Array


def find_drift(
    values: pd.DataFrame,
    units: Mapping[str, str],
    occasions: Occasions,
    least_scans: int = 10,
    least_shift: float = 0.5,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Compare every measure between groups, and over the date within each group.

    Each participant counts once in a group, with the first scan. Values are adjusted for age and sex, where
    these are known, with slopes within groups; p-values allow for the error of the slopes
    (:mod:`~neurofm_bids.analysis.quality.adjustment`).

    Parameters
    ----------
    values
        Columns of measures, n rows, NaN where not known.
    units
        Of the columns.
    occasions
        Of the n scans.
    least_scans
        Groups with fewer participants are not compared; over the date, twice as many are needed.
    least_shift
        Smallest effect size of a drift.

    Returns
    -------
    tuple
        The table, columns :data:`COLUMNS`, and sentences on what was not compared. ``test`` is shift (of a
        group from all others; of two groups, which is one test, the second from the first), trend (slope per
        year) or step (at ``change_date``). ``p_holm`` is corrected
        by the method of Holm for all rows. ``is_drift``: it is below 0.05, and the effect size (of a trend:
        over the whole period) is at least ``least_shift``.
    """
    covariates, names = design(occasions.age, occasions.sex)
    rows: list[pd.DataFrame] = []
    remarks = [] if occasions.groups else ["Drift between sites was not tested: no site or scanner is known."]
    for by, labels in occasions.groups.items():
        chosen, codes, kept = _compared(labels, occasions.people, least_scans)
        remarks += _small_groups(by, labels, kept, least_scans)
        if len(kept) > 1:
            rows += _shifts(values, covariates, by, chosen, codes, kept, least_scans)
    over_date, remark = _over_date(values, covariates, occasions, least_scans)
    rows += over_date
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS), dtype=object), *rows], ignore_index=True)
    table["units"] = table["measure"].map(dict(units))
    table["adjusted_for"] = ", ".join(names) or None
    table["p_holm"] = holm_values(table["p"].to_numpy(dtype=float))
    size = table["effect_size"].astype(float).abs()
    table["is_drift"] = (table["p_holm"] < _LEVEL) & (size >= least_shift)
    return table[list(COLUMNS)], (*remarks, *remark)


def _compared(
    labels: npt.NDArray[np.object_], people: npt.NDArray[np.intp], least: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], list[str]]:
    """Return the first scan of each participant in each large group, its group, the names of groups."""
    known = pd.DataFrame({"label": labels, "person": people}).dropna()
    first = known.drop_duplicates()
    counts = first["label"].value_counts()
    kept = sorted(counts.index[counts >= least])
    first = first[first["label"].isin(kept)]
    codes = first["label"].map({name: code for code, name in enumerate(kept)})
    return first.index.to_numpy(dtype=np.intp), codes.to_numpy(dtype=np.intp), kept


def _small_groups(by: str, labels: npt.NDArray[np.object_], kept: Sequence[str], least: int) -> list[str]:
    names = sorted({name for name in labels if name is not None})
    small = [name for name in names if name not in kept]
    if len(names) < 2:
        return [f"Drift by {by} was not tested: all scans have the same value or none."]
    if len(kept) < 2:
        return [f"Drift by {by} was not tested: fewer than two groups have {least} participants."]
    few = f"{len(small)} of {len(names)} groups of {by} were not tested for drift: they have fewer than"
    return [f"{few} {least} participants."] if small else []


def _shifts(
    values: pd.DataFrame,
    covariates: _Array,
    by: str,
    chosen: npt.NDArray[np.intp],
    codes: npt.NDArray[np.intp],
    names: Sequence[str],
    least: int,
) -> list[pd.DataFrame]:
    rows = []
    for measure in values:
        numbers = values[measure].to_numpy(dtype=float)[chosen]
        known = np.isfinite(numbers)
        known &= (np.bincount(codes[known], minlength=len(names)) >= least)[codes]
        if len(np.unique(codes[known])) < 2 or np.ptp(numbers[known]) == 0:
            continue
        present, groups = np.unique(codes[known], return_inverse=True)
        rest = adjusted(numbers[known], covariates[chosen[known]], groups)
        found = group_shifts(rest, groups, confounding(covariates[chosen[known]], groups))
        found["group"] = [names[code] for code in present]
        found = found.iloc[1:] if len(present) == 2 else found
        rows.append(found.assign(measure=measure, by=by, test="shift"))
    return rows


def _over_date(
    values: pd.DataFrame, covariates: _Array, occasions: Occasions, least: int
) -> tuple[list[pd.DataFrame], tuple[str, ...]]:
    """Return trends and steps within the groups of the first column of groups, or in all scans."""
    if not np.isfinite(occasions.years).any():
        return [], ("Drift over time was not tested: no date of acquisition is known.",)
    known = np.isfinite(occasions.years)
    labels = np.array([None] * len(values), dtype=object)
    labels[known] = [name or "all" for name in next(iter(occasions.groups.values()), labels)[known]]
    chosen, codes, names = _compared(labels, occasions.people, 2 * least)
    largest = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:_MOST_GROUPS]
    groups = {names[code]: codes == code for code in sorted(largest.tolist())}
    rows = []
    for measure in values:
        numbers = values[measure].to_numpy(dtype=float)[chosen]
        known = np.isfinite(numbers)
        if not known.any():
            continue
        numbers[known] = adjusted(numbers[known], covariates[chosen[known]], codes[known])
        for name, members in groups.items():
            when = occasions.years[chosen[members & known]]
            rows += [
                {"measure": measure, "by": DATE, "group": name, **row}
                for row in _tests(numbers[members & known], when, 2 * least)
            ]
    few = f"Drift over time was not tested: no group has {2 * least} participants with a date of acquisition."
    if len(names) > len(groups):
        few = f"Drift over time was tested in the {len(groups)} largest of {len(names)} groups."
    remarks = () if names and len(names) == len(groups) else (few,)
    return [pd.DataFrame(rows)] if rows else [], remarks


def _tests(values: _Array, years: _Array, least: int) -> list[dict[str, object]]:
    """Return the rows of trend and step; none for too few values or if nothing varies."""
    if len(values) < least or np.ptp(values) == 0 or np.ptp(years) == 0:
        return []
    order = np.argsort(years, kind="stable")
    values, years = values[order], years[order]
    trend, step = trend_over(years, values), step_over(values)
    spread = robust_sd(values) or np.nan
    slope = {"value": trend.slope, "lower95": trend.lower95, "upper95": trend.upper95, "p": trend.p}
    size = {"value": step.size, "p": step.p, "change_date": day_of(years[step.before])}
    return [
        {"test": "trend", "n": len(values), **slope, "effect_size": trend.slope * np.ptp(years) / spread},
        {"test": "step", "n": len(values), **size, "effect_size": step.size / spread},
    ]
