import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.change.repeatability import LEAST_FREEDOM, repeatability, sd_of_interval


def cohort(count, years, error=2.0, seed=0):
    """Return a table of ``count`` people at these years, their numbers and times, and sessions."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(count), len(years))
    times = np.tile(years, count).astype(float)
    own = rng.normal(0, 1, count)[person]
    x = rng.normal(50, 10, count)[person] + own * times + rng.normal(0, error, len(person))
    return pd.DataFrame({"x": x}), person, times, np.arange(len(person))


def error_of(*arguments, **options):
    return repeatability(arguments[0], "x", *arguments[1:], **options)


def test_a_given_error_comes_first():
    made = error_of(*cohort(100, [0, 0.1, 2, 4]), given=7.0)
    assert (made.source, made.sd[0], round(made.quantile, 6)) == ("given", 7.0, 1.959964)


def test_close_sessions_give_the_planted_error():
    made = error_of(*cohort(400, [0, 0.05, 3, 3.1]))
    assert (made.source, made.freedom) == ("retest", 800)
    assert made.sd[0] == pytest.approx(2.0, rel=0.06)
    assert made.quantile > 1.96


def test_distances_from_lines_give_the_planted_error():
    made = error_of(*cohort(400, [0, 1, 2, 3]))
    assert (made.source, made.freedom) == ("residuals", 800)
    assert made.sd[0] == pytest.approx(2.0, rel=0.06)


def test_few_close_sessions_are_not_used():
    assert error_of(*cohort(LEAST_FREEDOM - 1, [0, 0.1])).source == ""
    assert error_of(*cohort(LEAST_FREEDOM, [0, 0.1])).source == "retest"
    assert error_of(*cohort(50, [0, 0.1]), retest_weeks=0).source == ""
    assert error_of(*cohort(50, [0, 0.1]), exact=np.zeros(100, bool)).source == ""


def test_scans_of_one_session_are_not_repeated_sessions():
    table, person, times, _ = cohort(50, [0, 0])
    assert error_of(table, person, times, person).source == ""


def test_intervals_of_scans_come_last():
    table, *others = cohort(20, [0, 1])
    limits = table.assign(x_lower95=table["x"] - 1.96, x_upper95=table["x"] + 1.96)
    made = error_of(limits, *others)
    assert made.source == "interval"
    assert np.allclose(made.sd, 1, atol=1e-4)
    own = error_of(table.assign(x_sd=np.arange(40.0)), *others)
    assert own.sd.tolist() == list(range(40))
    nothing = error_of(table, *others)
    assert nothing.source == ""
    assert np.isnan(nothing.sd).all()


def test_the_sd_of_an_interval():
    assert sd_of_interval(np.array([-1.959964]), np.array([1.959964])) == pytest.approx(1)
