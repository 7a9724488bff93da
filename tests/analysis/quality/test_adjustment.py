"""Values adjusted for age and sex within groups."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.adjustment import adjusted, confounding, design


def test_age_and_sex_are_used_where_known_and_varying():
    age, sex = np.array([20.0, 30, 40, 50, np.nan]), np.array(["F", "M", "F", "M", None], dtype=object)
    columns, names = design(age, sex)
    assert names == ("age", "sex")
    assert columns.shape == (5, 3)
    assert columns[4].tolist() == [0, 0, 0]
    assert design(np.full(5, np.nan), np.full(5, None, dtype=object))[0].shape == (5, 0)
    assert design(np.full(5, 30.0), sex)[1] == ("sex",)


def test_an_older_group_keeps_its_shift_and_loses_its_age():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 200)
    age = np.where(groups == 1, 70, 30) + rng.normal(0, 8, 400)
    values = -2 * age + 50 * groups + rng.standard_normal(400)
    values[:20] += 1000  # artefacts
    rest = adjusted(values, design(age, np.full(400, None, dtype=object))[0], groups)
    assert np.corrcoef(rest[20:200], age[20:200])[0, 1] == pytest.approx(0, abs=0.15)
    assert np.median(rest[200:]) - np.median(rest[20:200]) == pytest.approx(50, abs=6)


def test_without_covariates_values_stay():
    values = np.arange(4.0)
    assert adjusted(values, np.zeros((4, 0)), np.zeros(4, int)).tolist() == values.tolist()


def test_the_error_of_a_shift_is_that_of_a_linear_model():
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], [40, 60])
    age = rng.normal(40, 10, 100) + 30 * groups
    covariates = design(age, np.full(100, None, dtype=object))[0]
    both = np.column_stack([np.eye(2)[groups], covariates])
    error = np.linalg.inv(both.T @ both)
    shift = np.array([-1, 1, 0, 0])
    expected = np.sqrt((shift @ error @ shift) / (1 / 40 + 1 / 60))
    assert confounding(covariates, groups) == pytest.approx([expected, expected])
    assert expected > 1.5


def test_groups_of_the_same_ages_have_no_added_error():
    age = np.tile(np.arange(20.0, 60), 2)
    covariates = design(age, np.full(80, None, dtype=object))[0]
    assert confounding(covariates, np.repeat([0, 1], 40)) == pytest.approx([1, 1])
