import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE, box, mask_image, mask_volume_mm3
from neurofm_bids.model.augmentation import read_volume
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.model_grid import grid_values, model_grid

STRAIGHT = np.eye(3)
ORIENTATIONS = [a + b + c for a in "LR" for b in "AP" for c in "IS"] + ["PIR", "ASL", "SRP", "IAL", "LIA"]


def ellipsoid(zooms, *, turn=STRAIGHT, half_axes=(48, 62, 43), shape=None, centre=(3.0, -7.0, 11.0)):
    """Return an ellipsoid with the proportions of a brain as (image, mask)."""
    zooms = np.asarray(zooms, dtype=float)
    shape = np.ceil(2.4 * max(half_axes) / zooms).astype(int) if shape is None else np.array(shape)
    affine = from_matvec(turn @ np.diag(zooms), centre - turn @ np.diag(zooms) @ ((shape - 1) / 2))
    axes = [z * (np.arange(n) - (n - 1) / 2) for z, n in zip(zooms, shape, strict=True)]
    grids = np.meshgrid(*axes, indexing="ij")
    inside = sum((g / h) ** 2 for g, h in zip(grids, half_axes, strict=True)) <= 1
    mask = nib.Nifti1Image(inside.astype(np.uint8), affine)
    return nib.Nifti1Image(inside.astype(np.float32) * 500, affine), mask


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_gives_the_same_grid(orientation):
    image, mask = ellipsoid((1, 1, 1))
    expected, _ = model_grid(image, mask, space="native")
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(orientation)
    )
    grid, measured = model_grid(image.as_reoriented(turn), mask.as_reoriented(turn), space="native")
    assert nib.aff2axcodes(grid.affine) == ("L", "I", "A")
    assert grid.shape == (256, 256, 256)
    assert measured.interpolation == "none"
    # padding an odd number of voxels is floored in the scan's own order: up to one voxel apart
    shift = np.round(np.linalg.inv(expected.affine) @ grid.affine)[:3, 3].astype(int)
    assert np.abs(shift).max() <= 1
    np.testing.assert_array_equal(
        np.roll(np.asarray(grid.dataobj), shift, (0, 1, 2)), np.asarray(expected.dataobj)
    )


def volume_on_grid(mask, **how):
    """Volume of a mask brought to the grid as an image is: partial voxels count in part."""
    image = nib.Nifti1Image(np.asarray(mask.dataobj, dtype=np.float32) * 1000, mask.affine)
    grid, _ = model_grid(image, mask, **how)
    return float(np.asarray(grid.dataobj, dtype=np.float64).sum()) / 1000, grid


ZOOMS = [
    (1, 1, 1),
    (0.67, 0.67, 0.67),
    (0.8, 0.8, 0.8),
    (1, 1, 1.2),
    (1, 1.33, 1.33),
    (2, 2, 2),
    (0.9, 1, 1.5),
]


@pytest.mark.parametrize("zooms", ZOOMS)
@pytest.mark.parametrize("degrees", [0, 12])
def test_native_space_keeps_the_volume(zooms, degrees):
    _, mask = ellipsoid(zooms, turn=euler2mat(np.radians(degrees), 0.5 * np.radians(degrees), 0))
    volume, grid = volume_on_grid(mask, space="native")
    assert volume == pytest.approx(mask_volume_mm3(mask), rel=0.005)
    assert np.count_nonzero(np.asarray(grid.dataobj) > 500) == pytest.approx(mask_volume_mm3(mask), rel=0.01)
    np.testing.assert_allclose(nib.affines.voxel_sizes(grid.affine), 1, atol=1e-6)


@settings(max_examples=8)
@given(
    angles=st.tuples(*[st.floats(-0.6, 0.6)] * 3),
    shift=st.tuples(*[st.floats(-60, 60)] * 3),
    zooms=st.sampled_from(ZOOMS),
)
def test_rigid_space_keeps_the_volume(angles, shift, zooms):
    _, mask = ellipsoid(zooms)
    centre = np.array([3.0, -7.0, 11.0])
    to_template = from_matvec(euler2mat(*angles), -euler2mat(*angles) @ centre) @ np.eye(4)
    moved = nib.Nifti1Image(np.asarray(mask.dataobj), from_matvec(np.eye(3), shift) @ mask.affine)
    to_template = to_template @ from_matvec(np.eye(3), -np.array(shift))
    volume, grid = volume_on_grid(moved, space="rigid", t1w_to_template=to_template)
    assert volume == pytest.approx(mask_volume_mm3(mask), rel=0.005)
    np.testing.assert_array_equal(grid.affine, GRID_AFFINE)


def test_rigid_space_shows_the_brain_in_the_pose_of_the_template():
    image, mask = ellipsoid((1, 1, 1), half_axes=(50, 80, 60))
    turn = from_matvec(euler2mat(np.pi / 2, 0, 0), (0, 0, 0))  # left-right becomes front-back
    grid, _ = model_grid(image, mask, space="rigid", t1w_to_template=turn)
    points = nib.affines.apply_affine(grid.affine, np.argwhere(np.asarray(grid.dataobj) > 250))
    np.testing.assert_allclose(np.ptp(points, axis=0), (160, 100, 120), atol=3)
    np.testing.assert_allclose(points.mean(axis=0), turn[:3, :3] @ (3, -7, 11), atol=0.6)


def test_axis_over_256_voxels_keeps_the_brain_whole():
    _, mask = ellipsoid((1, 1, 1), shape=(200, 300, 220))
    volume, _ = volume_on_grid(mask, space="native")
    assert volume == pytest.approx(mask_volume_mm3(mask), rel=0.005)


def test_oblique_axes_are_straightened():
    turn = euler2mat(0.2, 0.1, 0)
    image, mask = ellipsoid((1, 1, 1), turn=turn, half_axes=(50, 85, 55))
    grid, measured = model_grid(image, mask, space="native")
    assert measured.obliquity_degrees == pytest.approx(np.degrees(0.2), abs=2)
    np.testing.assert_allclose(np.abs(grid.affine[:3, :3]), np.abs(GRID_AFFINE[:3, :3]), atol=1e-9)
    points = nib.affines.apply_affine(grid.affine, np.argwhere(np.asarray(grid.dataobj) > 250))
    values, vectors = np.linalg.eigh(np.cov(points.T))
    assert abs(vectors[:, values.argmax()] @ turn[:, 1]) > 0.999  # the long axis stays where the world has it


def test_background_is_zero_away_from_the_brain():
    from scipy.ndimage import distance_transform_edt

    image, mask = ellipsoid((0.8, 0.8, 0.8), turn=euler2mat(0.1, 0.2, 0))
    grid, _ = model_grid(image, mask, space="native")
    data = np.array(grid.dataobj)
    around = tuple(map(slice, *box(np.argwhere(data >= 250), 20, data.shape)))
    near = data[around]
    assert np.abs(near[distance_transform_edt(near < 250) > 15]).max() < 1e-3 * 500
    data[around] = 0
    assert not data.any()


def test_brains_that_do_not_fit_are_refused():
    image, mask = ellipsoid((1, 1, 1))
    away = nib.affines.from_matvec(np.eye(3), (150, 0, 0))
    with pytest.raises(NeuroFMError, match="does not fit into the model grid of 256 mm"):
        model_grid(image, mask, space="rigid", t1w_to_template=away)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["ras193x229x193_1mm_i16", "ras_0p8mm_i16", "ras_1x1x1p2_i16"])
def test_published_preprocessing_is_matched(shared, name):
    folder = shared / "fixtures" / "neurofm" / "preprocessing"
    reference = np.load(folder / "reference.npz")
    image = load_t1w(folder / f"{name}.nii.gz")
    inside = (np.asarray(image.dataobj) != 0).astype(np.uint8)
    grid, _ = model_grid(image, nib.Nifti1Image(inside, image.affine), space="native")
    volume = read_volume(np.asarray(grid.dataobj))
    ours, sd = volume.standardise(np.asarray(grid.dataobj)), volume.sd
    # The published code resamples integer images to integers; ours keeps the fractions.
    rounding = 1e-4 if name.startswith("ras193") else 0.51 / sd
    sampled = ours[tuple(reference[f"{name}/idx"].astype(int).T)]
    np.testing.assert_allclose(sampled, reference[f"{name}/val"], rtol=0, atol=rounding)
    lowest, highest, *_ = reference[f"{name}/stats"]
    assert (ours.min(), ours.max()) == pytest.approx((lowest, highest), abs=rounding)


@pytest.mark.realdata
def test_oblique_scans_differ_from_the_published_preprocessing(shared):
    """The published code pads an oblique 1 mm scan as if it were straight; ours straightens it."""
    folder = shared / "fixtures" / "neurofm" / "preprocessing"
    image = load_t1w(folder / "oblique200x240x220_1mm_i16.nii.gz")
    mask = nib.Nifti1Image((np.asarray(image.dataobj) != 0).astype(np.uint8), image.affine)
    grid, measured = model_grid(image, mask, space="native")
    assert measured.interpolation == "cubic"
    assert measured.obliquity_degrees > 10
    np.testing.assert_allclose(np.abs(grid.affine[:3, :3]), np.abs(GRID_AFFINE[:3, :3]), atol=1e-9)
    volume, _ = volume_on_grid(mask, space="native")
    assert volume == pytest.approx(mask_volume_mm3(mask), rel=0.005)


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("space", ["native", "rigid"])
def test_volume_of_a_real_brain_is_kept(shared, space):
    from neurofm_bids.preprocess.brain_extraction import extract_brain
    from neurofm_bids.preprocess.registration import load_template, register

    t1w = load_t1w(shared / "data" / "ds000011" / "sub-03" / "anat" / "sub-03_T1w.nii.gz")
    mask, _ = extract_brain(t1w)
    brain = mask_image(t1w, mask)
    matrix = register(brain, mask, load_template()).rigid if space == "rigid" else None
    volume, grid = volume_on_grid(mask, space=space, t1w_to_template=matrix)
    assert volume == pytest.approx(mask_volume_mm3(mask), rel=0.005)
    assert np.count_nonzero(np.asarray(grid.dataobj) > 500) == pytest.approx(mask_volume_mm3(mask), rel=0.005)


def test_values_of_a_grid_are_not_copied():
    volume = np.ones((256, 256, 256), dtype=np.float32)
    assert np.shares_memory(grid_values(volume), volume)
    assert grid_values(volume.astype(np.int16)).dtype == np.float32


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((9, 9, 9)), r"reads 256x256x256 voxels, not \(9, 9, 9\)"),
        (np.zeros((256, 256, 256), dtype=bool), "bool, not real numbers"),
        (np.full((256, 256, 256), np.inf, dtype=np.float32), "not finite"),
        (np.full((256, 256, 256), 1e300), "not finite"),
    ],
)
def test_other_volumes_are_refused(volume, message):
    with pytest.raises(NeuroFMError, match=message):
        grid_values(volume)
