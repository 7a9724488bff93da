import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.pretrain.evaluation.perturbations import POSE_COUNT, other_masks, poses, rotations
from tests.pretrain.evaluation.phantom import phantom


def test_masks_are_nested_and_keep_the_ventricle():
    image, mask, radius = phantom()
    masks = {name: np.asarray(m.dataobj) > 0 for name, m in other_masks(image, mask).items()}
    assert list(masks) == ["tight", "csf-free", "loose"]
    masks["given"] = np.asarray(mask.dataobj) > 0
    for smaller, larger in (("csf-free", "tight"), ("tight", "given"), ("given", "loose")):
        assert not (masks[smaller] & ~masks[larger]).any()
    assert masks["csf-free"][radius < 24].all()  # the ventricle is filled
    assert not masks["csf-free"][radius > 26].any()
    assert masks["loose"].sum() > masks["given"].sum()


def test_an_image_that_is_empty_outside_the_mask_has_no_wider_mask():
    image, mask, _ = phantom()
    stripped = nib.Nifti1Image(np.asarray(image.dataobj) * np.asarray(mask.dataobj), image.affine)
    assert "loose" not in other_masks(stripped, mask)


def test_poses_move_the_volume_and_nothing_else():
    volume = np.zeros((64, 64, 64), dtype=np.float32)
    volume[20:44, 24:40, 28:36] = 5
    posed = list(poses(volume))
    assert len(posed) == POSE_COUNT
    assert np.array_equal(posed[0], volume)
    assert np.array_equal(posed[7][1:, 1:, 1:], volume[:-1, :-1, :-1])
    for rotated in posed[8:]:
        assert rotated.sum() == pytest.approx(volume.sum(), rel=0.02)
        assert not np.array_equal(rotated, volume)


def test_rotations_turn_about_the_middle_of_the_brain():
    volume = np.zeros((64, 64, 64), dtype=np.float32)
    volume[20:44, 24:40, 28:36] = 5
    (turned,) = rotations(volume, [("x", 90.0)])
    np.testing.assert_allclose(turned.sum(axis=(1, 2)), volume.sum(axis=(1, 2)), rtol=1e-3, atol=1e-2)
    spans = [np.ptp(np.argwhere(turned > 2.5)[:, axis]) + 1 for axis in range(3)]
    assert spans == [24, 8, 16]
