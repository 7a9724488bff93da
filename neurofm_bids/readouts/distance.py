"""How far the features of a scan are from those of the scans of a training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurofm_bids.readouts.readout import Cloud

__all__ = ["distances"]


def distances(cloud: Cloud, rows: ArrayLike) -> NDArray[np.float64]:
    """Return the Mahalanobis distances of features from a cloud, in standard deviations, shape (n,).

    The covariance of the standardised features is that of probabilistic principal components: the variances
    along the leading components, and one variance along all other directions (Tipping and Bishop 1999, J. R.
    Stat. Soc. B 61, 611-622).

    Parameters
    ----------
    rows
        Features in the order of the cloud and in their units, shape (n, p).
    """
    standard = (np.asarray(rows, dtype=np.float64) - cloud.mean) / cloud.sd
    along = standard @ cloud.axes.T
    with np.errstate(over="ignore"):  # infinite where the cloud has next to no variance
        squared = np.sum(along**2 / np.array(cloud.variances), axis=1)
        if cloud.residual_variance:
            squared += np.sum((standard - along @ cloud.axes) ** 2, axis=1) / cloud.residual_variance
    return np.asarray(np.sqrt(squared))
