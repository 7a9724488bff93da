"""An index gives what searching the dataset gives."""

import json
import shutil

import nibabel as nib
import pytest

from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.index_file import read_index, write_index
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError
from tests.conftest import small_image

IMAGES = (
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
    "sub-02/ses-b/anat/sub-02_ses-b_T1w_brain.nii.gz",
    "sub-03/anat/sub-03_T2w.nii.gz",
    "sub-04/anat/sub-04_T1w.nii.gz",
)
LABELS = ["01", "02", "03", "04"]


@pytest.fixture
def dataset(bids_dataset):
    root = bids_dataset(*IMAGES)
    (root / ".bidsignore").write_text("sub-04\n")
    return root


@pytest.fixture
def index(dataset, tmp_path):
    path = tmp_path / "index.jsonl"
    write_index(path, dataset, LABELS, list_images(dataset, LABELS), Selection())
    return path


def test_the_listing_is_that_of_the_dataset(dataset, index):
    indexed = read_index(index, dataset, Selection())
    assert indexed.subjects == tuple(LABELS)
    assert indexed.listing == list_images(dataset, LABELS)
    assert indexed.listing.ignored
    assert indexed.listing.unclear
    assert indexed.changed == ()


def test_a_part_has_its_participants_only(dataset, index):
    indexed = read_index(index, dataset, Selection(), Shard(2, 3))
    assert indexed.subjects == ("02",)
    assert indexed.listing == list_images(dataset, ["02"])


def test_the_dataset_is_not_searched(dataset, index, monkeypatch):
    monkeypatch.setattr("neurofm_bids.bids.index_file.list_images", None)
    assert read_index(index, dataset, Selection()).listing.images


def test_the_dataset_may_lie_elsewhere(dataset, index, tmp_path):
    moved = shutil.copytree(dataset, tmp_path / "moved")  # with the times of its folders
    shutil.copystat(dataset, moved)
    indexed = read_index(index, moved, Selection())
    assert indexed.listing == list_images(moved, LABELS)
    assert indexed.changed == ()


@pytest.mark.parametrize("folder", ["sub-02/ses-a/anat", "sub-02/ses-b", "sub-02"])
def test_folders_that_changed_are_listed_again(dataset, index, folder):
    place = dataset / folder
    image = place / "sub-02_ses-a_run-2_T1w.nii.gz"
    if not folder.endswith("anat"):
        image = place / "anat2" / image.name
        image.parent.mkdir()
    nib.save(small_image(), image)
    indexed = read_index(index, dataset, Selection())
    assert indexed.changed == ("02",)
    assert indexed.listing == list_images(dataset, LABELS)


def test_a_participant_who_is_gone_has_no_images(dataset, index):
    shutil.rmtree(dataset / "sub-01")
    indexed = read_index(index, dataset, Selection())
    assert indexed.changed == ("01",)
    assert indexed.listing == list_images(dataset, LABELS[1:])


def test_names_that_are_not_utf8_are_kept(dataset, index):
    with open(f"{dataset}/sub-01/anat/".encode() + b"sub-01_acq-\xff_T1w.nii", "wb") as stream:  # noqa: PTH123
        stream.write(b"x")
    listing = list_images(dataset, LABELS)
    write_index(index, dataset, LABELS, listing, Selection())
    assert read_index(index, dataset, Selection()).listing == listing


@pytest.mark.parametrize(
    ("made", "used", "fits"),
    [
        (Selection(), Selection(participant_label=("01",)), False),
        (Selection(session_label=("a",)), Selection(), False),
        (Selection(), Selection(shard=Shard(1, 2), skip_bids_validation=True), True),
        (Selection(session_label=("a", "b")), Selection(session_label=("a", "b")), True),
    ],
)
def test_an_index_fits_the_options_it_was_made_with(dataset, tmp_path, made, used, fits):
    path = tmp_path / "index.jsonl"
    write_index(path, dataset, LABELS, list_images(dataset, LABELS), made)
    if fits:
        assert read_index(path, dataset, used).subjects == tuple(LABELS)
        return
    with pytest.raises(NeuroFMError, match="other options") as caught:
        read_index(path, dataset, used)
    assert caught.value.code == Exit.USAGE


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, Exit.NO_INPUT),
        ("", Exit.DATA),
        ("[]\n", Exit.DATA),
        (json.dumps({"NeuroFMIndex": 99, "Selection": {}}), Exit.DATA),
        (json.dumps({"NeuroFMIndex": 1, "Selection": {}}) + '\n{"Participant": "01"}\n', Exit.DATA),
    ],
)
def test_what_is_no_index_is_refused(dataset, tmp_path, content, code):
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NeuroFMError, match="the index cannot be used") as caught:
        read_index(path, dataset, Selection())
    assert caught.value.code == code
