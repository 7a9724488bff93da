"""The group level on output folders written by hand."""

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.cli.main import main
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.run import write_group
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.scan import Input
from neurofm_bids.storage.atomic import file_sha256
from tests.samples import scan_record, write_scan
from tests.tables import read_rows

TABLES = [
    f"group_desc-openS_{name}.tsv"
    for name in ("features", "predictions", "quality", "covariates", "components")
]


@pytest.fixture
def cohort(tmp_path):
    """Four scans of three people, and the dataset that they come from."""
    out, bids = tmp_path / "out", tmp_path / "bids"
    for number, stem in enumerate(("sub-01_ses-a", "sub-01_ses-b_run-1", "sub-02", "sub-10")):
        write_scan(out, stem, seed=number)
        (bids / stem.split("_")[0]).mkdir(parents=True, exist_ok=True)
    (bids / "participants.tsv").write_text("participant_id\tage\tsite\nsub-02\t32\tA\nsub-10\t33\tB\n")
    (bids / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tage\nses-b\t31\n")
    return out


def group(out, label="openS", **options):
    return write_group(out, label, bids_dir=out.parent / "bids", **options)


def test_every_scan_found_has_a_row_in_every_table(cohort):
    result = group(cohort, "openS")
    assert (result.rows, result.missing) == (4, ())
    for name in TABLES:
        rows = read_rows(cohort / name)
        assert [row["participant_id"] for row in rows] == ["sub-01", "sub-01", "sub-02", "sub-10"]
        assert [row["session_id"] for row in rows] == ["ses-a", "ses-b", "n/a", "n/a"]


@pytest.mark.parametrize(
    ("options", "code", "scans"),
    [
        (["--participant-label", "sub-01"], 0, ["sub-01_ses-a", "sub-01_ses-b_run-1"]),
        (["--participant-label", "01", "03"], 1, ["sub-01_ses-a", "sub-01_ses-b_run-1"]),
        (["--session-label", "b"], 0, ["sub-01_ses-b_run-1"]),
        (["--bids-filter-file", "{filters}"], 0, ["sub-01_ses-a", "sub-02", "sub-10"]),
        (["--participant-label", "1"], 18, None),
    ],
)
def test_options_of_the_command_select_rows(cohort, capsys, options, code, scans):
    filters = cohort.parent / "filter.json"
    filters.write_text('{"t1w": {"run": null}}')
    command = [str(cohort.parent / "bids"), str(cohort), "group"]
    assert main([*command, *(option.format(filters=filters) for option in options)]) == code
    assert [path.name for path in (cohort / "logs").iterdir()] == [".lock"]
    log = capsys.readouterr().err
    assert ("sub-03: no such participant" in log) == ("03" in options)
    assert ("no such participant: 1 (did you mean sub-01?)" in log) == (code == 18)
    assert "Process the missing scans first" not in log
    if scans:
        used = " ".join(options).format(filters=filters)
        partial = f"{len(scans)} of 4 finished scans are in the group tables ({used.replace('sub-', '')})."
        assert partial in log
        assert partial in (cohort / "group_desc-openS.html").read_text()
        rows = read_rows(cohort / TABLES[1])
        assert [row["scan"].split("/")[-1].removesuffix("_T1w.nii.gz") for row in rows] == scans


def test_tables_of_an_earlier_run_do_not_stay(cohort):
    group(cohort)
    table = cohort / "group_desc-openS_components.tsv"
    assert table.is_file()
    for subject in ("sub-02", "sub-10"):
        shutil.rmtree(cohort / subject)
    group(cohort)
    assert not table.exists()
    assert not table.with_suffix(".json").exists()


def test_values_come_from_the_records(cohort):
    group(cohort, "openS")
    row = read_rows(cohort / TABLES[1])[2]
    assert row["scan"] == "sub-02/anat/sub-02_T1w.nii.gz"
    assert (row["predicted_age_years"], row["chronological_age_years"], row["age_gap_years"]) == (
        "42",
        "32",
        "10",
    )
    assert row["predicted_ventricular_volume_mm3"] == "15002"
    ages = [row["chronological_age_years"] for row in read_rows(cohort / TABLES[1])]
    assert ages == ["n/a", "31", "32", "33"]
    assert read_rows(cohort / TABLES[2])[3]["snr_brain"] == "15"
    feature = float(read_rows(cohort / TABLES[0])[1]["f003"])
    assert feature == pytest.approx(np.random.default_rng(1).normal(size=12)[3], rel=1e-6)


def test_phenotype_has_one_row_per_participant(cohort):
    group(cohort, "openS")
    rows = read_rows(cohort / "phenotype" / "neurofm.tsv")
    assert [(row["participant_id"], row["n_scans"]) for row in rows] == [
        ("sub-01", "2"),
        ("sub-02", "1"),
        ("sub-10", "1"),
    ]
    assert rows[0]["session_id"] == "ses-a"


def test_every_column_is_in_the_dictionary(cohort):
    group(cohort, "openS")
    for path in (*(cohort / name for name in TABLES), cohort / "phenotype" / "neurofm.tsv"):
        about = json.loads(path.with_suffix(".json").read_text())
        for column in read_rows(path)[0]:
            assert about[column]["Description"], column
            assert about[column].get("LongName") or column in {"age", "site", "MagneticFieldStrength"}, column


def test_second_run_gives_equal_bytes(cohort):
    paths = group(cohort, "openS").paths
    before = {path: path.read_bytes() for path in paths}
    group(cohort, "openS")
    assert {path: path.read_bytes() for path in paths} == before


@pytest.mark.parametrize(
    ("ending", "text", "reason"),
    [
        ("desc-openS_features.json", None, "a file is missing"),
        (
            "desc-brain_mask.nii.gz",
            None,
            "a file is missing: sub-02_desc-brain_mask.nii.gz. Run the participant",
        ),
        ("from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.txt", "", "a file is empty"),
        ("desc-openS_predictions.json", "{}", "Scan is absent"),
        ("desc-openS_features.tsv", "f000\n1\n", "1 features where the other scans have 12"),
    ],
)
def test_damaged_scans_are_named(cohort, ending, text, reason):
    path = cohort / "sub-02" / "anat" / f"sub-02_{ending}"
    path.unlink() if text is None else path.write_text(text)
    result = group(cohort, "openS")
    assert result.rows == 3
    assert [missing.stem for missing in result.missing] == ["sub-02"]
    assert reason in result.missing[0].reason
    assert reason in (cohort / "group_desc-openS.html").read_text()


def test_failed_scans_of_the_logs_are_missing_until_done(cohort):
    log = cohort / "logs" / "20260101T000000Z-x"
    log.mkdir(parents=True)
    rows = "sub-02/anat/sub-02_T1w.nii.gz\tbias_correction\told\tx\n"
    rows += "sub-11/anat/sub-11_T1w.nii\tbrain_extraction\tno brain was found\tLook at it.\n"
    (log / "failed.tsv").write_text("scan\tstep\treason\tfix\n" + rows)
    image = cohort.parent / "bids" / "sub-11" / "anat" / "sub-11_T1w.nii"
    image.parent.mkdir(parents=True)
    image.touch()
    missing = group(cohort, "openS").missing
    assert [(m.stem, m.reason) for m in missing] == [
        ("sub-11", "failed in brain_extraction: no brain was found. Look at it.")
    ]
    assert "no brain was found. Look at it.<" in (cohort / "group_desc-openS.html").read_text()
    image.unlink()
    assert group(cohort, "openS").missing == ()


def test_other_models_are_left_alone(cohort):
    (cohort / "sub-02" / "anat" / "sub-02_desc-neurofmS_features.tsv").write_text("f000\n1\n")
    assert group(cohort, "openS").rows == 4
    with pytest.raises(NeuroFMError, match="no scan has usable outputs of the model neurofmS") as caught:
        group(cohort, "neurofmS")
    assert caught.value.code == Exit.NOTHING_SELECTED


@pytest.mark.parametrize(
    ("label", "options", "fix"),
    [
        (
            "openS",
            {"participant_label": ("02",), "session_label": ("a",)},
            "Process the missing scans first, or check --participant-label, --session-label.",
        ),
        ("neurofmS", {}, "Run the participant level with this model first."),
        ("neurofmS", {"session_label": ("zz",)}, "Run the participant level with this model first."),
    ],
)
def test_a_cohort_without_scans_says_what_to_do(cohort, label, options, fix):
    with pytest.raises(NeuroFMError, match="no scan has usable outputs") as caught:
        group(cohort, label, selection=Selection(**options))
    assert caught.value.fix == fix


def test_options_that_were_not_given_are_not_to_be_checked(cohort):
    for path in cohort.rglob("*_desc-openS_features.tsv"):
        path.unlink()
    with pytest.raises(NeuroFMError, match="no scan has usable outputs") as caught:
        group(cohort, "openS")
    assert caught.value.fix == "Process the missing scans first."


def test_report_shows_the_cohort_and_needs_no_other_file(cohort):
    group(cohort, "openS", command="neurofm a b group")
    page = (cohort / "group_desc-openS.html").read_text()
    plots = [json.loads(html.unescape(spec)) for spec in re.findall(r'data-plot="([^"]*)"', page)]
    assert {("chronological_age_years", "predicted_age_years"), ("component_1", "component_2")} <= {
        (plot["x"], plot.get("y")) for plot in plots
    }
    assert {"predicted_age_years", "mask_volume_mm3"} <= {plot["x"] for plot in plots if "y" not in plot}
    assert "Mean absolute error" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:|sub-)""", page)
    assert not re.search(r"https?://", page)
    assert page.count("<script") == 1
    assert "script-src 'sha256-" in html.unescape(page)


def test_report_states_the_weights_of_all_scans(cohort):
    made = scan_record().provenance
    write_scan(
        cohort, "sub-66", provenance=replace(made, model=replace(made.model, weights_sha256="cd" * 32))
    )
    group(cohort)
    page = (cohort / "group_desc-openS.html").read_text()
    assert f"<code>{'ab' * 32}</code>, <code>{'cd' * 32}</code>" in page


def test_report_escapes_what_records_say(cohort):
    write_scan(cohort, "sub-66", flags=(Flag("a<b", "<script>x</script>", "serious"),))
    group(cohort, "openS")
    page = (cohort / "group_desc-openS.html").read_text()
    assert "<script>x" not in page
    assert "a&lt;b" in page


def test_report_of_one_scan_without_age(tmp_path):
    out = tmp_path / "out"
    write_scan(out, "sub-01")
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    assert group(out).rows == 1
    page = (out / "group_desc-openS.html").read_text()
    assert "No chronological ages are known" in page
    assert "Principal components need at least three scans" in page


def test_all_covariates_and_acquisition_parameters_have_a_table(cohort):
    group(cohort)
    rows = read_rows(cohort / "group_desc-openS_covariates.tsv")
    assert [row["age"] for row in rows] == ["n/a", "31", "32", "33"]
    assert [row["site"] for row in rows] == ["n/a", "n/a", "A", "B"]
    assert {row["MagneticFieldStrength"] for row in rows} == {"3"}


def test_statistics_reach_a_table(cohort):
    group(cohort)
    rows = read_rows(cohort / "group_desc-openS_statistics.tsv")
    found = {(row["measure"], row["statistic"]): (row["value"], row["n"]) for row in rows}
    gap = "age_agreement"
    assert found["predicted_age_years", "mean"] == ("41.5", "4")
    assert found[gap, "mae"] == ("10", "3")
    assert found[gap, "pearson_r"] == ("1", "3")
    assert found["snr_brain", "maximum"] == ("15", "4")
    shares = [float(found[f"component_{number}", "explained_variance"][0]) for number in (1, 2)]
    assert 0 < shares[1] <= shares[0] <= 1
    scores = [float(row["component_1"]) for row in read_rows(cohort / "group_desc-openS_components.tsv")]
    assert sum(scores) == pytest.approx(0, abs=1e-3)


def test_lower_bounds_are_left_out_of_the_statistics_and_counted(cohort):
    bids = cohort.parent / "bids"
    (bids / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\nsub-02\t89+\nsub-10\t33\n")
    (bids / "sub-01" / "sub-01_sessions.tsv").unlink()
    for session in "ab":
        (bids / "sub-01" / f"ses-{session}").mkdir()
    group(cohort)
    rows = read_rows(cohort / "group_desc-openS_statistics.tsv")
    found = {(row["measure"], row["statistic"]): (row["value"], row["n"]) for row in rows}
    gap = "age_agreement"
    assert found[gap, "mae"] == ("10.33333333", "3")  # gaps of 10, 11 and 10, and of -47 to the lower bound
    assert found["age_gap_years", "minimum"] == ("10", "3")
    table, phenotype = (read_rows(cohort / path) for path in (TABLES[1], "phenotype/neurofm.tsv"))
    assert [row["age_gap_years"] for row in table] == ["10", "11", "n/a", "10"]
    assert [row["age_gap_years"] for row in phenotype] == ["10", "n/a", "10"]
    assert table[2]["chronological_age_remarks"] == "lower_bound"
    counts = [found[gap, f"n_{name}"] for name in ("age_unknown", "lower_bound", "not_of_session")]
    assert counts == [("0", "4"), ("1", "4"), ("2", "4")]
    report = (cohort / "group_desc-openS.html").read_text()
    assert "Scans left out: the age is a lower bound" in report
    assert "Scans compared with an age that is not of their session" in report


@pytest.mark.parametrize("folder", [None, ".", "sub-99"])
def test_another_dataset_is_refused_and_the_tables_stay(cohort, folder):
    before = {path: path.read_bytes() for path in group(cohort).paths}
    other = cohort.parent / "other"
    if folder:
        (other / folder).mkdir(parents=True)
    message = r"none of the participants in the output folder is in the dataset: .*/other\."
    with pytest.raises(NeuroFMError, match=message) as caught:
        write_group(cohort, "openS", bids_dir=other)
    assert caught.value.code == Exit.NO_INPUT
    assert {path: path.read_bytes() for path in before} == before


def test_findings_to_review_are_said_in_the_log(cohort, caplog):
    caplog.set_level("INFO")
    group(cohort)
    assert "To review" not in caplog.text
    write_scan(cohort, "sub-11", seed=2)
    group(cohort)
    kinds = [row["kind"] for row in read_rows(cohort / "group_desc-openS_review.tsv")]
    assert kinds == ["duplicate"]
    assert "To review: 1 duplicate (see group_desc-openS_review.tsv)" in caplog.text


def test_another_dataset_with_the_same_labels(cohort, caplog):
    """No covariates are joined to a scan of which the dataset has another image."""
    other = cohort.parent / "other"
    shutil.copytree(cohort.parent / "bids", other)
    images = [other / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz" for label in ("02", "10")]
    for image in images:
        image.parent.mkdir()
        image.write_bytes(b"another image")
    before = {path: path.read_bytes() for path in group(cohort).paths}
    with pytest.raises(NeuroFMError, match="none of the images in the dataset is the one") as caught:
        write_group(cohort, "openS", bids_dir=other)
    assert caught.value.code == Exit.NO_INPUT
    assert {path: path.read_bytes() for path in before} == before
    source = Input(file_sha256(images[0]), 13, 1)
    write_scan(cohort, "sub-02", seed=2, provenance=replace(scan_record().provenance, input=source))
    result = write_group(cohort, "openS", bids_dir=other)
    warning, absent = result.warnings
    assert "not joined to 1 of 2 scans" in warning
    assert "The images of 2 of 4 scans are not in the dataset (sub-01/ses-a/anat/sub-01_ses-a_T1w" in absent
    assert warning in caplog.text
    assert "(sub-10_T1w.nii.gz)" in warning
    ages = [row["chronological_age_years"] for row in read_rows(cohort / TABLES[1])]
    assert ages == ["n/a", "31", "32", "n/a"]
    sites = [row["site"] for row in read_rows(cohort / TABLES[3])]
    assert sites == ["n/a", "n/a", "A", "n/a"]


@pytest.mark.parametrize(
    ("raw", "image", "refused"),
    [
        ("../bids", None, True),
        ("../gone", None, True),
        ("../other", None, False),  # the images of the same dataset were removed
        (None, None, False),
        ("../bids", "sub-02/anat/sub-02_T1w.nii.gz", False),  # a git-annex link without content
    ],
)
def test_another_dataset_without_any_of_the_images(cohort, raw, image, refused):
    """It is refused where the outputs link another folder: its ages would be joined by the labels."""
    other = cohort.parent / "other"
    shutil.copytree(cohort.parent / "bids", other)
    if image:
        (other / image).parent.mkdir()
        (other / image).symlink_to("gone")
    links = {"DatasetLinks": {"raw": raw}} if raw else {}
    description = {"GeneratedBy": [{"Name": "NeuroFM-BIDS"}], **links}
    (cohort / "dataset_description.json").write_text(json.dumps(description))
    if not refused:
        assert write_group(cohort, "openS", bids_dir=other).rows == 4
        return
    with pytest.raises(NeuroFMError, match=r"none of their images is in this one: .*/other") as caught:
        write_group(cohort, "openS", bids_dir=other)
    assert f"processed from another dataset ({cohort.parent / raw[3:]})" in str(caught.value)
    assert caught.value.code == Exit.NO_INPUT
    assert not list(cohort.glob("group_*"))


def test_the_report_draws_every_metric(cohort):
    names = [f"metric_{number}" for number in range(11)]
    write_scan(cohort, "sub-77", image_quality=dict.fromkeys(names, 1.0))
    group(cohort)
    page = (cohort / "group_desc-openS.html").read_text()
    assert all(name.replace("_", " ").capitalize() in page for name in names)


HOLD = """
import sys
from pathlib import Path
from neurofm_bids.storage.locks import Locks
with Locks(Path(sys.argv[1])) as locks, locks.held("participants", shared=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_participant_run_that_is_active_is_warned_of(cohort, caplog):
    (cohort / "logs").mkdir()
    command = [sys.executable, "-c", HOLD, str(cohort / "logs" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == b"held\n"
        result = group(cohort)
        run.stdin.close()
    assert "A participant run was active in this folder" in result.warnings[0]
    assert result.warnings[0] in caplog.text
    assert result.warnings[0] in (cohort / "group_desc-openS.html").read_text()
    assert group(cohort).warnings == ()


@pytest.mark.parametrize(
    ("label", "code", "message"),
    [
        ("no such", Exit.USAGE, "letters and digits only: no such"),
        ("../x", Exit.USAGE, "letters and digits only"),
        ("openS", Exit.NO_INPUT, "output folder not found: .*nothing. Run the participant level first."),
    ],
)
def test_wrong_folder_or_label(tmp_path, label, code, message):
    with pytest.raises(NeuroFMError, match=message) as caught:
        write_group(tmp_path / "nothing", label, bids_dir=tmp_path)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_another_program_is_refused(cohort):
    (cohort / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    with pytest.raises(NeuroFMError, match="holds another dataset") as caught:
        group(cohort)
    assert caught.value.code == Exit.CANT_CREATE
