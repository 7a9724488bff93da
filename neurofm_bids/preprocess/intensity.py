"""Intensities whose offset and unit do not depend on how a file stores them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_zero", "step_between"]

_ZERO_QUANTILE = 0.005
_ROUNDING = 2.0**-22  # of the largest float32 value, twice


def from_zero(data: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intensities that are equal for ``x`` and ``a * x + b``, with ``a`` above zero.

    The 0.5th percentile, which is 0 in usual magnitude images, becomes zero. Values that lie on whole steps,
    such as integers behind the slope of a header, become whole numbers, so that even the last bits agree;
    others keep their unit.

    Parameters
    ----------
    data
        Intensities as stored.
    values
        Distinct values among them, in ascending order.
    """
    zero = np.quantile(data, _ZERO_QUANTILE, method="lower")
    shifted = data - zero
    step = step_between(values)
    if step is None or step == 1:
        return shifted
    counts = shifted / np.float32(step)
    whole = np.rint(counts)
    return whole if np.abs(counts - whole, out=counts).max() < 0.25 else shifted


def step_between(values: NDArray[np.float32]) -> float | None:
    """Return the step on whose multiples, from the first of them, all values lie; None if there is none.

    Parameters
    ----------
    values
        In ascending order, each once.

    Examples
    --------
    >>> step_between(np.float32([-0.5, -0.25, 0.0, 0.75]))
    0.25
    """
    exact = values.astype(np.float64)
    rounding = float(np.abs(exact).max()) * _ROUNDING
    gaps = np.diff(exact)
    if gaps.min() < 8 * rounding:
        return None
    step = gaps[gaps < 1.5 * gaps.min()].mean()
    places = np.concatenate([[0], np.cumsum(np.rint(gaps / step))])
    step = float((exact[-1] - exact[0]) / places[-1])
    agree = np.abs(exact - exact[0] - places * step).max() <= 4 * rounding
    return step if agree else None
