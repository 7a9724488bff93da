import re
from pathlib import Path

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.presence import (
    absent_images,
    check_participants,
    excluded_images,
    ignored_images,
    participants_without_scan,
)
from neurofm_bids.group.run import write_group
from tests.samples import one_folder, scan_record, write_scan

STEMS = ("sub-01_ses-a", "sub-01_ses-b", "sub-02")


def image_of(bids, stem):
    labels = dict(part.split("-") for part in stem.split("_"))
    return bids / scan_record(labels["sub"], labels.get("ses")).scan.path


@pytest.fixture
def folders(tmp_path):
    """Three finished scans and the dataset with their images, of which only the names matter here."""
    bids, out = tmp_path / "bids", tmp_path / "out"
    for number, stem in enumerate(STEMS):
        write_scan(out, stem, seed=number)
        image = image_of(bids, stem)
        image.parent.mkdir(parents=True)
        image.symlink_to("not fetched")
    return bids, out


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("sub-02/", ["sub-02/anat/sub-02_T1w.nii.gz"]),
        ("*_ses-b_T1w.*", ["sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz"]),
        ("*_T1w.nii", []),
    ],
)
@pytest.mark.parametrize("is_readable", [True, False])
def test_scans_in_bidsignore_are_left_out_and_not_missing(folders, caplog, pattern, left_out, is_readable):
    bids, out = folders
    (bids / ".bidsignore").write_text(f"{pattern}\n")
    if not is_readable:
        for path in out.glob("sub-*/**/*_predictions.json"):
            if any(Path(image).name.startswith(path.name.split("_desc")[0]) for image in left_out):
                path.write_text("{")
    cohort = collect(one_folder(out, Covariates(bids)))
    named = {Path(image).name.removesuffix("_T1w.nii.gz") for image in left_out}
    assert {member.scan.stem for member in cohort.members} == {*STEMS} - named
    assert cohort.missing == ()
    assert cohort.features.shape[0] == len(cohort.members)
    expected = [
        "Scans left out of the group tables because .bidsignore of the dataset excludes their images: "
        f"1 ({image})."
        for image in left_out
    ]
    assert list(cohort.warnings) == expected
    assert [m for m in caplog.messages if "bidsignore" in m] == expected


def test_a_named_participant_in_bidsignore_is_left_out_and_not_missing(folders):
    bids, out = folders
    (bids / ".bidsignore").write_text("sub-02/\n")
    cohort = collect(one_folder(out, Covariates(bids)), Selection(participant_label=("01", "02")))
    assert (len(cohort.members), cohort.missing) == (2, ())
    (warning,) = cohort.warnings
    assert "sub-02_T1w" in warning


def test_where_bidsignore_excludes_all_there_are_no_tables(folders, caplog):
    bids, out = folders
    (bids / ".bidsignore").write_text("sub-*/\n")
    with pytest.raises(NeuroFMError, match=re.escape("Check the options that select scans, and .bidsignore")):
        write_group(out, "openS", bids_dir=bids)
    assert "excludes their images: 3 (sub-01/ses-a" in caplog.text


def test_ignored_images_are_those_of_the_stems(folders):
    bids, _ = folders
    (bids / ".bidsignore").write_text("sub-*/\n")
    assert ignored_images(bids, ["sub-02", "sub-03"]) == {"sub-02": "sub-02/anat/sub-02_T1w.nii.gz"}
    assert ignored_images(bids, []) == {}
    assert excluded_images({}) == ""


@pytest.mark.parametrize(
    ("stem", "is_participant_gone", "outputs"),
    [
        ("sub-02", True, "sub-02/ and sub-02.html."),
        ("sub-02", False, "sub-02/anat/sub-02_desc-openS_*."),
        ("sub-01_ses-b", False, "sub-01/ses-b/anat/sub-01_ses-b_desc-openS_*."),
    ],
)
def test_what_to_delete_of_a_scan_without_image(folders, stem, is_participant_gone, outputs):
    """Deleting exactly what the warning names leaves the scan out, and the warning ends."""
    bids, out = folders
    image = image_of(bids, stem)
    image.unlink()
    if is_participant_gone:
        image.parent.rmdir()
        image.parents[1].rmdir()
    (warning,) = collect(one_folder(out, Covariates(bids))).warnings
    assert warning.startswith(
        f"The images of 1 of 3 scans are not in the dataset ({image.relative_to(bids)})"
    )
    assert warning.endswith(f"To leave these scans out, delete their outputs in {out}: {outputs}")
    pattern = outputs.removesuffix(".").split(" and ")[0]
    for path in out.glob(f"{pattern}**/*" if pattern.endswith("/") else pattern):
        if path.is_file():
            path.unlink()
    cohort = collect(one_folder(out, Covariates(bids)))
    assert (len(cohort.members), cohort.missing, cohort.warnings) == (2, (), ())


def test_nothing_is_said_of_images_that_are_there(folders):
    bids, out = folders
    scans = [scan_record("02").scan]
    assert absent_images(scans, Derivatives(out, "openS"), bids) == ""
    check_participants(bids, {"02", "99"})
    with pytest.raises(NeuroFMError, match="none of the participants") as caught:
        check_participants(bids, {"99"})
    assert caught.value.code is Exit.NO_INPUT


def test_participants_without_a_scan_have_a_reason(folders):
    bids, _ = folders
    labels, stems = ("01", "02", "3"), {"sub-01_ses-a", "sub-04/anat"}
    assert participants_without_scan([bids], labels, {"04"}, stems) == {
        "sub-02": "no scan of this participant is selected",
        "sub-3": "no such participant",
    }
    assert participants_without_scan([bids], ("04",), {"04"}, stems) == {}
    with pytest.raises(NeuroFMError):
        participants_without_scan([bids], ("77",), {"04"}, stems)
