"""A smoothed image as a continuous function of the world, with its gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import from_matvec, voxel_sizes
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SmoothVolume", "smooth"]

_REACH = 4  # standard deviations at which the Gaussian ends
_LEAST = 0.6  # standard deviation in voxels, below which a sampled Gaussian is no longer smooth


@dataclass(frozen=True)
class SmoothVolume:
    """A quadratic B-spline, whose gradient is continuous.

    ``weights`` are those of the splines on a lattice, (X, Y, Z), float64; ``to_lattice`` maps points, world
    RAS+ mm, to places on it.
    """

    weights: Tensor
    to_lattice: NDArray[np.float64]

    def at(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values at points, (n,), and their gradients per mm, (n, 3).

        Parameters
        ----------
        points
            World RAS+ mm, (n, 3), float64. Far outside the image, values and gradients are zero.
        """
        import torch

        matrix = torch.from_numpy(self.to_lattice)
        last = torch.tensor(self.weights.shape, dtype=torch.float64) - 1.5 - 1e-6
        place = torch.minimum(points @ matrix[:3, :3].T + matrix[:3, 3], last).clamp(min=0.5)
        middle = torch.floor(place + 0.5)
        t = place - middle
        spline = torch.stack([(0.5 - t) ** 2 / 2, 0.75 - t**2, (0.5 + t) ** 2 / 2], -1)
        slope = torch.stack([t - 0.5, -2 * t, t + 0.5], -1)
        (x, dx), (y, dy), (z, dz) = ((spline[:, axis], slope[:, axis]) for axis in range(3))
        pairs = ((y, z), (dy, z), (y, dz))
        faces = torch.stack([(a[:, :, None] * b[:, None]).reshape(-1, 9) for a, b in pairs], -1)
        sums = torch.stack([x, dx], 1) @ self._near(middle.long() - 1).reshape(-1, 3, 9) @ faces
        gradient = torch.stack([sums[:, 1, 0], sums[:, 0, 1], sums[:, 0, 2]], -1)
        return sums[:, 0, 0], gradient @ matrix[:3, :3]

    def _near(self, first: Tensor) -> Tensor:
        """Return the 27 weights from each lattice point on, (n, 27)."""
        import torch

        strides = torch.tensor(self.weights.stride())
        offsets = torch.cartesian_prod(*[torch.arange(3)] * 3) @ strides
        return self.weights.reshape(-1)[(first @ strides)[:, None] + offsets]


def smooth(data: NDArray[np.float32], affine: NDArray[np.float64], sigma: float) -> SmoothVolume:
    """Return an image convolved with a Gaussian, zero outside the image.

    Parameters
    ----------
    data, affine
        Intensities, (X, Y, Z), and the matrix that maps voxels to world RAS+ mm.
    sigma
        Standard deviation of the Gaussian and distance of the splines, in mm.
    """
    import torch

    sizes = voxel_sizes(affine)
    weights = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
    first = np.empty(3)
    for axis, (count, size) in enumerate(zip(data.shape, sizes, strict=True)):
        matrix, first[axis] = _axis(count, float(size), sigma)
        # the first axis goes to the end
        weights = torch.tensordot(weights, torch.from_numpy(matrix.T).float(), dims=([0], [0]))
    to_world = affine @ from_matvec(np.diag(sigma / sizes), first / sizes)
    return SmoothVolume(weights.double().contiguous(), np.linalg.inv(to_world))


def _axis(count: int, size: float, sigma: float) -> tuple[NDArray[np.float64], float]:
    """Return the matrix from the voxels of an axis to its spline weights, and the first place in mm."""
    width = max(sigma, _LEAST * size)
    first = -_REACH * width
    places = np.arange(first, (count - 1) * size - first + sigma, sigma)
    more = math.ceil(2 * _REACH * width / size)
    voxels = np.arange(-more, count + more) * size
    gaussian = np.exp(-(((places[:, None] - voxels) / width) ** 2) / 2)
    gaussian /= gaussian.sum(axis=1, keepdims=True)
    n = len(places)
    spline = 0.75 * np.eye(n) + 0.125 * (np.eye(n, k=1) + np.eye(n, k=-1))
    return np.linalg.solve(spline, gaussian[:, more : more + count]), first
