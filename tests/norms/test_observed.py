from dataclasses import replace

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.model.registry import segmentation_spec
from neurofm_bids.norms import observed as module
from neurofm_bids.norms.observed import definition, observation, reasons_of
from neurofm_bids.records.flag import Flag
from tests.norms.people import record_of, volumes_of

WOMAN = Person(50.0, sex="F")


def notes(record, **options):
    return {item.key: item.notes for item in module.observed(record, **options)}


def test_notes_of_the_cards():
    found = notes(record_of(volumes_of()), among_freesurfer=True)
    assert found["brain"] == ("preview",)
    assert found["left_hippocampus"] == ("preview", "unreliable", "shifted")
    assert found["right_putamen"] == ("preview", "shifted")
    assert found["predicted_brain_volume"] == ("preview",)
    assert found["predicted_ventricular_volume"] == ("preview", "repeatability")
    assert "intracranial" not in found
    assert notes(record_of(volumes_of()))["left_hippocampus"] == ("preview", "unreliable")


def test_weights_without_a_card_are_not_allowed():
    record = record_of(volumes_of(), weights="0" * 64)
    model = replace(record.provenance.model, weights_sha256="0" * 64)
    found = notes(replace(record, provenance=replace(record.provenance, model=model)))
    assert {note for own in found.values() for note in own} == {"not_allowed", "repeatability"}
    assert segmentation_spec("0" * 64) is None


def test_published_models_have_no_volume_of_a_known_definition():
    record = record_of(volumes_of())
    model = replace(record.provenance.model, name="neurofm-s")
    found = notes(replace(record, provenance=replace(record.provenance, model=model)))
    assert not any(key.startswith("predicted") for key in found)
    assert found["brain"] == ("preview",)


@pytest.mark.parametrize("name", ["low_overlap", "brain_volume_impossible"])
def test_a_scan_that_is_judged_as_fail_fails_all_volumes(name):
    flags = (Flag(name, "", "serious"), Flag("coarse_voxels", ""))
    found = notes(record_of(volumes_of(), flags=flags))
    assert all("quality_failed" in own for own in found.values())


def test_a_scan_to_check_fails_no_volume():
    found = notes(record_of(volumes_of(), flags=(Flag("coarse_voxels", ""),)))
    assert not any("quality_failed" in own for own in found.values())


def test_a_region_that_was_not_found_is_no_observation():
    record = record_of({**volumes_of(), "left_amygdala": 0.0})
    assert notes(record)["left_amygdala"] == ("preview", "not_found", "unreliable")
    seen = observation(record, WOMAN)
    assert "left_amygdala" not in seen.values
    assert (seen.reason, "right_amygdala" in seen.values) == ("", True)


def test_a_prediction_outside_the_range_of_training_says_so():
    record = record_of(volumes_of())
    outside = replace(record.predictions["brain_volume"], in_range=False)
    found = notes(replace(record, predictions={"brain_volume": outside}))
    assert found["predicted_brain_volume"] == ("preview", "outside_training_range")


def test_definitions():
    record = record_of(volumes_of())
    known = {item.key: definition(record, item) for item in module.observed(record)}
    assert known["predicted_ventricular_volume"] == "lateral_ventricles"
    assert known["left_caudate"] == "left_caudate"


@pytest.mark.parametrize(
    ("person", "reasons"),
    [
        (WOMAN, ()),
        (Person(sex="F"), ("age_unknown",)),
        (Person(89.0, sex="F", remarks=("lower_bound",)), ("age_lower_bound",)),
        (Person(89.0, remarks=("lower_bound",)), ("age_lower_bound", "sex_unknown")),
        (Person(), ("age_unknown", "sex_unknown")),
        (Person(50.0, sex="F", remarks=("not_of_session",)), ()),
        (Person(50.0, sex_text="O"), ("sex_unknown",)),
    ],
)
def test_reasons_of_people(person, reasons):
    assert reasons_of(person) == reasons
    assert observation(record_of(volumes_of()), person).reason == (*reasons, "")[0]


def test_observations():
    volumes = volumes_of()
    found = observation(record_of(volumes), WOMAN)
    assert (found.age_years, found.sex) == (50.0, "F")
    assert found.head_ml == pytest.approx(volumes["intracranial"] / 1000)
    assert found.values["predicted_brain_volume"] == found.values["brain"] == volumes["brain"]
    for name in ("low_overlap", "age_impossible"):
        failed = observation(record_of(volumes, flags=(Flag(name, "", "serious"),)), WOMAN)
        assert (failed.reason, failed.values) == ("quality_failed", {})
