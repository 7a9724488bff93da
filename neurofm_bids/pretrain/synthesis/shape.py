"""Shape: an anatomy deformed into one individual whose volumes are known exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from neurofm_bids.pretrain.anatomy.fields import FIELDS, Anatomy
from neurofm_bids.pretrain.synthesis.interpolation import Interpolator
from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields, resize

__all__ = ["CUBE_MM", "Shape", "make_shape", "occupancy"]

CUBE_MM = 256
_ALIGNMENT = 4  # boxes start and end at multiples of this number of voxels
_SHIFT_MM = 8.0
_WARPS = ((3, 6.0), (6, 4.0), (12, 2.0))  # knots along the box, amplitude in mm
_BISECTIONS = 12
_LARGEST_CUT_MM = 4.0
_BAND_MM = 6.0  # around the border: wider than any cut and half a voxel


@dataclass(frozen=True)
class Shape:
    """One individual on a lattice, as a box of the model grid.

    Parameters
    ----------
    step_mm
        Distance of lattice points: 2 (what the network reads) or 1.
    start
        First lattice voxel of the box.
    lateral, others, outer, sulcus, core, cranium
        Depths in mm, positive inside, (d, h, w), after all changes of volume: see
        :class:`~neurofm_bids.pretrain.anatomy.fields.Anatomy`.
    choroid, hindbrain
        Fractions, (d, h, w).
    brain, ventricles
        Fractions of each lattice voxel filled by brain tissue and by lateral ventricles; their sums are the
        targets.
    interpolator
        Interpolates volumes of the label map at the voxels of the box.
    """

    step_mm: int
    start: tuple[int, int, int]
    lateral: Tensor
    others: Tensor
    outer: Tensor
    sulcus: Tensor
    core: Tensor
    cranium: Tensor
    choroid: Tensor
    hindbrain: Tensor
    brain: Tensor
    ventricles: Tensor
    interpolator: Interpolator

    @property
    def size(self) -> tuple[int, int, int]:
        """Shape of the box in voxels."""
        d, h, w = self.outer.shape
        return d, h, w

    @property
    def csf(self) -> Tensor:
        """Fraction of each lattice voxel filled by the rest of the cranial cavity."""
        return (occupancy(self.cranium, self.step_mm) - self.brain - self.ventricles).clamp(min=0)

    def volume_ml(self, fractions: Tensor) -> float:
        """Return the volume that a map of voxel fractions stands for."""
        return float(fractions.double().sum()) * self.step_mm**3 / 1000


def occupancy(depth: Tensor, step_mm: float) -> Tensor:
    """Return the fraction of each voxel that lies inside a border, from its signed distance in mm."""
    return (depth / step_mm + 0.5).clamp_(0, 1)


def make_shape(anatomy: Anatomy, person: Person, rng: RandomFields, step_mm: int = 2) -> Shape:
    """Deform an anatomy into a person.

    An affine transform (pose, size, proportions) and a smooth warp (slopes below 1, so nothing folds) come
    first. Then the borders of ventricles and brain are moved along their depth until the volumes are those of
    the person. Shrinking opens the sulci along the sheets on which their banks meet.
    """
    matrix, offset, scale = _pose(anatomy, person, rng)
    start, size = _box(anatomy, matrix, offset, step_mm)
    points = _points(matrix, offset, start, size, step_mm, rng.device)
    points += _warp(size, rng)
    interpolator = Interpolator(points, anatomy.tissues.shape)
    fields = interpolator.interpolate(anatomy.on(rng.device)[0])
    depths = dict(zip(FIELDS, fields.unbind(0), strict=True))
    for name in FIELDS[:6]:
        depths[name] *= scale
    _grow_ventricles(depths, person, rng, step_mm)
    ventricles = occupancy(depths["lateral"], step_mm)
    brain = _fit_brain(depths, ventricles, person, rng, step_mm)
    return Shape(step_mm, start, **depths, brain=brain, ventricles=ventricles, interpolator=interpolator)


def _pose(
    anatomy: Anatomy, person: Person, rng: RandomFields
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return matrix and offset from model-grid voxels to label-map voxels, and mm per label-map voxel."""
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
    middle = (np.array(anatomy.tissues.shape) - 1) / 2
    return matrix, middle - matrix @ centre, scale


def _box(
    anatomy: Anatomy, matrix: NDArray[np.float64], offset: NDArray[np.float64], step_mm: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return start and size of the box of lattice voxels that contains the head."""
    margin = 6.0
    ends = np.array([[margin, n - 1 - margin] for n in anatomy.tissues.shape])
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    inverse = np.linalg.inv(matrix)
    extent = np.sqrt((inverse**2) @ half**2)  # of the ellipsoid inscribed in the box: heads have no corners
    centre = inverse @ (middle - offset)
    unit = _ALIGNMENT * step_mm
    low = np.clip(np.floor((centre - extent * 1.04) / unit), 0, CUBE_MM / unit - 1).astype(int) * _ALIGNMENT
    high = np.clip(np.ceil((centre + extent * 1.04) / unit), 1, CUBE_MM / unit).astype(int) * _ALIGNMENT
    size = high - low
    return (int(low[0]), int(low[1]), int(low[2])), (int(size[0]), int(size[1]), int(size[2]))


def _points(
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    start: Sequence[int],
    size: Sequence[int],
    step_mm: int,
    device: torch.device,
) -> Tensor:
    """Return the coordinates of each lattice voxel in the label map, in voxels, (3, d, h, w)."""
    points = torch.tensor(offset, dtype=torch.float32, device=device)[:, None, None, None]
    for axis in range(3):
        along = (torch.arange(size[axis], device=device) + start[axis]) * float(step_mm)
        column = torch.tensor(matrix[:, axis], dtype=torch.float32, device=device)
        shape = [3, 1, 1, 1]
        shape[axis + 1] = size[axis]
        points = points + (column[:, None] * along).reshape(shape)
    return points


def _warp(size: Sequence[int], rng: RandomFields) -> Tensor:
    """Return smooth displacements in mm, (3, d, h, w); their slopes stay far below 1, so nothing folds."""
    knots, _ = _WARPS[-1]
    coarse = [max(2, round(knots * n / max(size))) for n in size]
    total = torch.zeros((3, *coarse), device=rng.device)
    for count, mm in _WARPS:
        total += rng.smooth_field(coarse, count, 3) * (mm * rng.uniform(0.2, 1.0) / 2)
    return resize(total, size)


def _grow_ventricles(depths: dict[str, Tensor], person: Person, rng: RandomFields, step_mm: int) -> None:
    near = depths["lateral"][depths["lateral"] > -12]
    target = person.lateral_ml * 1000 / step_mm**3
    shift = _solve(lambda s: float(occupancy(near + s, step_mm).sum()) - target, -8, 10)
    depths["lateral"] += shift
    depths["others"] += 0.6 * person.ventricle_excess + rng.normal(0, 0.4)


def _fit_brain(
    depths: dict[str, Tensor], ventricles: Tensor, person: Person, rng: RandomFields, step_mm: int
) -> Tensor:
    """Move the border of the brain until its tissue has the target volume; return the tissue fractions."""
    size = depths["outer"].shape
    uneven = rng.smooth_field(size, 5)[0] * rng.uniform(0, 0.5) + depths["hindbrain"] * rng.normal(0, 0.4)
    free = (1 - ventricles) * (1 - occupancy(depths["others"], step_mm))
    weight = 1 - 0.5 * depths["hindbrain"]  # cerebellum and brainstem shrink half as much
    outer, sulcus = depths["outer"], depths["sulcus"]
    band = ((outer - uneven).abs() < _BAND_MM) | ((sulcus < _BAND_MM) & (outer > 0))
    target = person.brain_ml * 1000 / step_mm**3 - float((free * (~band & (outer > 0))).sum())
    voxels = torch.nonzero(band.flatten())[:, 0]
    in_band = [field.flatten()[voxels] for field in (outer, sulcus, free, weight, uneven)]

    def surplus(growth: float) -> float:
        band_outer, band_sulcus, band_free, band_weight, band_uneven = in_band
        cut = band_weight * -growth + band_uneven
        return float(_tissue(band_outer, band_sulcus, band_free, cut, step_mm).sum()) - target

    cut = weight * -_solve(surplus, -_LARGEST_CUT_MM, _LARGEST_CUT_MM) + uneven
    depths["outer"] = outer - cut
    depths["sulcus"] = sulcus - cut.clamp(min=0)
    depths["core"] = depths["core"] - 0.4 * cut + rng.normal(0, 0.2) + rng.smooth_field(size, 6)[0] * 0.2
    return _tissue(outer, sulcus, free, cut, step_mm)


def _tissue(outer: Tensor, sulcus: Tensor, free: Tensor, cut: Tensor, step_mm: int) -> Tensor:
    """Return the tissue fractions after moving the border inwards by ``cut`` mm."""
    return occupancy(outer - cut, step_mm) * (sulcus > cut.clamp(min=0)) * free


def _solve(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of an increasing function, by bisection, or the nearer end."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2
