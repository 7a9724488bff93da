import numpy as np
import pytest

from neurofm_bids.analysis.change.slopes import slopes


def test_lines_are_those_of_polyfit():
    rng = np.random.default_rng(0)
    people = np.repeat([3, 1, 7], 4)
    years, values = rng.uniform(0, 5, 12), rng.normal(1e6, 1e4, 12)
    made = slopes(people, years, values, np.full(12, 500.0))
    assert made.people.tolist() == [1, 3, 7]
    for place, person in enumerate(made.people):
        own = people == person
        slope, (residuals,) = np.polyfit(years[own], values[own], 1, full=True)[:2]
        assert made.per_year[place] == pytest.approx(slope[0])
        assert made.squared_residuals[place] == pytest.approx(residuals)
        spread = ((years[own] - years[own].mean()) ** 2).sum()
        assert made.standard_error[place] == pytest.approx(500 / np.sqrt(spread))


def test_the_index_of_two_scans_is_that_of_jacobson_and_truax():
    made = slopes(np.zeros(2, int), np.array([0.0, 1.7]), np.array([20.0, 23.0]), np.full(2, 1.5))
    assert made.index[0] == pytest.approx(3 / (np.sqrt(2) * 1.5))


def test_errors_of_single_scans_count_as_much_as_their_place_on_the_line():
    made = slopes(np.zeros(3, int), np.array([0.0, 1.0, 2.0]), np.zeros(3), np.array([1.0, 5.0, 1.0]))
    assert made.standard_error[0] == pytest.approx(np.sqrt(2) / 2)


def test_people_without_two_times_have_no_line():
    years = np.array([0.0, 0.0, 0.0, np.nan, 0.0, 1.0])
    values = np.array([1.0, 2.0, 1.0, 2.0, 1.0, np.nan])
    made = slopes(np.array([0, 0, 1, 1, 2, 2]), years, values, np.ones(6))
    assert made.people.size == made.per_year.size == 0
