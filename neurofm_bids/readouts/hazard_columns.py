"""Features and covariates as the columns of a hazard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.readout import Linear
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.transform import Transform, learn_transform

__all__ = ["HazardColumns", "learn_columns"]

_Array = NDArray[np.float64]
_SMALLEST = 1e-10


@dataclass(frozen=True)
class HazardColumns:
    """From features and covariates to standardised covariates and principal components of features.

    A penalty on the sum of squared coefficients of the standardised features is the same penalty on those of
    the components, because the directions are orthonormal; there are at most as many as scans.

    Parameters
    ----------
    transform
        Of the features: regression on covariates, harmonisation and scaling.
    directions
        Of the components, orthonormal, (p, r).
    mean, sd
        Of each of q columns of covariates.
    """

    transform: Transform
    directions: _Array
    mean: _Array
    sd: _Array

    def values(self, samples: Samples) -> _Array:
        """Return standardised covariates, then components, (n, q + r)."""
        known = (samples.covariates - self.mean) / self.sd
        return np.hstack([known, self.transform.apply(samples) @ self.directions])

    def linear(self, coefficients: _Array, intercept: float = 0.0) -> Linear:
        """Return the linear function of features and covariates that coefficients of the columns make."""
        count = len(self.mean)
        known = coefficients[:count] / self.sd
        features = self.transform.unfold(self.directions @ coefficients[count:], intercept)
        covariates = np.array(features.covariates) + known
        constant = features.intercept - float(known @ self.mean)
        return Linear(constant, features.coefficients, tuple(covariates.tolist()))


def learn_columns(samples: Samples) -> HazardColumns:
    """Learn the columns from the scans of a training, and from them only."""
    transform = learn_transform(samples)
    directions = np.zeros((0, 0))
    if samples.features.shape[1]:
        directions = decompose(transform.apply(samples)).directions
    mean, sd = samples.covariates.mean(axis=0), samples.covariates.std(axis=0)
    varies = sd > _SMALLEST * np.maximum(abs(mean), _SMALLEST)
    return HazardColumns(transform, directions, mean, np.where(varies, sd, 1.0))
