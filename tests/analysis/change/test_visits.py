import numpy as np
import pytest

from neurofm_bids.analysis.change.visits import WEEKS, least_years, visits


def visited(weeks, least=12.0, people=None):
    years = np.array(weeks) / WEEKS
    who = np.zeros(len(years), int) if people is None else np.array(people)
    return visits(who, years, np.arange(len(years)) * 1.0, np.arange(len(years)) + 1.0, least / WEEKS)


@pytest.mark.parametrize(
    ("weeks", "times"),
    [
        ([0, 0.001], [0.0005]),
        ([0, 12], [6]),
        ([0, 13], [0, 13]),
        ([0, 11, 13], [8]),  # the means of 0, 11 and of 13 are 7.5 weeks apart
        ([0, 8, 16, 24, 32, 40], [4, 20, 36]),
        ([30, 0, 31], [0, 30.5]),
    ],
)
def test_close_scans_are_one_visit(weeks, times):
    assert np.allclose(visited(weeks).years * WEEKS, times)


def test_values_are_means_and_errors_those_of_one_scan():
    made = visited([0, 1, 50])
    assert made.values.tolist() == [0.5, 2.0]
    assert np.allclose(made.errors, [np.sqrt(2.5), 3.0])
    assert made.scans.tolist() == [2, 1]
    assert made.place.tolist() == [0, 2]


def test_people_are_apart_and_ordered():
    made = visited([0, 40, 0, 1, np.nan], people=[5, 5, 2, 2, 5])
    assert made.people.tolist() == [2, 5, 5]
    assert made.values.tolist() == [2.5, 0.0, 1.0]


def test_without_retests_a_month_is_the_least_interval():
    assert least_years(0.0) == pytest.approx(1 / 12)
    assert least_years(12.0) * WEEKS == pytest.approx(12)
