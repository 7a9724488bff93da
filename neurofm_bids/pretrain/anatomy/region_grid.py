"""Regions on the coarse grid on which their growth is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS

__all__ = ["SHELL", "SPACING_MM", "RegionGrid", "region_grid"]

SPACING_MM = 4
SHELL = len(REGIONS)  # index of the space between brain and skull, after the regions
_REGULARISATION = 0.01


@dataclass(frozen=True)
class RegionGrid:
    """Regions of a label map, and the space between brain and skull as the last, on cells of 4 mm.

    Parameters
    ----------
    fractions
        Fraction of each cell that a region fills, float32, (k, d, h, w).
    weights
        Voxels of 1 mm of each region that a cell stands for in trilinear interpolation, float32, (k, d, h,
        w).
    inverse
        Regularised inverse of the map from a density of growth in each region to the mean density that its
        voxels get with trilinear interpolation, float32, (k, k).
    """

    fractions: NDArray[np.float32]
    weights: NDArray[np.float32]
    inverse: NDArray[np.float32]

    @cached_property
    def volumes_ml(self) -> NDArray[np.float64]:
        """Volume of each region, (k,)."""
        return np.asarray(self.weights.sum(axis=(1, 2, 3), dtype=np.float64) / 1000)


def region_grid(regions: NDArray[np.uint8], cranium: NDArray[np.bool_]) -> RegionGrid:
    """Compute the grid of a region map and a cranial cavity, (d, h, w), whose sizes are multiples of 4."""
    numbered = np.where((regions == 0) & cranium, SHELL + 1, regions)
    matrices = [_interpolation(n) for n in numbered.shape]
    size = [n // SPACING_MM for n in numbered.shape]
    fractions, weights = (np.zeros((SHELL + 1, *size), dtype=np.float32) for _ in range(2))
    for number in range(1, SHELL + 2):
        mask = torch.from_numpy((numbered == number).astype(np.float32))
        blocks = mask.view(size[0], SPACING_MM, size[1], SPACING_MM, size[2], SPACING_MM)
        fractions[number - 1] = blocks.mean(dim=(1, 3, 5)).numpy()
        for matrix in reversed(matrices):  # each turn reduces the last axis and brings it to the front
            mask = torch.movedim(mask @ matrix, -1, 0)
        weights[number - 1] = mask.numpy()
    flat = weights.reshape(SHELL + 1, -1).astype(np.float64)
    mixing = flat @ fractions.reshape(SHELL + 1, -1).T / np.maximum(flat.sum(axis=1, keepdims=True), 1)
    square = mixing.T @ mixing + _REGULARISATION * np.eye(SHELL + 1)
    return RegionGrid(fractions, weights, np.linalg.solve(square, mixing.T).astype(np.float32))


def _interpolation(voxels: int) -> torch.Tensor:
    """Return the matrix of linear interpolation from cells to voxels along an axis, (voxels, cells)."""
    cells = voxels // SPACING_MM
    places = np.clip((np.arange(voxels) - (SPACING_MM - 1) / 2) / SPACING_MM, 0, cells - 1)
    low = np.minimum(places.astype(int), max(cells - 2, 0))
    matrix = np.zeros((voxels, cells), dtype=np.float32)
    matrix[np.arange(voxels), low] = 1 - (places - low)
    matrix[np.arange(voxels), low + 1] += places - low
    return torch.from_numpy(matrix)
