"""The table of the gauntlet, first part: damaged files, doubtful geometry, images of something else."""

import bz2
import lzma

import numpy as np

from tests.gauntlet import headers, images
from tests.gauntlet.case import Case

__all__ = ["CONTENT", "DAMAGED", "GEOMETRY"]

_READ = "the image cannot be read"
_MATRIX = "voxels is not plausible for a T1w"
_AFFINE = "the affine of the image is singular or not finite"
_SIZES = "the header has a voxel size of"
_FINITE = "NaN or infinite voxels"

DAMAGED = (
    Case("cutstart", "truncated to 1% of its bytes", headers.cut(0.01), "refused", _READ),
    Case("cutmiddle", "truncated to half of its bytes", headers.cut(0.5), "refused", _READ),
    Case("cutend", "without the last 8 bytes (the checksum)", headers.cut(-8), "refused", _READ),
    Case("bitstart", "one bit flipped near the start", headers.flipped(0.01), "refused", _READ),
    Case("bitmiddle", "one bit flipped in the middle", headers.flipped(0.5), "refused", _READ),
    Case("bits", "bits flipped at four places", headers.flipped(0.1, 0.3, 0.6, 0.9), "refused", _READ),
    Case(
        "plain",
        "named .nii.gz but not compressed",
        headers.plain_inside,
        "refused",
        "the file is named .nii.gz but not compressed",
    ),
    Case(
        "gzip",
        "compressed but named .nii",
        headers.compressed_inside,
        "refused",
        "the file is named .nii but compressed (gzip)",
        "sub-gzip/anat/sub-gzip_T1w.nii",
    ),
    *(
        Case(name, f"compressed with {how}", headers.changed(change), "refused", f"but compressed ({how})")
        for name, how, change in (
            ("bzip", "bzip2", bz2.compress),
            ("xz", "xz", lzma.compress),
            ("zip", "zip", headers.zipped),
        )
    ),
    Case(
        "gziptwice",
        "compressed twice with gzip",
        headers.changed(headers.packed_twice),
        "refused",
        "compressed twice (gzip, gzip)",
    ),
    Case("mghinside", "an MGH image named .nii.gz", headers.mgh_inside, "refused", "is an MGH image"),
    Case(
        "dicom",
        "a DICOM file named .nii.gz",
        headers.text(bytes(128) + b"DICM" + bytes(2000)),
        "refused",
        "is a DICOM file",
    ),
    Case("noimage", "a text file", headers.text(b"no image" * 100), "refused", "is not a NIfTI image"),
    Case("html", "an HTML page", headers.text(b"<html>404</html>" * 100), "refused", "is an HTML page"),
    Case("magic", "wrong magic", headers.patched((headers.MAGIC, "4s", b"xyz")), "refused", _READ),
    Case("datatype", "unknown data type", headers.patched((headers.DATATYPE, "h", 777)), "refused", _READ),
    Case("ndim", "0 dimensions", headers.patched((headers.NDIM, "h", 0)), "refused", "not one 3-D volume"),
    Case("negative", "a negative dimension", headers.patched((headers.DIM, "h", -97)), "refused", _MATRIX),
    Case(
        "taller",
        "more slices in the header than in the file",
        headers.patched((headers.DIM, "3h", 97, 115, 300)),
        "refused",
        _READ,
    ),
    Case(
        "offset",
        "voxel data that starts at byte 10^9",
        headers.patched((headers.OFFSET, "f", 1e9)),
        "refused",
        _READ,
    ),
    Case(
        "huge",
        "a header of 32767^3 voxels",
        headers.patched((headers.DIM, "3h", *[32767] * 3)),
        "refused",
        _MATRIX,
    ),
    Case("giant", "a NIfTI-2 header of 100,000^3 voxels", headers.nifti2((100_000,) * 3), "refused", _MATRIX),
    Case("bomb", "1000^3 zeros in 2 MB", headers.of_zeros((1000,) * 3), "refused", _MATRIX),
    Case(
        "swollen",
        "4 GB of zeros after the voxel data",
        headers.swollen,
        "refused",
        "longer than its header implies",
    ),
)

GEOMETRY = (
    Case("zoomzero", "a voxel size of zero", headers.patched((headers.PIXDIM, "f", 0)), "refused", _SIZES),
    Case(
        "zoomnegative", "a negative voxel size", headers.patched((headers.PIXDIM, "f", -2)), "refused", _SIZES
    ),
    Case(
        "zoomnan",
        "a voxel size that is NaN",
        headers.patched((headers.PIXDIM, "f", np.nan)),
        "refused",
        _SIZES,
    ),
    Case(
        "qformzero",
        "a voxel size of zero under a qform",
        headers.qform_only((headers.PIXDIM, "f", 0)),
        "refused",
        _SIZES,
    ),
    Case(
        "singular", "a singular affine", headers.patched((headers.SROW, "4f", 0, 0, 0, 0)), "refused", _AFFINE
    ),
    Case("affinenan", "an affine with NaN", headers.patched((headers.SROW, "f", np.nan)), "refused", _AFFINE),
    Case(
        "quaternion",
        "an impossible quaternion",
        headers.qform_only((headers.QUATERNION, "3f", 5, 5, 5)),
        "refused",
        _READ,
    ),
    Case(
        "metres", "sizes in metres", headers.in_metres, "refused", "the unit in the header is metre, not mm"
    ),
    Case("qformonly", "a qform and no sform", headers.qform_only(), "processed", slow=True),
    Case(
        "qformturned",
        "qform and sform 40 degrees apart",
        images.qform_too(images.TURNED),
        "flagged",
        "orientation_disagrees",
    ),
    Case(
        "qformflipped",
        "qform and sform with opposite sides",
        images.qform_too(images.FLIPPED),
        "flagged",
        "orientation_disagrees",
        slow=True,
    ),
    Case(
        "qformlarger",
        "qform and sform with different voxel sizes",
        images.qform_too(images.LARGER),
        "flagged",
        "voxel_size_disagrees",
    ),
    Case("nocodes", "neither qform nor sform", images.without_codes, "flagged", "no_orientation"),
    Case("tiny", "8 voxels along each axis", images.placed(images.tiny), "refused", _MATRIX),
    Case("thick", "slices of 6 mm", images.sampled((1, 1, 6)), "flagged", "coarse_voxels"),
    Case("toothick", "slices of 8 mm", images.sampled((1, 1, 8)), "refused", "cannot hold a brain"),
    Case("long", "280 voxels along an axis", images.placed(images.long_axis), "processed", slow=True),
    Case(
        "faraway", "an origin 5 m away from the head", images.placed(images.far_away), "processed", slow=True
    ),
    Case(
        "honest", "upside down, with a correct header", images.placed(images.over(honest=True)), "processed"
    ),
    Case(
        "lying",
        "upside down, but the header says upright",
        images.placed(images.over(honest=False)),
        "flagged",
        "implausible_rotation",
    ),
    Case(
        "swapped",
        "slice axis first, but the header says last",
        images.placed(images.axes_swapped),
        "flagged",
        "implausible_rotation",
        slow=True,
    ),
    Case(
        "mirrored",
        "left and right swapped (cannot be detected)",
        images.placed(images.mirrored),
        "processed",
        slow=True,
    ),
)

CONTENT = (
    Case("volumes", "two volumes", images.voxels(images.volumes(2)), "refused", "not one 3-D volume"),
    Case("onevolume", "four dimensions, one volume", images.voxels(images.volumes(1)), "processed"),
    Case("colour", "RGB voxels", images.colour, "refused", "not real scalars"),
    Case("complex", "complex voxels", images.of_type(np.complex64), "refused", "not real scalars"),
    Case("int64", "64-bit integers", images.of_type(np.int64), "processed", slow=True),
    Case(
        "slopezero",
        "scl_slope 0, which means no scaling",
        headers.patched((headers.SLOPE, "2f", 0, 0)),
        "processed",
        slow=True,
    ),
    Case(
        "slopenan",
        "scl_slope NaN, read as no scaling",
        headers.patched((headers.SLOPE, "2f", np.nan, np.nan)),
        "processed",
        slow=True,
    ),
    Case(
        "internan",
        "scl_inter NaN with a valid scl_slope",
        headers.patched((headers.SLOPE, "2f", 1, np.nan)),
        "refused",
        _READ,
    ),
    Case(
        "slopehuge", "scl_slope 1e38", headers.patched((headers.SLOPE, "2f", 1e38, 0)), "refused", "too large"
    ),
    Case("nan", "one NaN voxel", images.one_voxel(np.nan), "refused", _FINITE),
    Case("inf", "one infinite voxel", images.one_voxel(np.inf), "refused", _FINITE),
    Case("nanoutside", "NaN outside the brain", images.voxels(images.nan_outside), "refused", _FINITE),
    Case("overflow", "a voxel of 1e300", images.one_voxel(1e300, np.float64), "refused", "too large"),
    Case("spike", "a voxel a million times too bright", images.one_voxel(1e9), "flagged", "extreme_voxels"),
    Case("zeros", "all zeros", images.voxels(np.zeros_like), "refused", "all voxels are zero"),
    Case(
        "constant",
        "a constant image",
        images.voxels(lambda d: np.full_like(d, 7)),
        "refused",
        "the same value",
    ),
    Case("noise", "noise only", images.voxels(images.noise), "refused", "brain mask volume"),
    Case("inverted", "inverted contrast", images.voxels(images.inverted), "flagged", "inverted_contrast"),
    Case("t2w", "a T2w named T1w", images.voxels(images.like_t2w), "flagged", "inverted_contrast", slow=True),
    Case("mask", "a mask named T1w", images.voxels(images.mask), "refused", "a mask"),
    Case("labels", "a segmentation named T1w", images.voxels(images.labels), "refused", "a mask"),
    Case("half", "half a head", images.placed(images.half), "refused", "cut off at the border"),
    Case(
        "toponly",
        "only the top of the head in the field of view",
        images.placed(images.top_only),
        "refused",
        "cut off at the border",
    ),
    Case(
        "beside",
        "the head outside the field of view",
        images.placed(images.beside_the_field),
        "flagged",
        "low_correlation",
        slow=True,
    ),
    Case(
        "gadolinium",
        "bright vessels and a lesion, as with gadolinium",
        images.voxels(images.enhanced),
        "processed",
        slow=True,
    ),
    Case("child", "the brain of a child, 1.2 l", images.scaled(0.92), "processed", slow=True),
    Case("infant", "the brain of an infant, 0.9 l", images.scaled(0.83), "flagged", "unusual_brain_size"),
    Case("newborn", "the brain of a newborn, 0.45 l", images.scaled(0.66), "refused", "brain mask volume"),
)
