import pytest

from neurofm_bids.bids.entities import described, goes_on, is_image, scan_stem


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


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_T1w.nii.gz.gz",
        "sub-01_T1w.nii.nii.gz",
        "sub-01_T1w.nii.xz",
        "sub-01_T1w.dcm",
        "Copy of sub-01_UNIT1.nii",
        "sub-01-T1w.nii",
    ],
)
def test_images_whose_suffix_comes_last_are_meant(name):
    assert is_image(name)
    assert not goes_on(name)


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_T1w_defaced.nii.gz",
        "sub-01_t1w-2.nii",
        "sub-01_T1w2.nii.gz",
        "sub-01_T1w (copy).nii.gz",
        "sub-01_T1w.brain.nii.gz",
        "sub-01_T1w.nii.gz.tmp.nii.gz",
        "sub-01_UNIT1_denoised.nii.gz",
        "sub-01_T1w_run-2.nii.gz",
        "sub-01_T1w_brain.mgz",
        "T1w_2.nii",
    ],
)
def test_names_that_go_on(name):
    assert goes_on(name)
    assert not is_image(name)


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_mod-T1w_defacemask.nii.gz",
        "sub-01_acq-T1w_T2w.nii.gz",
        "sub-01_T1w_defaced.json",
        "._sub-01_T1w_defaced.nii.gz",
        "sub-01_T1map.nii.gz",
    ],
)
def test_names_of_other_files_do_not_go_on(name):
    assert not goes_on(name)
    assert not is_image(name)


def test_a_name_that_goes_on_keeps_its_entities():
    assert described("sub-01_ses-a_UNIT1_run-2.nii") == {
        "sub": "01",
        "ses": "a",
        "run": "2",
        "suffix": "UNIT1",
        "extension": "nii",
    }
