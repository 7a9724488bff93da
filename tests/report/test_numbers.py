import pytest

from neurofm_bids.anatomy.morphometry import MEASURED
from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.anatomy import Anatomy, Volume, structure_and_side
from neurofm_bids.records.centile import Centile
from neurofm_bids.report.centiles import notes_of
from neurofm_bids.report.numbers import (
    ANATOMICAL_ORDER,
    age_text,
    lines_of,
    metric_number,
    prediction_number,
    scale_of,
    sex_text,
)
from tests.samples import prediction


@pytest.mark.parametrize(
    ("made", "text", "interval"),
    [
        (prediction(41.25), "41.2 years", "40.2 to 42.2 years"),
        (prediction(15200.0, "mm^3"), "15.2 ml", "15.2 to 15.2 ml"),
        (prediction(0.4, "1", of_class="male", interval95=(0.3, 0.5)), "0.40", "0.30 to 0.50"),
        (prediction(3.14159, "K", interval95=None), "3.14 K", ""),
    ],
)
def test_quantities_have_the_unit_that_people_read(made, text, interval):
    scale = scale_of(made)
    assert scale.text(made.value) == text
    assert scale.interval(made.interval95) == interval
    assert prediction_number("x", made, Person()).value == text


def test_age_is_compared_with_the_recorded_one_only():
    assert "gap +11.0 years" in prediction_number("age", prediction(41.0), Person(30.0)).remark
    assert prediction_number("age", prediction(41.0), Person()).remark == ""
    assert prediction_number("sex", prediction(41.0), Person(30.0)).remark == ""


@pytest.mark.parametrize(
    ("value", "text"), [(None, "n/a"), (1234.5, "1,234"), (12.345, "12.3"), (0.5, "0.500")]
)
def test_metrics(value, text):
    assert metric_number("snr_brain", value).value == text


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("snr_wm", "check < 9"),
        ("template_scale", "check < 0.9, check > 1.35"),
        ("mask_volume_mm3", "check < 1,000 ml, check > 2,000 ml"),
        ("snr_brain", ""),
    ],
)
def test_metrics_have_the_limits_of_their_flags(name, limits):
    assert metric_number(name, 1.0).limits == limits


def test_why_a_metric_is_not_measured_is_kept():
    assert metric_number("snr_brain", None, "there is no air").remark == "there is no air"


def test_lines_are_in_the_order_of_anatomy_and_keep_sides_together():
    volumes = {
        "left_caudate": Volume(3000.0, (2500.0, 3600.0), 0.9),
        "right_caudate": Volume(5000.0, None, 0.8),
        "left_amygdala": Volume(1.0e4, None, 0.9),
        "right_amygdala": Volume(1.0e4, None, 0.9),
        "csf": Volume(2e5, None, 0.95),
        "brain": Volume(1.2e6, None, 0.95),
        "another": Volume(1.3e6, None, 0.95),
    }
    placed = Centile("left_caudate", "measured", 3000.0, None, centile=97.6)
    lines = lines_of(Anatomy(volumes, 2, ""), {"left_caudate": placed}, notes_of([placed]))
    assert [(line.name, line.side, line.count) for line in lines] == [
        ("Brain", "", 1),
        ("CSF", "", 1),
        ("Caudate", "left", 2),
        ("Caudate", "right", 0),
        ("Amygdala", "left", 2),
        ("Amygdala", "right", 0),
        ("Another", "", 1),
    ]
    assert [line.centile for line in lines] == ["", "", "98", "", "", "", ""]
    assert [line.bar is not None for line in lines] == [False, False, True, *[False] * 4]


def test_every_volume_of_the_segmentation_has_a_place():
    regions = {structure_and_side(name)[0] for name in MEASURED}
    assert regions == set(ANATOMICAL_ORDER)


def test_what_is_not_known_of_a_person_is_said():
    assert (age_text(Person()), sex_text(Person())) == ("unknown", "unknown")
    assert age_text(Person(89.0, "89+", remarks=("lower_bound",))) == "at least 89 years"
    assert sex_text(Person(sex_text="O")) == "other (O)"
