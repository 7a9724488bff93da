"""Change per year of people, with its error and the reliable change index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.change.visits import Visits

__all__ = ["Slopes", "slopes"]

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Slopes:
    """Lines of p people.

    Parameters
    ----------
    people
        Number of each person that has at least two visits, ascending, shape (p,).
    per_year
        Slope of the least-squares line, shape (p,).
    standard_error
        Of the slope, from the errors of the values; NaN where one is not known, shape (p,).
    squared_residuals, visits, scans
        Sum of squared distances of visits from the line, and number of visits and of scans, shape (p,).
    first, last
        Places of the first and the last visit of each person, shape (p,).
    """

    people: npt.NDArray[np.intp]
    per_year: _Array
    standard_error: _Array
    squared_residuals: _Array
    visits: npt.NDArray[np.intp]
    scans: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]

    @property
    def index(self) -> _Array:
        """Reliable change index: change over its standard error, shape (p,).

        With two visits it is ``(x2 - x1) / (sqrt(2) * error_sd)`` (Jacobson and Truax 1991).
        """
        return self.per_year / self.standard_error


def slopes(made: Visits) -> Slopes:
    """Return the line of each person over the time of visits.

    >>> from neurofm_bids.analysis.change.visits import visits
    >>> people, years, values = np.array([0, 0]), np.array([0.0, 2.0]), np.array([5.0, 9.0])
    >>> two = slopes(visits(people, years, values, np.ones(2), least=0.25))
    >>> two.per_year.item(), round(two.index.item(), 4), round(4 / 2**0.5, 4)
    (2.0, 2.8284, 2.8284)
    """
    names, place, counts = np.unique(made.people, return_inverse=True, return_counts=True)

    def total(numbers: npt.NDArray[np.float64] | npt.NDArray[np.intp]) -> _Array:
        return np.bincount(place, numbers, minlength=len(names)).astype(np.float64)

    with np.errstate(invalid="ignore", divide="ignore"):
        centred = made.years - (total(made.years) / counts)[place]
        level = made.values - (total(made.values) / counts)[place]
        spread = total(centred**2)
        slope = total(centred * level) / spread
        residuals = total((level - slope[place] * centred) ** 2)
        error = np.sqrt(total((centred * made.errors) ** 2)) / spread
    moved = counts > 1
    last = np.cumsum(counts)[moved] - 1
    return Slopes(
        names[moved],
        slope[moved],
        error[moved],
        residuals[moved],
        counts[moved],
        total(made.scans).astype(np.intp)[moved],
        last - counts[moved] + 1,
        last,
    )
