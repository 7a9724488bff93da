"""Masks and images in trees as fMRIPrep, sMRIPrep, FastSurfer, SynthStrip and BIDScoin write them."""

import errno
import json
import os
from pathlib import Path

import pytest

from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK
from neurofm_bids.bids.derived import DerivedFile, find_derived, generator_of, name_of
from neurofm_bids.bids.discovery import scan_at
from neurofm_bids.named_path import NamedPath

ONE = ("sub-01/anat/sub-01_T1w.nii.gz",)
RUNS = ("sub-01/anat/sub-01_run-1_T1w.nii.gz", "sub-01/anat/sub-01_run-2_T1w.nii.gz")
TWO = ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_run-2_T1w.nii.gz")
SESSION = ("sub-01/ses-a/anat/sub-01_ses-a_acq-x_T1w.nii.gz",)
SESSIONS = ("sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz")
XFM = "from-orig_to-T1w_mode-image_xfm.txt"


def tree(root, *files, name=None):
    root.mkdir(exist_ok=True, parents=True)
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    if name:
        description = {"Name": "x", "GeneratedBy": [{"Name": name, "Version": "1.2"}]}
        (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def find(tmp_path, images, files, kind=MASK):
    bids = tree(tmp_path / "bids", *images, "dataset_description.json")
    root = tree(tmp_path / "given", *files, name="fMRIPrep")
    return find_derived(scan_at(bids / images[0]), kind, [NamedPath("fmriprep", root)])


@pytest.mark.parametrize(
    ("images", "files", "found", "transform"),
    [
        (ONE, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz"], 0, None),
        (ONE, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", f"sub-01/anat/sub-01_{XFM}"], 0, 1),
        (
            ONE,
            [
                "sub-01/anat/sub-01_desc-brain_mask.nii",
                "sub-01/anat/sub-01_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz",
                "sub-01/anat/sub-01_space-MNI152NLin2009cAsym_res-2_desc-brain_mask.nii.gz",
            ],
            0,
            None,
        ),
        (ONE, ["sub-01/anat/sub-01_desc-synthstrip_mask.nii.gz"], 0, None),
        (ONE, ["sub-01/anat/sub-01_space-orig_desc-brain_mask.nii.gz"], 0, None),
        (ONE, ["sub-01/anat/sub-01_space-T1w_desc-brain_mask.nii.gz"], 0, None),
        (ONE, ["sub-01/anat/sub-01_res-2_desc-brain_mask.nii.gz"], 0, None),
        (ONE, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", "sub-01/mri/mask.mgz"], 0, None),
        (ONE, ["sub-01/mri/mask.mgz"], 0, None),
        (
            ONE,
            ["sub-01/anat/sub-01_res-2_desc-brain_mask.nii.gz", "sub-01/anat/sub-01_desc-brain_mask.nii.gz"],
            1,
            None,
        ),
        (RUNS, ["sub-01/anat/sub-01_run-1_desc-brain_mask.nii.gz"], 0, None),
        (
            RUNS,
            ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", f"sub-01/anat/sub-01_run-1_{XFM}"],
            0,
            1,
        ),
        (RUNS, ["sub-01_run-1/mri/mask.mgz", "sub-01/mri/mask.mgz"], 0, None),
        (SESSION, ["sub-01/ses-a/anat/sub-01_ses-a_acq-x_desc-brain_mask.nii.gz"], 0, None),
        (SESSION, ["sub-01_ses-a/mri/mask.mgz"], 0, None),
        (SESSION, ["sub-01/mri/mask.mgz"], 0, None),
        (SESSIONS, ["sub-01_ses-a/mri/mask.mgz"], 0, None),
        (
            SESSIONS,
            ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", f"sub-01/ses-a/anat/sub-01_ses-a_{XFM}"],
            0,
            1,
        ),
    ],
)
def test_the_mask_of_a_scan(tmp_path, images, files, found, transform):
    made = find(tmp_path, images, files)
    assert isinstance(made, DerivedFile), made
    assert (made.use, made.dataset, made.tool) == ("mask", "fmriprep", "fMRIPrep 1.2")
    assert made.relative == files[found]
    assert made.path == tmp_path / "given" / files[found]
    paths = [relative for _, _, relative in made.files]
    assert paths == [files[found], *([] if transform is None else [files[transform]])]


@pytest.mark.parametrize(
    ("images", "files", "reason"),
    [
        (
            ONE,
            [],
            "fmriprep has no brain mask of this image: looked for "
            "sub-01/anat/sub-01_desc-brain_mask.nii.gz, sub-01/mri/mask.mgz",
        ),
        (
            ONE,
            ["sub-01/anat/sub-01_space-MNI152NLin2009cAsym_res-2_desc-brain_mask.nii.gz"],
            "another space than that of the T1w only: sub-01_space-MNI152NLin2009cAsym_res-2_desc-brain_mask"
            ".nii.gz (space MNI152NLin2009cAsym)",
        ),
        (ONE, ["sub-02/anat/sub-02_desc-brain_mask.nii.gz", "sub-02/mri/mask.mgz"], "no brain mask of this"),
        (ONE, ["sub-01/anat/sub-01_run-2_desc-brain_mask.nii.gz"], "no brain mask of this"),
        (ONE, ["sub-01/anat/sub-01_desc-brain_mask.json"], "no brain mask of this"),
        (ONE, ["sub-01/anat/sub-01_desc-ribbon_mask.nii.gz"], "no brain mask of this"),
        (
            RUNS,
            ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", f"sub-01/anat/sub-01_run-2_{XFM}"],
            "of an average of several images (sub-01_desc-brain_mask.nii.gz), and no transform of this "
            f"image to it (sub-01_run-1_{XFM})",
        ),
        (SESSIONS, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz"], "of an average of several images"),
        (
            RUNS,
            ["sub-01/mri/mask.mgz"],
            "does not say of which it is; that of this image would be in sub-01_run-1",
        ),
        (SESSIONS, ["sub-01/mri/mask.mgz"], "would be in sub-01_ses-a"),
    ],
)
def test_a_mask_that_is_not_of_this_image_is_refused_by_name(tmp_path, images, files, reason):
    what, fix = find(tmp_path, images, files)
    assert reason in what
    assert "leave out the option that asks for its brain mask" in fix


@pytest.mark.parametrize(
    ("images", "files", "reason"),
    [
        (ONE, ["sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"], ""),
        (SESSION, ["sub-01/ses-a/anat/sub-01_ses-a_acq-x_desc-preproc_T1w.nii.gz"], ""),
        (TWO, ["sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"], "bias-corrected T1w of an average of several"),
        (RUNS, ["sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"], "bias-corrected T1w of an average of several"),
        (ONE, ["sub-01/mri/mask.mgz"], "looked for sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"),
    ],
)
def test_the_bias_corrected_image_of_a_scan(tmp_path, images, files, reason):
    made = find(tmp_path, images, files, BIAS_CORRECTED)
    if reason:
        assert reason in made[0]
    else:
        assert (made.use, made.relative) == ("bias_correction", files[0])


def test_a_file_that_cannot_be_read_is_refused_and_not_passed_over(tmp_path):
    bids = tree(tmp_path / "bids", *ONE, "dataset_description.json")
    first = tree(tmp_path / "a", ONE[0].replace("T1w", "desc-brain_mask"))
    (first / "sub-01/anat/sub-01_desc-brain_mask.nii.gz").write_text("")
    second = tree(tmp_path / "b", "sub-01/mri/mask.mgz")
    given = [NamedPath("a", first), NamedPath("b", second)]
    what, fix = find_derived(scan_at(bids / ONE[0]), MASK, given)
    assert what == "the file is empty (a: sub-01/anat/sub-01_desc-brain_mask.nii.gz)"
    assert "brain mask" in fix


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "no read permission for the folder"),
        (OSError(errno.ESTALE, "Stale file handle"), "file system error: Stale file handle"),
        (OSError(errno.EIO, "Input/output error"), "file system error: Input/output error"),
    ],
)
def test_a_folder_that_cannot_be_read_is_a_reason(tmp_path, monkeypatch, error, reason):
    listdir = os.listdir

    def fail(path):
        if Path(path) == tmp_path / "given/sub-01/anat":
            error.filename = str(path)
            raise error
        return listdir(path)

    monkeypatch.setattr(os, "listdir", fail)
    what, _ = find(tmp_path, ONE, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz", "sub-01/mri/mask.mgz"])
    assert what == f"{reason} (fmriprep: sub-01/anat)"


def test_a_transform_that_cannot_be_read_is_a_reason(tmp_path):
    transform = tmp_path / f"given/sub-01/anat/sub-01_{XFM}"
    transform.parent.mkdir(parents=True)
    transform.symlink_to("../../.git/annex/objects/aa/bb/x")
    what, fix = find(tmp_path, ONE, ["sub-01/anat/sub-01_desc-brain_mask.nii.gz"])
    assert what == f"the transform has not been downloaded (fmriprep: sub-01/anat/sub-01_{XFM})"
    assert fix == f"Run: datalad get {transform}"


@pytest.mark.parametrize(("order", "dataset"), [("ab", "a"), ("ba", "b"), ("ca", "a"), ("cc", None)])
def test_the_first_derivative_that_has_a_mask_is_used(tmp_path, order, dataset):
    bids = tree(tmp_path / "bids", *ONE, "dataset_description.json")
    tree(tmp_path / "a", "sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    tree(tmp_path / "b", "sub-01/mri/mask.mgz")
    tree(tmp_path / "c")
    given = [NamedPath(name, tmp_path / name) for name in order]
    found = find_derived(scan_at(bids / ONE[0]), MASK, given)
    assert (found.dataset if isinstance(found, DerivedFile) else None) == dataset


@pytest.mark.parametrize(
    ("text", "name", "tool"),
    [
        ('{"GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.1.3"}]}', "fMRIPrep", "fMRIPrep 23.1.3"),
        ('{"GeneratedBy": [{"Name": "Fast Surfer"}]}', "FastSurfer", "Fast Surfer"),
        ('{"GeneratedBy": []}', "myout1", ""),
        ('{"Name": "x"}', "myout1", ""),
        ("{", "myout1", ""),
        (None, "myout1", ""),
    ],
)
def test_name_and_program_of_a_derivative(tmp_path, text, name, tool):
    root = tree(tmp_path / "my_out-1")
    if text is not None:
        Path(root / "dataset_description.json").write_text(text)
    assert (name_of(root), generator_of(root)) == (name, tool)
