"""From the network's outputs over the passes of a scan to predictions with units and repeatability."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.model.registry import Head, ModelSpec
from neurofm_bids.records.prediction import Prediction

__all__ = ["summarise"]


def summarise(outputs: Mapping[str, NDArray[np.float64]], spec: ModelSpec) -> dict[str, Prediction]:
    """Return the predictions of one scan by name.

    Parameters
    ----------
    outputs
        Standardised outputs by head over the passes, shape (passes,), or logits, (passes, classes).
    spec
        The model.
    """
    return {head.name: _prediction(head, outputs[head.name]) for head in spec.heads}


def _prediction(head: Head, values: NDArray[np.float64]) -> Prediction:
    if head.outputs > 1:
        values = 1.0 / np.exp(values - values[:, -1:]).sum(axis=1)
    values = values * head.sd + head.mean
    value = float(values.mean())
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    low, high = head.valid_range
    return Prediction(
        value=value,
        sd=sd,
        interval95=None if sd is None else _interval(head, value, sd),
        units=head.units,
        range=head.valid_range,
        in_range=low <= value <= high,
        long_name=head.long_name,
        description=head.description,
        of_class=head.of_class,
    )


def _interval(head: Head, value: float, sd: float) -> tuple[float, float]:
    low, high = value - 1.96 * sd, value + 1.96 * sd
    return (max(low, 0.0), min(high, 1.0)) if head.outputs > 1 else (low, high)
