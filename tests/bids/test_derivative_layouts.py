import errno
import os

import pytest

from neurofm_bids.bids.derivative_layouts import (
    BIAS_CORRECTED,
    MASK,
    best_of,
    exists,
    files_in,
    folders_of,
    freesurfer_paths,
    is_average,
    places_of,
    stem_of,
)
from neurofm_bids.bids.discovery import scan_at

IMAGE = "sub-01/ses-a/anat/sub-01_ses-a_acq-x_T1w.nii.gz"


@pytest.fixture
def scan(bids_dataset):
    return scan_at(bids_dataset(IMAGE) / IMAGE)


def test_where_programs_put_the_images_of_a_scan(scan, tmp_path):
    assert stem_of(scan) == "sub-01_ses-a_acq-x"
    assert folders_of(scan, tmp_path) == [tmp_path / "sub-01/ses-a/anat", tmp_path / "sub-01/anat"]
    places = [(folder.relative_to(tmp_path).as_posix(), stem) for folder, stem in places_of(scan, tmp_path)]
    assert places[0] == ("sub-01/ses-a/anat", "sub-01_ses-a_acq-x")
    assert ("sub-01/anat", "sub-01") in places
    names = [path.relative_to(tmp_path).as_posix() for path in freesurfer_paths(scan, MASK, tmp_path)]
    assert names == [f"{name}/mri/mask.mgz" for name in ("sub-01_ses-a_acq-x", "sub-01_ses-a", "sub-01")]
    assert freesurfer_paths(scan, BIAS_CORRECTED, tmp_path) == []
    assert [is_average(scan, stem) for stem in ("sub-01_ses-a_acq-x", "sub-01_ses-a")] == [False, True]


def test_the_image_on_the_grid_of_the_t1w_is_the_best(tmp_path):
    for name in ("sub-01_res-2", "sub-01", "sub-01_space-MNI"):
        (tmp_path / f"{name}_desc-brain_mask.nii.gz").write_text("x")
    assert [space for _, _, space in files_in(tmp_path, MASK)] == [None, None, "MNI"]
    assert best_of(tmp_path, "sub-01", MASK) == "sub-01_desc-brain_mask.nii.gz"
    assert best_of(tmp_path, "sub-02", MASK) is None


def test_a_folder_that_is_absent_is_empty_and_one_that_is_not_readable_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "circle").symlink_to("circle")
    assert files_in(tmp_path / "absent", MASK) == files_in(tmp_path / "file", MASK) == []
    assert [exists(tmp_path / name) for name in ("circle", "absent", "file/mask")] == [True, False, False]
    for read in (lambda path: files_in(path, MASK), lambda path: exists(path / "mri")):
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            read(tmp_path / "circle")
