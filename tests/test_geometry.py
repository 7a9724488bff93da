import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine, from_matvec
from nibabel.eulerangles import euler2mat
from nibabel.processing import conform
from scipy.spatial.transform import Rotation

from neurofm_bids.geometry import (
    GRID_AFFINE,
    LPS,
    as_matrix,
    axis_angle_degrees,
    box,
    centre_of,
    conformed_affine,
    count_voxels,
    grid_around,
    inside_points,
    itk_transform,
    largest_component,
    mask_image,
    mask_volume_mm3,
    obliquity_degrees,
    pad_to_grid,
    read_itk_transform,
    reorientation,
    resample_onto,
    rigid_part,
    rotation_degrees,
    voxel_volume_mm3,
)

OPPOSITE = {"L": "R", "P": "A", "S": "I"}
angles = st.floats(-0.7, 0.7)
shifts = st.floats(-80, 80)
points = st.tuples(shifts, shifts, shifts).map(np.array)
rotations = st.tuples(angles, angles, angles).map(lambda turn: euler2mat(*turn))
orientations = st.permutations("LPS").flatmap(
    lambda axes: st.tuples(*[st.sampled_from((axis, OPPOSITE[axis])) for axis in axes]).map("".join)
)


def ball(shape=(20, 24, 28), zooms=(2.0, 1.5, 1.0)):
    """A mask off the centre of its image."""
    data = np.zeros(shape, dtype=np.uint8)
    data[5:12, 6:14, 8:20] = 1
    return nib.Nifti1Image(data, from_matvec(np.diag(zooms), (3, -4, 5)))


def test_the_model_grid_is_lia():
    assert nib.aff2axcodes(GRID_AFFINE) == ("L", "I", "A")


@given(rotations, points)
def test_itk_transforms_are_read_by_nitransforms_and_map_the_other_way(rotation, shift):
    from nitransforms.io.itk import ITKLinearTransform

    matrix = from_matvec(rotation * 1.1, shift)
    read = ITKLinearTransform.from_string(itk_transform(matrix)).to_ras()
    np.testing.assert_allclose(read, np.linalg.inv(matrix), atol=2e-5)


@pytest.mark.parametrize("centre", [(0, 0, 0), (10, -20, 30)])
def test_itk_transforms_are_read_as_nitransforms_reads_them(centre):
    from nitransforms.io.itk import ITKLinearTransform

    matrix = from_matvec(euler2mat(0.2, -0.1, 0.3) * 1.1, (5, -6, 7))
    text = itk_transform(matrix).replace(
        "FixedParameters: 0 0 0", f"FixedParameters: {centre[0]} {centre[1]} {centre[2]}"
    )
    text = text.replace("AffineTransform", "MatrixOffsetTransformBase")
    inverse = np.linalg.inv(ITKLinearTransform.from_string(text).to_ras())
    np.testing.assert_allclose(read_itk_transform(text), inverse, atol=1e-5)
    if not any(centre):
        np.testing.assert_allclose(read_itk_transform(text), matrix, atol=1e-9)


@given(rotations, points)
def test_itk_text_is_in_lps_and_keeps_twelve_digits(rotation, shift):
    matrix = from_matvec(rotation, shift)
    numbers = np.array(itk_transform(matrix).splitlines()[3].split()[1:], dtype=float)
    there = LPS @ from_matvec(numbers[:9].reshape(3, 3), numbers[9:]) @ LPS
    np.testing.assert_allclose(there @ matrix, np.eye(4), atol=1e-8)


def test_matrices_are_plain_numbers():
    assert as_matrix(np.eye(4))[0] == (1.0, 0.0, 0.0, 0.0)
    assert type(as_matrix(np.eye(4))[0][0]) is float


def test_volume_and_points_of_a_mask():
    mask = ball()
    assert mask_volume_mm3(mask) == pytest.approx(7 * 8 * 12 * 3.0)
    assert voxel_volume_mm3(mask.affine) == pytest.approx(3.0)
    assert len(inside_points(mask)) == 7 * 8 * 12
    np.testing.assert_allclose(centre_of(mask), apply_affine(mask.affine, (8, 9.5, 13.5)))


def test_outside_of_the_mask_is_zero():
    mask = ball()
    brain = mask_image(nib.Nifti1Image(np.full(mask.shape, 7.0), mask.affine), mask)
    assert np.asarray(brain.dataobj).sum() == 7 * 7 * 8 * 12


@pytest.mark.parametrize(
    ("margin", "first", "end"), [(0, [5, 6, 8], [12, 14, 20]), (7, [0, 0, 1], [19, 21, 27])]
)
def test_boxes_are_cut_to_the_image(margin, first, end):
    mask = ball()
    low, high = box(inside_points(mask), margin, mask.shape)
    assert (low.tolist(), high.tolist()) == (first, end)


def test_boxes_hold_points_between_voxels_and_have_a_margin_for_each_axis():
    low, high = box(np.array([[3.2, 4.0, 5.9], [3.4, 4.0, 6.1]]), np.array([0, 1, 2]), (10, 10, 10))
    assert (low.tolist(), high.tolist()) == ([3, 3, 3], [5, 6, 10])


@given(angles)
def test_obliquity_is_the_largest_angle(turn):
    affine = from_matvec(euler2mat(turn), (1, 2, 3))
    assert obliquity_degrees(affine) == pytest.approx(np.degrees(abs(turn)), abs=1e-4)


def test_resampling_moves_the_image_by_the_matrix():
    mask = ball(zooms=(1.0, 1.0, 1.0))
    shift = from_matvec(np.eye(3), (2, 0, -3))
    moved = np.asarray(resample_onto(mask, mask, shift, order=0).dataobj)
    assert moved[7:14, 6:14, 5:17].all()
    assert moved.sum() == 7 * 8 * 12


def test_voxels_are_counted_by_the_header(tmp_path):
    nib.save(ball(), tmp_path / "ball.nii.gz")
    (tmp_path / "bad.nii").write_bytes(b"x")
    assert count_voxels(tmp_path / "ball.nii.gz") == 20 * 24 * 28
    assert count_voxels(tmp_path / "bad.nii") is None


@given(rotations, points)
def test_angles_of_rotations(rotation, shift):
    matrix = from_matvec(rotation, shift)
    degrees = np.degrees(Rotation.from_matrix(rotation).magnitude())
    assert rotation_degrees(matrix) == pytest.approx(degrees, abs=1e-4)
    affine = from_matvec(np.diag((0.8, 1.0, 2.0)), shift)
    assert axis_angle_degrees(affine, affine) == pytest.approx(0, abs=1e-5)
    assert axis_angle_degrees(affine, matrix @ affine) <= degrees + 1e-4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_axis_differs_by_180_degrees(axis):
    flip = np.ones(4)
    flip[axis] = -1
    assert axis_angle_degrees(np.eye(4), np.diag(flip)) == pytest.approx(180)


@given(rotations, points, points, st.floats(0.8, 1.25))
def test_the_rigid_part_is_the_rotation_and_moves_the_centre_alike(rotation, shift, centre, scale):
    affine = from_matvec(rotation * scale, shift)
    rigid = rigid_part(affine, centre)
    np.testing.assert_allclose(rigid[:3, :3], rotation, atol=1e-9)
    np.testing.assert_allclose(apply_affine(rigid, centre), apply_affine(affine, centre), atol=1e-9)


@given(points)
def test_the_middle_of_the_grid_lies_where_it_is_put(centre):
    affine = grid_around(centre)
    np.testing.assert_allclose(apply_affine(affine, [127.5] * 3), centre, atol=1e-9)
    np.testing.assert_array_equal(affine[:3, :3], GRID_AFFINE[:3, :3])


@given(orientations, orientations)
def test_reorientation_gives_the_axis_order_of_the_target(one, other):
    image = ball().as_reoriented(nib.orientations.axcodes2ornt(one))
    target = ball().as_reoriented(nib.orientations.axcodes2ornt(other))
    turned = image.as_reoriented(reorientation(image.affine, target.affine))
    np.testing.assert_allclose(turned.affine, target.affine, atol=1e-9)
    np.testing.assert_array_equal(np.asarray(turned.dataobj), np.asarray(target.dataobj))


@settings(max_examples=5)
@given(orientations)
def test_conformed_affines_are_those_of_nibabel(orientation):
    image = ball().as_reoriented(nib.orientations.axcodes2ornt(orientation))
    conformed = conform(image, (256,) * 3, (1, 1, 1), order=0, orientation="LIA")
    np.testing.assert_allclose(conformed_affine(image), conformed.affine, atol=1e-9)


@settings(max_examples=5)
@given(orientations)
def test_padding_leaves_every_voxel_in_place(orientation):
    image = ball(zooms=(1.0, 1.0, 1.0)).as_reoriented(nib.orientations.axcodes2ornt(orientation))
    grid = pad_to_grid(image)
    assert (grid.shape, nib.aff2axcodes(grid.affine)) == ((256,) * 3, ("L", "I", "A"))
    np.testing.assert_allclose(centre_of(grid), centre_of(image), atol=1e-9)
    assert len(inside_points(grid)) == len(inside_points(image))


def test_the_largest_component_is_connected_by_faces():
    inside = np.zeros((5, 5, 5), dtype=bool)
    inside[0, 0, :2] = inside[1, 1, 1] = inside[3:, 3:, 3:] = True
    expected = np.zeros_like(inside)
    expected[3:, 3:, 3:] = True
    np.testing.assert_array_equal(largest_component(inside), expected)
    assert not largest_component(np.zeros_like(inside)).any()
