"""Where the features of the scans of a training lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.distance import distances
from neurofm_bids.readouts.folds import stratified_folds
from neurofm_bids.readouts.readout import Cloud

__all__ = ["make_cloud"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_COMPONENTS, _PEOPLE_PER_COMPONENT, _FOLDS = 20, 10, 5


def make_cloud(features: _Values, blocks: _Ints, seed: int = 0) -> Cloud:
    """Return the cloud of scans, with the distances of blocks from the cloud of the others.

    Parameters
    ----------
    features
        Shape (n, p), in their own units.
    blocks
        Number of what folds keep together of each scan, such as the person, shape (n,).
    """
    count = int(max(1, min(_COMPONENTS, len(np.unique(blocks)) // _PEOPLE_PER_COMPONENT, features.shape[1])))
    folds = stratified_folds(blocks, np.zeros(len(blocks), dtype=np.intp), _FOLDS, seed)
    held = [
        distances(_cloud(features[folds != fold], count), features[folds == fold])
        for fold in np.unique(folds)
    ]
    percentiles = np.percentile(np.concatenate(held), np.arange(101))
    return replace(_cloud(features, count), distances=tuple(percentiles.tolist()))


def _cloud(features: _Values, count: int) -> Cloud:
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    _, singular, right = np.linalg.svd((features - mean) / sd, full_matrices=False)
    variances = singular**2 / len(features)
    count = max(1, min(count, int((variances > 1e-12 * variances[0]).sum())))
    signs = np.sign(right[np.arange(count), np.abs(right[:count]).argmax(axis=1)])
    others = features.shape[1] - count
    return Cloud(
        tuple(mean.tolist()),
        tuple(sd.tolist()),
        tuple(map(tuple, (right[:count] * signs[:, None]).tolist())),
        tuple(np.maximum(variances[:count], np.finfo(float).tiny).tolist()),
        float(variances[count:].sum() / others) if others else 0.0,
        (),
    )
