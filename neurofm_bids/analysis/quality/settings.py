"""The settings of the analysis of the quality of a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["QualitySettings"]


@dataclass(frozen=True)
class QualitySettings:
    """When a finding is listed.

    Parameters
    ----------
    false_outliers
        Expected share of false ones among the outliers.
    least_ratio
        Likelihood ratio from which a swap is listed.
    least_scans
        Participants that a site or scanner must have to be compared; twice as many over time.
    least_shift
        Smallest drift that is listed, in robust standard deviations.
    """

    false_outliers: float = 0.05
    least_ratio: float = 1000.0
    least_scans: int = 10
    least_shift: float = 0.5

    @staticmethod
    def broken_rules(values: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
        """Yield key, what is wrong and what to do for each value that is out of range."""
        settings = QualitySettings(**values)
        if not 0 < settings.false_outliers < 1:
            yield "false_outliers", "not between 0 and 1", "Write 0.05, for example."
        if settings.least_ratio <= 1:
            yield "least_ratio", "not more than 1", "Write 1000, for example."
        if settings.least_scans < 5:
            yield "least_scans", "less than 5", "Write 10, for example."
        if settings.least_shift < 0:
            yield "least_shift", "negative", "Write 0.5, for example."
