"""Regression of a value on age, sex and head size, and what it expects of a new person."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from neurofm_bids.norms.distribution import Distribution, Scale, on_scale
from neurofm_bids.norms.residuals import Shape, fit_shape, is_normal, sd_slope
from neurofm_bids.records.schema import RECORD

__all__ = ["Regression", "Terms", "fit"]

_Values = NDArray[np.float64]
_DECADE, _HEADS_ML = 10.0, 100.0  # units of the coefficients
_LEAST_SHAPED = 200  # people, from which errors need not be normal
_SMALL = 1e-9  # of the largest value: residuals that are less are none


@dataclass(frozen=True, config=RECORD)
class Terms:
    """What a value depends on, and over which people.

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
        In the order of :meth:`Terms.row`, of the value, its natural logarithm or its logit.
    covariance
        Of the coefficients, in units of the variance of the residuals.
    residual_sd
        Between people of one age, sex and head size; at the centre of the ages if it depends on age.
    n
        Number of people.
    logarithmic, logit
        Whether the logarithm of the value is fitted, or its logit.
    sd_slope
        Change of the logarithm of the sd per decade; 0 if it does not depend on age.
    skew, tail
        Of the errors, as in :class:`~neurofm_bids.norms.distribution.Distribution`; 0 if they are normal.
    """

    terms: Terms
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual_sd: float
    n: int
    logarithmic: bool
    logit: bool = False
    sd_slope: float = 0.0
    skew: float = 0.0
    tail: float = 0.0

    @property
    def of(self) -> Scale:
        """What is fitted."""
        return "logit" if self.logit else "logarithm" if self.logarithmic else "linear"

    def expect(self, age_years: float, sex: str, head_ml: float | None) -> Distribution:
        """Return the distribution for a new person, with the error of the coefficients in it."""
        row = np.array(self.terms.row(age_years, sex, head_ml))
        leverage = float(row @ np.array(self.covariance) @ row)
        own = math.exp(self.sd_slope * (age_years - self.terms.age_centre) / _DECADE)
        scale, location = self.residual_sd * math.sqrt(own**2 + leverage), float(row @ self.coefficients)
        if self.skew or self.tail:
            return Distribution(location, scale, self.of, skew=self.skew, tail=self.tail)
        degrees = float(self.n - len(self.coefficients) - (self.sd_slope != 0))
        return Distribution(location, scale, self.of, degrees=degrees)


def fit(rows: Sequence[Sequence[float]], values: _Values, terms: Terms, of: Scale) -> Regression | None:
    """Fit a regression; None where predictors or values do not determine the coefficients.

    The sd may depend on age where the square of age may (``terms``), and does if restricted maximum
    likelihood says so (p < 0.05). Of 200 people or more, errors that are not normal (p < 0.001 by the test of
    D'Agostino and Pearson) are sinh-arcsinh. ``benchmarks/norms_models.py`` measures both.

    Parameters
    ----------
    rows
        Predictors of n people, from :meth:`Terms.row`.
    values
        Their values, (n,), which have a finite logarithm or logit if that is fitted.
    """
    design = np.array(rows)
    wanted = np.array([on_scale(value, of) for value in values.tolist()])
    n, count = design.shape
    if n <= count or np.linalg.matrix_rank(design) < count:
        return None
    decades = design[:, 1] if terms.is_age_linear else np.zeros(n)
    slope = sd_slope(design, wanted, decades) if terms.is_age_quadratic else 0.0
    relative = np.exp(slope * decades)
    weighted = design / relative[:, None]
    coefficients = np.linalg.lstsq(weighted, wanted / relative, rcond=None)[0]
    residuals = wanted / relative - weighted @ coefficients
    sd = float(np.sqrt(residuals @ residuals / (n - count - (slope != 0))))
    if sd <= _SMALL * max(1.0, float(np.abs(wanted).max())):
        return None
    inverse = np.linalg.inv(weighted.T @ weighted)
    is_shaped = n >= _LEAST_SHAPED and not is_normal(residuals)
    shape = fit_shape(weighted, residuals, sd) if is_shaped else Shape(np.zeros(count), sd, 0.0, 0.0)
    return Regression(
        terms,
        tuple((coefficients + shape.change).tolist()),
        tuple(map(tuple, inverse.tolist())),
        shape.scale,
        n,
        of == "logarithm",
        of == "logit",
        slope,
        shape.skew,
        shape.tail,
    )
