"""Where the volumes of a scan lie among those of healthy people, and what a reference is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["REASONS", "UNKNOWN", "Centile", "Observation"]

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
    """One volume, and where it lies among those of people of the same age, sex and head size.

    Parameters
    ----------
    name
        Of the region or sum, such as ``left_hippocampus``, or of the prediction, such as ``brain_volume``.
    source
        Whether the segmentation measured the volume or NeuroFM predicted it.
    mm3, interval95
        The volume and its interval, as in the record.
    expected_mm3
        The median of the reference; None, like those that follow, where a note says why.
    z
        Distance from the median in sd of the reference.
    centile
        Percentage of the people of the reference with a smaller volume.
    centile_interval95
        Centiles of the limits of the volume and of the head size; None where the volume has none.
    notes
        What limits the centile, and why there is none: Levels of the column ``centile_notes``.
    """

    name: str
    source: Literal["measured", "predicted"]
    mm3: float
    interval95: tuple[float, float] | None
    expected_mm3: float | None = None
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


@dataclass(frozen=True)
class Observation:
    """One scan as a reference is made from it.

    Parameters
    ----------
    age_years, sex
        Of the person at the scan.
    head_ml
        Measured intracranial volume; None if it is not known.
    mm3
        Volumes by the keys of :class:`Centile`.
    reason
        The note for which the scan has no centiles and cannot be part of a reference; empty for none.
    """

    age_years: float | None
    sex: str | None
    head_ml: float | None
    mm3: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


UNKNOWN = Observation(None, None, None, reason="age_unknown")
