import json

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.user_reference import make_reference
from neurofm_bids.participant.centile_files import allowed_centiles, write_centiles
from neurofm_bids.records.origin import origin_of
from tests.norms.people import record_of, simulated, volumes_of
from tests.tables import read_rows

WOMAN = Person(50.0, sex="F")


@pytest.fixture
def out(tmp_path):
    return Derivatives(tmp_path, "openS")


def written(out, record, person=WOMAN, reference=PUBLISHED):
    write_centiles(out, record, person, allowed_centiles(record, person, reference), reference)
    path = out.path(record.scan, "centiles")
    rows = {(row["source"], row["name"]): row for row in read_rows(path)}
    return rows, json.loads(path.with_suffix(".json").read_text())


def test_the_table_and_its_dictionary(out):
    rows, about = written(out, record_of(volumes_of(), interval=0.02))
    brain = rows["measured", "brain"]
    assert float(brain["centile"]) == pytest.approx(50)
    assert float(brain["centile_lower95"]) < 40
    assert brain["centile_notes"] == "preview"
    assert rows["measured", "left_amygdala"]["centile_notes"] == "preview;unreliable;shifted"
    assert rows["predicted", "brain_volume"]["lower95_mm3"] == "n/a"
    assert about["NeuroFM"]["Reference"]["Name"] == "NOMIS"
    assert (about["NeuroFM"]["Age"], about["NeuroFM"]["Sex"]) == (50, "F")
    assert about["NeuroFM"]["IntracranialVolumeMl"] == pytest.approx(1320.6)
    assert "docs/open-anatomy.md" in about["NeuroFM"]["Segmentation"]["Source"]
    assert set(brain) <= set(about)
    assert "diagnosis" in about["Description"]


def test_an_age_that_is_not_known_leaves_the_reason(out):
    rows, about = written(out, record_of(volumes_of(), stripped=True), Person(sex="F"))
    assert {row["centile"] for row in rows.values()} == {"n/a"}
    assert rows["measured", "brain"]["centile_notes"] == "preview;age_unknown"
    assert about["NeuroFM"]["IntracranialVolumeMl"] is None


def test_what_no_card_allows_is_not_written_and_does_not_stay(out):
    record = record_of(volumes_of())
    written(out, record)
    other = record_of(volumes_of(), weights="0" * 64, predictions={})
    assert allowed_centiles(other, WOMAN, PUBLISHED) == ()
    write_centiles(out, other, WOMAN, (), PUBLISHED)
    assert list(out.folder(record.scan).iterdir()) == []


def test_a_reference_of_the_user_is_named(out):
    record = record_of(volumes_of())
    reference = make_reference(simulated(1, 60), version="1", origin=origin_of(record))
    rows, about = written(out, record, reference=reference)
    assert set(rows) == {("measured", "brain"), ("measured", "lateral_ventricles")}
    assert rows["measured", "brain"]["centile"] != "n/a"
    assert about["NeuroFM"]["Reference"]["SHA256"] == reference.digest
