"""The group level on output folders written by hand."""

import csv
import json
import re

import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.run import write_group
from neurofm_bids.preprocess.iqm import measure_quality
from neurofm_bids.preprocess.registration import load_template, register
from neurofm_bids.records import dictionary

TABLES = [f"group_desc-openS_{name}.tsv" for name in ("features", "predictions", "quality")]


def prediction(value, units, **more):
    spread = {"SD": 0.5, "Interval95": [value - 1, value + 1]}
    return {
        "Value": value,
        "Units": units,
        "InRange": True,
        "Range": [0, 100],
        "LongName": "P",
        "Description": "D",
        **spread,
        **more,
    }


def write_scan(out, stem, *, age=None, seed=0, **changes):
    """Write the three files of one scan and return its folder."""
    labels = dict(part.split("-", 1) for part in stem.split("_"))
    folder = out / f"sub-{labels['sub']}"
    folder = (folder / f"ses-{labels['ses']}" if "ses" in labels else folder) / "anat"
    folder.mkdir(parents=True, exist_ok=True)
    known = {} if age is None else {"Chronological": age, "Gap": 40.0 + seed - age}
    where = folder.relative_to(out)
    record = {
        "Scan": f"bids:raw:{where}/{stem}_T1w.nii.gz",
        "Subject": labels["sub"],
        "Session": labels.get("ses"),
        "Entities": labels,
        "Model": {
            "Name": "open-s",
            "Label": "openS",
            "WeightsSHA256": "a" * 64,
            "License": "Apache-2.0",
            "Notice": "Preview.",
        },
        "Views": 8,
        "Predictions": {
            "age": prediction(40.0 + seed, "year", **known),
            "sex": prediction(0.4, "probability of male"),
            "ventricular_volume": prediction(15000.0 + seed, "mm^3"),
            "brain_volume": prediction(1.2e6, "mm^3"),
        },
        "Measured": {"mask_volume_mm3": 1.5e6},
        "Participant": {"age_years": age, "sex": "F"},
        "Quality": {"snr_brain": 12.0 + seed, "contrast": 1.3, "voxel_mm3": 1.0},
        "Flags": [],
        **changes,
    }
    made = {
        "Version": "0.1.0",
        "WeightsSHA256": "a" * 64,
        "ParametersHash": "p",
        "Parameters": {},
        "Software": {},
    }
    values = np.random.default_rng(seed).normal(size=12)
    names, cells = (f"f{i:03d}" for i in range(12)), (f"{v:.8g}" for v in values)
    (folder / f"{stem}_desc-openS_features.tsv").write_text("\t".join(names) + "\n" + "\t".join(cells) + "\n")
    (folder / f"{stem}_desc-openS_features.json").write_text(json.dumps({"NeuroFM": made}))
    (folder / f"{stem}_desc-openS_predictions.json").write_text(json.dumps(record))
    return folder


def read(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture
def cohort(tmp_path):
    out = tmp_path / "out"
    for number, stem in enumerate(("sub-01_ses-a", "sub-01_ses-b_run-1", "sub-02", "sub-10")):
        write_scan(out, stem, seed=number, age=30.0 + number if number else None)
    return out


def test_every_scan_found_has_a_row_in_every_table(cohort):
    result = write_group(cohort, "openS")
    assert (result.rows, result.missing) == (4, ())
    for name in TABLES:
        rows = read(cohort / name)
        assert [row["participant_id"] for row in rows] == ["sub-01", "sub-01", "sub-02", "sub-10"]
        assert [row["session_id"] for row in rows] == ["ses-a", "ses-b", "n/a", "n/a"]


def test_values_come_from_the_records(cohort):
    write_group(cohort, "openS")
    row = read(cohort / TABLES[1])[2]
    assert row["scan"] == "sub-02/anat/sub-02_T1w.nii.gz"
    assert (row["predicted_age_years"], row["chronological_age_years"], row["age_gap_years"]) == (
        "42",
        "32",
        "10",
    )
    assert row["predicted_ventricular_volume_mm3"] == "15002"
    assert read(cohort / TABLES[1])[0]["chronological_age_years"] == "n/a"
    assert read(cohort / TABLES[2])[3]["snr_brain"] == "15"
    feature = float(read(cohort / TABLES[0])[1]["f003"])
    assert feature == pytest.approx(np.random.default_rng(1).normal(size=12)[3], rel=1e-6)


def test_phenotype_has_one_row_per_participant(cohort):
    write_group(cohort, "openS")
    rows = read(cohort / "phenotype" / "neurofm.tsv")
    assert [(row["participant_id"], row["n_scans"]) for row in rows] == [
        ("sub-01", "2"),
        ("sub-02", "1"),
        ("sub-10", "1"),
    ]
    assert rows[0]["session_id"] == "ses-a"


def test_every_column_is_in_the_dictionary(cohort):
    write_group(cohort, "openS")
    for path in (*(cohort / name for name in TABLES), cohort / "phenotype" / "neurofm.tsv"):
        about = json.loads(path.with_suffix(".json").read_text())
        for column in read(path)[0]:
            assert about[column]["LongName"], column
            assert about[column]["Description"], column


def test_every_quality_measure_is_in_the_dictionary(brain_image):
    import nibabel as nib

    data = np.asarray(brain_image.dataobj, dtype=np.float32)
    t1w = nib.Nifti1Image(data, brain_image.affine)
    mask = nib.Nifti1Image((data > 0).astype(np.uint8), brain_image.affine)
    measures, _ = measure_quality(t1w, t1w, mask, register(t1w, mask, load_template(), seed=1))
    described = {name: dictionary.quality(name)[1]["Description"] for name in measures}
    assert [name for name, text in described.items() if "as recorded with the scan" in text] == []


def test_second_run_gives_equal_bytes(cohort):
    paths = write_group(cohort, "openS").paths
    before = {path: path.read_bytes() for path in paths}
    write_group(cohort, "openS")
    assert {path: path.read_bytes() for path in paths} == before


@pytest.mark.parametrize(
    ("ending", "text", "reason"),
    [
        ("predictions.json", None, "a file is missing"),
        ("features.json", None, "a file is missing"),
        ("predictions.json", "{", "invalid JSON"),
        ("predictions.json", "{}", "do not fit together"),
        ("features.tsv", "f000\tf001\n1\tnan\n", "not finite"),
        ("features.tsv", "f000\tf001\n1\n", "not f000 onwards"),
        ("features.tsv", "f000\n1\n", "1 features where the other scans have 12"),
    ],
)
def test_damaged_scans_are_named(cohort, ending, text, reason):
    path = cohort / "sub-02" / "anat" / f"sub-02_desc-openS_{ending}"
    path.unlink() if text is None else path.write_text(text)
    result = write_group(cohort, "openS")
    assert result.rows == 3
    assert [missing.stem for missing in result.missing] == ["sub-02"]
    assert reason in result.missing[0].reason
    assert reason in (cohort / "group_desc-openS.html").read_text()


def test_failed_scans_of_the_logs_are_missing_until_done(cohort):
    log = cohort / "logs" / "20260101T000000Z-x"
    log.mkdir(parents=True)
    rows = "sub-02/anat/sub-02_T1w.nii.gz\tbias\told\tx\n"
    rows += "sub-11/anat/sub-11_T1w.nii\tbrain\tno brain was found\tx\n"
    (log / "failed.tsv").write_text("scan\tstep\treason\tfix\n" + rows)
    missing = write_group(cohort, "openS").missing
    assert [(m.stem, m.reason) for m in missing] == [("sub-11", "failed in brain: no brain was found")]


def test_other_models_are_left_alone(cohort):
    (cohort / "sub-02" / "anat" / "sub-02_desc-neurofmS_features.tsv").write_text("f000\n1\n")
    assert write_group(cohort, "openS").rows == 4
    with pytest.raises(NeuroFMError, match="no scan has usable outputs of the model neurofmS") as caught:
        write_group(cohort, "neurofmS")
    assert caught.value.code == Exit.NOTHING_SELECTED


def test_mixed_settings_are_warned_of(cohort):
    path = cohort / "sub-10" / "anat" / "sub-10_desc-openS_features.json"
    path.write_text(path.read_text().replace('"p"', '"q"'))
    warnings = collect(cohort, "openS").warnings
    assert len(warnings) == 1
    assert "same settings" in warnings[0]


def test_report_shows_the_cohort_and_needs_no_other_file(cohort):
    write_group(cohort, "openS", command="neurofm a b group")
    page = (cohort / "group_desc-openS.html").read_text()
    assert page.count("<svg") == 4  # predictions, ages, quality, components
    assert "Mean absolute error" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:|sub-)""", page)
    assert not re.search(r"https?://", page)
    assert "<script" not in page


def test_report_escapes_what_records_say(cohort):
    flag = {"Name": "a<b", "Message": "<script>x</script>", "Severity": "serious"}
    write_scan(cohort, "sub-66", Flags=[flag])
    write_group(cohort, "openS")
    page = (cohort / "group_desc-openS.html").read_text()
    assert "<script>" not in page
    assert "a&lt;b" in page


def test_report_of_one_scan_without_age(tmp_path):
    write_scan(tmp_path, "sub-01")
    assert write_group(tmp_path, "openS").rows == 1
    page = (tmp_path / "group_desc-openS.html").read_text()
    assert "No chronological ages are known" in page
    assert "Principal components need at least three scans" in page


@pytest.mark.parametrize(("label", "code"), [("no such", Exit.USAGE), ("openS", Exit.NO_INPUT)])
def test_wrong_folder_or_label(tmp_path, label, code):
    with pytest.raises(NeuroFMError) as caught:
        collect(tmp_path / "nothing", label)
    assert caught.value.code == code
