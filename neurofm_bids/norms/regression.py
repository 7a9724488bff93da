"""Regression of a volume on age, sex and head size, and what it expects of a new person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from neurofm_bids.norms.distribution import Distribution
from neurofm_bids.records.schema import RECORD

__all__ = ["Regression", "Terms", "fit"]

_Values = NDArray[np.float64]
_DECADE, _HEADS_ML = 10.0, 100.0  # units of the coefficients


@dataclass(frozen=True, config=RECORD)
class Terms:
    """What a volume depends on, and over which people.

    Parameters
    ----------
    age_centre
        Years; coefficients are per decade from it.
    is_age_linear, is_age_quadratic
        Whether age counts, and its square.
    sexes
        Of the people, ``F`` before ``M``: where there are both, men differ from women.
    age_range
        Of the people, in years.
    head_centre
        Intracranial volume in ml; coefficients are per 100 ml from it. None if head size does not count.
    """

    age_centre: float
    is_age_linear: bool
    is_age_quadratic: bool
    sexes: tuple[str, ...]
    age_range: tuple[float, float]
    head_centre: float | None

    def outside(self, age_years: float, sex: str) -> tuple[str, ...]:
        """Return the note for which these people say nothing of a person, none where they do."""
        if sex not in self.sexes:
            return ("sex_outside",)
        low, high = self.age_range
        return () if low <= age_years <= high else ("age_outside",)

    def row(self, age_years: float, sex: str, head_ml: float | None) -> list[float]:
        """Return the predictors of one person, the intercept first."""
        age = (age_years - self.age_centre) / _DECADE
        values = [1.0]
        values += [age] if self.is_age_linear else []
        values += [age**2] if self.is_age_quadratic else []
        values += [float(sex == "M")] if len(self.sexes) > 1 else []
        if self.head_centre is not None:
            assert head_ml is not None
            values.append((head_ml - self.head_centre) / _HEADS_ML)
        return values


@dataclass(frozen=True, config=RECORD)
class Regression:
    """A fitted regression.

    Parameters
    ----------
    terms
        Its predictors.
    coefficients
        In the order of :meth:`Terms.row`, in mm3, or of the natural logarithm of the volume in mm3.
    covariance
        Of the coefficients, in units of the variance of the residuals.
    residual_sd
        Between people of one age, sex and head size.
    n
        Number of people.
    logarithmic
        Whether the logarithm of the volume is fitted.
    """

    terms: Terms
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual_sd: float
    n: int
    logarithmic: bool

    def expect(self, age_years: float, sex: str, head_ml: float | None) -> Distribution:
        """Return the distribution for a new person, with the error of the coefficients in it."""
        row = np.array(self.terms.row(age_years, sex, head_ml))
        leverage = float(row @ np.array(self.covariance) @ row)
        scale = self.residual_sd * float(np.sqrt(1 + leverage))
        degrees = float(self.n - len(self.coefficients))
        return Distribution(float(row @ self.coefficients), scale, self.logarithmic, degrees=degrees)


def fit(
    rows: Sequence[Sequence[float]], mm3: _Values, terms: Terms, *, logarithmic: bool
) -> Regression | None:
    """Fit by least squares; None where the predictors or volumes do not determine the coefficients.

    Parameters
    ----------
    rows
        Predictors of n people, from :meth:`Terms.row`.
    mm3
        Their volumes, (n,), positive if ``logarithmic``.
    """
    design, values = np.array(rows), np.log(mm3) if logarithmic else mm3
    n, count = design.shape
    if n <= count or np.linalg.matrix_rank(design) < count:
        return None
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    residuals = values - design @ coefficients
    sd = float(np.sqrt(residuals @ residuals / (n - count)))
    if sd <= 1e-9 * max(1.0, float(np.abs(values).max())):
        return None
    covariance = np.linalg.inv(design.T @ design)
    return Regression(
        terms, tuple(coefficients.tolist()), tuple(map(tuple, covariance.tolist())), sd, n, logarithmic
    )
