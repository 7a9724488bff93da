"""Parts of a dataset: together they are the whole, with and without an index."""

from dataclasses import replace

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.bids.filters import selector
from neurofm_bids.bids.index_file import write_index
from neurofm_bids.bids.parts import dealing_order, list_dataset
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit, NeuroFMError

IMAGES = [f"sub-{n:02}/ses-{s}/anat/sub-{n:02}_ses-{s}_T1w.nii.gz" for n in range(1, 8) for s in "ab"]


@pytest.fixture
def dataset(bids_dataset):
    """Seven participants with two sessions, two without images, one who is a broken link."""
    root = bids_dataset(*IMAGES)
    (root / "sub-00" / "anat").mkdir(parents=True)
    (root / "sub-04a").mkdir()
    (root / "sub-99").symlink_to("nowhere")
    return root


def parts_of(root, count, **settings):
    config = Config(root, root.parent / "out")
    selections = [Selection(shard=Shard(number, count), **settings) for number in range(1, count + 1)]
    return [find_scans(replace(config, selection=one)) for one in selections]


@pytest.fixture(params=[False, True], ids=["searched", "indexed"])
def settings(request, dataset, tmp_path):
    if not request.param:
        return {}
    path, options = tmp_path / "index.jsonl", Selection()
    subjects, listing = list_dataset(dataset, options)
    order = dealing_order(subjects, listing, selector(options), dataset)
    write_index(path, dataset, order, listing, options)
    return {"index": path}


@pytest.mark.parametrize("count", [1, 3, 8, 10, 30])
def test_nothing_is_lost_and_nothing_is_twice(dataset, settings, count):
    whole = find_scans(Config(dataset, dataset.parent / "out"))
    parts = parts_of(dataset, count, **settings)
    assert len(whole.scans) == len(IMAGES)
    for name in ("scans", "refused", "skipped"):
        together = [item for part in parts for item in getattr(part, name)]
        assert sorted(map(str, together)) == sorted(map(str, getattr(whole, name)))


def test_all_scans_of_a_participant_are_in_one_part(dataset, settings):
    parts = [{scan.subject for scan in part.scans} for part in parts_of(dataset, 3, **settings)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 7


def test_participants_without_images_do_not_make_parts_uneven(dataset, settings):
    sizes = [len({scan.subject for scan in part.scans}) for part in parts_of(dataset, 4, **settings)]
    assert sorted(sizes) == [1, 2, 2, 2]


def test_a_part_without_participants_is_empty(dataset, settings):
    *_, last = parts_of(dataset, 30, **settings)
    assert (last.scans, last.refused, last.skipped) == ((), (), ())


def test_with_and_without_an_index_the_parts_are_the_same(dataset, tmp_path):
    options = Selection()
    subjects, listing = list_dataset(dataset, options)
    order = dealing_order(subjects, listing, selector(options), dataset)
    write_index(tmp_path / "index", dataset, order, listing, options)
    assert parts_of(dataset, 3) == parts_of(dataset, 3, index=tmp_path / "index")


def test_labels_and_filters_come_before_parts(dataset):
    parts = parts_of(dataset, 2, participant_label=("01", "03", "05"), session_label=("b",))
    stems = [[scan.stem for scan in part.scans] for part in parts]
    assert stems == [["sub-01_ses-b", "sub-05_ses-b"], ["sub-03_ses-b"]]


def test_a_dataset_without_images_has_no_parts(bids_dataset):
    root = bids_dataset()
    (root / "sub-01").mkdir()
    with pytest.raises(NeuroFMError, match="no T1w image is selected") as caught:
        parts_of(root, 2)
    assert caught.value.code == Exit.NOTHING_SELECTED
