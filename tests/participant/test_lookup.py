import pytest

from neurofm_bids.bids.discovery import scan_at
from neurofm_bids.config import Processing
from neurofm_bids.named_path import NamedPath
from neurofm_bids.participant.lookup import Lookup, look_up

IMAGE = "sub-01/anat/sub-01_T1w.nii.gz"


@pytest.mark.parametrize(
    ("methods", "files", "missing"),
    [
        ({}, [], set()),
        ({"skull_strip": "derivatives"}, ["mask"], set()),
        ({"bias_correction": "derivatives"}, [], {"bias_correction"}),
        ({"skull_strip": "derivatives", "bias_correction": "derivatives"}, ["mask"], {"bias_correction"}),
    ],
)
def test_what_is_looked_up_and_what_is_missing(bids_dataset, tmp_path, methods, files, missing):
    scan, given = scan_at(bids_dataset(IMAGE) / IMAGE), tmp_path / "given"
    path = given / "sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    path.parent.mkdir(parents=True)
    path.write_text("x")
    processing = Processing(derivatives=(NamedPath("x", given),), **methods)
    lookup = look_up(scan, processing)
    assert ([file.use for file in lookup.files], set(lookup.missing)) == (files, missing)
    assert (lookup.problem is None) == (not missing)


def test_the_transform_of_a_missing_mask_is_missing(bids_dataset):
    scan = scan_at(bids_dataset(IMAGE) / IMAGE)
    lookup = look_up(scan, Processing(skull_strip="derivatives"))
    assert lookup == Lookup((), frozenset({"mask", "transform"}), lookup.problem)
