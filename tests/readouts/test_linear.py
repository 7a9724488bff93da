"""Linear functions and probabilities of classes."""

import numpy as np
import pytest

from neurofm_bids.readouts.linear import class_probabilities, function_values
from neurofm_bids.readouts.readout import Linear
from tests.readouts.made import made_readout


def test_functions_of_features_and_covariates():
    functions = [Linear(1.0, (2.0, 0.0), (10.0,)), Linear(0.0, (0.0, 1.0), (0.0,))]
    values = function_values(functions, [[3.0, 5.0], [0.0, 0.0]], [[0.5], [0.0]])
    assert values.tolist() == [[12.0, 5.0], [1.0, 0.0]]


def test_logits_of_two_classes():
    made = class_probabilities(made_readout("binary"), np.array([[0.0], [np.log(3)]]))
    np.testing.assert_allclose(made, [[0.5, 0.5], [0.25, 0.75]])


def test_many_classes_share_by_softmax_without_overflow():
    made = class_probabilities(made_readout("multiclass"), np.array([[np.log(2), 0.0, 0.0], [1e4, 0, 0]]))
    np.testing.assert_allclose(made, [[0.5, 0.25, 0.25], [1, 0, 0]])


def test_ordered_classes_lie_between_thresholds():
    made = class_probabilities(made_readout("ordinal"), np.array([[0.0]]))
    low = 1 / (1 + np.e)
    np.testing.assert_allclose(made, [[low, 1 - 2 * low, low]])


def test_numbers_have_no_classes():
    with pytest.raises(ValueError, match="regression has no classes"):
        class_probabilities(made_readout(), np.zeros((1, 1)))
