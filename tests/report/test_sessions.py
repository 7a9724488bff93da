from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.report.contents import Curve, Measured, ScanReport
from neurofm_bids.report.sessions import sessions_of
from tests.samples import prediction, scan_record

CURVE = Curve((20.0, 90.0), {5: (1e4, 2e4), 50: (2e4, 3e4), 95: (3e4, 5e4)}, "about")


def scan(age=30.0, session=None, volume=15200.0, hippocampus=3000.0, status="ok", **changes):
    """Return a scan with two volumes whose single measurements have an sd of 500 and 100 mm3."""
    predictions = {
        "age": prediction(41.0, long_name="Predicted age"),
        "sex": prediction(0.4, "1", of_class="male", range=(0.0, 1.0)),
        "ventricular_volume": prediction(volume, "mm^3", sd=500.0, long_name="Predicted volume"),
    }
    limits = hippocampus - 195.996, hippocampus + 195.996
    anatomy = Anatomy({"left_hippocampus": Volume(hippocampus, limits, 0.9)}, 2, "ab" * 32)
    record = scan_record(session=session, predictions=predictions, anatomy=anatomy)
    record = replace(record, quality=replace(record.quality, status=status))
    return ScanReport(record, Person(age), {}, **changes)


def courses(*scans):
    return {course.name: course for course in sessions_of(scans).courses}


def test_predictions_and_regions_are_shown_over_age():
    made = courses(scan(40.0, "b"), scan(30.0, "a"))
    assert list(made) == [
        "Predicted age",
        "Predicted probability of male",
        "Predicted volume",
        "Left hippocampus, measured",
    ]
    chart = made["Predicted volume"].chart
    assert chart.x_label == "age (years)"
    assert chart.marks[0].x < chart.marks[1].x
    region = made["Left hippocampus, measured"].chart.marks[0]
    assert region.kind == "measured"
    assert region.low > region.y > region.high
    assert sessions_of([scan()]) is None


def test_change_per_year_has_an_interval_and_the_index_of_jacobson_and_truax():
    made = courses(scan(30.0, "a"), scan(32.0, "b", volume=19200.0, hippocampus=2800.0))
    (volume,) = made["Predicted volume"].changes
    error = np.sqrt(2) * 0.5
    assert volume.per_year == "+2 ml per year"
    assert volume.interval == f"{2 - 1.96 * error / 2:+.3g} to {2 + 1.96 * error / 2:+.3g}"
    assert volume.index == f"{4 / error:+.1f}"
    (region,) = made["Left hippocampus, measured"].changes
    assert (region.what, region.per_year, region.index) == ("Measured", "-0.1 ml per year", "-1.4")
    assert made["Predicted probability of male"].changes == ()


def test_the_measured_counterpart_of_a_prediction_has_its_change_on_the_same_card():
    made = courses(
        *(
            scan(age, str(age), measured={"ventricular_volume": Measured(mm3, (mm3 - 980, mm3 + 980), "csf")})
            for age, mm3 in ((30.0, 2e4), (31.0, 2.1e4))
        )
    )
    assert [change.what for change in made["Predicted volume"].changes] == ["Predicted", "Measured"]
    assert made["Predicted volume"].changes[1].per_year == "+1 ml per year"


@pytest.mark.parametrize(
    ("ages", "label", "times"),
    [
        ((60.2, 60.2), "age (years)", "come from the dates"),
        ((None, None), "years since the first scan", "come from the dates"),
    ],
)
def test_dates_of_acquisition_order_scans(ages, label, times):
    scans = [
        scan(age, session, volume, acquired=date)
        for age, session, volume, date in zip(
            ages, "ba", (17200.0, 15200.0), ("2013-12-31T12:00:00", "2012-01-01"), strict=True
        )
    ]
    made = sessions_of(scans)
    assert times in made.times
    assert made.courses[2].chart.x_label == label
    assert made.courses[2].changes[0].per_year == "+1 ml per year"


def test_curves_of_a_reference_are_drawn_over_age_only():
    known = {"curves": {"ventricular_volume": CURVE}}
    over_age = courses(scan(30.0, "a", **known), scan(32.0, "b", **known))["Predicted volume"].chart
    dates = [{"acquired": f"{year}-05-01"} for year in (2012, 2014)]
    over_time = courses(*(scan(None, date["acquired"][3], **known, **date) for date in dates))
    assert over_age.bands
    assert not over_time["Predicted volume"].chart.bands


@pytest.mark.parametrize(("first", "second"), [(30.0, 30.0), (None, 50.0), (None, None)])
def test_without_two_known_times_scans_are_named_and_have_no_change(first, second):
    made = sessions_of([scan(first, "a"), scan(second, "b")])
    assert [text for _, text in made.courses[0].chart.x_ticks] == ["a", "b"]
    assert not made.has_change
    assert "not known, or equal" in made.times


def test_a_lower_bound_of_age_is_no_time():
    old = [replace(scan(age, str(age)), person=Person(age, remarks=("lower_bound",))) for age in (89.0, 90.0)]
    assert not sessions_of(old).has_change


def test_whole_years_are_called_inexact():
    assert "wrong by up to a year" in sessions_of([scan(30.0, "a"), scan(33.0, "b")]).times
    assert "wrong by up to a year" not in sessions_of([scan(30.5, "a"), scan(33.0, "b")]).times


def test_failed_scans_are_drawn_and_not_in_the_change():
    scans = [scan(30.0, "a"), scan(31.0, "b", 16200.0), scan(32.0, "c", 90000.0, status="fail")]
    made = courses(*scans)["Predicted volume"]
    assert "quality judged as fail: 1 of 3 scans" in sessions_of(scans).times
    assert len(made.chart.marks) == 3
    assert made.changes[0].per_year == "+1 ml per year"
    failed = replace(scans[1], record=replace(scans[1].record, quality=scans[2].record.quality))
    assert courses(scans[0], failed)["Predicted volume"].changes == ()


def test_what_a_scan_lacks_is_not_shown():
    one, two = scan(30.0, "a"), scan(31.0, "b")
    fewer = replace(two.record, predictions={"age": one.record.predictions["age"]}, anatomy=None)
    assert list(courses(one, replace(two, record=fewer))) == ["Predicted age"]


def test_without_an_error_there_is_change_without_an_interval():
    scans = [scan(30.0, "a"), scan(31.0, "b", 16200.0)]
    single = []
    for one in scans:
        predictions = {name: replace(known, sd=None) for name, known in one.record.predictions.items()}
        single.append(replace(one, record=replace(one.record, predictions=predictions)))
    (change,) = courses(*single)["Predicted volume"].changes
    assert (change.per_year, change.interval, change.index) == ("+1 ml per year", "", "")
