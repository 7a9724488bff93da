"""Statistics of a cohort as records: what the tables hold and the report draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "SD_PER_MAD",
    "Ages",
    "Agreement",
    "Components",
    "Statistics",
    "Summary",
    "outliers",
    "robust_sd",
    "standard_deviation",
]

SD_PER_MAD = 1.4826  # standard deviation of normal values over their median absolute deviation

_Array = npt.NDArray[np.float64]
_ENOUGH_FOR_OUTLIERS = 8
_ROUNDING = 1e-12  # differences below this share of the values come from rounding
_Row = tuple[str, str, float | None, str, int]


@dataclass(frozen=True)
class Ages:
    """Chronological and predicted ages of the scans of a cohort, and which of them can be compared.

    Parameters
    ----------
    chronological, predicted
        In years, shape (n,), NaN where unknown.
    lower_bound
        Whether the chronological age is only a lower bound (``89+``), shape (n,).
    not_of_session
        Whether it is of the participant and not of the session of the scan, shape (n,).
    """

    chronological: _Array
    predicted: _Array
    lower_bound: npt.NDArray[np.bool_]
    not_of_session: npt.NDArray[np.bool_]

    @property
    def compared(self) -> npt.NDArray[np.bool_]:
        """Whether both ages are known and the chronological one is not a lower bound, shape (n,)."""
        return np.isfinite(self.chronological + self.predicted) & ~self.lower_bound

    @property
    def gap(self) -> _Array:
        """Predicted minus chronological age in years, shape (n,); to a lower bound, its upper bound."""
        return self.predicted - self.chronological

    def counts(self) -> dict[str, int]:
        """Return how many scans are not compared, and how many are with an age not of their session."""
        return {
            "n_age_unknown": int(np.isnan(self.chronological).sum()),
            "n_lower_bound": int(self.lower_bound.sum()),
            "n_not_of_session": int((self.not_of_session & self.compared).sum()),
        }

    def rows(self) -> list[_Row]:
        """Return the counts as rows of the statistics, none where no age is known or none predicted."""
        if np.isnan(self.chronological).all() or np.isnan(self.predicted).all():
            return []
        n = self.chronological.size
        return [("age_agreement", name, count, "count", n) for name, count in self.counts().items()]


@dataclass(frozen=True)
class Agreement:
    """How predicted and chronological age agree over n scans.

    ``mae``, ``bias`` (mean of predicted minus chronological) and ``sd`` (of that difference) in years;
    ``r`` is Pearson's correlation. ``sd`` and ``r`` are None where n or the spread of ages is too small.
    ``outliers`` are places among the n scans whose difference is far from the rest, the farthest first.
    """

    n: int
    mae: float
    bias: float
    sd: float | None
    r: float | None
    outliers: tuple[int, ...] = ()

    def rows(self) -> list[_Row]:
        """Return measure, statistic, value, units and number of scans, one row per statistic."""
        values = (
            ("mae", self.mae, "year"),
            ("bias", self.bias, "year"),
            ("sd_of_gap", self.sd, "year"),
            ("pearson_r", self.r, "1"),
        )
        return [("age_agreement", name, value, units, self.n) for name, value, units in values]


@dataclass(frozen=True)
class Components:
    """First two principal components: scores, shape (n, 2), shares of the variance, places of outliers.

    Scores of scans that were left out are NaN.
    """

    scores: _Array
    explained: tuple[float, float]
    outliers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Summary:
    """One column over the scans that have a value.

    Parameters
    ----------
    units
        Of the values.
    values
        Shape (n,), NaN where a scan has none.
    """

    units: str
    values: _Array

    @property
    def outliers(self) -> list[int]:
        """Places of values far from the rest, farthest first."""
        places = np.flatnonzero(np.isfinite(self.values))
        return [int(places[place]) for place in outliers(self.values[places])]

    def statistics(self) -> dict[str, float | None]:
        """Return mean, spread and range by name."""
        known = self.values[np.isfinite(self.values)]
        if not known.size:
            return {}
        return {
            "mean": float(known.mean()),
            "sd": standard_deviation(known),
            "median": float(np.median(known)),
            "minimum": float(known.min()),
            "maximum": float(known.max()),
            "n_outliers": len(self.outliers) if known.size >= _ENOUGH_FOR_OUTLIERS else None,
        }


@dataclass(frozen=True)
class Statistics:
    """What is computed over a cohort.

    Parameters
    ----------
    summaries
        By column.
    ages
        Of the scans.
    agreement
        Of predicted and chronological age, where scans can be compared.
    components
        Of the features, where there are enough scans.
    """

    summaries: Mapping[str, Summary]
    ages: Ages
    agreement: Agreement | None
    components: Components | None

    def rows(self) -> list[_Row]:
        """Return measure, statistic, value, units and number of scans, one row per statistic."""
        rows: list[_Row] = []
        for column, summary in self.summaries.items():
            n = int(np.isfinite(summary.values).sum())
            for name, value in summary.statistics().items():
                rows.append((column, name, value, "count" if name == "n_outliers" else summary.units, n))
        if self.agreement is not None:
            rows += self.agreement.rows()
        rows += self.ages.rows()
        if self.components is not None:
            n = int(np.isfinite(self.components.scores[:, 0]).sum())
            for number, share in enumerate(self.components.explained, start=1):
                rows.append((f"component_{number}", "explained_variance", share, "1", n))
        return rows


def standard_deviation(values: _Array) -> float | None:
    """Return the sample standard deviation, None with fewer than two values.

    It is exactly 0 where all values are equal but for rounding.

    >>> standard_deviation(np.full(3, 34.7)), standard_deviation(np.array([1.0, 3.0]))
    (0.0, 1.4142135623730951)
    """
    if values.size < 2:
        return None
    if np.ptp(values) <= _ROUNDING * np.abs(values).max():
        return 0.0
    return float(values.std(ddof=1))


def robust_sd(values: npt.NDArray[np.floating]) -> float:
    """Return the standard deviation of normal values as their median absolute deviation gives it; 0 for none.

    >>> robust_sd(np.array([1.0, 2, 3, 4, 90]))
    1.4826
    """
    return SD_PER_MAD * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0


def outliers(values: _Array) -> list[int]:
    """Return the places of values far from the rest, farthest first.

    Far is more than 3.5 robust standard deviations (1.4826 times the median absolute deviation) from the
    median (Iglewicz and Hoaglin 1993). Fewer than eight values have no outliers.

    >>> outliers(np.array([1.0, 2, 3, 4, 5, 6, 7, 90]))
    [7]
    """
    if values.size < _ENOUGH_FOR_OUTLIERS:
        return []
    distance, spread = np.abs(values - np.median(values)), robust_sd(values)
    if spread == 0:
        return []
    far = np.flatnonzero(distance > 3.5 * spread)
    return [int(i) for i in far[np.argsort(-distance[far], kind="stable")]]
