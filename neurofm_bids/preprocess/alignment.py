"""The affine transform with which a template best explains a brain: the highest correlation ratio."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, from_matvec
from numpy.typing import NDArray

from neurofm_bids.geometry import box, centre_of, inside_points
from neurofm_bids.preprocess.smooth_volume import SmoothVolume, smooth

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["align"]

_LEVELS = ((8.0, 12.0), (4.0, 8.0), (2.0, 4.0))  # smoothing of both images and distance of the points, mm
_ANGLES = np.arange(-0.5, 0.75, 0.25)  # of the first search, about each axis, radians
_TURNED = 5  # of the 24 orders and directions of the axes, those that are tried
_MARGIN_MM, _MARGIN = 4.0, 0.02  # the mask, smoothed by so much, falls to this value 8 mm outside
_BINS = 10
_BRIGHT = 0.995  # quantile of the brain at which intensities are clipped
_RADIUS = 50.0  # of a brain, mm: a rotation by 1 moves its points as far as a shift by 1
_TOLERANCE = 1e-6  # of the gradient, where the curvature is 1


@dataclass(frozen=True)
class _Level:
    """What is compared at one resolution, at n points in and around the template.

    ``places`` are the points about the centre of the template, in radii, with a column of ones, (n, 4);
    ``basis`` are orthonormal functions of the intensity of the template there, (n, bins); ``centre`` is that
    of the brain, world RAS+ mm. A transform is a 3x4 matrix from places to points about that centre.
    """

    brain: SmoothVolume
    centre: NDArray[np.float64]
    places: Tensor
    basis: Tensor

    def compare(self, matrix: NDArray[np.float64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the intensities about their mean, what the template does not explain, and their Jacobian."""
        import torch

        points = self.places @ torch.from_numpy(matrix.T) + torch.from_numpy(self.centre)
        values, gradients = self.brain.at(points)
        jacobian = (gradients[:, :, None] * self.places[:, None, :]).reshape(-1, 12)
        return values - values.mean(), self.unexplained(values), jacobian

    def unexplained(self, values: Tensor) -> Tensor:
        """Return the residuals of values, (n,) or (n, columns), after the fit of the basis."""
        return values - self.basis @ (self.basis.T @ values)


def align(
    brain: nib.Nifti1Image, mask: nib.Nifti1Image, target: nib.Nifti1Image, target_mask: nib.Nifti1Image
) -> NDArray[np.float64]:
    """Return the affine transform from a brain to a template, 4x4, world RAS+ mm.

    It maximises the correlation ratio (Roche et al. 1998, doi:10.1007/BFb0056301): the share of the variance
    of the brain that a function of the intensity of the template explains, at points in and around the
    template, with both images smoothed alike. From rotations about the centres of mass, of which some are for
    headers that confuse axes (as of a head that faces backwards), BFGS with analytic gradients converges at
    three resolutions. A converged optimum moves in proportion to a change of the image, so that rounding of
    intensities does not matter.

    Parameters
    ----------
    brain, mask
        T1w with zero background, and its brain mask.
    target, target_mask
        The same of the template.

    Raises
    ------
    numpy.linalg.LinAlgError
        The intensities determine no transform.
    """
    image, start, end = _clipped(brain, mask), centre_of(mask), centre_of(target_mask)
    levels = []
    for sigma, distance in _LEVELS:
        places, basis = _compared(target, target_mask, end, sigma, distance)
        levels.append(_Level(smooth(*image, sigma), start, places, basis))
    matrix = _start(levels[0])
    for level in levels[1:]:
        matrix = _optimum(level, matrix)
    linear, shift = matrix[:, :3] / _RADIUS, matrix[:, 3]
    return np.asarray(np.linalg.inv(from_matvec(linear, start + shift - linear @ end)))


def _compared(
    target: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    centre: NDArray[np.float64],
    sigma: float,
    distance: float,
) -> tuple[Tensor, Tensor]:
    """Return the places and the basis of a :class:`_Level`."""
    import torch

    points = torch.from_numpy(_points_around(mask, distance))
    places = (points - torch.from_numpy(centre)) / _RADIUS
    return torch.nn.functional.pad(places, (0, 1), value=1.0), _basis(_smoothed(target, sigma).at(points)[0])


def _smoothed(image: nib.Nifti1Image, sigma: float) -> SmoothVolume:
    return smooth(np.asarray(image.dataobj, dtype=np.float32), image.affine, sigma)


def _clipped(
    brain: nib.Nifti1Image, mask: nib.Nifti1Image
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the intensities in the box of the mask, without bright outliers, and the affine of the box."""
    first, end = box(inside_points(mask), 0, brain.shape)
    crop = tuple(map(slice, first, end))
    data = np.asarray(brain.dataobj[crop], dtype=np.float32)
    bright = np.quantile(data[np.asarray(mask.dataobj[crop]) > 0], _BRIGHT)
    return np.clip(data, 0, bright), brain.affine @ from_matvec(np.eye(3), first)


def _points_around(mask: nib.Nifti1Image, distance: float) -> NDArray[np.float64]:
    """Return the points of a lattice in the mask and up to 8 mm outside, world RAS+ mm, (n, 3)."""
    import torch

    corners = apply_affine(mask.affine, inside_points(mask))
    first, last = corners.min(axis=0) - 2 * _MARGIN_MM, corners.max(axis=0) + 2 * _MARGIN_MM
    axes = (np.arange(a, b, distance) for a, b in zip(first, last, strict=True))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    share, _ = _smoothed(mask, _MARGIN_MM).at(torch.from_numpy(points))
    return points[share.numpy() > _MARGIN]


def _basis(intensities: Tensor) -> Tensor:
    """Return orthonormal functions that span the piecewise linear functions of the intensities, (n, bins)."""
    import torch

    place = (intensities / intensities.max()).clamp(min=0)[:, None] * (_BINS - 1)
    hats = (1 - (place - torch.arange(_BINS)).abs()).clamp(min=0)
    basis: Tensor = torch.linalg.qr(hats)[0]
    return basis


def _start(level: _Level) -> NDArray[np.float64]:
    """Return the best of the optima near some rotations about the centres of mass.

    They are the best one about the axes of the header and, for headers that confuse axes, the best of all
    orders and directions of the axes: the best rotation itself may be far from the best optimum.
    """
    from scipy.spatial.transform import Rotation

    def cost(matrix: NDArray[np.float64]) -> float:
        return _cost(level, matrix)[0]

    near = min(_matrices(Rotation.from_rotvec(list(product(_ANGLES, repeat=3)))), key=cost)
    turned = sorted(_matrices(Rotation.create_group("O")), key=cost)[:_TURNED]
    optima = [_optimum(level, matrix) for matrix in (near, *turned)]
    return min(optima, key=lambda matrix: round(cost(matrix), 6))  # the first one of those that are equal


def _matrices(turns: Any) -> list[NDArray[np.float64]]:
    return [np.column_stack([_RADIUS * turn, np.zeros(3)]) for turn in turns.as_matrix()]


def _cost(level: _Level, matrix: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the share of the variance that is not explained, and its gradient, (12,)."""
    centred, left, jacobian = level.compare(matrix)
    total = centred @ centred
    cost = left @ left / total
    gradient = jacobian.T @ (left - cost * centred) * (2 / total)
    return float(cost), np.asarray(gradient)


def _optimum(level: _Level, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix of the least cost near another one."""
    from scipy.optimize import minimize

    unit = _units(level, matrix)

    def cost(step: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = _cost(level, matrix + (unit @ step).reshape(3, 4))
        return value, unit.T @ gradient

    step = minimize(cost, np.zeros(12), jac=True, method="BFGS", options={"gtol": _TOLERANCE}).x
    return np.asarray(matrix + (unit @ step).reshape(3, 4))


def _units(level: _Level, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return steps, as columns (12, 12), along which the Gauss-Newton curvature of the cost is 1."""
    centred, _, jacobian = level.compare(matrix)
    left = level.unexplained(jacobian)
    curvature, axes = np.linalg.eigh((2 * left.T @ left / (centred @ centred)).numpy())
    return np.asarray(axes / np.sqrt(np.maximum(curvature, 1e-6 * curvature[-1])))
