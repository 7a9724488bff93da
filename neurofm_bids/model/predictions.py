"""From the network's outputs over views to predictions with units and repeatability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.model.registry import ModelSpec, Target

__all__ = ["Prediction", "summarise"]


@dataclass(frozen=True)
class Prediction:
    """One predicted quantity of one scan.

    Parameters
    ----------
    value
        Mean over the views, in the units of the target.
    sd
        Standard deviation over the views (repeatability, not accuracy), None with a single view.
    target
        Name, units and valid range.
    """

    target: Target
    value: float
    sd: float | None

    @property
    def name(self) -> str:
        """Name of the target."""
        return self.target.name

    @property
    def interval95(self) -> tuple[float, float] | None:
        """``value`` plus and minus 1.96 ``sd``, within 0 and 1 for probabilities."""
        if self.sd is None:
            return None
        low, high = self.value - 1.96 * self.sd, self.value + 1.96 * self.sd
        return (max(low, 0.0), min(high, 1.0)) if self.name == "sex" else (low, high)

    @property
    def in_range(self) -> bool:
        """Whether the value lies where the model was trained."""
        low, high = self.target.valid_range
        return low <= self.value <= high

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction ready for JSON."""
        interval = self.interval95
        return {
            "Value": self.value,
            "SD": self.sd,
            "Interval95": None if interval is None else list(interval),
            "Units": self.target.units,
            "InRange": self.in_range,
            "Range": list(self.target.valid_range),
            "LongName": self.target.long_name,
            "Description": self.target.description,
        }


def summarise(outputs: dict[str, NDArray[np.float64]], spec: ModelSpec) -> tuple[Prediction, ...]:
    """Return the predictions of one scan.

    Parameters
    ----------
    outputs
        Standardised outputs by target over views, shape (views,); for ``sex`` the logits, (views, 2).
    spec
        The model, with the constants of the de-standardisation.
    """
    return tuple(_prediction(spec.targets[name], values) for name, values in outputs.items())


def _prediction(target: Target, values: NDArray[np.float64]) -> Prediction:
    if target.name == "sex":
        values = 1.0 / (1.0 + np.exp(values[:, 0] - values[:, 1]))
    values = values * target.sd + target.mean
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return Prediction(target, float(values.mean()), sd)
