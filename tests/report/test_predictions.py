from dataclasses import replace

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.centile import Centile
from neurofm_bids.report.contents import Curve, Measured, ScanReport
from neurofm_bids.report.predictions import cards_of, points_of, scaled
from tests.samples import prediction, scan_record

CURVE = Curve((20.0, 90.0), {5: (1e4, 2e4), 50: (2e4, 3e4), 95: (3e4, 5e4)}, "about")
PREDICTIONS = {
    "age": prediction(41.0, long_name="Predicted age"),
    "sex": prediction(0.4, "1", of_class="male", range=(0.0, 1.0)),
    "ventricular_volume": prediction(15200.0, "mm^3", range=(5000.0, 150000.0), long_name="Predicted volume"),
}


def scan(person=Person(30.0), session=None, **changes):  # noqa: B008 -- frozen
    return ScanReport(scan_record(session=session, predictions=PREDICTIONS), person, {}, **changes)


def test_a_prediction_stands_on_its_reference_where_there_is_one():
    known = scan(curves={"ventricular_volume": CURVE}, measured={"ventricular_volume": Measured(16000.0)})
    age, sex, volume = cards_of(known)
    assert (age.chart, sex.chart, volume.bar) == (None, None, None)
    assert [mark.kind for mark in volume.chart.marks] == ["predicted", "measured"]
    assert [text for _, text in volume.chart.y_ticks] == ["10", "20", "30", "40", "50"]  # in ml
    assert volume.measured == "16.0 ml"
    assert volume.centile == ""
    assert age.bar.other is not None
    assert sex.bar.ends == ("not male", "male")


def test_a_predicted_volume_has_its_own_centile():
    items = [
        Centile("ventricular_volume", source, 1.0, None, centile=value, centile_interval95=limits)
        for source, value, limits in (("measured", 10.0, None), ("predicted", 64.0, (56.0, 99.9)))
    ]
    known = scan(curves={"ventricular_volume": CURVE}, centiles=tuple(items))
    assert [card.centile for card in cards_of(known)] == ["", "", "Centile 64 (56 to >99)"]


def test_a_measured_volume_has_its_own_centile_too():
    items = [
        Centile("lateral_ventricles", "measured", 1.0, None, centile=10.0, centile_interval95=(2.0, 30.0)),
        Centile("ventricular_volume", "measured", 1.0, None, centile=50.0),
    ]
    measured = {"ventricular_volume": Measured(16000.0, region="lateral_ventricles")}
    cards = cards_of(scan(measured=measured, centiles=tuple(items)))
    assert [card.measured_centile for card in cards] == ["", "", "10 (2 to 30)"]


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((17001.0, 18000.0), "The two methods differ by 14%; their intervals do not overlap. Neither"),
        ((15500.0, 18000.0), "The two methods differ by 14%; their intervals overlap. Neither"),
        ((15000.0, 18000.0), "The two methods differ by 14%; their intervals overlap. Neither"),
        (None, ""),
    ],
)
def test_methods_that_disagree_are_named(interval, text):
    volume = prediction(15200.0, "mm^3", range=(5000.0, 150000.0), interval95=(14000.0, 16000.0))
    known = scan(measured={"x": Measured(17500.0, interval)})
    known = replace(known, record=replace(known.record, predictions={"x": volume}))
    (card,) = cards_of(known)
    assert card.disagreement.startswith(text)
    assert bool(card.disagreement) is bool(text)


def test_methods_that_agree_within_both_intervals_need_no_sentence():
    volume = prediction(15200.0, "mm^3", range=(5000.0, 150000.0), interval95=(14000.0, 16000.0))
    known = scan(measured={"x": Measured(15500.0, (15000.0, 16000.0))})
    (card,) = cards_of(replace(known, record=replace(known.record, predictions={"x": volume})))
    assert card.disagreement == ""
    assert card.measured == "15.5 ml (15.0 to 16.0 ml)"


def test_without_age_it_stands_on_the_range_of_the_model():
    card = cards_of(scan(Person(), curves={"ventricular_volume": CURVE}))[2]
    assert card.chart is None
    assert card.bar.ends == ("5", "150")
    assert "on the range of the model from 5 to 150" in card.alt


def test_points_and_curves_are_in_the_units_of_the_reader():
    predicted, measured = points_of(40.0, PREDICTIONS["ventricular_volume"], 16000.0)
    assert (predicted.x, predicted.kind) == (40.0, "predicted")
    assert predicted.value == pytest.approx(15.2)
    assert predicted.interval == pytest.approx((15.199, 15.201))
    assert (measured.value, measured.interval, measured.kind) == (16.0, None, "measured")
    assert scaled(CURVE, 1e-3).lines[95] == (30.0, 50.0)
