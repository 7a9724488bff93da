"""Times to an event are checked row by row."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.survival import SurvivalTimes, check_times, people_with
from neurofm_bids.readouts.task import Times

COLUMNS = Times("years", "dementia", "death", ("alive",), "entry")


def checked(time, status, entry=None, columns=COLUMNS):
    people = [f"sub-{number + 1:02d}" for number in range(len(time))]
    return check_times(people, columns, time, status, entry, target="outcome")


def test_events_and_times_are_read():
    read = checked(["2.5", "3", 4], ["alive", "dementia", "death"], ["0", "1.5", "-2"])
    assert read.reasons == ("", "", "")
    assert read.rows.tolist() == [0, 1, 2]
    assert read.times.event.tolist() == [0, 1, 2]
    assert read.times.exit.tolist() == [2.5, 3, 4]
    assert read.times.entry.tolist() == [0, 1.5, 0]  # before the scan nobody was at risk in this cohort
    assert read.times.delayed
    assert read.times.target.tolist() == [[0, 2.5, 0], [1.5, 3, 1], [0, 4, 2]]
    again = SurvivalTimes.of(read.times.target)
    assert again.event.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("time", "status", "entry", "reason", "shown"),
    [
        ("n/a", "alive", "0", "years is missing", "n/a"),
        ("", "alive", "0", "years is missing", "n/a"),
        (None, "alive", "0", "years is missing", "n/a"),
        ("3", "n/a", "0", "outcome is missing", "n/a"),
        ("3", "alive", "n/a", "entry is missing", "n/a"),
        ("soon", "alive", "0", "years is not a number", "soon"),
        ("inf", "alive", "0", "years is not a number", "inf"),
        ("3", "alive", "1,5", "entry is not a number", "1,5"),
        ("-0.5", "dementia", "0", "years is negative", "-0.5"),
        ("0", "dementia", "0", "follow-up ended when it began or before", "0 to 0"),
        ("2", "alive", "2", "follow-up ended when it began or before", "2 to 2"),
        ("2", "alive", "3.5", "follow-up ended when it began or before", "3.5 to 2"),
        (
            "1825",
            "alive",
            "0",
            "times are longer than 120 years, state them in years",
            "1825",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_by_name(time, status, entry, reason, shown):
    read = checked(["2", time, "4"], ["alive", status, "dementia"], ["0", entry, "0"])
    assert read.reasons == ("", reason, "")
    assert read.shown[1] == shown
    assert read.rows.tolist() == [0, 2]
    assert read.times.exit.tolist() == [2, 4]


def test_a_value_that_is_not_declared_is_refused():
    with pytest.raises(NeuroFMError, match=r"outcome has values that are not declared: demntia \(1\)\. 'dem"):
        checked(["1", "2", "3"], ["alive", "demntia", "dementia"])


def test_values_that_are_not_declared_are_counted():
    status = ["dementia"] * 3 + ["alive"] * 40 + ["demntia"]
    with pytest.raises(NeuroFMError) as refused:
        checked(["1"] * 44, status, columns=Times("years", "dementia"))
    assert str(refused.value).startswith(
        "outcome has values that are not declared: alive (40), demntia (1). "
        "'demntia': Did you mean 'dementia'? Declare"
    )


@pytest.mark.parametrize(("event", "competing"), [("Dementia", None), ("dementia", "Death")])
def test_a_misspelt_event_is_not_to_be_declared_as_censored(event, competing):
    status = ["dementia"] * 3 + ["alive"] * 5 + ["death"] * 2
    with pytest.raises(NeuroFMError) as refused:
        checked(["1"] * 10, status, columns=Times("years", event, competing))
    kind, wrong, right = ("competing event", "Death", "death") if competing else ("event", event, "dementia")
    assert str(refused.value) == (
        f"no row has the {kind} {wrong!r}: column outcome. Did you mean {right!r}? "
        "Values are alive (5), dementia (3), death (2)."
    )


def test_without_declared_censoring_there_is_one_other_value():
    columns = Times("years", "1", "2")
    assert checked(["1", "2", "3"], [0, 1.0, "2"], columns=columns).times.event.tolist() == [0, 1, 2]
    with pytest.raises(NeuroFMError, match=r"0 \(1\), 3 \(1\)"):
        checked(["1", "2", "3"], ["0", "1", "3"], columns=columns)


def test_no_usable_row_is_an_error_with_all_reasons():
    with pytest.raises(NeuroFMError, match=r"usable times: years is missing: sub-02 \(n/a\), years is neg"):
        checked(["-1", ""], ["alive", "alive"])


def test_people_are_chosen():
    times = SurvivalTimes(np.zeros(3), np.array([1.0, 2, 3]), np.array([0, 1, 0], dtype=np.int8))
    assert times[np.array([2, 0])].exit.tolist() == [3, 1]
    assert len(times[times.event == 1]) == 1
    assert people_with(1, times, np.array([0, 1, 0])) == 1
    assert people_with(0, times, np.array([0, 1, 0])) == 1
    assert not times.delayed


def test_times_that_differ_by_floating_point_are_ties():
    cells = [str(78.3 - 72.9), "5.4", 78.3 - 72.9, 5.4]
    read = checked(cells, ["alive"] * 4, [str(0.1 + 0.2), "0.3", "0", 0])
    assert set(read.times.exit) == {5.4}
    assert read.times.entry[0] == read.times.entry[1]
    assert checked([1234.567 / 100], ["alive"], ["0"]).times.exit.tolist() == [12.34567]


def test_a_follow_up_that_is_short_by_rounding_alone_is_left_out():
    read = checked(["5.4", "3"], ["alive", "alive"], [str(78.3 - 72.9), "0"])
    assert read.reasons == ("follow-up ended when it began or before", "")


@pytest.mark.parametrize(("competing", "censored"), [("1", ("0",)), ("2", ("0", "1")), ("2", ("2", "0"))])
def test_a_value_of_two_meanings_is_refused(competing, censored):
    with pytest.raises(
        NeuroFMError, match="stands for more than one of event, competing event and censoring"
    ):
        checked(
            ["2", "3"],
            ["1", "0"],
            columns=replace(COLUMNS, event="1", competing=competing, censored=censored, entry=None),
        )
