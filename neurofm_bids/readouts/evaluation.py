"""How well a task can be read: metrics, comparisons, a null and a learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.bootstrap import metrics_with_intervals
from neurofm_bids.readouts.cross_validation import Scheme, cross_validate, cross_validate_beside
from neurofm_bids.readouts.family import Family, HeldOut
from neurofm_bids.readouts.folds import blocks_with, stratified_folds
from neurofm_bids.readouts.permutation import p_value
from neurofm_bids.readouts.readout import Evaluation, Metric
from neurofm_bids.readouts.samples import Samples

__all__ = ["evaluate"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_PARTS, _LEAST_PEOPLE = 5, 20  # fifths of each training are the points of the learning curve


def evaluate(
    samples: Samples,
    family: Family,
    folds: _Ints,
    scheme: Scheme,
    predictions: _Values | None = None,
    *,
    by_site: bool,
) -> tuple[Evaluation, HeldOut]:
    """Return the evaluation of a readout, and the held-out scans that its metrics are of.

    Parameters
    ----------
    folds
        Outer fold of each scan.
    predictions
        Of NeuroFM, shape (n, k), to compare with; NaN where not known.
    by_site
        Whether folds are sites.
    """
    covariates = samples.covariates
    beside: Mapping[str, Metric] = {}
    if covariates.shape[1]:
        held, with_covariates = cross_validate_beside(samples, family, folds, scheme)
        beside = metrics_with_intervals(with_covariates, family, scheme.bootstraps, scheme.seed)
    else:
        held = cross_validate(samples, family, folds, scheme)
    own = np.empty((len(samples), 0)) if predictions is None else predictions
    both = np.hstack([covariates, own]) if own.shape[1] and covariates.shape[1] else own[:, :0]
    null = samples, family.code(samples.target), folds, scheme.permutations, scheme.seed
    metrics = metrics_with_intervals(held, family, scheme.bootstraps, scheme.seed)
    whole = round(_people_in_training(samples, folds, np.ones(len(samples), dtype=bool)))
    made = Evaluation(
        metrics,
        covariates_only=_metrics_of(samples, covariates, family, folds, scheme),
        with_covariates=beside,
        predictions_only=_metrics_of(samples, own, family, folds, scheme),
        predictions_and_covariates=_metrics_of(samples, both, family, folds, scheme),
        p_value=p_value(*null) if scheme.permutations else None,
        scheme=_in_words(samples, folds, scheme, by_site=by_site),
        learning_curve={
            **_learning_curve(samples, family, folds, scheme),
            str(whole): metrics[family.main],
        },
    )
    return made, held


def _metrics_of(
    samples: Samples, features: _Values, family: Family, folds: _Ints, scheme: Scheme
) -> Mapping[str, Metric]:
    """Return the metrics of a readout on other features in the same folds, not regressed on covariates.

    They are of the scans that have all of these features; none if those are too few.
    """
    if not features.shape[1]:
        return {}
    alone = replace(samples, features=features, covariates=samples.covariates[:, :0], is_harmonised=False)
    is_known = np.asarray(np.isfinite(features).all(axis=1))
    if not is_known.all():
        alone, folds = alone.take(is_known), folds[is_known]
        if not _can_be_fitted(alone, family, folds, np.ones(len(alone), dtype=bool), scheme):
            return {}
    held = cross_validate(alone, family, folds, scheme)
    return metrics_with_intervals(held, family, scheme.bootstraps, scheme.seed)


def _learning_curve(samples: Samples, family: Family, folds: _Ints, scheme: Scheme) -> dict[str, Metric]:
    """Return the main metric by mean number of people in the training, for parts of each training.

    Parts in which a class has too few people for the inner folds are left out.
    """
    curve = {}
    deal = stratified_folds(samples.blocks, family.strata(samples.target), _PARTS, scheme.seed + 100)
    for parts in range(1, _PARTS):
        usable = deal < parts
        if _can_be_fitted(samples, family, folds, usable, scheme):
            held = cross_validate(samples, family, folds, scheme, usable)
            found = metrics_with_intervals(held, family, scheme.bootstraps, scheme.seed)
            curve[str(round(_people_in_training(samples, folds, usable)))] = found[family.main]
    return curve


def _can_be_fitted(
    samples: Samples, family: Family, folds: _Ints, usable: npt.NDArray[np.bool_], scheme: Scheme
) -> bool:
    classes = len(family.shares(samples.target))
    for fold in np.unique(folds):
        train = samples.take((folds != fold) & usable)
        if len(np.unique(train.people)) < _LEAST_PEOPLE:
            return False
        blocks = blocks_with(train.blocks, family.strata(train.target), classes)
        if classes and blocks.min() < scheme.folds:
            return False
    return True


def _people_in_training(samples: Samples, folds: _Ints, usable: npt.NDArray[np.bool_]) -> float:
    """Return the mean number of people of a training."""
    counts = [len(np.unique(samples.people[(folds != fold) & usable])) for fold in np.unique(folds)]
    return float(np.mean(counts))


def _in_words(samples: Samples, folds: _Ints, scheme: Scheme, *, by_site: bool) -> str:
    outer, blocks = len(np.unique(folds)), samples.blocks_in_words
    within = " within sites" if samples.has_sites else ""
    what = f"each of {outer} sites left out in turn" if by_site else f"{outer} folds of {blocks}"
    null = f"; {scheme.permutations:,} permutations{within}" if scheme.permutations else ""
    return (
        f"Nested cross-validation: {what}, {scheme.folds} inner folds of {blocks} in each training; "
        f"intervals: {scheme.bootstraps:,} bootstrap samples of {blocks}{null}"
    )
