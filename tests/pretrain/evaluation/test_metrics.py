import numpy as np
import pytest

from neurofm_bids.pretrain.evaluation.metrics import age_band, agreement, auc, dice, repeatability


def test_agreement_ignores_unknown_values():
    result = agreement(np.array([10.0, np.nan, 30.0, 50.0]), np.array([12.0, 99.0, 33.0, 49.0]))
    assert (result["n"], result["mae"], result["bias"]) == (3, 2.0, pytest.approx(4 / 3))
    assert agreement(np.array([np.nan]), np.array([1.0])) is None


def test_a_regression_needs_a_spread():
    constant = agreement(np.array([5.0, 5.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    assert (constant["r"], constant["slope"]) == (None, None)


@pytest.mark.parametrize(
    ("positive", "expected"), [([True, True], None), ([False, True], 1.0), ([True, False], 0.0)]
)
def test_auc_needs_both_classes(positive, expected):
    assert auc(np.array(positive), np.array([0.2, 0.7])) == expected


@pytest.mark.parametrize(("age", "band"), [(17, ""), (18, "18-30"), (44.9, "30-45"), (80, "75-120")])
def test_age_bands(age, band):
    assert age_band(age) == band


def test_repeatability_compares_all_pairs_of_a_group():
    assert repeatability([[1.0], [2.0]]) is None
    assert repeatability([[10.0, 11.0, 12.0]])["pairs"] == 3


def test_dice_of_labels():
    known = np.array([[0, 1, 1, 1], [2, 2, 0, 4]], dtype=np.uint8)
    predicted = np.array([[1, 1, 1, 0], [3, 2, 0, 4]], dtype=np.uint8)
    np.testing.assert_allclose(dice(known, predicted, 5), [4 / 6, 2 / 3, 0, 1, np.nan])
    np.testing.assert_allclose(dice(known, known, 4), [1, 1, np.nan, 1])
