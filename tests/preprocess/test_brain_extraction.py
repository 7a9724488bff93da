import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import mask_volume_mm3
from neurofm_bids.preprocess.brain_extraction import extract_brain, looks_stripped
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.resources import torch_threads

HEADS = {
    "ds000011/sub-12/anat/sub-12_T1w.nii.gz": False,
    "lowres_sub-001_T1w.nii.gz": False,
    "aomic/sub-0002_T1w.mgz": False,
    "ds002748/sub-01/anat/sub-01_T1w.nii.gz": True,
    "ds002748/sub-13/anat/sub-13_T1w.nii.gz": True,
}


def ball(radius_mm=68, *, noise=0.0, ring=0.0):
    """A bright ball of 2 mm voxels: a brain if alone, a head with noise or a ring (skull) around it."""
    rng = np.random.default_rng(0)
    grids = np.meshgrid(*[np.arange(-100, 100, 2.0)] * 3, indexing="ij")
    distance = np.sqrt(sum(g**2 for g in grids))
    data = np.where(distance < radius_mm, 500 + rng.normal(0, 30, distance.shape), 0)
    data = np.where((distance > radius_mm + 4) & (distance < radius_mm + 4 + ring), 300, data)
    return nib.Nifti1Image((data + noise * rng.random(data.shape)).astype(np.float32), np.diag([2, 2, 2, 1]))


@pytest.mark.parametrize(
    ("image", "stripped"),
    [
        (ball(), True),
        (ball(noise=5), False),
        (ball(ring=12), False),
        (ball(radius_mm=30), False),
        (ball(radius_mm=95), False),
    ],
)
def test_stripped_images_are_recognised(image, stripped):
    assert looks_stripped(image) is stripped


def test_a_constant_background_need_not_be_zero():
    image = ball()
    shifted = nib.Nifti1Image(np.asarray(image.dataobj) - 100, image.affine)
    assert looks_stripped(shifted)
    mask, measured = extract_brain(shifted)
    assert measured.method == "none"
    assert mask_volume_mm3(mask) == pytest.approx(4 / 3 * np.pi * 68**3, rel=0.01)


def test_holes_in_a_stripped_brain_belong_to_it():
    image = ball()
    data = np.array(image.dataobj)
    data[45:55, 45:55, 45:55] = 0
    mask, _ = extract_brain(nib.Nifti1Image(data, image.affine))
    assert np.asarray(mask.dataobj)[50, 50, 50] == 1


def test_skip_takes_the_foreground_and_says_so():
    mask, measured = extract_brain(ball(), "skip")
    assert measured.method == "none"
    assert measured.volume_mm3 == mask_volume_mm3(mask)
    assert mask.get_data_dtype() == np.uint8


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (ball(radius_mm=40), "^brain mask volume of 267 ml is outside the plausible range of 600 to 2300 ml"),
        (ball(radius_mm=90), "outside the plausible range of 600 to 2300 ml"),
    ],
)
def test_implausible_brains_are_refused(image, message):
    with pytest.raises(NeuroFMError, match=message):
        extract_brain(image, "skip")


def test_a_brain_cut_by_the_border_is_refused():
    image = ball(radius_mm=80)
    cut = nib.Nifti1Image(np.asarray(image.dataobj)[40:], image.affine)
    with pytest.raises(NeuroFMError, match="cut off at the border"):
        extract_brain(cut, "skip")


def test_noise_is_no_brain():
    data = np.random.default_rng(0).normal(100, 20, (96, 96, 96)).astype(np.float32)
    with pytest.raises(NeuroFMError, match="brain"):
        extract_brain(nib.Nifti1Image(data, np.diag([2, 2, 2, 1])), "force")


@pytest.mark.realdata
@pytest.mark.parametrize("path", HEADS)
def test_real_stripped_images_are_recognised(shared, path):
    assert looks_stripped(load_t1w(shared / "data" / path)) is HEADS[path]


@pytest.mark.realdata
def test_real_head(shared):
    """The reference is an fMRIPrep mask, which like deepbet's keeps the cerebrospinal fluid."""
    t1w = load_t1w(shared / "data" / "aomic" / "sub-0001_T1w.mgz")
    mask, measured = extract_brain(t1w)
    assert measured.method == "deepbet"
    assert mask.shape == t1w.shape
    reference = nib.load(shared / "data" / "aomic" / "sub-0001_desc-brain_mask.nii.gz")
    to_reference = np.linalg.inv(reference.affine) @ mask.affine
    where = np.round(nib.affines.apply_affine(to_reference, np.argwhere(np.asarray(mask.dataobj)))).astype(
        int
    )
    moved = np.zeros(reference.shape, bool)
    moved[tuple(np.clip(where, 0, np.array(reference.shape) - 1).T)] = True
    other = np.asarray(reference.dataobj) > 0
    assert 2 * (moved & other).sum() / (moved.sum() + other.sum()) > 0.94
    assert (moved & other).sum() / other.sum() > 0.99  # next to nothing of the brain is lost


@pytest.mark.realdata
@pytest.mark.parametrize("path", [path for path, stripped in HEADS.items() if not stripped])
def test_the_mask_is_that_of_deepbet(shared, path):
    from deepbet import BrainExtraction

    t1w = load_t1w(shared / "data" / path)
    mask, _ = extract_brain(t1w, "force")
    with torch_threads(1):
        _, expected, _ = BrainExtraction(no_gpu=True).run(t1w)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(expected.dataobj))


@pytest.mark.realdata
def test_the_order_of_the_voxels_does_not_matter(shared):
    t1w = load_t1w(shared / "data" / "lowres_sub-001_T1w.nii.gz")
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(t1w.affine), nib.orientations.axcodes2ornt("PSL")
    )
    straight, _ = extract_brain(t1w)
    turned, _ = extract_brain(t1w.as_reoriented(turn))
    np.testing.assert_array_equal(
        np.asarray(straight.as_reoriented(turn).dataobj), np.asarray(turned.dataobj)
    )
