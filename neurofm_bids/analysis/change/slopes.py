"""Change per year of people, with its error and the reliable change index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Slopes", "slopes"]

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Slopes:
    """Lines of p people.

    Parameters
    ----------
    people
        Number of each person that has at least two times, ascending, shape (p,).
    per_year
        Slope of the least-squares line, shape (p,).
    standard_error
        Of the slope, from the errors of the values; NaN where one is not known, shape (p,).
    squared_residuals, scans
        Sum of squared distances from the line, and number of scans, shape (p,).
    """

    people: npt.NDArray[np.intp]
    per_year: _Array
    standard_error: _Array
    squared_residuals: _Array
    scans: npt.NDArray[np.intp]

    @property
    def index(self) -> _Array:
        """Reliable change index: change over its standard error, shape (p,).

        With two scans it is ``(x2 - x1) / (sqrt(2) * error_sd)`` (Jacobson and Truax 1991).
        """
        return self.per_year / self.standard_error


def slopes(people: npt.NDArray[np.intp], years: _Array, values: _Array, errors: _Array) -> Slopes:
    """Return the line of each person over time.

    Parameters
    ----------
    people
        Number of the person of each of n scans.
    years, values, errors
        Time, value, and standard deviation of the error of the value, shape (n,); scans without time or value
        are left out.

    >>> two = slopes(np.array([0, 0]), np.array([0.0, 2.0]), np.array([5.0, 9.0]), np.array([1.0, 1.0]))
    >>> two.per_year.item(), round(two.index.item(), 4), round(4 / 2**0.5, 4)
    (2.0, 2.8284, 2.8284)
    """
    kept = np.isfinite(years) & np.isfinite(values)
    names, place = np.unique(people[kept], return_inverse=True)
    t, y, e = years[kept], values[kept], errors[kept]

    def total(numbers: _Array) -> _Array:
        return np.bincount(place, numbers, minlength=len(names)).astype(np.float64)

    counts = np.bincount(place, minlength=len(names))
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = t - (total(t) / counts)[place]
        level = y - (total(y) / counts)[place]
        spread = total(centred**2)
        slope = total(centred * level) / spread
        residuals = total((level - slope[place] * centred) ** 2)
        error = np.sqrt(total((centred * e) ** 2)) / spread
    moved = spread > 0
    return Slopes(names[moved], slope[moved], error[moved], residuals[moved], counts[moved])
