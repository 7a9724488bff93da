"""Intervals of volumes: the errors of a segmentation network on synthetic brains of held-out label maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.anatomy.morphometry import MEASURED, conformal_factor, summed
from neurofm_bids.anatomy.segmentation import lattice_volumes

if TYPE_CHECKING:
    from neurofm_bids.anatomy.network import AnatomyNet

__all__ = ["interval_factors"]


def interval_factors(
    network: AnatomyNet, brains: Iterable[tuple[Tensor, NDArray[np.float64]]]
) -> dict[str, float]:
    """Return the factor of the interval of each volume, see :func:`neurofm_bids.anatomy.morphometry.measure`.

    Volumes and confidence are those of one lattice; the mean over several is a little more exact.

    Parameters
    ----------
    network
        In eval mode.
    brains
        Scaled intensities in the box of each brain, (d, h, w), and the true volumes of the regions and of CSF
        outside the ventricles in mm3, (43,).
    """
    rows = [(true, *lattice_volumes(network, image)) for image, true in brains]
    true, found, confidence = (np.array(columns) for columns in zip(*rows, strict=True))
    factors = {}
    for name, members in MEASURED.items():
        totals, certain = np.array([summed(*row, members) for row in zip(found, confidence, strict=True)]).T
        factor = conformal_factor(true[:, list(members)].sum(axis=1), totals, certain)
        if factor is not None:
            factors[name] = factor
    return factors
