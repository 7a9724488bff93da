"""Scale of ages: predictions that regress to the mean are stretched until no decade is far off.

A regression on what an image tells of age keeps a part of the distance from the mean age: young people are
predicted too old, and old ones too young. The usual remedy divides by the slope on age (Cole et al. 2018, de
Lange & Cole 2020), which removes the bias and enlarges the error of each person. Here the scale is the
smallest that keeps the mean error of each decade small.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.network import NeuroFMNet

__all__ = ["AgeScale", "age_scale", "rescale_age"]

_LARGEST_BIAS = 3.0  # years, of a decade
_DECADES = range(20, 80, 10)
_FEWEST = 5  # people of a decade
_SCALES = np.arange(1.0, 2.005, 0.01)


class AgeScale(NamedTuple):
    """New age = ``factor`` * age + ``offset``, in years."""

    factor: float
    offset: float


def age_scale(known: NDArray[np.float64], predicted: NDArray[np.float64]) -> AgeScale:
    """Return the scale of predicted ages with the smallest factor that suffices.

    Parameters
    ----------
    known, predicted
        Ages in years, (n,); people whose age is NaN, or outside 20 to 79, are left out.

    Returns
    -------
    AgeScale
        The smallest factor of at least 1 with which the mean errors of all decades can be within three
        years; if none up to 2 suffices, the one with the smallest range of errors. The offset makes the
        largest and the smallest mean error of a decade opposite.

    Raises
    ------
    NeuroFMError
        Less than two decades have five people.
    """
    decades = [(known >= low) & (known < low + 10) for low in _DECADES]
    means = np.array([(known[d].mean(), predicted[d].mean()) for d in decades if d.sum() >= _FEWEST])
    if len(means) < 2:
        raise NeuroFMError(
            "there are too few ages to scale the predictions", fix="Use a larger --n.", code=Exit.USAGE
        )
    errors = _SCALES[:, None] * means[:, 1] - means[:, 0]
    half_range = np.ptp(errors, axis=1) / 2
    chosen = int(np.argmax(half_range <= max(_LARGEST_BIAS, half_range.min())))
    return AgeScale(float(_SCALES[chosen]), -float(errors[chosen].max() + errors[chosen].min()) / 2)


def rescale_age(network: NeuroFMNet, scale: AgeScale) -> None:
    """Change the last layer of the age head so that it predicts on another scale."""
    head = next(head for head in network.outputs if head.name == "age")
    layer = cast("nn.Linear", network.heads["age"])
    with torch.no_grad():
        layer.weight.mul_(scale.factor)
        layer.bias.mul_(scale.factor).add_((scale.offset + (scale.factor - 1) * head.mean) / head.sd)
