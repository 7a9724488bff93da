import json
import os
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.cohort import collect
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.flag import Flag
from tests.samples import one_folder, prediction, scan_record, write_scan


@pytest.fixture
def collected(tmp_path):
    """Return a function that writes scans and participants.tsv and collects them."""

    def make(*stems, participants="", **changes):
        for number, stem in enumerate(stems):
            write_scan(tmp_path / "out", stem, seed=number, **changes)
            (tmp_path / stem.split("_")[0]).mkdir(exist_ok=True)
        if participants:
            (tmp_path / "participants.tsv").write_text(participants)
        return collect(one_folder(tmp_path / "out", Covariates(tmp_path)))

    return make


def test_members_are_ordered_and_have_their_own_features(collected):
    cohort = collected("sub-10", "sub-02_ses-b", "sub-02_ses-a_run-2", "sub-02_ses-a_run-1")
    assert [member.scan.stem for member in cohort.members] == [
        "sub-02_ses-a_run-1",
        "sub-02_ses-a_run-2",
        "sub-02_ses-b",
        "sub-10",
    ]
    ages = [member.predictions["predicted_age_years"] for member in cohort.members]
    assert ages == [43.0, 42.0, 41.0, 40.0]  # by the seed that also made the features
    assert cohort.features.shape == (4, 12)
    assert cohort.features[0, 0] != cohort.features[3, 0]
    assert (cohort.weights_sha256, cohort.warnings) == (("ab" * 32,), ())


@pytest.mark.parametrize(
    ("row", "known", "gap", "remarks", "sex"),
    [
        ("38\tF", 38.0, 2.0, None, "F"),
        ("89+\tmale", 89.0, None, "lower_bound", "M"),
        ("n/a\tn/a", None, None, None, None),
        ("old\t?", None, None, None, None),
    ],
)
def test_recorded_age_and_sex_are_joined(collected, row, known, gap, remarks, sex):
    cohort = collected("sub-01", participants=f"participant_id\tage\tsex\nsub-01\t{row}\n")
    cells = cohort.members[0].predictions
    assert cells["chronological_age_years"] == known
    assert cells["age_gap_years"] == gap
    assert cells["chronological_age_remarks"] == remarks
    assert cells["recorded_sex"] == sex


def test_a_model_that_predicts_no_age_has_no_gap(collected):
    grip = {"grip": prediction(30.0, "kg", in_range=False)}
    cohort = collected("sub-01", participants="participant_id\tage\nsub-01\t38\n", predictions=grip)
    cells = cohort.members[0].predictions
    assert (cells["chronological_age_years"], cells["age_gap_years"]) == (38.0, None)
    assert cohort.members[0].out_of_range == ("predicted_grip",)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("ParametersHash", "0" * 64, "settings"),
        ("PipelineVersion", 9, "pipeline version of NeuroFM-BIDS"),
        ("Model", "0" * 64, "weights"),
    ],
)
def test_scans_made_differently_are_warned_of(collected, tmp_path, caplog, key, value, what):
    collected("sub-01", "sub-02", "sub-03")
    for path in (tmp_path / "out" / "sub-02" / "anat").glob("*.json"):
        values = json.loads(path.read_text())
        made = values.get("NeuroFM") or values["Provenance"]
        made[key] = {**made[key], "WeightsSHA256": value} if key == "Model" else value
        path.write_text(json.dumps(values))
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    (warning,) = cohort.warnings
    assert warning.startswith(f"The scans were not all made with the same {what} (")
    assert "1 with " in warning
    assert "2 with " in warning
    assert warning in caplog.text
    assert len(cohort.weights_sha256) == (2 if key == "Model" else 1)


def test_impossible_predictions_are_in_the_tables_and_in_no_statistic(collected):
    flag = Flag("age_impossible", "Age of 4596 years is impossible", "serious")
    collected("sub-01", "sub-02", participants="participant_id\tage\nsub-01\t38\nsub-02\t39\nsub-03\t40\n")
    values = {"age": prediction(4596.0, in_range=False), "sex": prediction(0.4, "1", of_class="male")}
    cohort = collected("sub-03", predictions=values, flags=(flag,))
    assert cohort.members[2].predictions["predicted_age_years"] == 4596
    assert cohort.members[2].predictions["age_gap_years"] is None
    assert cohort.members[0].predictions["age_gap_years"] == 2
    np.testing.assert_array_equal(cohort.values("predicted_age_years"), [40, 41, np.nan])
    np.testing.assert_array_equal(cohort.ages.compared, [True, True, False])
    np.testing.assert_array_equal(cohort.values("predicted_male_probability"), [0.4, 0.4, np.nan])
    assert cohort.recorded("predicted_male_probability")[2] == 0.4
    np.testing.assert_array_equal(cohort.included, [True, True, False])
    (warning,) = cohort.warnings
    assert warning.startswith("Scans whose quality is judged as fail: 1 (sub-03).")


def test_failed_scans_take_part_if_asked(tmp_path):
    write_scan(tmp_path / "out", "sub-01", flags=(Flag("low_overlap", "Low", "serious"),))
    (tmp_path / "sub-01").mkdir()
    for include_failed, value in ((False, np.nan), (True, 40)):
        cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), include_failed=include_failed)
        np.testing.assert_array_equal(cohort.values("predicted_age_years"), [value])
        assert cohort.members[0].flag_cells["quality"] == "fail"
        assert bool(cohort.warnings) is not include_failed


def test_incomplete_outputs_of_a_renamed_image_are_not_missing(collected, tmp_path):
    collected("sub-01", "sub-02", "sub-03")
    for label in ("01", "02"):
        image = tmp_path / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz"
        image.parent.mkdir()
        source = scan_record().provenance.input
        image.write_bytes(bytes(source.size))
        os.utime(image, ns=(source.modified, source.modified))
    for label in ("02", "03"):
        (tmp_path / f"out/sub-{label}/anat/sub-{label}_desc-openS_features.json").unlink()
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    assert [scan.stem for scan in cohort.missing] == ["sub-02"]
    (warning,) = cohort.warnings
    assert warning.startswith("Incomplete outputs of 1 scans are left out")
    assert warning.endswith("sub-03/anat/sub-03_*.")


def test_segmentations_of_other_weights_are_warned_of(collected):
    for stem, sha in (("sub-01", "a"), ("sub-02", "a"), ("sub-03", "b")):
        volumes = {"brainstem": Volume(20000.0, None, 0.9)}
        cohort = collected(stem, anatomy=Anatomy(volumes, 2, sha * 64))
    (warning,) = cohort.warnings
    assert "not all made with the same weights of the segmentation (2 with " in warning


def test_scans_with_another_number_of_features_are_missing(collected, tmp_path):
    collected("sub-01", "sub-02", "sub-03")
    (tmp_path / "out" / "sub-01" / "anat" / "sub-01_desc-openS_features.tsv").write_text("f000\n1\n")
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    assert [member.scan.stem for member in cohort.members] == ["sub-02", "sub-03"]
    assert [(m.stem, m.reason) for m in cohort.missing] == [
        ("sub-01", "1 features where the other scans have 12")
    ]


def write_failures(out, run, *rows):
    folder, source = out / "logs" / run, scan_record().provenance.input
    folder.mkdir(parents=True)
    (folder / "failed.tsv").write_text("scan\tstep\treason\tfix\n" + "".join(f"{row}\n" for row in rows))
    for path in (out.parent / row.split("\t")[0] for row in rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(source.size))
        os.utime(path, ns=(source.modified, source.modified))


def reasons(cohort):
    return {missing.stem: missing.reason for missing in cohort.missing}


def test_failed_scans_are_missing_with_the_reason_of_the_latest_run(collected, tmp_path):
    out = tmp_path / "out"
    write_failures(
        out, "2026-a", "sub-02/anat/sub-02_run-1_T1w.nii.gz\tload\told\t", "sub-03/anat/sub-03_T1w.nii\t\t\t"
    )
    write_failures(out, "2026-b", "sub-02/anat/sub-02_run-1_T1w.nii.gz\tload\tnew\t")
    (out / "logs" / "2026-b" / "failed.tsv").open("a").write("\tload\tno scan\t\n")
    (out / "logs" / "2026-c").mkdir()
    (out / "logs" / "2026-c" / "failed.tsv").mkdir()  # cannot be read
    assert reasons(collected("sub-01")) == {
        "sub-02_run-1": "failed in load: new",
        "sub-03": "failed in a step: no reason given",
    }


IMAGE = "sub-02/anat/sub-02_T1w.nii.gz"


def test_failures_of_the_tasks_of_an_array_count_until_those_of_the_array_are_known(collected, tmp_path):
    out, other = tmp_path / "out", "sub-03/anat/sub-03_T1w.nii"
    write_failures(out, "2026-a", f"{other}\tload\told\t")
    write_failures(out, "2026-b/tasks/2", f"{IMAGE}\tload\tof a task\t", f"{other}\tload\tof a task\t")
    assert set(reasons(collected("sub-01")).values()) == {"failed in load: of a task"}
    collected_list = out / "logs" / "2026-b" / "failed.tsv"
    collected_list.write_text(f"scan\tstep\treason\tfix\n{IMAGE}\tslurm\tlost\t\n")
    assert reasons(collected("sub-01")) == {
        "sub-02": "failed in slurm: lost",
        "sub-03": "failed in load: of a task",
    }


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda path: None, {"sub-02"}),
        (lambda path: path.unlink(), set()),
        (lambda path: path.rename(path.with_name("sub-02_run-1_T1w.nii.gz")), set()),
        (lambda path: (path.parents[2] / ".bidsignore").write_text("sub-02/"), set()),
        (lambda path: path.rename(path.with_name("sub-02_part-phase_T1w.nii.gz")), set()),
        (lambda path: (path.unlink(), path.symlink_to("gone")), {"sub-02"}),  # not downloaded
    ],
)
def test_only_failures_of_images_that_a_run_would_select_count(collected, tmp_path, change, missing):
    write_failures(tmp_path / "out", "2026-a", f"{IMAGE}\tload\told\t")
    change(tmp_path / IMAGE)
    assert reasons(collected("sub-01")).keys() == missing


CLOSED = {"sub-03/anat": "failed in select: no", "sub-04/ses-a/anat": "failed in select: closed"}


@pytest.mark.parametrize(
    ("target", "selection", "missing"),
    [
        ("..", {}, {}),
        ("anat", {}, CLOSED),
        ("anat", {"session_label": ("b",)}, CLOSED),
        ("anat", {"participant_label": ("03",)}, {"sub-03/anat": "failed in select: no"}),
    ],
)
def test_folders_that_could_not_be_listed_count_while_they_are_closed(
    collected, tmp_path, target, selection, missing
):
    rows = ("sub-03/anat\tselect\tno\t", "sub-04/ses-a/anat\tselect\tclosed\t")
    write_failures(tmp_path / "out", "2026-a", f"{IMAGE}\tload\told\t", *rows)
    (tmp_path / IMAGE).unlink()
    for path in CLOSED:
        (tmp_path / path).unlink()
        (tmp_path / path).symlink_to(target)
    collected("sub-01")
    (tmp_path / "sub-01" / "ses-b").mkdir(parents=True)
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), Selection(**selection))
    assert reasons(cohort) == missing


def test_a_failed_scan_whose_name_is_not_utf8_is_missing_while_it_is_there(collected, tmp_path):
    image = tmp_path / "sub-0\udcff" / "anat" / "sub-0\udcff_T1w.nii.gz"
    image.parent.mkdir(parents=True)
    image.touch()
    write_failures(tmp_path / "out", "2026-a")
    failed = tmp_path / "out" / "logs" / "2026-a" / "failed.tsv"
    failed.write_text("scan\tstep\treason\nsub-0\ufffd/anat/sub-0\ufffd_T1w.nii.gz\tselect\tno\n")
    assert reasons(collected("sub-01")) == {"sub-0\ufffd": "failed in select: no"}
    image.unlink()
    assert reasons(collected("sub-01")) == {}


def test_the_present_reason_counts_for_a_scan_that_was_finished_after_it_failed(collected, tmp_path):
    write_failures(tmp_path / "out", "2026-a", f"{IMAGE}\tload\told\t")
    collected("sub-01", "sub-02", "sub-03")
    names = tmp_path / "out" / "sub-02" / "anat" / "sub-02_desc-openS_features"
    names.with_suffix(".tsv").write_text("f000\n1\n")
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    assert reasons(cohort) == {"sub-02": "1 features where the other scans have 12"}
    names.with_suffix(".json").unlink()  # it failed again
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    assert reasons(cohort) == {"sub-02": "failed in load: old"}


@pytest.mark.parametrize(
    ("selection", "members", "missing"),
    [
        ({}, ["sub-01_ses-a_run-1", "sub-01_ses-b", "sub-02_ses-a"], {"sub-03", "sub-02_ses-b"}),
        ({"participant_label": ("01",)}, ["sub-01_ses-a_run-1", "sub-01_ses-b"], set()),
        ({"participant_label": ("02", "03")}, ["sub-02_ses-a"], {"sub-03", "sub-02_ses-b"}),
        ({"participant_label": ("02", "9")}, ["sub-02_ses-a"], {"sub-02_ses-b", "sub-9"}),
        ({"session_label": ("b",)}, ["sub-01_ses-b"], {"sub-02_ses-b"}),
        ({"t1w": {"run": [1, 2]}}, ["sub-01_ses-a_run-1"], set()),
        ({"t1w": {"session": None}}, [], {"sub-03"}),
        ({"t1w": {"extension": "nii.gz"}}, ["sub-01_ses-a_run-1", "sub-01_ses-b", "sub-02_ses-a"], set()),
        ({"t1w": {"extension": ".nii"}}, [], {"sub-03", "sub-02_ses-b"}),
        ({"t1w": {"suffix": "UNIT1"}}, [], set()),
        ({"participant_label": ("02",), "t1w": {"run": 1}}, [], {"sub-02"}),
    ],
)
def test_labels_and_filters_select_members_and_what_is_missing(
    collected, tmp_path, selection, members, missing
):
    write_failures(
        tmp_path / "out",
        "2026-a",
        "sub-03/anat/sub-03_T1w.nii\tload\told\t",
        "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii\tload\told\t",
    )
    collected("sub-01_ses-a_run-1", "sub-01_ses-b", "sub-02_ses-a")
    filters = tmp_path / "filter.json"
    filters.write_text(json.dumps({"t1w": selection.get("t1w", {})}))
    labels = {name: value for name, value in selection.items() if name != "t1w"}
    chosen = Selection(**labels, bids_filter_file=filters)
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), chosen)
    assert [member.scan.stem for member in cohort.members] == members
    assert reasons(cohort).keys() == missing


def test_a_mistyped_label_offers_the_nearest_as_at_the_participant_level(collected, tmp_path):
    collected("sub-01_ses-a", "sub-02_ses-b")
    (tmp_path / "sub-03").mkdir()
    for label, reason in (
        ("2", "no such participant (did you mean sub-02?)"),
        ("03", "no scan of this participant is selected"),
    ):
        chosen = Selection(participant_label=("01", label))
        cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), chosen)
        assert reasons(cohort) == {f"sub-{label}": reason}
    with pytest.raises(NeuroFMError) as error:
        collect(one_folder(tmp_path / "out", Covariates(tmp_path)), Selection(session_label=("a", "B")))
    assert error.value.what == "no such session: B (did you mean ses-b?)"
    assert error.value.code is Exit.NOTHING_SELECTED


def test_a_filter_of_extensions_is_warned_of_as_other_options_are(collected, tmp_path):
    uncompressed = replace(scan_record("02").scan, uri="bids:raw:sub-02/anat/sub-02_T1w.nii")
    collected("sub-01")
    collected("sub-02", scan=uncompressed)
    filters = tmp_path / "filter.json"
    filters.write_text('{"t1w": {"extension": ".nii"}}')
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), Selection(bids_filter_file=filters))
    assert [member.scan.stem for member in cohort.members] == ["sub-02"]
    (warning,) = cohort.warnings
    assert warning.startswith(f"1 of 2 finished scans are in the group tables (--bids-filter-file {filters})")


def test_an_empty_folder_has_no_members(collected, tmp_path):
    (tmp_path / "out").mkdir()
    cohort = collected()
    assert (cohort.members, cohort.missing, cohort.made, cohort.features.shape) == ((), (), None, (0, 0))


def test_what_the_columns_of_all_members_mean(collected):
    cohort = collected("sub-01", "sub-02")
    assert cohort.metrics == ("snr_brain", "contrast", "voxel_mm3")
    member = cohort.members[0]
    for name in {**member.predictions, **member.quality, **member.flag_cells}:
        assert cohort.columns[name]["Description"], name


@pytest.mark.parametrize(
    ("left", "finished", "labels", "missing"),
    [
        ("sub-02", False, (), ["sub-02"]),
        ("sub-02", True, (), []),  # kept by --keep-work
        ("sub-02", False, ("01",), []),
        ("sub-03", False, (), []),  # its image is no longer in the dataset
    ],
)
def test_scans_that_wait_for_encoding_are_missing_by_name(tmp_path, left, finished, labels, missing):
    for stem in ("sub-01", "sub-02"):
        path = tmp_path / stem / "anat" / f"{stem}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1000))
        os.utime(path, ns=(1, 1))  # as in the records
    for stem in ("sub-01", *((left,) if finished else ())):
        write_scan(tmp_path / "out", stem)
    signature = tmp_path / "out" / "interim" / left / "signature.json"
    signature.parent.mkdir(parents=True)
    signature.write_text("{}")
    selection = Selection(participant_label=labels)
    found = collect(one_folder(tmp_path / "out", Covariates(tmp_path)), selection).missing
    assert [one.stem for one in found] == missing
    assert all(
        one.reason == "preprocessed, and not encoded yet. Run the participant level with --stage encode"
        for one in found
    )
