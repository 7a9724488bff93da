import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

from neurofm_bids.readouts import metrics

RNG = np.random.default_rng(3)
N = 120
SCORE = np.round(RNG.normal(size=N), 1)  # with ties
CLASS = SCORE + RNG.normal(size=N) > 0.5
VALUE = SCORE + RNG.normal(size=N)
FOLDS = np.arange(N) % 4
ALL = np.zeros(N, dtype=int)
ONES = np.ones((1, N))
WEIGHTS = RNG.integers(0, 3, size=(5, N)).astype(float)


def repeated(values, weights):
    return np.repeat(values, weights.astype(int), axis=0)


def test_auc_within_folds_is_the_mean_of_folds_weighted_by_pairs():
    parts = [(roc_auc_score(CLASS[k == FOLDS], SCORE[k == FOLDS]), CLASS[k == FOLDS]) for k in range(4)]
    pairs = [c.sum() * (~c).sum() for _, c in parts]
    assert metrics.auc(CLASS, SCORE, FOLDS, ONES)[0] == pytest.approx(
        np.average([a for a, _ in parts], weights=pairs)
    )


def test_weights_count_scans_as_often():
    aucs = metrics.auc(CLASS, SCORE, ALL, WEIGHTS)
    slopes = metrics.slope(VALUE, SCORE, WEIGHTS)
    rs = metrics.correlation(VALUE, SCORE, ALL, WEIGHTS)
    shares = metrics.r_squared(VALUE, SCORE, WEIGHTS)
    for place, weights in enumerate(WEIGHTS):
        c, s, v = (repeated(x, weights) for x in (CLASS, SCORE, VALUE))
        assert aucs[place] == pytest.approx(roc_auc_score(c, s))
        assert slopes[place] == pytest.approx(np.polyfit(s, v, 1)[0])
        assert rs[place] == pytest.approx(pearsonr(s, v)[0])
        assert shares[place] == pytest.approx(r2_score(v, s))


def test_correlation_within_folds_ignores_their_means():
    shift = 100.0 * FOLDS
    assert metrics.correlation(VALUE, SCORE, FOLDS, ONES)[0] == pytest.approx(
        metrics.correlation(VALUE + shift, SCORE - shift, FOLDS, ONES)[0]
    )
    assert np.isnan(metrics.correlation(VALUE, shift, FOLDS, ONES)[0])


def test_ranks_give_spearman():
    one, other = (metrics.ranks(x, ALL) for x in (VALUE, SCORE))
    assert metrics.correlation(one, other, ALL, ONES)[0] == pytest.approx(spearmanr(VALUE, SCORE)[0])


def test_balanced_accuracy():
    chosen = (SCORE > 0.3).astype(int)
    assert metrics.balanced_accuracy(CLASS.astype(int), chosen, ONES)[0] == pytest.approx(
        balanced_accuracy_score(CLASS, chosen)
    )
    assert metrics.mean_loss(np.arange(4.0), np.array([[1.0, 0, 0, 1]]))[0] == 1.5
    assert metrics.mean_within_classes(np.array([0, 1, 1]), np.array([3.0, 1, 1]), np.ones((1, 3)))[0] == 2


def test_the_calibration_slope_is_that_of_a_logistic_regression():
    slopes = metrics.calibration_slope(CLASS, SCORE, WEIGHTS)
    for place, weights in enumerate(WEIGHTS):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        c, s = repeated(CLASS, weights), repeated(SCORE, weights)
        assert slopes[place] == pytest.approx(model.fit(s[:, None], c).coef_[0, 0], rel=1e-3)


def test_metrics_that_are_not_defined_are_nan():
    nobody = np.zeros(N, dtype=bool)
    assert np.isnan(metrics.auc(nobody, SCORE, ALL, ONES)[0])
    assert np.isnan(metrics.calibration_slope(SCORE > 0, SCORE, ONES)[0])
    assert np.isnan(metrics.calibration_slope(CLASS, np.full(N, 2.0), ONES)[0])
    assert np.isnan(metrics.slope(VALUE, np.full(N, 2.0), ONES)[0])
    assert np.isnan(metrics.r_squared(np.full(N, 2.0), VALUE, ONES)[0])
