"""The intensity scale of the segmentation network."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["scaled"]

_QUANTILE = 0.98
_RANGE = (0.0, 1.6)
_SAMPLE = 50_000


def scaled(image: Tensor) -> Tensor:
    """Return a skull-stripped image with the 98th percentile of its voxels above zero at 1, clipped at 1.6.

    Parameters
    ----------
    image
        Any size and unit, zero outside the brain mask.
    """
    inside = image[image > 0]
    if not len(inside):
        return image.clamp(*_RANGE)
    step = max(1, len(inside) // _SAMPLE)
    return (image / torch.quantile(inside[::step].float(), _QUANTILE)).clamp(*_RANGE)
