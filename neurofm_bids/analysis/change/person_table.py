"""The table of change per year: a row per participant and measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.change.repeatability import MEASURED, Repeatability, repeatability
from neurofm_bids.analysis.change.slopes import Slopes, slopes
from neurofm_bids.analysis.change.times import ScanTimes, scan_times
from neurofm_bids.analysis.change.visits import RETEST_WEEKS, WEEKS, Visits, least_years, visits
from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHANGE_COLUMNS", "Changes", "change_per_year"]

_Array = npt.NDArray[np.float64]

CHANGE_COLUMNS = (
    "participant_id",
    "measure",
    "units",
    "n_scans",
    "years",
    "time_source",
    "first_value",
    "last_value",
    "change_per_year",
    "lower95",
    "upper95",
    "error_sd",
    "error_source",
    "reliable_change_index",
    "reliable_change",
)


@dataclass(frozen=True)
class Changes:
    """Change of people.

    Parameters
    ----------
    frame
        With the columns :data:`CHANGE_COLUMNS`; ordered by participant, then measure.
    remarks
        Sentences on what is not known.
    """

    frame: pd.DataFrame
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cohort:
    """Scans with the numbers of their people and sessions, and their times."""

    table: pd.DataFrame
    names: npt.NDArray[np.object_]
    people: npt.NDArray[np.intp]
    session: npt.NDArray[np.intp]
    times: ScanTimes
    least: float  # years between visits


def change_per_year(
    table: pd.DataFrame,
    measures: Sequence[str],
    units: Mapping[str, str] | None = None,
    participant: str = "participant_id",
    session: str = "session_id",
    age: str = "age",
    times: ScanTimes | None = None,
    retest_weeks: float = RETEST_WEEKS,
    error_sd: Mapping[str, float] | None = None,
) -> Changes:
    """Return the change per year of each measure in each participant with two or more visits.

    The change is the slope of the least-squares line over visits: scans of a participant that are at most
    ``retest_weeks`` apart, or a month if that is 0, are one visit with the mean of their values.
    Its interval and the reliable change index have the error of single scans from
    :func:`~neurofm_bids.analysis.change.repeatability.repeatability`,
    so they say whether the scans differ by more than repeated scans of an
    unchanged person do; they are not the sampling error of a line. Change is called reliable or not only
    where the error covers repeated scans, not where it is that of an interval of each scan.

    Parameters
    ----------
    table
        One row per scan.
    measures, units
        Columns of numbers, and their units.
    participant, session, age
        Columns.
    times
        Of the scans; from the column of the age and ``acq_time`` if absent.
    retest_weeks
        Sessions at most so many weeks apart are repeated measurements.
    error_sd
        Standard deviation of the error by measure, where it is known.

    Raises
    ------
    NeuroFMError
        The table lacks a measure, the participants, or both age and date.
    """
    import pandas as pd

    check_columns_of(table, *measures, participant)
    times = times or scan_times(table, participant, age, "acq_time")
    names, people = np.unique(table[participant].astype(str).to_numpy(), return_inverse=True)
    keys = list(zip(people.tolist(), table[session].astype(str), strict=True)) if session in table else people
    cohort = _Cohort(table, names, people, pd.factorize(pd.Series(keys))[0], times, least_years(retest_weeks))
    frames, sources = [], {}
    for measure in measures:
        given = (error_sd or {}).get(measure)
        error = repeatability(
            table, measure, people, times.years, cohort.session, retest_weeks, given, ~times.whole_years
        )
        sources[measure] = error.source
        frames.append(_rows(cohort, measure, (units or {}).get(measure) or None, error))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(CHANGE_COLUMNS))
    order = np.argsort(frame["participant_id"].to_numpy(dtype=str), kind="stable")
    return Changes(frame.iloc[order].reset_index(drop=True), (*_close_people(cohort), *_remarks(sources)))


def _rows(cohort: _Cohort, measure: str, units: str | None, error: Repeatability) -> pd.DataFrame:
    import pandas as pd

    values = cohort.table[measure].to_numpy(dtype=np.float64, na_value=np.nan)
    made = visits(cohort.people, cohort.times.years, values, error.sd, cohort.least)
    lines = slopes(made)
    first, last = lines.first, lines.last
    half, index = error.quantile * lines.standard_error, lines.index
    return pd.DataFrame(
        {
            "participant_id": cohort.names[lines.people],
            "measure": measure,
            "units": units,
            "n_scans": lines.scans,
            "years": made.years[last] - made.years[first],
            "time_source": cohort.times.sources[made.place[first]],
            "first_value": made.values[first],
            "last_value": made.values[last],
            "change_per_year": lines.per_year,
            "lower95": lines.per_year - half,
            "upper95": lines.per_year + half,
            "error_sd": _mean_error(made, lines),
            "error_source": error.source or None,
            "reliable_change_index": index,
            "reliable_change": _reliable(index, error),
        },
        columns=list(CHANGE_COLUMNS),
    )


def _mean_error(made: Visits, lines: Slopes) -> _Array:
    """Return the root mean square of the errors of the scans of each person."""
    squares = np.bincount(
        made.people, made.scans * made.errors**2, minlength=lines.people.max(initial=-1) + 1
    )
    return np.sqrt(squares[lines.people] / lines.scans)


def _close_people(cohort: _Cohort) -> tuple[str, ...]:
    """Return a sentence on people who have several times and no two visits."""
    years, nothing = cohort.times.years, np.zeros(len(cohort.people))
    made = visits(cohort.people, years, nothing, nothing, cohort.least)
    moved = np.unique(cohort.people[years > 0])
    close = np.setdiff1d(moved, slopes(made).people)
    if not close.size:
        return ()
    return (
        f"Participants whose scans are all within {cohort.least * WEEKS:.2g} weeks: {close.size} "
        f"({some_of(cohort.names[close].tolist())}). They have no change per year.",
    )


def _reliable(index: _Array, error: Repeatability) -> list[str | None]:
    if error.source not in MEASURED:
        return [None] * len(index)
    levels = np.select([index > error.quantile, index < -error.quantile], ["increase", "decrease"], "none")
    return [str(level) for level in levels]


def _remarks(sources: Mapping[str, str]) -> tuple[str, ...]:
    unknown = [measure for measure, source in sources.items() if not source]
    single = [measure for measure, source in sources.items() if source == "interval"]
    remarks = []
    if unknown:
        remarks.append(
            f"Measures whose error between scans is not known: {len(unknown)} ({some_of(unknown)}). Their "
            "change per year has no interval: give error_sd in the table change of --group-config."
        )
    if single:
        remarks.append(
            f"Measures whose error is known from the interval of single scans only: {len(single)} "
            f"({some_of(single)}). Repeated scans differ by more, so that reliable change is not judged."
        )
    return tuple(remarks)
