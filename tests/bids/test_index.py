import pytest

from neurofm_bids.bids.index import list_images
from neurofm_bids.errors import NeuroFMError
from tests.faults.command import HOSTILE

ONE, TWO = "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii"


def test_images_of_the_selected_participants_are_listed(bids_dataset):
    root = bids_dataset(ONE, TWO, "sub-01/anat/sub-01_T2w.nii.gz", "sub-01/anat/deeper/sub-01_T1w.nii.gz")
    assert list_images(root, ["01", "02"]) == ([root / ONE, root / TWO], [])
    assert list_images(root, ["02"]) == ([root / TWO], [])


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_the_dataset_may_lie_in_any_folder(bids_dataset, name):
    root = bids_dataset(ONE, TWO, name=name)
    assert list_images(root, ["01", "02"]) == ([root / ONE, root / TWO], [])


def test_what_pybids_cannot_index_is_named_as_it_was_given(bids_dataset, monkeypatch):
    def refuse(root, **_):
        raise ValueError(f"bad: {root}")

    monkeypatch.setattr("bids.layout.BIDSLayout", refuse)
    root = bids_dataset(ONE, name="a b")
    with pytest.raises(NeuroFMError) as error:
        list_images(root, ["01"])
    assert error.value.reason == f"pybids cannot index the dataset (bad: {root}): {root}"


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
