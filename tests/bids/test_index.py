import pytest

from neurofm_bids.bids.index import list_images
from tests.faults.command import HOSTILE

ONE, TWO = "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii"


def test_images_of_the_selected_participants_are_listed(bids_dataset):
    root = bids_dataset(ONE, TWO, "sub-01/anat/sub-01_T2w.nii.gz", "sub-01/anat/deeper/sub-01_T1w.nii.gz")
    listing = list_images(root, ["01", "02"])
    assert listing.images == [root / ONE, root / TWO]
    assert (listing.closed, listing.ignored, listing.sessions) == ([], [], {"a"})
    assert listing.others == {root / "sub-01": {"T2w"}, root / "sub-02": None, root / "sub-02/ses-a": set()}
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


@pytest.mark.parametrize(
    "path",
    [
        "sub-01/sub-01_T1w.nii.gz",
        "sub-01/ses-a/sub-01_ses-a_T1w.nii.gz",
        "sub-01/Anat/sub-01_T1w.nii.gz",
        "sub-01/ses-a/ANAT/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-a/func/sub-01_ses-a_T1w.nii.gz",
        "sub-01/anat/deeper/sub-01_T1w.nii.gz",
        "sub-01/Ses-2/anat/sub-01_ses-2_T1w.nii.gz",
    ],
)
def test_images_outside_anat_are_listed(bids_dataset, path):
    root = bids_dataset(path, "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz")
    listing = list_images(root, ["01"])
    assert listing.images == sorted([root / path, root / "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz"])
    assert listing.closed == []


def test_other_folders_are_not_searched_where_anat_has_an_image(bids_dataset):
    root = bids_dataset(ONE, "sub-01/func/sub-01_T1w.nii.gz", "sub-02/a/b/sub-02_T1w.nii.gz")
    (root / "sub-02" / "circle").symlink_to("circle")
    listing = list_images(root, ["01", "02"])
    assert (listing.images, listing.closed) == ([root / ONE], [])


def test_images_whose_names_go_on_are_listed_apart(bids_dataset):
    names = [f"sub-01/anat/sub-01_{end}" for end in ("T1w_brain.nii.gz", "UNIT1.nii.tmp.nii", "T1w_x.nii")]
    root = bids_dataset(ONE, *names)
    (root / ".bidsignore").write_text("*_x.nii\n")
    listing = list_images(root, ["01"])
    assert listing.images == [root / ONE]
    assert set(listing.unclear) == {root / name for name in names[:2]}
    assert (listing.ignored, listing.others) == ([], {root / "sub-01": set()})
