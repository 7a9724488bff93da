import pytest

from neurofm_bids.bids.entities import described, is_image, scan_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("sub-01_ses-a_acq-x_T1w.nii.gz", "sub-01_ses-a_acq-x"),
        ("sub-01_UNIT1.nii.gz", "sub-01_rec-UNIT1"),
        ("sub-01_ses-a_acq-x_ce-y_UNIT1.nii", "sub-01_ses-a_acq-x_ce-y_rec-UNIT1"),
        ("sub-01_acq-x_run-2_part-mag_UNIT1.nii", "sub-01_acq-x_rec-UNIT1_run-2_part-mag"),
        ("sub-01_rec-denoised_run-2_UNIT1.nii", "sub-01_rec-denoisedUNIT1_run-2"),
        ("head.nii.gz", "head"),
        ("sub-01_T1w.json", "sub-01_T1w.json"),
    ],
)
def test_stems_keep_images_apart(name, stem):
    assert scan_stem(name) == stem


@pytest.mark.parametrize(
    "name",
    ["sub-01_T1w.nii", "sub-01_rec-a_UNIT1.nii", "sub-01_run-2_UNIT1.nii", "sub-01_acq-x_rec-y_T1w.nii"],
)
def test_a_stem_tells_of_the_image_all_but_its_extension(name):
    assert described(name) == {**described(scan_stem(name)), "extension": "nii"}


@pytest.mark.parametrize(
    "name", [".sub-01_T1w.nii.gz", "sub-01_T2w.nii", "sub-01_T1w.nii.gz~", "sub-01_T1w.nii.gz.md5"]
)
def test_files_that_are_no_images(name):
    assert not is_image(name)
