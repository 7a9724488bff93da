import errno
import gzip
import os
import zlib

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.image_file import check_matrix, named_damage, open_image
from tests.preprocess.test_load import head, patched

DAMAGED = "The file is damaged: get a new copy."


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (EOFError("ended early"), DAMAGED),
        (zlib.error("invalid block"), DAMAGED),
        (gzip.BadGzipFile("CRC check failed"), DAMAGED),
        (OSError("Expected 9 bytes, got 8"), "Check how the file was made, or get a new copy."),
        (ValueError("odd header"), "Check how the file was made, or get a new copy."),
        (PermissionError(errno.EACCES, "no"), "Check the permissions."),
    ],
)
def test_only_what_was_compressed_and_cannot_be_restored_is_damaged(error, fix):
    with pytest.raises(NeuroFMError) as caught, named_damage():
        raise error
    assert caught.value.fix == fix


def test_a_file_of_another_format_is_refused(tmp_path):
    nib.save(head(), tmp_path / "a.nii.gz")
    with pytest.raises(NeuroFMError, match=r"the file is named .nii but compressed \(gzip\)"):
        open_image((tmp_path / "a.nii.gz").rename(tmp_path / "a.nii"))


@pytest.mark.parametrize("name", ["scan.NII", "scan.NII.GZ"])
def test_the_extension_may_be_in_upper_case(tmp_path, name):
    content = head().to_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("GZ") else content)
    assert open_image(tmp_path / name).shape == (40, 50, 45)


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
    assert caught.value.fix == "The file is incomplete, or its header is wrong: get a new copy."


def test_a_check_sum_is_compared_though_every_voxel_was_read(tmp_path):
    path = patched(tmp_path / "scan.nii.gz")
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(NeuroFMError, match="CRC check failed") as caught:
        open_image(path)
    assert caught.value.fix == DAMAGED
    path.write_bytes(content[:-8])
    with pytest.raises(NeuroFMError, match="the image cannot be read") as caught:
        open_image(path)
    assert caught.value.fix == DAMAGED


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
    with pytest.raises(NeuroFMError, match="the header has the unknown data type 777") as caught:
        open_image(patched(tmp_path / "scan.nii.gz", (70, "<h", 777)))
    assert caught.value.fix == "Fix the header."


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
