"""The space in which scans are compared: principal components of standardised features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.components import beyond_chance, fit_components

__all__ = ["LEAST_AXES", "MOST_AXES", "Space", "make_space", "without_effects"]

_Array = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

LEAST_AXES, MOST_AXES = 2, 10
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Space:
    """Places of scans on axes of equal variance.

    Parameters
    ----------
    places
        Shape (n, m), of mean 0 and variance 1 over the scans that made the space; NaN for scans that are
        left out.
    shares
        Of the variance of the standardised features that each axis has, shape (m,).
    """

    places: _Array
    shares: _Array

    @property
    def known(self) -> _Mask:
        """Which scans have a place, shape (n,)."""
        return np.asarray(np.isfinite(self.places).all(axis=1))


def make_space(features: npt.NDArray[np.floating], fitted: _Mask) -> Space | None:
    """Return the space of scans.

    Features are standardised to mean 0 and variance 1, and rotated to principal components; those that vary
    more than components of unrelated features would are kept, at least two and at most ten, and scaled to
    variance 1. None where fewer than three scans or two features vary.

    Parameters
    ----------
    features
        Shape (n, d); scans with a value that is not finite have no place.
    fitted
        Which scans make the space, shape (n,); they have finite features.
    """
    own = features[fitted].astype(np.float64)
    if len(own) < 3:
        return None
    mean, spread = own.mean(axis=0), own.std(axis=0, ddof=1)
    varies = spread > _ROUNDING * np.maximum(np.abs(mean), _ROUNDING)
    standard = (own[:, varies] - mean[varies]) / spread[varies]
    components = fit_components(standard, MOST_AXES)
    if components is None:
        return None
    number = max(beyond_chance(components.variances, *standard.shape), LEAST_AXES)
    whole = (features[:, varies].astype(np.float64) - mean[varies]) / spread[varies]
    return Space(components.scores(whole, scale=True)[:, :number], components.shares[:number])


def without_effects(features: npt.NDArray[np.floating], effects: _Array, fitted: _Mask) -> _Array:
    """Return features without linear effects, which are estimated by least squares.

    Parameters
    ----------
    features
        Shape (n, d).
    effects
        Shape (n, k); a scan with one that is not finite gets features that are not finite.
    fitted
        Scans from which effects are estimated, shape (n,), whose values are finite.
    """
    centre = effects[fitted].mean(axis=0)
    design = np.column_stack([np.ones(len(effects)), effects - centre])
    slopes = np.linalg.lstsq(design[fitted], features[fitted].astype(np.float64), rcond=None)[0]
    return np.asarray(features - (effects - centre) @ slopes[1:])
