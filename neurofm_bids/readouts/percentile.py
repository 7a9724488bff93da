"""Where a value lies among those of the scans of a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["percentile_of"]


def percentile_of(value: float, percentiles: Sequence[float]) -> float:
    """Return the percentage of values that are lower, from percentiles 0 to 100, between which it is linear.

    Where several percentiles are equal, half of the values that are equal count as lower.

    >>> percentile_of(2.5, range(101)), percentile_of(-1, range(101)), percentile_of(101, range(101))
    (2.5, 0.0, 100.0)
    """
    below, up_to = (np.searchsorted(percentiles, value, side=side) for side in ("left", "right"))
    if below < up_to:
        return float(below + up_to - 1) / 2
    return float(np.interp(value, percentiles, np.arange(len(percentiles))))
