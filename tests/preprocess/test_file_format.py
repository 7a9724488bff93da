import bz2
import gzip
import lzma
import struct

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.file_format import check_format
from tests.gauntlet import headers
from tests.preprocess.test_load import head

NIFTI = head().to_bytes()
MGH = struct.pack(">7i", 1, 40, 50, 45, 1, 3, 0) + bytes(1000)
DICOM = bytes(128) + b"DICM" + bytes(1000)
GET = "Check how the file was made, or get a new copy."
MORE = "and compress the image with gzip."


def checked(path, content):
    """Return what is wrong with a file and what to do."""
    path.write_bytes(content)
    try:
        check_format(path)
    except NeuroFMError as error:
        return error.what, error.fix
    return "", ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nii", NIFTI),
        ("a.NII.GZ", gzip.compress(NIFTI)),
        ("a.nii", struct.pack(">i", 348) + bytes(400)),
        ("a.nii", struct.pack("<i", 540) + bytes(600)),
        ("a.mgh", MGH),
        ("a.MGZ", gzip.compress(MGH)),
        ("a.nii.gz", gzip.compress(NIFTI)[:3000]),
        ("a.nii.gz", gzip.compress(NIFTI)[:5]),
    ],
)
def test_files_that_begin_as_they_should(tmp_path, name, content):
    assert checked(tmp_path / name, content) == ("", "")


@pytest.mark.parametrize(
    ("content", "method", "tool"),
    [
        (bz2.compress(NIFTI), "bzip2", "bunzip2"),
        (lzma.compress(NIFTI), "xz", "unxz"),
        (headers.zipped(NIFTI), "zip", "unzip"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd", "unzstd"),
        (b"\x04\x22\x4d\x18" + bytes(100), "lz4", "unlz4"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7-Zip", "7z x"),
        (b"\x1f\x9d\x90" + bytes(100), "compress", "uncompress"),
    ],
)
def test_other_compressions_are_named(tmp_path, content, method, tool):
    for extension in (".nii", ".nii.gz", ".mgz"):
        assert checked(tmp_path / f"a{extension}", content) == (
            f"the file is named {extension} but compressed ({method})",
            f"Decompress it with {tool}, {MORE}",
        )
    assert checked(tmp_path / "a.nii.gz", gzip.compress(content)) == (
        f"the file is compressed twice ({method}, gzip)",
        f"Decompress it with gunzip and {tool}, {MORE}",
    )


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [
        (DICOM, "a DICOM file", "Convert the series to NIfTI, for example with dcm2niix."),
        (b"NRRD0004\n", "an NRRD image", "Convert it to NIfTI."),
        (b"CDF\x01" + bytes(100), "a netCDF file (such as MINC)", "Convert it to NIfTI."),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file (such as MINC)", "Convert it to NIfTI."),
        (bytes(257) + b"ustar", "a tar archive", "Extract the image."),
        (b"\n<!DOCTYPE html>\n<html>", "an HTML page", "Download the image again."),
        (b"<html>404</html>", "an HTML page", "Download the image again."),
        (b"this is no image", "not a NIfTI image", GET),
        (b"\0", "not a NIfTI image", GET),
        (struct.pack("<7i", 1, 40, 50, 45, 1, 3, 0), "not a NIfTI image", GET),
    ],
)
@pytest.mark.parametrize(
    ("extension", "pack"), [(".nii", bytes), (".nii.gz", bytes), (".nii.gz", gzip.compress)]
)
def test_other_files_are_named(tmp_path, content, what, fix, extension, pack):
    assert checked(tmp_path / f"a{extension}", pack(content)) == (
        f"the file is named {extension} but is {what}",
        fix,
    )


@pytest.mark.parametrize(
    ("name", "content", "what", "right"),
    [
        ("a.nii", gzip.compress(NIFTI), "compressed (gzip)", ".nii.gz"),
        ("a.nii.gz", NIFTI, "not compressed", ".nii"),
        ("a.mgh", gzip.compress(MGH), "compressed (gzip)", ".mgz"),
        ("a.mgz", MGH, "not compressed", ".mgh"),
        ("a.mgz", gzip.compress(NIFTI), "is a NIfTI image", ".nii.gz"),
        ("a.mgz", NIFTI, "is a NIfTI image", ".nii"),
        ("a.nii.gz", gzip.compress(MGH), "is an MGH image", ".mgz, and convert it to NIfTI"),
        ("a.nii", MGH, "is an MGH image", ".mgh, and convert it to NIfTI"),
    ],
)
def test_images_under_another_extension_are_to_be_renamed(tmp_path, name, content, what, right):
    named = name.removeprefix("a")
    assert checked(tmp_path / name, content) == (
        f"the file is named {named} but {what}",
        f"Rename it to {right}.",
    )


def test_a_file_that_was_compressed_twice_with_gzip(tmp_path):
    assert checked(tmp_path / "a.nii.gz", gzip.compress(gzip.compress(NIFTI))) == (
        "the file is compressed twice (gzip, gzip)",
        "Decompress it with gunzip.",
    )


@pytest.mark.parametrize("name", ["a.img", "a.nii.bz2", "a.Nii.GZ", "a.gz", "a"])
def test_other_extensions_are_refused(tmp_path, name):
    assert checked(tmp_path / name, NIFTI) == (
        "the extension of the image is none of .mgh, .mgz, .nii, .nii.gz",
        "Convert the image to .nii.gz.",
    )
