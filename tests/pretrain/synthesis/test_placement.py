from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurofm_bids.pretrain.synthesis.placement import CUBE_MM, draw_pose, head_box, lattice_points
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

ANATOMY = SimpleNamespace(fields=torch.zeros(180, 210, 190, 1), cranium_ml=1500.0)
PERSON = SimpleNamespace(cranium_ml=1200.0)
MIDDLE = np.array([89.5, 104.5, 94.5])


@pytest.mark.parametrize("seed", range(6))
def test_a_pose_changes_the_volume_as_the_person_says_and_nothing_else_does(seed):
    matrix, offset, scale = draw_pose(ANATOMY, PERSON, RandomFields((seed, 2)))
    assert scale == pytest.approx(0.8 ** (1 / 3))
    assert abs(np.linalg.det(matrix)) == pytest.approx(1 / 0.8)
    centre = np.linalg.solve(matrix, MIDDLE - offset)
    assert np.abs(centre - (CUBE_MM - 1) / 2).max() < 40


def test_heads_are_mirrored_by_chance():
    signs = [np.linalg.det(draw_pose(ANATOMY, PERSON, RandomFields((seed, 2)))[0]) < 0 for seed in range(40)]
    assert 8 < sum(signs) < 32


@pytest.mark.parametrize("step_mm", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_the_box_holds_the_head(seed, step_mm):
    matrix, offset, _ = draw_pose(ANATOMY, PERSON, RandomFields((seed, 2)))
    start, size = map(np.array, head_box(ANATOMY, matrix, offset, step_mm))
    assert not (start % 4).any()
    assert not (size % 4).any()
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    ellipsoid = MIDDLE + directions / np.linalg.norm(directions, axis=1)[:, None] * (MIDDLE - 6)
    voxels = np.linalg.solve(matrix, (ellipsoid - offset).T).T / step_mm
    inside = np.clip(voxels, 0, CUBE_MM / step_mm)  # no box extends beyond the model grid
    assert (inside >= start).all()
    assert (inside <= start + size).all()
    assert (size * step_mm < 1.3 * np.ptp(voxels * step_mm, axis=0) + 16).all()


@pytest.mark.parametrize("step_mm", [1, 2])
def test_points_without_warp_and_growth_are_those_of_the_pose(monkeypatch, step_mm):
    monkeypatch.setattr(
        RandomFields, "smooth_field", lambda _, size, knots, channels=1: torch.zeros((channels, *size))
    )
    rng = RandomFields((1, 2))
    matrix, offset, _ = draw_pose(ANATOMY, PERSON, rng)
    start, size = (12, 8, 20), (24, 32, 28)
    still = torch.zeros(3, 45, 53, 48), torch.zeros(45, 53, 48)
    points, growth = lattice_points(matrix, offset, start, size, step_mm, rng, *still)
    lattice = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")).reshape(3, -1)
    expected = matrix @ ((lattice + np.array(start)[:, None]) * step_mm) + offset[:, None]
    np.testing.assert_allclose(points.reshape(3, -1), expected, atol=1e-3)
    assert float(growth.abs().max()) == 0
