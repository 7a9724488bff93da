"""Computing the statistics of a cohort: agreement of predicted and known age, principal components."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.components import fit_components
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import AGE_GAP, MASK_VOLUME
from neurofm_bids.records.statistics import (
    Ages,
    Agreement,
    Components,
    Statistics,
    Summary,
    outliers,
    standard_deviation,
)

__all__ = ["age_agreement", "compute", "principal_components", "statistics_of"]

_Array = npt.NDArray[np.float64]


def statistics_of(cohort: Cohort) -> Statistics:
    """Return the statistics of predictions, image quality metrics, gaps of age and features of a cohort."""
    columns = cohort.columns
    names = (*cohort.predicted, *cohort.metrics, AGE_GAP, MASK_VOLUME)
    values = {name: (columns[name]["Units"], cohort.values(name)) for name in names}
    return compute(values, cohort.ages, cohort.features, cohort.included)


def compute(
    columns: Mapping[str, tuple[str, _Array]],
    ages: Ages,
    features: npt.NDArray[np.floating],
    included: npt.NDArray[np.bool_] | None = None,
) -> Statistics:
    """Return the statistics of a cohort.

    Parameters
    ----------
    columns
        Units and values, shape (n,), by column; NaN where a scan has none.
    ages
        Chronological and predicted ages of the n scans.
    features
        Shape (n, d).
    included
        Which of their rows take part, shape (n,); None for all.
    """
    known, predicted = ages.chronological[ages.compared], ages.predicted[ages.compared]
    return Statistics(
        summaries={name: Summary(units, values) for name, (units, values) in columns.items()},
        ages=ages,
        agreement=age_agreement(known, predicted) if known.size else None,
        components=_components(features, included),
    )


def _components(
    features: npt.NDArray[np.floating], included: npt.NDArray[np.bool_] | None
) -> Components | None:
    """Return the components of the scans that take part; the scores of others are NaN."""
    if included is None or included.all():
        return principal_components(features)
    found = principal_components(features[included])
    if found is None:
        return None
    places = np.flatnonzero(included)
    scores = np.full((len(features), 2), np.nan)
    scores[places] = found.scores
    return Components(scores, found.explained, tuple(int(places[place]) for place in found.outliers))


def age_agreement(chronological: _Array, predicted: _Array) -> Agreement:
    """Compare ages in years, both of shape (n,) with n of 1 or more.

    >>> age_agreement(np.array([20.0, 40.0, 60.0]), np.array([22.0, 42.0, 62.0]))
    Agreement(n=3, mae=2.0, bias=2.0, sd=0.0, r=1.0, outliers=())
    """
    gap = predicted - chronological
    spread = gap.size > 2 and standard_deviation(chronological) and standard_deviation(predicted)
    return Agreement(
        n=gap.size,
        mae=float(np.abs(gap).mean()),
        bias=float(gap.mean()),
        sd=standard_deviation(gap),
        r=round(float(np.corrcoef(chronological, predicted)[0, 1]), 12) if spread else None,
        outliers=tuple(outliers(gap)),
    )


def principal_components(features: npt.NDArray[np.floating]) -> Components | None:
    """Return the first two components of centred features, shape (n, d).

    Each component points to where its largest loading is positive, so that equal features give equal
    pictures. None with fewer than three scans, or where features vary along fewer than two directions.
    """
    fitted = fit_components(features, 2)
    if fitted is None or len(fitted.shares) < 2:
        return None
    scores, shares = fitted.scores(features), fitted.shares
    digits = 5 - int(np.floor(np.log10(np.abs(scores).max())))  # beyond these, libraries differ
    scores = scores.round(digits)
    far = outliers(np.hypot(*(scores - np.median(scores, axis=0)).T))
    return Components(scores, (float(shares[0]), float(shares[1])), tuple(far))
