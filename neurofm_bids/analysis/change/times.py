"""When the scans of a participant were acquired, relative to the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.analysis.dates import decimal_years
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScanTimes", "person_times", "scan_times"]

_Array = npt.NDArray[np.float64]

_MISMATCH = 1.0  # years between ages and dates, which whole years of age alone can make


@dataclass(frozen=True)
class ScanTimes:
    """The times of n scans.

    Parameters
    ----------
    years
        Since the first scan of the participant whose time is known, shape (n,); NaN where it is not known.
    sources
        ``age`` or ``date``, of each scan, shape (n,).
    whole_years
        Whether times are ages in whole years, shape (n,).
    remarks
        Sentences on times that are not known or not exact.
    """

    years: _Array
    sources: npt.NDArray[np.str_]
    whole_years: npt.NDArray[np.bool_]
    remarks: tuple[str, ...] = ()


def person_times(ages: _Array, dates: _Array) -> tuple[_Array, str]:
    """Return the years of the scans of one person since the first one, and ``age`` or ``date``.

    The same choice as :func:`scan_times`, without a table.

    Parameters
    ----------
    ages, dates
        In years, NaN where not known, shape (n,).
    """
    different = [len(np.unique(values[np.isfinite(values)])) for values in (ages, dates)]
    by_date = different[1] >= max(different[0], 1)
    chosen = dates if by_date else ages
    known = chosen[np.isfinite(chosen)]
    return chosen - (known.min() if known.size else np.nan), "date" if by_date else "age"


def scan_times(
    table: pd.DataFrame,
    participant: str = "participant_id",
    age: str | None = "age",
    date: str | None = None,
    time: str = "",
) -> ScanTimes:
    """Return the times of scans: by date or by age, whichever tells more scans of a participant apart.

    Of equal sources the date is used, which is exact. A date that was shifted by an unknown number of days
    for each participant serves as well.

    Parameters
    ----------
    table
        One row per scan.
    participant, age, date
        Columns of the participant, of the age in years, and of the date (ISO 8601).
    time
        ``age`` or ``date``, to use nothing else.

    Raises
    ------
    NeuroFMError
        The table lacks the participants, or both age and date.
    """
    import pandas as pd

    check_columns_of(table, participant)
    if date not in table and age is not None:
        check_columns_of(table, age)
    people = table[participant].astype(str)
    ages = _numbers(table, age if time != "date" else None)
    dates = decimal_years(table[date]) if date in table and time != "age" else np.full(len(table), np.nan)
    both = pd.DataFrame({"age": ages, "date": dates})
    counts = both.groupby(people.to_numpy()).nunique().reindex(people)
    by_date = (counts["date"] >= counts["age"]).to_numpy() & (counts["date"] > 0).to_numpy()
    chosen = np.where(by_date, dates, ages)
    first = pd.Series(chosen).groupby(people.to_numpy()).transform("min").to_numpy()
    is_whole = pd.Series(np.isnan(ages) | (ages % 1 == 0)).groupby(people.to_numpy()).transform("all")
    whole = is_whole.to_numpy() & ~by_date
    remarks = _remarks(people.to_numpy(), chosen, whole, both)
    sources = np.where(by_date, "date", "age")
    return ScanTimes(chosen - first, sources, whole, remarks)


def _numbers(table: pd.DataFrame, column: str | None) -> _Array:
    if column not in table:
        return np.full(len(table), np.nan)
    return np.asarray(table[column].to_numpy(dtype=np.float64, na_value=np.nan))


def _remarks(
    people: npt.NDArray[np.object_], times: _Array, whole: npt.NDArray[np.bool_], both: pd.DataFrame
) -> tuple[str, ...]:
    """Return sentences on times that are not known, not exact, or contradicted."""
    import pandas as pd

    by_person = pd.DataFrame({"time": times, "whole": whole}).groupby(people)
    different = by_person["time"].nunique()
    known = both[both.notna().all(axis=1)].groupby(people[both.notna().all(axis=1)])
    spans = known.max() - known.min()
    named = {
        "with several scans whose times are not known or equal: {}. Their change per year is not known: give "
        "ages or acq_time in sessions.tsv or scans.tsv.": (by_person.size() > 1) & (different < 2),
        "whose sessions are ordered by age in whole years: {}. The time between two sessions is wrong by up "
        "to a year.": by_person["whole"].all() & (different > 1),
        f"whose ages and dates differ by more than {_MISMATCH:g} year: {{}}. Check them; the key time of the "
        "table change chooses one of both.": (spans["age"] - spans["date"]).abs() > _MISMATCH,
    }
    return tuple(
        f"Participants {text.format(f'{holds.sum()} ({some_of(list(holds.index[holds]))})')}"
        for text, holds in named.items()
        if holds.any()
    )
