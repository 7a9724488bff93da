import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import from_matvec

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.load import load_t1w


def head(shape=(40, 50, 45), zooms=(3.0, 3.0, 3.0), dtype=np.float32):
    """A head-sized volume with a smooth inside."""
    grids = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    data = np.clip(1.2 - np.sqrt(sum(g**2 for g in grids)), 0, None) * 1000
    return nib.Nifti1Image(data.astype(dtype), from_matvec(np.diag(zooms), -np.array(shape) * zooms / 2))


def damaged(path, kind):
    nib.save(head(), path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:3000])
    if kind == "text":
        path.write_bytes(b"this is no image" * 100)


def patched(path, *changes):
    """Write a head with numbers of its header changed: ``(offset, struct format, number)`` each."""
    content = bytearray(head(dtype=np.int16).to_bytes())
    for offset, form, number in changes:
        struct.pack_into(form, content, offset, number)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("plain.nii.gz", head),
        ("one.nii", lambda: nib.Nifti1Image(head().get_fdata()[..., None], head().affine)),
        ("uint8.nii", lambda: nib.Nifti1Image((head().get_fdata() / 8).astype(np.uint8), head().affine)),
        ("fine.nii", lambda: head((135, 165, 150), (0.67, 0.67, 0.67))),
    ],
)
def test_images_that_are_read(tmp_path, name, make):
    nib.save(make(), tmp_path / name)
    image = load_t1w(tmp_path / name)
    assert image.get_data_dtype() == np.float32
    assert len(image.shape) == 3
    np.testing.assert_allclose(np.asarray(image.dataobj), np.squeeze(make().get_fdata()), rtol=1e-6)


@pytest.mark.parametrize(("kind", "offset"), [(np.int32, 10**9), (np.float64, 1e10)])
def test_an_offset_that_hides_the_intensities_is_refused(tmp_path, kind, offset):
    stored = (head(dtype=np.int16).get_fdata() + offset).astype(kind)
    nib.save(nib.Nifti1Image(stored, head().affine, dtype=kind), tmp_path / "far.nii.gz")
    with pytest.raises(NeuroFMError, match="the offset of the intensities is too large for their range"):
        load_t1w(tmp_path / "far.nii.gz")


def test_one_extreme_voxel_is_not_an_offset(tmp_path):
    data = head().get_fdata(dtype=np.float32)
    data[tuple(n // 2 for n in data.shape)] = 1e9
    nib.save(nib.Nifti1Image(data, head().affine), tmp_path / "spike.nii.gz")
    assert np.asarray(load_t1w(tmp_path / "spike.nii.gz").dataobj).max() == np.float32(1e9)


def test_mgz_is_read(tmp_path):
    image = head()
    nib.save(nib.MGHImage(image.get_fdata(dtype=np.float32), image.affine), tmp_path / "T1.mgz")
    np.testing.assert_array_equal(np.asarray(load_t1w(tmp_path / "T1.mgz").dataobj), image.get_fdata())


def test_scaling_of_the_header_is_applied(tmp_path):
    path = tmp_path / "scaled.nii"
    nib.save(head(dtype=np.int16), path)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, 10], dtype="<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(content)
    np.testing.assert_array_equal(np.asarray(load_t1w(path).dataobj), head(dtype=np.int16).get_fdata())


@pytest.mark.parametrize(
    ("scale", "offset", "dtype"),
    [
        (1, 1000, np.int16),
        (1, -1024, np.int16),
        (1, 32768, np.uint16),
        (2**-12, -0.5, np.float32),
        (1e6, -50, np.float64),
    ],
)
def test_offset_and_unit_of_the_stored_values_do_not_matter(tmp_path, scale, offset, dtype):
    usual = head(dtype=np.int16)
    other = nib.Nifti1Image((usual.get_fdata() * scale + offset).astype(dtype), usual.affine)
    nib.save(other, tmp_path / "other.nii.gz")
    loaded = np.asarray(load_t1w(tmp_path / "other.nii.gz").dataobj)
    np.testing.assert_array_equal(loaded, usual.get_fdata())


def test_nibabel_images_are_taken_as_they_are():
    np.testing.assert_array_equal(np.asarray(load_t1w(head()).dataobj), head().get_fdata())


def changed(change):
    data = head().get_fdata(dtype=np.float32)
    return nib.Nifti1Image(change(data), head().affine)


def put(data, value):
    data = data.copy()
    data[20, 20, 20] = value
    return data


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (nib.Nifti1Image(np.stack([head().get_fdata()] * 2, -1), head().affine), "not one 3-D volume"),
        (nib.Nifti1Image(head().get_fdata()[0], head().affine), "not one 3-D volume"),
        (changed(lambda d: d.astype(np.complex64)), "not real scalars"),
        (
            changed(lambda d: np.zeros(d.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])),
            "not real scalars",
        ),
        (changed(lambda d: put(d, np.nan)), r"^the image has NaN or infinite voxels \(1\)"),
        (changed(lambda d: put(d, np.inf)), r"^the image has NaN or infinite voxels \(1\)"),
        (changed(np.zeros_like), "all voxels are zero"),
        (changed(lambda d: np.full_like(d, 7)), "all voxels have the same value"),
        (changed(lambda d: (d > 500).astype(np.float32)), "2 distinct values: it is a mask or segmentation"),
        (nib.spatialimages.SpatialImage(head().get_fdata(), np.diag([3, 3, 0, 1])), "singular"),
        (head((40, 40, 40), (7, 7, 7)), "cannot hold a brain"),
        (head((40, 40, 40), (1, 1, 1)), "cannot hold a brain"),
        (head((5, 50, 50)), "not plausible for a T1w"),
    ],
)
def test_images_that_are_refused(image, message):
    with pytest.raises(NeuroFMError, match=message) as caught:
        load_t1w(image)
    assert caught.value.fix
    assert caught.value.code == Exit.DATA


def in_unit(unit, scale):
    image = head()
    made = nib.Nifti1Image(image.get_fdata(), np.diag([scale] * 3 + [1]) @ image.affine)
    made.header.set_xyzt_units(unit)
    return made


@pytest.mark.parametrize(
    ("unit", "scale", "message"),
    [
        ("meter", 1e-3, "the unit in the header is metre, not mm"),
        ("micron", 1e3, "the unit in the header is micrometre, not mm"),
        ("mm", 1e-3, "a field of view of 0 mm"),
        (None, 1e-3, "a field of view of 0 mm"),
    ],
)
def test_sizes_in_another_unit_are_refused_by_its_name(unit, scale, message):
    with pytest.raises(NeuroFMError, match=message):
        load_t1w(in_unit(unit, scale))


def test_a_wrong_unit_of_sizes_in_mm_does_not_matter():
    assert load_t1w(in_unit("meter", 1)).header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "the image cannot be read"),
        ("text", ".nii.gz but is not a NIfTI image"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, kind, message):
    path = tmp_path / "scan.nii.gz"
    damaged(path, kind)
    with pytest.raises(NeuroFMError, match=message) as caught:
        load_t1w(path)
    assert caught.value.where == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.nii.gz", "file not found"),
        ("", "this is not a regular file"),
        ("link.nii.gz", r"the image has not been downloaded.* Run: datalad get .*link\.nii\.gz"),
        ("pointer.nii.gz", r"the image has not been downloaded.* Run: datalad get .*pointer\.nii\.gz"),
    ],
)
def test_files_without_content_are_said_to_have_none(tmp_path, name, message):
    (tmp_path / "link.nii.gz").symlink_to(".git/annex/objects/x")
    (tmp_path / "pointer.nii.gz").write_text("/annex/objects/MD5E-s9--0.nii.gz\n")
    with pytest.raises(NeuroFMError, match=message) as caught:
        load_t1w(tmp_path / name)
    assert caught.value.code == Exit.NO_INPUT


def test_voxels_of_six_millimetres_are_read_in_spite_of_rounding():
    image = head((40, 50, 30), (3.0, 3.0, 6.00001))
    assert load_t1w(image).shape == image.shape


@pytest.mark.parametrize("value", [1e300, -1e20])
def test_values_that_overflow_are_too_large_not_infinite(value):
    image = changed(lambda d: put(d.astype(np.float64), value))
    with pytest.raises(
        NeuroFMError, match=rf"the voxel values are too large, up to {abs(value):.3g}".replace("+", r"\+")
    ):
        load_t1w(image)


def test_segmentations_are_refused():
    few = changed(lambda d: np.digitize(d, np.linspace(1, 1100, 18)).astype(np.float32))
    blocks = np.random.default_rng(0).integers(0, 60, (8, 10, 9)).repeat(5, 0).repeat(5, 1).repeat(5, 2)
    for labels in (few, nib.Nifti1Image(blocks.astype(np.int16), head().affine)):
        with pytest.raises(NeuroFMError, match="distinct values: it is a mask or segmentation, not a T1w"):
            load_t1w(labels)


@pytest.mark.realdata
@pytest.mark.parametrize("path", ["aomic/sub-0001_aseg.mgz", "label-maps/subject-01.nii.gz"])
def test_real_segmentations_are_refused(shared, path):
    with pytest.raises(NeuroFMError, match="distinct values: it is a mask or segmentation, not a T1w"):
        load_t1w(shared / "data" / path)


def test_what_is_no_image_is_refused():
    with pytest.raises(NeuroFMError, match="this is not a volumetric image"):
        load_t1w(np.zeros((20, 20, 20)))


# Orientation


@pytest.mark.parametrize(
    ("qcode", "scode", "kept"), [(1, 1, (1, 1)), (1, 0, (1, 2)), (0, 4, (0, 4)), (0, 0, (0, 0))]
)
def test_codes_and_qform_of_the_header_are_kept(tmp_path, qcode, scode, kept):
    image = head(dtype=np.int16)
    turn = from_matvec(nib.eulerangles.euler2mat(0, 0, 0.5))
    image.set_qform(turn @ image.affine, code=qcode)
    image.set_sform(image.affine, code=scode)
    nib.save(image, tmp_path / "scan.nii.gz")
    source = nib.load(tmp_path / "scan.nii.gz")
    image = load_t1w(tmp_path / "scan.nii.gz")
    nib.save(image, tmp_path / "again.nii")
    for found in (image, nib.load(tmp_path / "again.nii")):
        assert (int(found.header["qform_code"]), int(found.header["sform_code"])) == kept
        np.testing.assert_allclose(found.affine, source.affine, atol=1e-4)
        if qcode:
            np.testing.assert_allclose(found.header.get_qform(), source.header.get_qform(), atol=1e-4)


def test_a_quaternion_that_is_none_is_left_out(tmp_path):
    path = patched(tmp_path / "scan.nii.gz", (252, "<h", 1), (256, "<f", 5.0))
    image = load_t1w(path)
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(image.affine, head().affine, atol=1e-4)
