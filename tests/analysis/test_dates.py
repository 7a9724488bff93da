"""Dates of acquisition, in years."""

import numpy as np
import pytest

from neurofm_bids.analysis.dates import day_of, decimal_years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("2000-01-01", 0),
        ("2000-07-01T15:00:00", 0.5),
        ("1825-01-01T10:00:00.000000", -175),
        ("2009-06-15T13:45:30Z", 9.45),
        ("20090615", 9.45),
        (" 2009-06-15 ", 9.45),
        ("13:45:30", np.nan),
        ("n/a", np.nan),
        ("", np.nan),
        ("yesterday", np.nan),
        ("2009-13-45", np.nan),
        ("2014-02-30", np.nan),
        ("12", np.nan),
        (None, np.nan),
        (2009, np.nan),
    ],
)
def test_dates_of_any_year_are_read_and_nothing_else(text, years):
    assert decimal_years([text])[0] == pytest.approx(years, abs=0.01, nan_ok=True)


def test_zones_are_ignored_and_fractions_are_read():
    whole, fraction, zone = decimal_years(
        ["2014-01-01T12:00:00", "2014-01-01T12:00:00.250000", "2014-01-01T12:00:00+05:00"]
    )
    assert zone == whole
    assert fraction - whole == pytest.approx(0.25 / (365.25 * 86400), rel=1e-4)


@pytest.mark.parametrize("day", ["1825-07-02", "1999-12-31", "2000-02-29", "2031-01-01"])
@pytest.mark.parametrize("time", ["00:00:00", "23:59:59"])
def test_the_day_of_a_date_is_found_again(day, time):
    assert day_of(float(decimal_years([f"{day}T{time}"])[0])) == day
