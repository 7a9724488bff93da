import os
from pathlib import Path

import pytest

from neurofm_bids.bids.problems import (
    access_problem,
    file_problem,
    folder_problem,
    name_problem,
    option_problem,
)

ROOT = Path("/bids")


@pytest.mark.parametrize(
    "path",
    [
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-a+B/anat/sub-a+B_T1w.nii",
        "sub-01/ses-x/anat/sub-01_ses-x_acq-mprage_rec-norm_run-02_part-mag_T1w.nii.gz",
        f"sub-01/anat/sub-01_acq-{'l' * 149}_T1w.nii.gz",
        "sub-01/anat/sub-01_UNIT1.nii.gz",
    ],
)
def test_names_that_are_taken(path):
    assert name_problem(ROOT / path, ROOT) is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sub-01/anat/T1w.nii.gz", "not valid in BIDS"),
        ("sub-01/anat/sub-01T1w.nii.gz", "not valid in BIDS"),
        ("sub-01/anat/sub-01_run_T1w.nii.gz", "not valid in BIDS"),
        ("sub-01/anat/sub-01_T1W.nii.gz", "the suffix is T1W, not T1w"),
        ("sub-01/anat/sub-01_unit1.NII", "the suffix is unit1, not UNIT1"),
        ("sub-01/anat/sub-01_T1w.Nii.Gz", "the extension is .Nii.Gz, not .nii.gz"),
        ("sub-01/anat/sub-01_T1w.mgz", "the extension is .mgz, which BIDS does not allow"),
        ("sub-01/anat/sub-01_T1w.nii.gz.gz", "the extension is .nii.gz.gz, which BIDS does not allow"),
        ("sub-01/Anat/sub-01_T1w.nii.gz", "the folder is Anat, not anat"),
        ("sub-01/sub-01_T1w.nii.gz", "the image is not in a folder anat"),
        ("sub-01/ses-a/func/sub-01_ses-a_T1w.nii.gz", "the image is not in a folder anat"),
        ("sub-01/Ses-2/anat/sub-01_ses-2_T1w.nii.gz", "does not match its folder"),
        ("sub-01/anat/sub-01_T1w.nii.gz\n", "not valid in BIDS"),
        ("sub-ünï/anat/sub-ünï_T1w.nii.gz", "not valid in BIDS"),
        ("sub-٣/anat/sub-٣_T1w.nii.gz", "not valid in BIDS"),
        ("sub-../anat/sub-.._T1w.nii.gz", "not valid in BIDS"),
        ("sub-1.2/anat/sub-1.2_T1w.nii.gz", "not valid in BIDS"),
        ("sub-a-b/anat/sub-a-b_T1w.nii.gz", "not valid in BIDS"),
        ("sub-01/anat/sub-01_desc-x_T1w.nii.gz", "has desc-, which only derivatives have"),
        ("sub-01/anat/sub-01_space-MNI_T1w.nii.gz", "has space-, which only derivatives have"),
        ("sub-01/anat/sub-01_run-1_run-1_T1w.nii.gz", "an entity twice"),
        (f"sub-01/anat/sub-01_acq-{'l' * 150}_T1w.nii.gz", "too long: 161 characters"),
        ("sub-01/anat/sub-02_T1w.nii.gz", "does not match its folder"),
        ("sub-01/anat/sub-01_ses-a_T1w.nii.gz", "does not match its folder"),
        ("sub-01/ses-a/anat/sub-01_T1w.nii.gz", "does not match its folder"),
        ("sub-01/ses-a/anat/sub-01_ses-b_T1w.nii.gz", "does not match its folder"),
    ],
)
def test_names_that_are_refused(path, message):
    what, fix = name_problem(ROOT / path, ROOT)
    assert message in what
    assert fix


def test_links_are_followed_to_what_they_mean(tmp_path):
    image = tmp_path / "image"
    image.write_bytes(b"x" * 2000)
    targets = {
        "good": image,
        "circle": tmp_path / "circle",
        "nowhere": tmp_path / "gone",
        "annex": tmp_path / ".git" / "annex" / "objects" / "x",
    }
    for name, target in targets.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / "chain").symlink_to("annex")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lfs").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    found = {name: file_problem(tmp_path / name) for name in (*targets, "chain", "pipe", "lfs")}
    assert found.pop("good") is None
    assert {name: problem[0] for name, problem in found.items()} == {
        "circle": "the symbolic link is circular",
        "nowhere": "the symbolic link is broken",
        "annex": "the image has not been downloaded",
        "chain": "the image has not been downloaded",
        "pipe": "this is not a regular file",
        "lfs": "the image has not been downloaded",
    }
    assert "git lfs pull" in found["lfs"][1]
    assert "datalad get" in found["chain"][1]


def test_a_file_that_an_option_names(tmp_path):
    (tmp_path / "list").write_text("1")
    (tmp_path / "lfs").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "annex").symlink_to(".git/annex/objects/x")
    errors = {"list": ValueError("bad"), "lfs": ValueError("bad"), "annex": FileNotFoundError()}
    errors["gone"] = FileNotFoundError()
    problems = {n: option_problem(tmp_path / n, e, "list", "--list", "Fix it.") for n, e in errors.items()}
    assert problems == {
        "list": ("the list cannot be read (bad)", "Fix it."),
        "lfs": ("the list has not been downloaded", "Run: git lfs pull --include lfs"),
        "annex": ("the list has not been downloaded", f"Run: datalad get {tmp_path}/annex"),
        "gone": ("list not found", "Check --list."),
    }


def test_folders_that_cannot_be_listed(tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    assert folder_problem(tmp_path) is None
    assert folder_problem(tmp_path / "circle") == ("the symbolic link is circular", "Check the dataset.")


def test_a_path_that_cannot_even_be_examined_has_a_reason(tmp_path):
    path = tmp_path / ("x" * 300)  # as in a folder without search permission
    assert access_problem(path, PermissionError(13, "Permission denied"), "brain mask") == (
        "no read permission for the brain mask",
        "Check the permissions.",
    )
