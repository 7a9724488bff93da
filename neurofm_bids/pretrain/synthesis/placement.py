"""Placement of a head in the model grid: pose and size, the box around it, and where its voxels come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from neurofm_bids.pretrain.anatomy.fields import Anatomy
from neurofm_bids.pretrain.anatomy.region_grid import SPACING_MM
from neurofm_bids.pretrain.synthesis.growth import read_at
from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields, resize

__all__ = ["CUBE_MM", "draw_pose", "head_box", "lattice_points"]

CUBE_MM = 256
_ALIGNMENT = 4  # boxes start and end at multiples of this number of voxels
_SHIFT_MM = 8.0
_WARPS = ((3, 8.0), (6, 5.0), (12, 3.0), (20, 1.2))  # knots along the box, amplitude in mm


def draw_pose(
    anatomy: Anatomy, person: Person, rng: RandomFields
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return a random pose, size and proportions of a head.

    Returns
    -------
    matrix, offset, scale
        From voxels of the model grid to voxels of the label map, and mm per voxel of the label map. The
        determinant of the matrix is negative for a head that is mirrored.
    """
    scale = (person.cranium_ml / anatomy.cranium_ml) ** (1 / 3)
    angles = [rng.normal(0, 6.0), rng.normal(0, 3.0), rng.normal(0, 3.0)]  # pitch (about left-right) first
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    proportion = np.exp([rng.normal(0, 0.03) for _ in range(3)])
    stretch = np.diag(proportion / np.prod(proportion) ** (1 / 3))
    for row, column in ((0, 1), (0, 2), (1, 2)):
        stretch[row, column] = rng.normal(0, 0.02)
    mirror = np.diag([-1.0 if rng.chance(0.5) else 1.0, 1.0, 1.0])
    matrix = np.linalg.inv(turn @ stretch @ mirror * scale)
    centre = np.full(3, (CUBE_MM - 1) / 2) + [rng.normal(0, _SHIFT_MM) for _ in range(3)]
    middle = (np.array(anatomy.fields.shape[:3]) - 1) / 2
    return matrix, middle - matrix @ centre, scale


def head_box(
    anatomy: Anatomy, matrix: NDArray[np.float64], offset: NDArray[np.float64], step_mm: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return start and size of the box of lattice voxels that contains a head in its pose."""
    margin = 6.0
    ends = np.array([[margin, n - 1 - margin] for n in anatomy.fields.shape[:3]])
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    inverse = np.linalg.inv(matrix)
    extent = np.sqrt((inverse**2) @ half**2)  # of the ellipsoid inscribed in the box: heads have no corners
    centre = inverse @ (middle - offset)
    unit = _ALIGNMENT * step_mm
    low = np.clip(np.floor((centre - extent * 1.04) / unit), 0, CUBE_MM / unit - 1).astype(int) * _ALIGNMENT
    high = np.clip(np.ceil((centre + extent * 1.04) / unit), 1, CUBE_MM / unit).astype(int) * _ALIGNMENT
    size = high - low
    return (int(low[0]), int(low[1]), int(low[2])), (int(size[0]), int(size[1]), int(size[2]))


def lattice_points(
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    start: Sequence[int],
    size: Sequence[int],
    step_mm: int,
    rng: RandomFields,
    flow: Tensor,
    density: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return where lattice voxels come from in the label map, in voxels, and the logarithm of their growth.

    Both, (3, d, h, w) and (d, h, w), are smooth: they are computed at every other voxel and interpolated.
    """
    coarse = [n // 2 + 1 for n in size]
    points = torch.tensor(offset, dtype=torch.float32, device=rng.device)[:, None, None, None]
    for axis in range(3):
        along = (torch.arange(coarse[axis], device=rng.device) * 2 + start[axis]) * float(step_mm)
        column = torch.tensor(matrix[:, axis], dtype=torch.float32, device=rng.device)
        shape = [3, 1, 1, 1]
        shape[axis + 1] = coarse[axis]
        points = points + (column[:, None] * along).reshape(shape)
    points = points + _warp(coarse, rng)
    cells = (points - (SPACING_MM - 1) / 2) / SPACING_MM
    moved = read_at(torch.cat([flow * SPACING_MM, density[None]]), cells)
    moved[:3] += points
    fine = resize(moved, [n + 1 for n in size])[:, :-1, :-1, :-1]
    return fine[:3], fine[3]


def _warp(size: Sequence[int], rng: RandomFields) -> Tensor:
    """Return smooth displacements in mm, (3, d, h, w); their slopes stay far below 1, so nothing folds."""
    knots, _ = _WARPS[-1]
    coarse = [max(2, round(knots * n / max(size))) for n in size]
    total = torch.zeros((3, *coarse), device=rng.device)
    for count, mm in _WARPS:
        total += rng.smooth_field(coarse, count, 3) * (mm * rng.uniform(0.2, 1.0) / 2)
    return resize(total, size)
