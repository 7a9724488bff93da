import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine, from_matvec
from scipy.spatial.transform import Rotation

from neurofm_bids.preprocess.alignment import align
from neurofm_bids.preprocess.registration import load_template

TEMPLATE = load_template()
BRAIN = np.asarray(TEMPLATE.image.dataobj, dtype=np.float32)
CORNERS = 80 / np.sqrt(3) * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])


def aligned(data, motion):
    """Return the transform of a brain that lies where ``motion`` takes the template."""
    mask = nib.Nifti1Image(np.asarray(TEMPLATE.mask.dataobj), motion @ TEMPLATE.mask.affine)
    return align(nib.Nifti1Image(data, motion @ TEMPLATE.image.affine), mask, TEMPLATE.image, TEMPLATE.mask)


def distance_mm(one, other):
    return float(np.linalg.norm(apply_affine(one, CORNERS) - apply_affine(other, CORNERS), axis=1).max())


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda axis: np.linalg.norm(axis) > 0.1),
    st.floats(0, 45),
    st.tuples(*[st.floats(-20, 20)] * 3),
    st.floats(0.85, 1.2),
)
def test_any_motion_of_the_template_is_recovered(axis, degrees, shift, scale):
    direction = np.array(axis) / np.linalg.norm(axis)
    rotation = Rotation.from_rotvec(np.radians(degrees) * direction).as_matrix()
    motion = from_matvec(rotation * scale, shift)
    # of a brain of another size, the same smoothing blurs another part: 0.5% of the scale at most
    assert distance_mm(aligned(BRAIN, motion) @ motion, np.eye(4)) < 0.03 + 4 * abs(scale - 1)


@pytest.mark.parametrize("degrees", [(0, 0, 180), (180, 0, 0), (0, 180, 0), (90, 0, 0), (0, 0, -90)])
@pytest.mark.parametrize("tilt", [(0.2, -0.25, 0.15), (-0.1, 0.3, -0.35)])
def test_a_header_that_confuses_axes_costs_a_rotation_only(degrees, tilt):
    """The mask of a head that faces backwards overlaps well with that of the template in a wrong pose."""
    turn = Rotation.from_rotvec(tilt) * Rotation.from_euler("xyz", degrees, degrees=True)
    motion = from_matvec(turn.as_matrix(), (5, -20, 9))
    assert distance_mm(aligned(BRAIN, motion) @ motion, np.eye(4)) < 0.03


@pytest.mark.parametrize(("unit", "offset"), [(3.7, 1000), (1e-6, 0), (1 / 4095, -0.5)])
def test_rounding_of_intensities_does_not_move_the_brain(unit, offset):
    """The optimum is converged: it moves with the rounding, by a millionth, and not by a step of a search."""
    motion = from_matvec(Rotation.from_rotvec([0.1, 0.2, -0.1]).as_matrix(), (3, 5, -2))
    data = BRAIN**1.01
    stored = (data.astype(np.float64) * unit + offset).astype(np.float32)
    rounded = np.where(data > 0, stored - stored.min(), np.float32(0))
    assert not np.array_equal(rounded, data * np.float32(unit))
    assert distance_mm(aligned(rounded, motion), aligned(data, motion)) < 1e-4


def test_an_image_without_contrast_determines_no_transform():
    with pytest.raises(np.linalg.LinAlgError):
        aligned(np.zeros_like(BRAIN), np.eye(4))
