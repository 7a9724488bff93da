from neurofm_bids.bids.index import list_images

ONE, TWO = "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii"


def test_images_of_the_selected_participants_are_listed(bids_dataset):
    root = bids_dataset(ONE, TWO, "sub-01/anat/sub-01_T2w.nii.gz", "sub-01/anat/deeper/sub-01_T1w.nii.gz")
    assert list_images(root, ["01", "02"]) == ([root / ONE, root / TWO], [])
    assert list_images(root, ["02"]) == ([root / TWO], [])


def test_images_that_pybids_skips_are_listed_too(bids_dataset):
    root = bids_dataset(ONE)
    odd = root / "sub-01/anat/sub-01_acq-\udcff_T1w.nii.gz"
    folder = root / "sub-01/anat/sub-01_run-1_T1w.nii.gz"
    folder.mkdir()
    odd.touch()
    (root / "sub-01" / "ses-a").symlink_to("ses-a")
    images, closed = list_images(root, ["01"])
    assert set(images) == {root / ONE, odd, folder}
    assert closed == [(root / "sub-01/ses-a", ("the symbolic link is circular", "Check the dataset."))]
