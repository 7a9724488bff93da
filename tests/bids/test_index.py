import pytest

from neurofm_bids.bids.index import list_images
from tests.faults.command import HOSTILE

ONE, TWO = "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii"


def test_images_of_the_selected_participants_are_listed(bids_dataset):
    root = bids_dataset(ONE, TWO, "sub-01/anat/sub-01_T2w.nii.gz", "sub-01/anat/deeper/sub-01_T1w.nii.gz")
    listing = list_images(root, ["01", "02"])
    assert listing.images == [root / ONE, root / TWO]
    assert (listing.closed, listing.ignored, listing.sessions) == ([], [], {"a"})
    assert listing.others == {"01": {"T2w"}}
    assert list_images(root, ["02"]).images == [root / TWO]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_the_dataset_may_lie_in_any_folder(bids_dataset, name):
    root = bids_dataset(ONE, TWO, name=name)
    assert list_images(root, ["01", "02"]).images == [root / ONE, root / TWO]


def test_odd_files_are_listed_too_and_hidden_ones_are_not(bids_dataset):
    root = bids_dataset(ONE)
    odd = root / "sub-01/anat/sub-01_acq-\udcff_T1w.nii.gz"
    folder = root / "sub-01/anat/sub-01_run-1_T1w.nii.gz"
    folder.mkdir()
    odd.touch()
    (root / "sub-01/anat/._sub-01_T1w.nii.gz").touch()
    (root / "sub-01/.ses-b/anat").mkdir(parents=True)
    (root / "sub-01" / "ses-a").symlink_to("ses-a")
    listing = list_images(root, ["01"])
    assert set(listing.images) == {root / ONE, odd, folder}
    assert listing.closed == [
        (root / "sub-01/ses-a", ("the symbolic link is circular", "Check the dataset."))
    ]


def test_ignored_images_are_listed_apart(bids_dataset):
    root = bids_dataset(ONE, TWO)
    (root / ".bidsignore").write_text("sub-02/ses-a/\n")
    listing = list_images(root, ["01", "02"])
    assert (listing.images, listing.ignored) == ([root / ONE], [root / TWO])
