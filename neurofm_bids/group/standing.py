"""Scans that stand out among those of their cohort by an image quality metric."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.rules import cohort_rules
from neurofm_bids.records.statistics import robust_sd

__all__ = ["GROUP_CHECK", "group_checks"]

GROUP_CHECK = "group_check"


def group_checks(cohort: Cohort) -> list[str | None]:
    """Return why each scan stands out, None where it does not.

    A metric stands out where it is worse than the median of the cohort by more than some robust standard
    deviations, 1.4826 times the median absolute deviation (Leys 2013). ``data/quality.toml`` has the number,
    the directions and the least size of a cohort; failed scans count, as a median bears them.
    """
    reasons: list[list[str]] = [[] for _ in cohort.members]
    limits = cohort_rules()
    for metric, worse in limits.worse.items():
        values = cohort.recorded(metric)
        known = values[np.isfinite(values)]
        if known.size < limits.least_scans:
            continue
        median = float(np.median(known))
        distance = _distance(values, known)
        for place in np.flatnonzero(_worse(distance, worse) > limits.mads):
            side = "below" if distance[place] < 0 else "above"
            far = f"{abs(distance[place]):.1f} robust SD {side} the median of {median:.3g}"
            reasons[place].append(f"{metric} of {values[place]:.3g} is {far}")
    return ["; ".join(sentences) or None for sentences in reasons]


def _distance(values: npt.NDArray[np.float64], known: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distance of values from the median, in robust standard deviations; 0 where these are 0."""
    middle = float(np.median(known))
    spread = robust_sd(known)
    known_or_middle = np.where(np.isfinite(values), values, middle)
    return np.zeros(len(values)) if spread == 0 else (known_or_middle - middle) / spread


def _worse(distance: npt.NDArray[np.float64], worse: str) -> npt.NDArray[np.float64]:
    return {"low": -distance, "high": distance, "both": np.abs(distance)}[worse]
