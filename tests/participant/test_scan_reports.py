from dataclasses import replace
from pathlib import Path

from neurofm_bids.bids.demographics import Person
from neurofm_bids.model.registry import model_spec
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.participant.scan_reports import compared_heads, hash_of, scan_report
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.report.contents import Measured
from tests.samples import prediction, scan_record

ANATOMY = Anatomy({"brain": Volume(1.2e6, None, 0.9), "lateral_ventricles": Volume(2e4, None, 0.9)}, 2, "")
PREDICTIONS = {"age": prediction(40.0), "brain_volume": prediction(1.1e6, "mm^3")}


def test_what_is_predicted_is_shown_beside_what_was_measured():
    made = scan_record(predictions=PREDICTIONS, anatomy=ANATOMY)
    assert scan_report(made, Person(), {}).measured == {"brain_volume": Measured(1.2e6, None, "brain")}
    assert scan_report(scan_record(predictions=PREDICTIONS), Person(), {}).measured == {}


def test_the_hash_changes_with_what_is_shown():
    one = scan_report(scan_record(), Person(), {})
    others = [
        scan_report(scan_record(views=4), Person(), {}),
        scan_report(scan_record(), Person(30.0), {}),
        scan_report(scan_record(), Person(), {"mask": Path("a.svg")}),
    ]
    assert hash_of([one], []) == hash_of([scan_report(scan_record(), Person(), {})], [])
    assert len({hash_of([scan], []) for scan in (one, *others)}) == 4


def test_centiles_and_curves_are_those_of_the_reference():
    made = scan_record(predictions=PREDICTIONS, anatomy=ANATOMY)
    model = replace(made.provenance.model, weights_sha256=model_spec("open-s").sha256)
    made = replace(made, provenance=replace(made.provenance, model=model))
    scan = scan_report(made, Person(40.0, "40", "F", "F"), {})
    (placed,) = (item for item in scan.centiles if item.source == "predicted")
    curve = scan.curves["brain_volume"]
    place = min(range(len(curve.ages)), key=lambda index: abs(curve.ages[index] - 40))
    assert abs(curve.lines[50][place] / placed.expected - 1) < 0.01
    assert list(curve.ages) == sorted(curve.ages)
    assert "healthy women" in curve.about
    assert f"Reference: {PUBLISHED.about['Name']} (" in scan.reference
    assert scan_report(made, Person(40.0, "40"), {}).curves == {}


def test_the_head_size_is_that_of_the_scan_or_there_is_a_reason():
    sized = replace(ANATOMY, volumes={**ANATOMY.volumes, "intracranial": Volume(1.5e6, None, 0.9)})
    whole = scan_record(predictions=PREDICTIONS, anatomy=sized)
    extraction = replace(whole.measurements.brain_extraction, method="none")
    stripped = replace(whole, measurements=replace(whole.measurements, brain_extraction=extraction))
    assert compared_heads(whole) == "with the head size of this scan"
    assert "skull-stripped before" in compared_heads(stripped)
    assert "was not segmented" in compared_heads(scan_record(predictions=PREDICTIONS))
    assert "no intracranial volume" in compared_heads(scan_record(predictions=PREDICTIONS, anatomy=ANATOMY))
    model = replace(stripped.provenance.model, weights_sha256=model_spec("open-s").sha256)
    made = replace(stripped, provenance=replace(stripped.provenance, model=model))
    scan = scan_report(made, Person(40.0, "40", "F", "F"), {})
    assert any("no_head_size" in item.notes for item in scan.centiles)
    for shown in (scan.reference, scan.curves["brain_volume"].about):
        assert "of all head sizes (the image was skull-stripped before" in shown
        assert "head size of this scan" not in shown
        assert shown.count("head size") == 1


def test_without_a_card_that_allows_them_there_are_no_centiles():
    made = scan_record(predictions=PREDICTIONS, anatomy=ANATOMY)
    assert scan_report(made, Person(40.0, "40", "F", "F"), {}).centiles == ()
