"""Bringing what was found on a lattice back to the voxels of the volume that the lattice was read from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

__all__ = ["deposit"]


def deposit(
    values: NDArray[np.float64],
    start: tuple[int, ...],
    to_volume: NDArray[np.float64],
    total: NDArray[np.float64],
    corner: NDArray[np.int64],
) -> None:
    """Add amounts at the voxels of a lattice to the voxels of a volume around them; sums are preserved.

    Each amount is divided among the eight nearest voxels with the weights of linear interpolation: a lattice
    of every second voxel gives each to its own voxel.

    Parameters
    ----------
    values
        Amounts in a box of the lattice, shape (n, d, h, w).
    start
        First voxel of the box in the lattice.
    to_volume
        4x4 matrix from voxels of the lattice to those of the volume.
    total
        A box of the volume, (n, D, H, W), to which is added.
    corner
        First voxel of that box in the volume.
    """
    inside = np.argwhere(values.any(axis=0))
    amounts = values[(slice(None), *inside.T)]
    points = apply_affine(to_volume, inside + start) - corner
    shape = total.shape[1:]
    for voxels, weights in _neighbours(points):
        index = np.ravel_multi_index(tuple(voxels.T), shape)
        for row, amount in zip(total, amounts, strict=True):
            row += np.bincount(index, amount * weights, row.size).reshape(shape)


def _neighbours(points: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield the voxels around points, and their weights in linear interpolation."""
    lower = np.floor(points).astype(np.int64)
    fraction = points - lower
    for step in product((0, 1), repeat=3):
        weights = np.where(step, fraction, 1 - fraction).prod(axis=1)
        part = weights > 0
        if part.all():
            yield lower + step, weights
        elif part.any():
            yield np.where(part[:, None], lower + step, lower), weights
