"""Centiles of scans: their values, their intervals, and why there are none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.bids.demographics import Person
from neurofm_bids.norms import centiles as module
from neurofm_bids.norms.centiles import CURVES, curves
from neurofm_bids.norms.distribution import centile_of
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.user_reference import make_reference
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.origin import origin_of
from tests.norms.people import record_of, simulated, volumes_of
from tests.samples import prediction

WOMAN = Person(50.0, sex="F")


def centiles(record, person=WOMAN, **options):
    return {item.key: item for item in module.centiles(record, person, **options)}


def test_a_typical_person_is_in_the_middle_of_everything():
    found = centiles(record_of(volumes_of()))
    assert len(found) == 55
    assert "csf" not in found
    for item in found.values():
        assert item.centile == pytest.approx(50, abs=1e-6), item.key
        assert item.expected == pytest.approx(item.value)
        assert item.z == pytest.approx(0, abs=1e-8)


def test_one_sd_more_in_a_larger_head():
    volumes = volumes_of(70, "M", 1700, np.ones(len(REGIONS)))
    found = centiles(record_of(volumes), Person(70.0, sex="M"))
    assert found["left_thalamus"].centile == pytest.approx(84.134, abs=1e-3)
    assert found["right_lateral_ventricle"].z == pytest.approx(1)


def test_choroid_plexus_counts_in_measured_and_predicted_ventricles():
    found = centiles(record_of(volumes_of()))
    item = found["predicted_ventricular_volume"]
    assert (item.name, item.source) == ("ventricular_volume", "predicted")
    assert item.expected == pytest.approx(found["lateral_ventricles"].value)
    assert item.expected == pytest.approx(14200 + 1200, rel=0.01)  # published, and the plexus


def test_the_interval_holds_those_of_volume_and_head_size():
    volumes = volumes_of()
    sharp, wide = (centiles(record_of(volumes, interval=share))["brain"] for share in (0.0, 0.03))
    assert sharp.centile_interval95 is None
    expected = PUBLISHED.expect("brain", "brain", 50, "F", 1420 * 0.93).distribution
    of_volume = 0.03 * volumes["brain"] / expected.scale
    larger = PUBLISHED.expect("brain", "brain", 50, "F", 1420 * 0.93 * 1.03).distribution
    of_head = (larger.median - volumes["brain"]) / expected.scale
    low, high = wide.centile_interval95
    assert low == pytest.approx(centile_of(-math.hypot(of_volume, of_head)), rel=1e-6)
    assert high == pytest.approx(centile_of(math.hypot(of_volume, of_head)), rel=1e-6)
    assert low < centile_of(-of_volume)


def test_without_a_head_size_the_interval_is_that_of_the_volume():
    item = centiles(record_of(volumes_of(), interval=0.03, stripped=True))["brain"]
    assert item.notes == ("preview", "no_head_size")
    expected = PUBLISHED.expect("brain", "brain", 50, "F", None).distribution
    limits = [centile_of(expected.z(limit)) for limit in item.interval95]
    assert item.centile_interval95 == pytest.approx(limits)
    assert item.centile == pytest.approx(50)


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (Person(sex="F"), "age_unknown"),
        (Person(50.0), "sex_unknown"),
        (Person(), "sex_unknown"),
        (Person(17.0, sex="F"), "age_outside"),
        (Person(96.0, sex="F"), "age_outside"),
        (Person(89.0, sex="F", remarks=("lower_bound",)), "age_lower_bound"),
    ],
)
def test_there_is_none_and_a_note_says_why(person, reason):
    for item in centiles(record_of(volumes_of(), interval=0.1), person).values():
        assert reason in item.notes
        assert item.value > 0
        assert (item.z, item.centile, item.expected, item.centile_interval95) == (None,) * 4


def test_scans_of_failed_quality_have_none():
    found = centiles(record_of(volumes_of(), flags=(Flag("low_overlap", "", "serious"),)))
    assert {item.centile for item in found.values()} == {None}


def test_a_region_that_was_not_found_has_none_and_says_so():
    found = centiles(record_of({**volumes_of(), "left_amygdala": 0.0}))
    absent, present = found["left_amygdala"], found["right_amygdala"]
    assert (absent.value, absent.z, absent.centile, absent.expected) == (0, None, None, None)
    assert absent.notes == ("preview", "not_found", "unreliable", "shifted")
    assert present.centile == pytest.approx(50)


def test_extrapolated_ages_say_so():
    found = centiles(record_of(volumes_of(93.0)), Person(93.0, sex="F"))
    assert found["brain"].notes == ("preview", "extrapolated")
    assert found["brain"].centile == pytest.approx(50)


class Foreign:
    """A reference of other weights."""

    is_freesurfer, about = False, {}

    def ages(self, *_):
        raise AssertionError

    def covers(self, key, definition):
        return key == "brain"

    def refuses(self, origin):
        return "made elsewhere"

    def expect(self, *_):
        raise AssertionError


def test_another_reference_decides_what_is_covered_and_compared():
    record = record_of(volumes_of())
    found = centiles(record, reference=Foreign())
    assert list(found) == ["brain"]
    assert found["brain"].notes == ("preview", "made_otherwise")
    assert curves(record, WOMAN, Foreign()) == {}


def test_curves_are_those_of_the_reference():
    found = curves(record_of(volumes_of(etiv=1500)), WOMAN, points=78)
    assert set(found) == {"ventricular_volume", "brain_volume"}
    brain = found["brain_volume"]
    assert brain.ages[[0, -1]] == pytest.approx([18, 95])
    assert tuple(brain.values) == CURVES
    at_fifty = {centile: values[brain.ages == 50][0] for centile, values in brain.values.items()}
    expected = PUBLISHED.expect("brain", "brain", 50, "F", 1500 * 0.93).distribution
    assert [centile_of(expected.z(v)) for v in at_fifty.values()] == pytest.approx(CURVES)
    assert brain.notes == ("preview",)
    assert (np.diff(found["ventricular_volume"].values[50][10:]) > 0).all()
    absent = curves(record_of(volumes_of(), stripped=True), WOMAN)["brain_volume"]
    assert absent.notes == ("preview", "no_head_size")


def test_the_curve_of_a_volume_spans_the_ages_of_those_who_have_it():
    record = record_of(volumes_of())
    people = [
        replace(person, values={**person.values, "predicted_brain_volume": person.values["brain"]})
        if 30 <= person.age_years <= 50
        else person
        for person in simulated(1, 200)
    ]
    having = [person for person in people if "predicted_brain_volume" in person.values]
    reference = make_reference(people, version="1", origin=origin_of(record))
    curve = curves(record, WOMAN, reference)["brain_volume"]
    ages = [person.age_years for person in having]
    assert curve.ages[[0, -1]] == pytest.approx([min(ages), max(ages)])
    assert reference.age_range[0] < 30
    item = centiles(record, Person(60.0, sex="F"), reference=reference)["predicted_brain_volume"]
    assert (item.centile, item.notes[-1]) == (None, "age_outside")


def test_the_predicted_age_has_a_centile_among_a_reference_only():
    record = record_of(volumes_of())
    aged = replace(record, predictions={**record.predictions, "age": prediction(60.0)})
    people = [
        replace(person, values={**person.values, "predicted_age": person.age_years + k % 11 - 5.0})
        for k, person in enumerate(simulated(1, 200))
    ]
    reference = make_reference(people, version="1", origin=origin_of(aged))
    item = centiles(aged, WOMAN, reference=reference)["predicted_age"]
    assert (item.value, item.units) == (60.0, "year")
    assert item.expected == pytest.approx(50, abs=1)
    assert item.centile > 99
    assert "no_head_size" not in item.notes
    assert curves(aged, WOMAN, reference)["age"].values[50][0] == pytest.approx(20, abs=3)
    assert "predicted_age" not in centiles(aged, WOMAN)
    assert "age" not in curves(aged, WOMAN)


def test_curves_need_a_sex_and_no_age():
    record = record_of(volumes_of())
    assert curves(record, Person(50.0)) == {}
    assert set(curves(record, Person(sex="M"))) == {"ventricular_volume", "brain_volume"}
    model = replace(record.provenance.model, weights_sha256="0" * 64)
    assert curves(replace(record, provenance=replace(record.provenance, model=model)), WOMAN) == {}
