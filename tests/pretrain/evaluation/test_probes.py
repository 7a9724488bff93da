import numpy as np
import pytest

from neurofm_bids.pretrain.evaluation.metrics import auc
from neurofm_bids.pretrain.evaluation.probes import logistic_scores, residuals, ridge_predictions

PEOPLE = [str(number) for number in range(200)]


def correlation(one, other):
    return np.corrcoef(one, other)[0, 1]


def test_ridge_reads_what_features_hold_and_nothing_else():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 30)) * np.logspace(-3, 3, 30) + 5
    held = features[:, :1] * 1e3 + features[:, 1:2]
    targets = np.hstack([held, held + rng.normal(size=(200, 1)) * held.std(), rng.normal(size=(200, 1))])
    predicted = ridge_predictions(features, targets, PEOPLE)
    assert correlation(predicted[:, 0], targets[:, 0]) > 0.99
    assert correlation(predicted[:, 1], targets[:, 1]) == pytest.approx(np.sqrt(0.5), abs=0.1)
    assert correlation(predicted[:, 2], targets[:, 2]) < 0.2


def test_scans_of_a_person_are_never_in_training_and_test():
    """Features tell the person and nothing of the target: only scans of the same person would give it."""
    rng = np.random.default_rng(3)
    features = np.repeat(rng.normal(size=(100, 60)), 2, axis=0)
    targets = np.repeat(rng.normal(size=(100, 1)), 2, axis=0)
    together = [str(number // 2) for number in range(200)]
    assert correlation(ridge_predictions(features, targets, PEOPLE)[:, 0], targets[:, 0]) > 0.3
    assert correlation(ridge_predictions(features, targets, together)[:, 0], targets[:, 0]) < 0.2
    positive = targets[:, 0] > 0
    assert auc(positive, logistic_scores(features, positive, PEOPLE)) > 0.65
    assert auc(positive, logistic_scores(features, positive, together)) < 0.6


def test_logistic_regression_finds_a_class():
    rng = np.random.default_rng(0)
    features, positive = rng.normal(size=(200, 5)), np.arange(200) % 2 == 0
    features[:, 3] += 2 * positive  # two sd: the best AUC is .92
    assert auc(positive, logistic_scores(features, positive, PEOPLE)) == pytest.approx(0.92, abs=0.04)
    assert auc(positive, logistic_scores(features[:, :3], positive, PEOPLE)) < 0.6


def test_cross_validation_needs_seven_people():
    features = np.random.default_rng(0).normal(size=(8, 2))
    with pytest.raises(ValueError, match="at least 7 people"):
        ridge_predictions(features, features, list("aabcdeff"))
    with pytest.raises(ValueError, match="at least 7 people"):
        logistic_scores(features, features[:, 0] > 0, list("aabcdeff"))
    assert np.isfinite(ridge_predictions(features, features, list("aabcdefg"))).all()


def test_residuals_do_not_correlate_with_covariates():
    rng = np.random.default_rng(0)
    covariates, rest = rng.normal(size=(50, 2)), rng.normal(size=50)
    left = residuals(covariates @ [2.0, -1.0] + 7 + rest, covariates)
    np.testing.assert_allclose(covariates.T @ left, 0, atol=1e-9)
    np.testing.assert_allclose(left, residuals(rest, covariates), atol=1e-9)
