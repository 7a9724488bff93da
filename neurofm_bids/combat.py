"""ComBat: the shift and the scale of the values of each site, with empirical Bayes over the features.

Values are ``y = level + covariates @ slopes + sd * (location + scale * error)`` (Johnson, Li and Rabinovic
2007, Biostatistics 8:118; Fortin et al. 2018, NeuroImage 167:104). With empirical Bayes, location and scale
of a site are shrunk towards those of its other features: locations have a normal prior, squared scales an
inverse gamma one. What shrinking leaves of a shift is small in each feature, but a linear model of many
correlated features can still tell sites by it (``benchmarks/planted_sites.py``): readouts do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass as record

from neurofm_bids.records.schema import RECORD

__all__ = [
    "LEAST_FEATURES",
    "Prior",
    "SiteEffect",
    "Summary",
    "alike_columns",
    "pooled_sd",
    "site_effect",
    "within_slopes",
]

LEAST_FEATURES = 10  # below it, features say too little of each other: a site keeps its own mean and spread
_Values = npt.NDArray[np.float64]
_Sites = npt.NDArray[np.intp]
_SMALL = 1e-9  # of a mean: values that vary less are constant
_ITERATIONS, _CHANGE = 1000, 1e-9
_CHUNK = 64  # features at once, for memory


@record(frozen=True, config=RECORD)
class Prior:
    """How much the features of one site differ in location and scale.

    Parameters
    ----------
    variance
        Of the locations, in squared sd of the features.
    shape
        Of the inverse gamma distribution of squared scales.
    """

    variance: float
    shape: float


@dataclass(frozen=True)
class SiteEffect:
    """Location and scale of p features at one site.

    Parameters
    ----------
    location
        Of values without what covariates add, in the units of the features, shape (p,).
    scale
        Relative to the sd within all sites, shape (p,).
    prior
        By which they were shrunk; None if they were not.
    """

    location: _Values
    scale: _Values
    prior: Prior | None


@dataclass(frozen=True)
class Summary:
    """Number, mean and sum of squared deviations of the known values of each feature at one site, (p,)."""

    n: _Values
    mean: _Values
    squares: _Values

    @property
    def variance(self) -> _Values:
        """With n - 1 degrees of freedom."""
        return np.asarray(self.squares / np.maximum(self.n - 1, 1))


def within_slopes(values: _Values, covariates: _Values, sites: _Sites) -> _Values:
    """Return the slopes of values on covariates within sites by least squares, shape (q, p).

    Parameters
    ----------
    values
        Shape (n, p); rows without a value (NaN) are left out, feature by feature.
    covariates
        Shape (n, q), without NaN.
    sites
        Number of the site of each row, shape (n,).
    """
    slopes = np.zeros((covariates.shape[1], values.shape[1]))
    if not slopes.size:
        return slopes
    for columns, rows in alike_columns(values):
        predictors = _centred(covariates[rows], sites[rows])
        size = np.maximum(np.abs(predictors).max(axis=0, initial=0), np.finfo(float).tiny)
        known = _centred(values[np.ix_(rows, columns)], sites[rows])
        slopes[:, columns] = np.linalg.lstsq(predictors / size, known, rcond=None)[0] / size[:, None]
    return slopes


def pooled_sd(left: _Values, sites: _Sites) -> _Values:
    """Return the sd of values within sites, shape (p,): the root of the mean squared deviation.

    Parameters
    ----------
    left
        Values without what covariates add, shape (n, p), NaN where not known.
    """
    each = [_summary(left[sites == site]) for site in np.unique(sites)]
    squares, n = sum(one.squares for one in each), sum(one.n for one in each)
    return np.asarray(np.sqrt(squares / np.maximum(n, 1)))


def site_effect(
    left: _Values, level: _Values, sd: _Values, *, shrink: bool, prior: Prior | None = None
) -> SiteEffect:
    """Return location and scale of one site.

    A feature that is constant there keeps its scale, and takes no part in the prior.

    Parameters
    ----------
    left
        Values of the n scans of the site without what covariates add, shape (n, p), NaN where not known.
    level, sd
        Of all sites, shape (p,).
    shrink
        Whether empirical Bayes is used; with fewer than :data:`LEAST_FEATURES` features it is not.
    prior
        Of other sites, for one with few scans; by default how the features of this one differ.
    """
    found = _summary(left)
    varies = (found.variance > (_SMALL * np.abs(found.mean)) ** 2) & (sd > _SMALL * np.abs(level))
    unit = np.where(varies, sd, 1.0)
    own = Summary(found.n, (found.mean - level) / unit, found.squares / unit**2)
    location, squared_scale = own.mean, np.where(varies, own.variance, 1.0)
    if shrink and np.count_nonzero(varies) >= LEAST_FEATURES:
        some = Summary(own.n[varies], own.mean[varies], own.squares[varies])
        prior = prior or _prior(some)
        location, squared_scale = location.copy(), squared_scale.copy()
        location[varies], squared_scale[varies] = _shrunk(some, prior)
    else:
        prior = None
    return SiteEffect(level + unit * location, np.sqrt(squared_scale), prior)


def _prior(own: Summary) -> Prior:
    """Return the prior by the method of moments."""
    mean, spread = own.variance.mean(), own.variance.var(ddof=1)
    shape = 2 + mean**2 / max(spread, np.finfo(float).tiny)
    return Prior(float(own.mean.var(ddof=1)), float(min(shape, 1e12)))


def _shrunk(own: Summary, prior: Prior) -> tuple[_Values, _Values]:
    """Return the means of the posterior of locations and squared scales, each given the other."""
    centre, scale = own.mean.mean(), own.variance.mean() * (prior.shape - 1)
    location, squared = own.mean, own.variance
    for _ in range(_ITERATIONS):
        weight = own.n * prior.variance
        new = (weight * own.mean + squared * centre) / (weight + squared)
        about = own.squares + own.n * (own.mean - new) ** 2
        new_squared = (about / 2 + scale) / (own.n / 2 + prior.shape - 1)
        change = max(np.abs(new - location).max(), np.abs(new_squared - squared).max())
        location, squared = new, new_squared
        if change < _CHANGE:
            break
    return location, squared


def _summary(values: _Values) -> Summary:
    is_known = np.isfinite(values)
    n = is_known.sum(axis=0).astype(np.float64)
    mean = np.where(is_known, values, 0).sum(axis=0) / np.maximum(n, 1)
    squares = (np.where(is_known, values - mean, 0) ** 2).sum(axis=0)
    return Summary(n, mean, squares)


def alike_columns(values: _Values) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield columns that are known in the same rows, at most some at once, and these rows."""
    is_known = np.isfinite(values)
    patterns, numbers = np.unique(np.packbits(is_known, axis=0), axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        columns = np.flatnonzero(numbers.ravel() == number)
        rows = np.flatnonzero(is_known[:, columns[0]])
        for start in range(0, len(columns), _CHUNK):
            yield columns[start : start + _CHUNK], rows


def _centred(values: _Values, sites: _Sites) -> _Values:
    """Return values less the mean of their site."""
    from scipy import sparse

    _, groups, counts = np.unique(sites, return_inverse=True, return_counts=True)
    n = len(sites)
    members = sparse.csr_array((np.ones(n), (groups, np.arange(n))), shape=(len(counts), n))
    return np.asarray(values - (members @ values / counts[:, None])[groups])
