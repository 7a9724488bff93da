import numpy as np
import pytest

from neurofm_bids.group.statistics import age_agreement, compute, principal_components
from neurofm_bids.records.statistics import Ages


@pytest.mark.parametrize(
    ("known", "predicted", "expected"),
    [
        ([20.0, 40, 60], [22.0, 42, 62], (3, 2.0, 2.0, 0.0, 1.0)),
        ([20.0, 40], [22.0, 38], (2, 2.0, 0.0, pytest.approx(8**0.5), None)),
        ([20.0], [18.0], (1, 2.0, -2.0, None, None)),
        ([20.0, 20, 20], [18.0, 20, 22], (3, pytest.approx(4 / 3), 0.0, 2.0, None)),
        (
            [30, 30, 30 + 4e-15],  # months in years
            [28.0, 30, 32],
            (3, pytest.approx(4 / 3), pytest.approx(0), pytest.approx(2.0), None),
        ),
    ],
)
def test_agreement_of_ages(known, predicted, expected):
    agreement = age_agreement(np.array(known), np.array(predicted))
    assert (agreement.n, agreement.mae, agreement.bias, agreement.sd, agreement.r) == expected


def test_agreement_names_the_farthest_scans():
    known, gap = np.arange(40.0, 49.0), np.array([0.1, 0.2, -0.1, 50, 0.3, -0.2, 0, -70, 0.1])
    assert age_agreement(known, known + gap).outliers == (7, 3)


def features(seed=0):
    """Scans along one direction, with little noise around it."""
    random = np.random.default_rng(seed)
    scores = np.linspace(-3, 3, 9)
    return np.outer(scores, [0.6, -0.8, 0]) + random.normal(0, 0.01, (9, 3)), scores


def test_components_find_the_main_direction():
    values, scores = features()
    components = principal_components(values)
    assert components.scores.shape == (9, 2)
    assert np.abs(components.scores[:, 0]) == pytest.approx(np.abs(scores), abs=0.05)
    assert components.explained[0] > 0.99
    assert components.explained[1] < 0.01
    assert components.outliers == ()


def test_components_point_the_same_way_whatever_the_order():
    values, _ = features()
    turned = principal_components(values[::-1]).scores[::-1]
    assert turned == pytest.approx(principal_components(values).scores, abs=1e-4)


def test_components_name_the_scan_that_is_far_off():
    values, _ = features()
    values[4] += 99
    assert principal_components(values).outliers[0] == 4


@pytest.mark.parametrize("values", [np.eye(2), np.ones((5, 4)), np.arange(5.0)[:, None], np.empty((0, 0))])
def test_too_few_or_equal_features_have_no_components(values):
    assert principal_components(values) is None


def test_statistics_of_a_cohort_leave_out_what_is_not_known():
    nan, no = np.nan, np.zeros(4, dtype=bool)
    known, predicted = np.array([20.0, nan, 60.0, 89.0]), np.array([22.0, 30.0, nan, 60.0])
    ages = Ages(known, predicted, np.array([False, False, False, True]), no)
    statistics = compute({"contrast": ("1", np.array([1.0, nan, 3.0, 2.0]))}, ages, np.eye(4))
    assert (statistics.agreement.n, statistics.agreement.mae) == (1, 2.0)
    assert statistics.summaries["contrast"].statistics()["mean"] == 2.0
    assert statistics.components is not None
    nobody = Ages(np.full(4, nan), predicted, no, no)
    assert compute({}, nobody, np.ones((4, 4))).rows() == []
