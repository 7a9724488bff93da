"""Where the volumes and the predicted age of a scan lie among those of healthy people, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PREDICTED_AGE", "REASONS", "UNKNOWN", "Centile", "Observation"]

PREDICTED_AGE = "predicted_age"  # key of what is no volume

# Notes with which there is no centile; the others only limit it. Their meaning: Levels of ``centile_notes``.
REASONS = frozenset(
    {
        "age_unknown",
        "age_lower_bound",
        "age_outside",
        "sex_unknown",
        "sex_outside",
        "quality_failed",
        "not_found",
        "not_allowed",
        "made_otherwise",
    }
)


@dataclass(frozen=True)
class Centile:
    """One volume or predicted age, and where it lies among those of people of its age, sex and head size.

    Parameters
    ----------
    name
        Of the region or sum, such as ``left_hippocampus``, or of the prediction, such as ``brain_volume``.
    source
        Whether the segmentation measured it or NeuroFM predicted it.
    value, interval95
        In :attr:`units`, as in the record.
    expected
        The median of the reference; None, like those that follow, where a note says why.
    z
        Distance from the median in sd of the reference.
    centile
        Percentage of the people of the reference with a smaller value.
    centile_interval95
        Centiles of the limits of the value and of the head size; None where it has none.
    notes
        What limits the centile, and why there is none: Levels of the column ``centile_notes``.
    """

    name: str
    source: Literal["measured", "predicted"]
    value: float
    interval95: tuple[float, float] | None
    expected: float | None = None
    z: float | None = None
    centile: float | None = None
    centile_interval95: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name that tells measured and predicted volumes apart.

        >>> Centile("brain_volume", "predicted", 1.2e6, None).key
        'predicted_brain_volume'
        """
        return self.name if self.source == "measured" else f"predicted_{self.name}"

    @property
    def units(self) -> str:
        """Of the value.

        >>> Centile("age", "predicted", 40.0, None).units
        'year'
        """
        return "year" if self.key == PREDICTED_AGE else "mm^3"


@dataclass(frozen=True)
class Observation:
    """One scan as a reference is made from it.

    Parameters
    ----------
    age_years, sex
        Of the person at the scan.
    head_ml
        Measured intracranial volume; None if it is not known.
    values
        By the keys of :class:`Centile`.
    reason
        The note for which the scan has no centiles and cannot be part of a reference; empty for none.
    """

    age_years: float | None
    sex: str | None
    head_ml: float | None
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


UNKNOWN = Observation(None, None, None, reason="age_unknown")
