import nibabel as nib
import numpy as np
import pytest
from nibabel.processing import resample_from_to

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import conformed_affine, itk_transform, mask_volume_mm3
from neurofm_bids.preprocess.derived_images import derived_correction, derived_mask, read_transform
from tests.preprocess.test_brain_extraction import ball

HEAD = ball(noise=5)
TURN = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, -0.05, 0.2), (12, -7, 4))


def like(mask, data=None, affine=None):
    return nib.Nifti1Image(
        mask.get_fdata() if data is None else data, mask.affine if affine is None else affine
    )


def own(head=HEAD):
    return nib.Nifti1Image((np.asarray(head.dataobj) > 250).astype(np.uint8), head.affine)


def conformed(mask, moved=None):
    """A mask as FreeSurfer conforms it: 256^3 voxels of 1 mm, LIA, in the same scanner space."""
    image = nib.Nifti1Image(
        np.asarray(mask.dataobj, dtype=np.float32), mask.affine if moved is None else moved
    )
    made = resample_from_to(image, ((256,) * 3, conformed_affine(image)), order=1)
    return nib.MGHImage((np.asarray(made.dataobj) > 0.5).astype(np.uint8), made.affine)


def dice(one, other):
    one, other = (np.asarray(image.dataobj) > 0 for image in (one, other))
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def coarse(mask):
    return like(mask, mask.get_fdata()[::2, ::2, ::2], mask.affine @ np.diag([2, 2, 2, 1]))


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (own, 1),
        (lambda: own().as_reoriented([[0, -1], [1, 1], [2, 1]]), 1),
        (lambda: own().as_reoriented([[1, 1], [2, -1], [0, 1]]), 1),
        (lambda: like(own(), own().get_fdata() * 255), 1),
        (lambda: like(own(), own().get_fdata()[..., None]), 1),
        (
            lambda: like(
                own(),
                np.pad(own().get_fdata(), 9),
                own().affine @ nib.affines.from_matvec(np.eye(3), [-9] * 3),
            ),
            1,
        ),
        (lambda: conformed(own()), 0.995),
        (lambda: coarse(own()), 0.94),
    ],
)
def test_a_mask_in_the_same_space_is_brought_to_the_grid(make, least):
    mask, measured = derived_mask(HEAD, make(), tool="X 1")
    assert dice(mask, own()) >= least
    assert (mask.shape, mask.get_data_dtype()) == (HEAD.shape, np.uint8)
    assert np.array_equal(mask.affine, HEAD.affine)
    assert (measured.method, measured.version) == ("derivatives", "X 1")
    assert measured.volume_mm3 == mask_volume_mm3(mask)


def test_a_mask_in_the_space_of_an_average_is_moved_by_its_transform(tmp_path):
    path = tmp_path / "xfm.txt"
    path.write_text(itk_transform(TURN))
    moved = like(own(), affine=TURN @ HEAD.affine)
    with pytest.raises(NeuroFMError, match="no signal"):
        derived_mask(HEAD, like(own(), affine=nib.affines.from_matvec(np.eye(3), (0, 25, 0)) @ HEAD.affine))
    mask, _ = derived_mask(HEAD, conformed(own(), TURN @ HEAD.affine), read_transform(path))
    assert dice(mask, own()) > 0.99
    exact, _ = derived_mask(HEAD, moved, read_transform(path))
    assert dice(exact, own()) > 0.999


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: like(own(), own().get_fdata() * 0), "the brain mask is empty"),
        (
            lambda: like(own(), own().get_fdata() + (np.indices(HEAD.shape)[0] > 50)),
            "its voxels have 3 values",
        ),
        (lambda: like(own(), own().get_fdata() + 1), "not 0 and one other"),
        (
            lambda: like(own(), np.where(own().get_fdata() > 0, np.nan, 0)),
            "not 0 and one other|its voxels have",
        ),
        (lambda: like(own(), np.stack([own().get_fdata()] * 2, axis=3)), "not one 3-D volume"),
        (lambda: own(ball(radius_mm=40)), "brain mask volume of 26[0-9] ml"),
        (
            lambda: like(own(), affine=nib.affines.from_matvec(np.eye(3), (60, 0, 0)) @ HEAD.affine),
            "field of view",
        ),
        (
            lambda: like(own(), affine=nib.affines.from_matvec(np.eye(3), (400, 0, 0)) @ HEAD.affine),
            "only 0%",
        ),
        (
            lambda: like(own(), affine=nib.affines.from_matvec(np.eye(3), (0, 0, 25)) @ HEAD.affine),
            "has no signal",
        ),
        (lambda: "not an image", "extension of the image is none of"),
    ],
)
def test_what_is_no_mask_of_this_head_is_refused(make, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        derived_mask(HEAD, make())
    assert error.value.fix


def test_the_file_of_a_refused_mask_is_named(tmp_path):
    path = tmp_path / "mask.nii.gz"
    nib.save(like(own(), own().get_fdata() * 0), path)
    with pytest.raises(NeuroFMError, match="empty") as error:
        derived_mask(HEAD, path)
    assert error.value.where == path
    assert "--skull-strip auto" in error.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#Transform 0\nTransform: Euler3DTransform_double_3_3\nParameters: 0 0 0 0 0 0\n",
        itk_transform(TURN) * 2,
        itk_transform(TURN).replace("FixedParameters", "Other"),
    ],
)
def test_other_transforms_are_refused(tmp_path, text):
    path = tmp_path / "xfm.txt"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="cannot be used") as error:
        read_transform(path)
    assert error.value.where == path


def corrected(head=HEAD):
    """A head without a field that doubles the intensities from left to right."""
    field = np.linspace(0.7, 1.4, head.shape[0], dtype=np.float32)[:, None, None]
    return nib.Nifti1Image((np.asarray(head.dataobj) / field * 3).astype(np.float32), head.affine)


@pytest.mark.parametrize(
    "order", [nib.as_closest_canonical, lambda i: i.as_reoriented([[1, 1], [2, -1], [0, -1]])]
)
def test_a_corrected_image_gets_the_scale_of_our_own(tmp_path, order):
    path = tmp_path / "preproc.nii.gz"
    nib.save(order(corrected()), path)
    made, measured = derived_correction(HEAD, own(), path)
    inside = np.asarray(own().dataobj) > 0
    ratio = np.asarray(HEAD.dataobj)[inside] / np.asarray(made.dataobj)[inside]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert measured.method == "derivatives"
    assert measured.field_variation == pytest.approx(ratio.std(), rel=0.02)
    assert np.array_equal(made.affine, HEAD.affine)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: like(corrected(), affine=TURN @ HEAD.affine), "other voxels than the T1w"),
        (lambda: corrected().slicer[1:], "other voxels than the T1w"),
        (lambda: coarse(corrected()), "other voxels than the T1w"),
        (
            lambda: corrected(
                nib.Nifti1Image(np.asarray(ball(noise=50).dataobj)[::-1, ::-1].copy(), HEAD.affine)
            ),
            "another image",
        ),
    ],
)
def test_a_corrected_image_of_another_grid_or_head_is_refused(tmp_path, make, message):
    path = tmp_path / "preproc.nii.gz"
    nib.save(make(), path)
    with pytest.raises(NeuroFMError, match=message) as error:
        derived_correction(HEAD, own(), path)
    assert error.value.where == path
    assert error.value.fix
