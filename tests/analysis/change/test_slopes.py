import numpy as np
import pytest

from neurofm_bids.analysis.change.slopes import slopes as lines_of
from neurofm_bids.analysis.change.visits import visits


def slopes(people, years, values, errors, least=0.02):
    return lines_of(visits(people, years, values, errors, least))


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


def test_two_runs_of_a_session_have_no_change_per_year():
    minutes = 8 / 60 / 24 / 365.25
    made = slopes(np.zeros(2, int), np.array([0.0, minutes]), np.array([20.0, 21.0]), np.ones(2))
    assert made.people.size == 0


def test_runs_of_a_session_are_one_point_of_the_line():
    minutes = 8 / 60 / 24 / 365.25
    years, values = np.array([0.0, minutes, 2.0]), np.array([1.0, 3.0, 8.0])
    made = slopes(np.zeros(3, int), years, values, np.ones(3))
    assert made.per_year[0] == pytest.approx(3, rel=1e-4)
    assert made.squared_residuals[0] == pytest.approx(0, abs=1e-9)
    assert (made.visits[0], made.scans[0]) == (2, 3)
    assert made.index[0] == pytest.approx(6 / np.sqrt(2), rel=1e-4)
