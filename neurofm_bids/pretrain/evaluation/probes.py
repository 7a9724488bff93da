"""Probes: what linear models read from features of people whom they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["logistic_scores", "residuals", "ridge_predictions"]

_Array = NDArray[np.float64]
_ALPHAS = np.logspace(-1, 5, 13)
_STRENGTHS = np.logspace(-4, 1, 6)  # inverse of regularisation
_FOLDS, _INNER_FOLDS, _FEWEST = 5, 4, 7


def ridge_predictions(features: _Array, targets: _Array, people: Sequence[str]) -> _Array:
    """Predict targets by ridge regression on standardised features, with cross-validation over people.

    All scans of a person are in one of five folds. The penalty of each target is chosen within the other
    folds, again with all scans of a person together. Without any information, predictions correlate
    negatively with the targets, because each is the mean of the other folds.

    Parameters
    ----------
    features, targets
        Values of n scans, (n, f) and (n, t).
    people
        To whom each scan belongs.

    Returns
    -------
    ndarray
        (n, t).

    Raises
    ------
    ValueError
        There are fewer than seven people.
    """
    _check_people(people)
    predicted = np.full(targets.shape, np.nan)
    for train, test in _folds(people, _FOLDS):
        own = [people[index] for index in train]
        errors = np.zeros((len(_ALPHAS), targets.shape[1]))
        for fit, held in _folds(own, _INNER_FOLDS):
            found = _ridge(features[train[fit]], targets[train[fit]], features[train[held]])
            errors += ((found - targets[train[held]]) ** 2).sum(axis=1)
        best = errors.argmin(axis=0)
        predicted[test] = _ridge(features[train], targets[train], features[test])[best, :, range(len(best))].T
    return predicted


def _check_people(people: Sequence[str]) -> None:
    """Raise if there are too few people for folds within folds."""
    if len(set(people)) < _FEWEST:
        raise ValueError(f"cross-validation needs at least {_FEWEST} people")


def _folds(
    people: Sequence[str], count: int, classes: NDArray[np.bool_] | None = None
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the places of training and test scans of random folds with equal shares of the classes."""
    from sklearn.model_selection import StratifiedGroupKFold

    strata = np.zeros(len(people), dtype=bool) if classes is None else classes
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    return list(folds.split(strata, strata, groups=people))


def _ridge(features: _Array, targets: _Array, new: _Array) -> _Array:
    """Return predictions with each penalty, (penalties, new, targets)."""
    mean, middle = features.mean(axis=0), targets.mean(axis=0)
    scale = features.std(axis=0)
    scale[scale == 0] = 1
    left, sizes, right = np.linalg.svd((features - mean) / scale, full_matrices=False)
    shrunk = sizes / (sizes**2 + _ALPHAS[:, None])
    inside = left.T @ (targets - middle)
    projected = (new - mean) / scale @ right.T
    return np.asarray(middle + np.einsum("nk,ak,kt->ant", projected, shrunk, inside))


def logistic_scores(features: _Array, positive: NDArray[np.bool_], people: Sequence[str]) -> _Array:
    """Return log-odds of a class by logistic regression, with cross-validation as of ridge_predictions.

    Log-odds of different folds are comparable because each fold has the same share of the class.

    Parameters
    ----------
    features
        (n, f).
    positive
        Whether each scan is of the class, (n,).
    people
        To whom each scan belongs.

    Raises
    ------
    ValueError
        There are fewer than seven people.
    """
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _check_people(people)
    scores = np.full(len(positive), np.nan)
    for train, test in _folds(people, _FOLDS, positive):
        inner = _folds([people[index] for index in train], _INNER_FOLDS, positive[train])
        regression = LogisticRegressionCV(Cs=_STRENGTHS, cv=inner, scoring="neg_log_loss", max_iter=2000)
        model = make_pipeline(StandardScaler(), regression).fit(features[train], positive[train])
        scores[test] = model.decision_function(features[test])
    return scores


def residuals(values: _Array, covariates: _Array) -> _Array:
    """Return what a linear regression on covariates, (n,) or (n, c), leaves of values, (n,).

    >>> residuals(np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 2.0])).round(3)
    array([ 0.167, -0.333,  0.167])
    """
    design = np.column_stack([np.ones(len(values)), covariates])
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])
