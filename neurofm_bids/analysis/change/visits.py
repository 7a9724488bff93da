"""Scans of a person that are close in time, as one measurement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RETEST_WEEKS", "WEEKS", "Visits", "close_scans", "least_years", "visits"]

_Array = npt.NDArray[np.float64]

RETEST_WEEKS = 12.0
WEEKS = 365.25 / 7  # of a year
_MONTH = 1 / 12  # of a year


@dataclass(frozen=True)
class Visits:
    """Means over the scans of v visits, ordered by person and time.

    Parameters
    ----------
    people
        Number of the person, shape (v,).
    years, values
        Means over the scans of a visit, shape (v,).
    errors
        Root mean square of the errors of its scans, shape (v,): scans of a session share what differs between
        sessions, so that a mean does not count as more exact.
    scans, place
        Number of scans, and place of the first one in the arrays that were given, shape (v,).
    """

    people: npt.NDArray[np.intp]
    years: _Array
    values: _Array
    errors: _Array
    scans: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]


def least_years(retest_weeks: float) -> float:
    """Return how far apart visits are at least, in years: the weeks of retests, or a month if they are 0."""
    return retest_weeks / WEEKS if retest_weeks > 0 else _MONTH


def close_scans(people: npt.NDArray[np.intp], years: _Array, most: float) -> npt.NDArray[np.intp]:
    """Return the number of the group of each scan, shape (n,), ordered by person and time.

    A group begins with the first scan of a person that is in none, and has those within ``most`` years.
    """
    order = np.lexsort((years, people))
    groups, group, start = np.empty(len(order), dtype=np.intp), -1, (-1, -np.inf)
    for place in order:
        if people[place] != start[0] or years[place] - start[1] > most:
            group, start = group + 1, (people[place], years[place])
        groups[place] = group
    return groups


def visits(
    people: npt.NDArray[np.intp], years: _Array, values: _Array, errors: _Array, least: float
) -> Visits:
    """Return the visits of people: scans at most ``least`` years after the first of a visit are one.

    A person whose first and last visit are no further apart than that has one visit.

    Parameters
    ----------
    people
        Number of the person of each of n scans.
    years, values, errors
        Time, value, and standard deviation of the error of the value, shape (n,); scans without time or value
        are left out.

    >>> years = np.array([0.0, 0.1, 2.0])
    >>> visits(np.zeros(3, int), years, np.array([4.0, 6.0, 9.0]), np.ones(3), 0.2).values
    array([5., 9.])
    """
    kept = np.flatnonzero(np.isfinite(years) & np.isfinite(values))
    made = _means(kept, close_scans(people[kept], years[kept], least), people, years, values, errors)
    _, person = np.unique(made.people, return_inverse=True)
    first = np.searchsorted(person, person)
    last = np.searchsorted(person, person, side="right") - 1
    alone = made.people[made.years[last] - made.years[first] <= least]
    if len(np.unique(alone)) == len(alone):
        return made
    most = np.where(np.isin(people[kept], alone), 0.0, years[kept])
    return _means(kept, close_scans(people[kept], most, least), people, years, values, errors)


def _means(
    kept: npt.NDArray[np.intp],
    groups: npt.NDArray[np.intp],
    people: npt.NDArray[np.intp],
    years: _Array,
    values: _Array,
    errors: _Array,
) -> Visits:
    order = kept[np.lexsort((years[kept], groups))]
    counts = np.bincount(groups)
    place = order[np.cumsum(counts) - counts]

    def mean(numbers: _Array) -> _Array:
        base = numbers[place]
        return np.asarray(base + np.bincount(groups, numbers[kept] - base[groups]) / counts)

    return Visits(people[place], mean(years), mean(values), np.sqrt(mean(errors**2)), counts, place)
