import errno
import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.image_file import check_matrix, open_image
from tests.preprocess.test_load import head, patched


@pytest.mark.parametrize(
    ("written", "named", "message", "fix"),
    [
        ("a.nii.gz", "b.nii", "the file is named .nii but compressed (gzip)", "Rename it to .nii.gz."),
        ("a.nii", "b.nii.gz", "the file is named .nii.gz but not compressed", "Rename it to .nii."),
    ],
)
def test_the_reason_names_an_extension_that_does_not_fit(tmp_path, written, named, message, fix):
    nib.save(head(), tmp_path / written)
    with pytest.raises(NeuroFMError) as caught:
        open_image((tmp_path / written).rename(tmp_path / named))
    assert (caught.value.what, caught.value.fix) == (message, fix)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOENT])
def test_errors_of_the_system_are_no_damage(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    nib.save(head(), tmp_path / "scan.nii.gz")
    monkeypatch.setattr("nibabel.load", refuse)
    with pytest.raises(NeuroFMError) as caught:
        open_image(tmp_path / "scan.nii.gz")
    assert caught.value.what == f"the image cannot be read ({os.strerror(number)})"
    assert "damaged" not in caught.value.fix


@pytest.mark.parametrize("size", [0.0, -3.0, np.nan, np.inf])
def test_voxel_sizes_that_nibabel_would_correct_are_refused(tmp_path, size):
    with pytest.raises(NeuroFMError, match=r"the header has a voxel size of 3 x [-0-9a-z]+ x 3 mm") as caught:
        open_image(patched(tmp_path / "scan.nii.gz", (84, "<f", size)))
    assert caught.value.fix == "Fix the header."


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_a_header_that_promises_more_than_the_file_holds(tmp_path, name):
    with pytest.raises(NeuroFMError, match=r"it ends after 180352 of 4048352 bytes") as caught:
        open_image(patched(tmp_path / name, (46, "<h", 1012)))
    assert "damaged" in caught.value.fix


def test_a_check_sum_is_compared_though_every_voxel_was_read(tmp_path):
    path = patched(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(NeuroFMError, match="CRC check failed"):
        open_image(path)
    path.write_bytes(content[:-8])
    with pytest.raises(NeuroFMError, match="the image cannot be read"):
        open_image(path)


def test_zeros_behind_the_voxels_are_not_inflated_for_ever(tmp_path):
    path = patched(tmp_path / "scan.nii.gz")
    rest = gzip.compress(bytes(2**24))
    path.write_bytes(path.read_bytes() + rest)
    assert open_image(path).shape == (40, 50, 45)
    path.write_bytes(path.read_bytes() + rest)
    with pytest.raises(NeuroFMError, match="the file is much longer than its header implies"):
        open_image(path)


def test_a_matrix_may_be_too_large_though_no_axis_is(tmp_path):
    path = patched(tmp_path / "scan.nii.gz", *[(offset, "<h", 1000) for offset in (42, 44, 46)])
    with pytest.raises(NeuroFMError, match=r"\(1000, 1000, 1000\) voxels is not plausible for a T1w"):
        open_image(path)


def test_an_unknown_data_type_is_named(tmp_path):
    with pytest.raises(NeuroFMError, match="the header has the unknown data type 777"):
        open_image(patched(tmp_path / "scan.nii.gz", (70, "<h", 777)))


@pytest.mark.parametrize("shape", [(10, 1024, 10), (40, 50, 45, 1), (40, 50, 45, 1, 1)])
def test_a_matrix_of_one_volume_is_accepted(shape):
    check_matrix(shape)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((9, 50, 45), "(9, 50, 45) voxels is not plausible"),
        ((10, 1025, 10), "(10, 1025, 10) voxels is not plausible"),
        ((40, 50, 45, 2), "shape (40, 50, 45, 2), not one 3-D volume"),
        ((40, 50), "shape (40, 50), not one 3-D volume"),
    ],
)
def test_another_matrix_is_refused(shape, message):
    with pytest.raises(NeuroFMError) as caught:
        check_matrix(shape)
    assert message in caught.value.what
