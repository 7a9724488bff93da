import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.change.times import person_times, scan_times
from neurofm_bids.analysis.dates import decimal_years
from tests.analysis.change.people import people


def timed(ages, dates=None, who=None, **options):
    count = len(ages)
    table = pd.DataFrame({"participant_id": who or ["sub-1"] * count, "age": ages})
    if dates is not None:
        table["acq_time"] = dates
    return scan_times(table, date="acq_time", **options)


def test_years_are_those_since_the_first_scan_of_the_participant():
    made = timed([61.5, 60.0, 40.0], who=["sub-1", "sub-1", "sub-2"])
    assert made.years.tolist() == [1.5, 0.0, 0.0]
    assert made.remarks == ()


def test_dates_are_used_where_they_tell_as_many_scans_apart_as_ages():
    dates = ["2000-01-01", "2001-01-01", "n/a"]
    both = timed([60.0, 61.1, 62.0], dates)
    assert (both.sources == "age").all()
    dates[2] = "2002-01-01"
    by_date = timed([60.0, 61.1, 62.0], dates)
    assert (by_date.sources == "date").all()
    assert by_date.years[2] == pytest.approx(2, abs=0.01)
    assert (timed([60.0, 61.1, 62.0], dates, time="age").sources == "age").all()


def test_a_shifted_date_serves_as_well():
    table = people(count=10)
    moments = pd.to_datetime(table["acq_time"])
    shift = pd.to_timedelta(table["participant_id"].str[-3:].astype(int) * 977 - 60000, unit="D")
    shifted = table.assign(acq_time=(moments + shift).dt.strftime("%Y-%m-%dT%H:%M:%S"))
    one, other = (scan_times(own, date="acq_time") for own in (table, shifted))
    assert np.allclose(one.years, other.years)
    assert (other.sources == "date").all()


@pytest.mark.parametrize(
    ("ages", "dates", "remark"),
    [
        ([50.0, 50.0], None, "not known or equal: 1 (sub-1)"),
        ([np.nan, np.nan], None, "not known or equal: 1 (sub-1)"),
        ([50.0, 53.0], None, "by age in whole years: 1 (sub-1)"),
        ([50.0, 55.0], ["2000-01-01", "2001-01-01"], "differ by more than 1 year: 1 (sub-1)"),
    ],
)
def test_times_that_are_not_known_or_not_exact_are_named(ages, dates, remark):
    (text,) = timed(ages, dates).remarks
    assert remark in text


def test_ages_beside_exact_dates_are_not_called_whole_years():
    made = timed([50.0, 51.0], ["2000-01-01", "2001-01-01"])
    assert made.remarks == ()
    assert not made.whole_years.any()


@pytest.mark.parametrize(
    ("ages", "dates"),
    [
        ([61.0, 60.0], ["2001-01-01", "2000-01-01"]),
        ([61.0, 60.0, 62.0], ["2001-01-01", "n/a", "2000-01-01"]),
        ([np.nan, np.nan], ["2001-01-01", "2000-01-01"]),
        ([61.5, 60.0], ["n/a", "n/a"]),
        ([np.nan], ["n/a"]),
    ],
)
def test_the_times_of_one_person_are_those_of_a_table(ages, dates):
    years, source = person_times(np.array(ages), decimal_years(dates))
    table = timed(ages, dates)
    assert np.allclose(years, table.years, equal_nan=True)
    assert {source} == set(table.sources)
