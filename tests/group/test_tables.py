import csv
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.statistics import compute
from neurofm_bids.group.tables import make_tables
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.dictionary import prediction_column
from neurofm_bids.records.flag import Flag
from tests.group.test_readout_scores import write_scores
from tests.readouts.made import made_readout
from tests.samples import one_folder, prediction, scan_record, write_scan


def tables_of(root):
    covariates = Covariates(root)
    cohort = collect(one_folder(root / "out", covariates))
    return make_tables(cohort, covariates, compute({}, cohort.ages, cohort.features))


def rows(table):
    return list(csv.DictReader(io.StringIO(table.text()), delimiter="\t"))


@pytest.fixture
def root(tmp_path):
    for number, stem in enumerate(("sub-01_ses-a", "sub-01_ses-b", "sub-02")):
        write_scan(tmp_path / "out", stem, seed=number)
    (tmp_path / "sub-01").mkdir()
    return tmp_path


def test_names_of_the_tables(root):
    scans = ["features", "predictions", "quality", "covariates"]
    assert list(tables_of(root)) == [*scans, "statistics", "components", "phenotype"]
    assert {len(rows(tables_of(root)[name])) for name in scans} == {3}


def test_features_tell_any_two_float32_apart(root):
    table = tables_of(root)["features"]
    features = np.array([[row[f"f{i:03d}"] for i in range(12)] for row in rows(table)], dtype=np.float32)
    written = np.random.default_rng(2).normal(size=12).astype(np.float32)
    assert features[2] == pytest.approx(written, rel=1e-7)
    assert rows(table)[2]["f003"] == f"{features[2, 3]:.9g}"
    assert table.sidecar()["f003"]["LongName"] == "Feature 3"


def test_order_of_the_columns(root):
    tables = tables_of(root)
    identity, flags = ["participant_id", "session_id", "scan"], list(tables["predictions"].frame.columns)[-6:]
    assert flags == ["mask_volume_mm3", "n_flags", "n_serious_flags", "flags", "quality", "quality_reasons"]
    names = list(tables["predictions"].frame.columns)
    assert names[:4] == [*identity, "predicted_age_years"]
    recorded = ["chronological_age_years", "age_gap_years", "chronological_age_remarks", "recorded_sex"]
    assert names[-11:] == ["views", *recorded, *flags]
    quality = list(tables["quality"].frame.columns)
    assert quality == [*identity, "snr_brain", "contrast", "voxel_mm3", *flags, "group_check"]


def test_metrics_of_some_scans_only(root):
    write_scan(root / "out", "sub-03", image_quality={"odd name": 1.5})
    tables = tables_of(root)
    assert [row["odd_name"] for row in rows(tables["quality"])] == ["n/a", "n/a", "n/a", "1.5"]
    assert "odd_name" in tables["quality"].sidecar()["odd_name"]["Description"]


def test_scores_of_some_scans_only(root):
    write_scores(root / "out", "02", made_readout(name="raven"))
    tables = tables_of(root)
    assert [row["readout_raven"] for row in rows(tables["readouts"])] == ["n/a", "n/a", "1"]
    assert [row["readout_raven_centile"] for row in rows(tables["phenotype"])] == ["n/a", "60"]
    assert "readout_raven" not in tables["predictions"].frame
    for name in ("readouts", "phenotype"):
        assert tables[name].sidecar()["readout_raven"]["Units"] == "points"
    (about,) = tables["readouts"].sidecar()["Readouts"]
    assert (about["Name"], about["Training"]) == ("raven", "20 students")


def test_a_target_that_the_first_scan_lacks(root):
    write_scan(root / "out", "sub-03", predictions={"grip": prediction(3.5, "kg")})
    tables = tables_of(root)
    column = prediction_column("grip", "kg")
    assert [row[column] for row in rows(tables["predictions"])] == ["n/a", "n/a", "n/a", "3.5"]
    assert tables["predictions"].sidecar()[column]["Units"] == "kg"
    assert column in collect(one_folder(root / "out", Covariates(root))).predicted


def test_covariates_keep_their_own_dictionary(root):
    (root / "participants.tsv").write_text("participant_id\tage\tsite\nsub-02\t40\tA\n")
    (root / "participants.json").write_text('{"age": {"LongName": "Age", "Units": "year"}}')
    table = tables_of(root)["covariates"]
    assert [row["age"] for row in rows(table)] == ["n/a", "n/a", "40"]
    about = table.sidecar()
    assert about["age"] == {"LongName": "Age", "Units": "year"}
    assert about["site"]["Description"] == "Column site of the source dataset, not described there"
    assert about["MagneticFieldStrength"]["Units"] == "T"


def test_covariates_that_nobody_has_keep_their_column(root):
    (root / "participants.tsv").write_text("participant_id\tage\tsite\nsub-02\tn/a\tA\n")
    table = tables_of(root)["covariates"]
    assert [(row["age"], row["site"]) for row in rows(table)] == [
        ("n/a", "n/a"),
        ("n/a", "n/a"),
        ("n/a", "A"),
    ]
    assert table.sidecar()["age"]["Description"]


def test_no_covariate_takes_the_place_of_another_column(root):
    head = "participant_id\tscan\tDescription\tMagneticFieldStrength\tNeuroFM"
    (root / "participants.tsv").write_text(f"{head}\nsub-02\tmorning\ttall\t7\tyes\n")
    table = tables_of(root)["covariates"]
    row = rows(table)[2]
    assert row["scan"] == "sub-02/anat/sub-02_T1w.nii.gz"
    assert (row["scan_2"], row["Description_2"], row["NeuroFM_2"]) == ("morning", "tall", "yes")
    assert (row["MagneticFieldStrength"], row["MagneticFieldStrength_2"]) == ("7", "3")
    assert table.sidecar()["Description"] == "Covariates and acquisition parameters, one row per scan"
    assert table.sidecar()["MagneticFieldStrength_2"]["Units"] == "T"


def test_long_numbers_and_lists_stay_as_they_are(root):
    acquisition = {"EchoTime": [0.001, 0.002], "RepetitionTime": 2.3, "Manufacturer": "=1+1"}
    write_scan(root / "out", "sub-03", acquisition=acquisition)
    (root / "participants.tsv").write_text("participant_id\tnumber\nsub-03\t12345678901234\n")
    row = rows(tables_of(root)["covariates"])[3]
    assert row["number"] == "12345678901234"
    assert row["EchoTime"] == "[0.001, 0.002]"
    assert (row["RepetitionTime"], row["Manufacturer"]) == ("2.3", "'=1+1")


def test_every_column_of_every_table_is_described(root):
    for name, table in tables_of(root).items():
        about = table.sidecar()
        for column in table.frame.columns:
            assert about[column]["LongName"], (name, column)
            assert about[column]["Description"], (name, column)
        assert about["NeuroFM"]["WeightsSHA256"] == scan_record().provenance.model.weights_sha256


def test_phenotype_holds_the_first_scan_of_each_participant(root):
    table = tables_of(root)["phenotype"]
    assert [(row["participant_id"], row["session_id"], row["n_scans"]) for row in rows(table)] == [
        ("sub-01", "ses-a", "2"),
        ("sub-02", "n/a", "1"),
    ]
    about = table.sidecar()
    assert about["Derivative"] is True
    assert about["MeasurementToolMetadata"] == {"Description": "NeuroFM-BIDS, model open-s"}


def test_bids_allows_one_row_of_a_participant_in_the_phenotype_table(root):
    tables = tables_of(root)
    twin, scans = tables["phenotype"], tables["predictions"].frame
    assert errors_in_phenotype(root / "twin", twin) == []
    everyone = replace(twin, frame=scans.assign(n_scans=1)[twin.frame.columns])
    assert errors_in_phenotype(root / "all", everyone) == ["TSV_INDEX_VALUE_NOT_UNIQUE"]


def errors_in_phenotype(folder, table):
    """Return the errors of the BIDS validator in a dataset with this table."""
    command = shutil.which("bids-validator-deno", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if command is None:
        pytest.skip("bids-validator-deno is not installed")
    (folder / "phenotype").mkdir(parents=True)
    made = {"BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": "x"}]}
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "x", **made}))
    (folder / "phenotype" / "neurofm.tsv").write_text(table.text())
    (folder / "phenotype" / "neurofm.json").write_text(json.dumps(table.sidecar()))
    done = subprocess.run([command, "--format", "json", str(folder)], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [issue["code"] for issue in issues if issue["severity"] == "error"]


def test_too_few_scans_have_no_components(tmp_path):
    write_scan(tmp_path / "out", "sub-01")
    (tmp_path / "sub-01").mkdir()
    assert "components" not in tables_of(tmp_path)


def test_volumes_of_regions_of_some_scans_only(root):
    write_scan(root / "out", "sub-03", anatomy=Anatomy({"brain": Volume(1.25e6, None, 0.9)}, 2, "ab" * 32))
    tables = tables_of(root)
    assert [row["brain_mm3"] for row in rows(tables["morphometry"])] == ["n/a", "n/a", "n/a", "1250000"]
    assert rows(tables["morphometry"])[3]["brain_confidence"] == "0.9"
    assert tables["morphometry"].sidecar()["brain_mm3"]["Units"] == "mm^3"
    assert [row["brain_mm3"] for row in rows(tables["phenotype"])] == ["n/a", "n/a", "1250000"]
    assert set(rows(tables["phenotype"])[0]) <= set(tables["phenotype"].sidecar())


def test_a_participant_is_represented_by_a_scan_that_did_not_fail(root):
    failed = Flag("low_overlap", "The overlap is low", "serious", "the mask")
    write_scan(root / "out", "sub-01_ses-a", seed=0, flags=(failed,))
    first, second = rows(tables_of(root)["phenotype"])
    assert (first["session_id"], first["n_scans"], first["quality"]) == ("ses-b", "2", "ok")
    assert second["participant_id"] == "sub-02"
    write_scan(root / "out", "sub-01_ses-b", seed=1, flags=(failed,))
    first = rows(tables_of(root)["phenotype"])[0]
    assert (first["session_id"], first["quality"]) == ("ses-a", "fail")
    assert first["quality_reasons"] == "The overlap is low. Look at the mask."


def test_scores_of_failed_scans_are_absent(root):
    write_scan(root / "out", "sub-03", seed=4)
    write_scan(root / "out", "sub-02", seed=2, flags=(Flag("x", "X", "serious"),))
    covariates = Covariates(root)
    cohort = collect(one_folder(root / "out", covariates))
    tables = make_tables(cohort, covariates, compute({}, cohort.ages, cohort.features, cohort.included))
    assert [row["component_1"] == "n/a" for row in rows(tables["components"])] == [False, False, True, False]
