import numpy as np
import pytest
import torch
from nibabel.affines import apply_affine, from_matvec
from nibabel.eulerangles import euler2mat
from scipy.ndimage import gaussian_filter

from neurofm_bids.preprocess.smooth_volume import smooth

RNG = np.random.default_rng(4)
OBLIQUE = from_matvec(euler2mat(0.3, -0.2, 0.5), (10, -20, 5))


def blob(shape=(30, 26, 28)):
    """A random image that is zero at its border, as a brain in its box is."""
    data = np.zeros(shape, np.float32)
    data[8:-8, 8:-8, 8:-8] = RNG.uniform(1, 2, [n - 16 for n in shape])
    return data


@pytest.mark.parametrize("affine", [np.eye(4), OBLIQUE])
@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_values_are_those_of_a_gaussian_filter(affine, sigma):
    data = blob()
    voxels = np.argwhere(np.ones(data.shape))
    values, _ = smooth(data, affine, sigma).at(torch.from_numpy(apply_affine(affine, voxels)))
    expected = gaussian_filter(data.astype(float), sigma, mode="constant", truncate=6)
    np.testing.assert_allclose(values.numpy().reshape(data.shape), expected, atol=0.02 * expected.max())


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0.8, 1.3, 4.0)])
def test_gradients_are_those_of_the_values(sizes):
    volume = smooth(blob(), OBLIQUE @ np.diag([*sizes, 1.0]), 2.0)
    centre = np.linalg.inv(volume.to_lattice) @ [*(np.array(volume.weights.shape) / 2), 1]
    points = torch.from_numpy(centre[:3] + RNG.uniform(-8, 8, (200, 3)))
    _, gradients = volume.at(points)
    for axis in range(3):
        step = 1e-5 * torch.eye(3, dtype=torch.float64)[axis]
        slopes = (volume.at(points + step)[0] - volume.at(points - step)[0]) / 2e-5
        np.testing.assert_allclose(gradients[:, axis], slopes, atol=1e-6)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0.8, 1.3, 5.0)])
def test_a_ramp_keeps_its_slope_with_thick_slices(sizes):
    affine = np.diag([*sizes, 1.0])
    shape = [int(120 / size) for size in sizes]
    world = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    ramp = (world @ [1.0, -2.0, 0.5] + 300).astype(np.float32)
    _, gradients = smooth(ramp, affine, 2.0).at(torch.from_numpy(RNG.uniform(50, 70, (100, 3))))
    np.testing.assert_allclose(gradients.mean(0), [1.0, -2.0, 0.5], atol=0.02)


def test_far_outside_there_is_nothing():
    values, gradients = smooth(blob(), np.eye(4), 2.0).at(torch.full((1, 3), 1e6, dtype=torch.float64))
    assert abs(float(values)) < 1e-6
    assert float(gradients.abs().max()) < 1e-6
