"""Shape: a prepared label map turned into one individual, with volumes known exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from neurofm_bids.pretrain.anatomy import FIELDS, Anatomy
from neurofm_bids.pretrain.cohort import Person
from neurofm_bids.pretrain.dice import Dice, resize
from neurofm_bids.pretrain.sampling import Sampler

__all__ = ["CUBE_MM", "Shape", "make_shape", "occupancy"]

CUBE_MM = 256
_ALIGNED = 4  # boxes start and end at multiples of this many voxels
_SHIFT_MM = 8.0
_WARPS = ((3, 6.0), (6, 4.0), (12, 2.0))  # knots along the box and mm
_STEPS = 12
_LARGEST_CUT_MM = 4.0
_REACH_MM = 6.0  # a larger cut than any, half a voxel included


@dataclass(frozen=True)
class Shape:
    """One individual on a lattice, as a box of the model grid.

    Parameters
    ----------
    step_mm
        Distance of lattice points: 2 (what the network reads) or 1.
    start
        First lattice voxel of the box.
    lateral, others, outer, ridge, core, cranium
        Depths in mm, positive inside, (d, h, w): see :class:`~neurofm_bids.pretrain.anatomy.Anatomy`, after
        all changes of volume.
    choroid, hind
        Fractions, (d, h, w).
    brain, ventricles
        Measured fractions of each lattice voxel: brain tissue, lateral ventricles; their sums are the
        targets.
    sampler
        Reads volumes of the map at the voxels of the box.
    """

    step_mm: int
    start: tuple[int, int, int]
    lateral: Tensor
    others: Tensor
    outer: Tensor
    ridge: Tensor
    core: Tensor
    cranium: Tensor
    choroid: Tensor
    hind: Tensor
    brain: Tensor
    ventricles: Tensor
    sampler: Sampler

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels of the box."""
        d, h, w = self.outer.shape
        return d, h, w

    def volume_ml(self, fractions: Tensor) -> float:
        """Return the volume of a map of fractions."""
        return float(fractions.double().sum()) * self.step_mm**3 / 1000


def occupancy(depth: Tensor, step_mm: float) -> Tensor:
    """Return the share of a voxel that lies inside a border at a depth."""
    return (depth / step_mm + 0.5).clamp_(0, 1)


def make_shape(anatomy: Anatomy, person: Person, dice: Dice, step_mm: int = 2) -> Shape:
    """Deform a label map into a person.

    A pose, a size and a proportion (affine), a smooth warp (largest slope below 1, so nothing folds), then
    shifts of level: ventricles and brain are grown or shrunk along their depth until they have the person's
    volumes. Shrinking opens the sulci along the sheets on which their banks meet.
    """
    matrix, offset, scale = _pose(anatomy, person, dice)
    start, size = _box(anatomy, matrix, offset, step_mm)
    points = _points(matrix, offset, start, size, step_mm, dice.device)
    points += _warp(size, dice)
    sampler = Sampler(points, anatomy.tissues.shape)
    sampled = sampler.read(anatomy.on(dice.device)[0])
    depths = dict(zip(FIELDS, sampled.unbind(0), strict=True))
    for name in FIELDS[:6]:
        depths[name] *= scale
    _grow_ventricles(depths, person, dice, step_mm)
    ventricles = occupancy(depths["lateral"], step_mm)
    brain = _fit_brain(depths, ventricles, person, dice, step_mm)
    return Shape(step_mm, start, **depths, brain=brain, ventricles=ventricles, sampler=sampler)


def _pose(
    anatomy: Anatomy, person: Person, dice: Dice
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return matrix and offset from model-grid voxels to voxels of the map, and mm per voxel of the map."""
    scale = (person.cranium_ml / anatomy.cranium_ml) ** (1 / 3)
    angles = [dice.normal(0, 6.0), dice.normal(0, 3.0), dice.normal(0, 3.0)]  # nod about left-right first
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    proportion = np.exp([dice.normal(0, 0.03) for _ in range(3)])
    stretch = np.diag(proportion / np.prod(proportion) ** (1 / 3))
    for row, column in ((0, 1), (0, 2), (1, 2)):
        stretch[row, column] = dice.normal(0, 0.02)
    mirror = np.diag([-1.0 if dice.chance(0.5) else 1.0, 1.0, 1.0])
    matrix = np.linalg.inv(turn @ stretch @ mirror * scale)
    centre = np.full(3, (CUBE_MM - 1) / 2) + [dice.normal(0, _SHIFT_MM) for _ in range(3)]
    middle = (np.array(anatomy.tissues.shape) - 1) / 2
    return matrix, middle - matrix @ centre, scale


def _box(
    anatomy: Anatomy, matrix: NDArray[np.float64], offset: NDArray[np.float64], step_mm: int
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return start and size of the box of lattice voxels that the head needs."""
    margin = 6.0
    ends = np.array([[margin, n - 1 - margin] for n in anatomy.tissues.shape])
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    back = np.linalg.inv(matrix)
    reach = np.sqrt((back**2) @ half**2)  # of the ellipsoid that fills the box: heads have no corners
    centre = back @ (middle - offset)
    unit = _ALIGNED * step_mm
    low = np.clip(np.floor((centre - reach * 1.04) / unit), 0, CUBE_MM / unit - 1).astype(int) * _ALIGNED
    high = np.clip(np.ceil((centre + reach * 1.04) / unit), 1, CUBE_MM / unit).astype(int) * _ALIGNED
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
    """Return the place of each lattice voxel in the map, voxels, (3, d, h, w)."""
    places = torch.tensor(offset, dtype=torch.float32, device=device)[:, None, None, None]
    for axis in range(3):
        along = (torch.arange(size[axis], device=device) + start[axis]) * float(step_mm)
        column = torch.tensor(matrix[:, axis], dtype=torch.float32, device=device)
        shape = [3, 1, 1, 1]
        shape[axis + 1] = size[axis]
        places = places + (column[:, None] * along).reshape(shape)
    return places


def _warp(size: Sequence[int], dice: Dice) -> Tensor:
    """Return smooth displacements, mm, (3, d, h, w); their slopes stay far below 1, so nothing folds."""
    knots, _ = _WARPS[-1]
    coarse = [max(2, round(knots * n / max(size))) for n in size]
    total = torch.zeros((3, *coarse), device=dice.device)
    for count, mm in _WARPS:
        total += dice.smooth(coarse, count, 3) * (mm * dice.uniform(0.2, 1.0) / 2)
    return resize(total, size)


def _grow_ventricles(depths: dict[str, Tensor], person: Person, dice: Dice, step_mm: int) -> None:
    near = depths["lateral"][depths["lateral"] > -12]
    wanted = person.lateral_ml * 1000 / step_mm**3
    shift = _solve(lambda s: float(occupancy(near + s, step_mm).sum()) - wanted, -8, 10)
    depths["lateral"] += shift
    depths["others"] += 0.6 * person.ventricle_excess + dice.normal(0, 0.4)


def _fit_brain(
    depths: dict[str, Tensor], ventricles: Tensor, person: Person, dice: Dice, step_mm: int
) -> Tensor:
    """Shift the brain's border until its tissue has the wanted volume; return the tissue's fractions."""
    size = depths["outer"].shape
    uneven = dice.smooth(size, 5)[0] * dice.uniform(0, 0.5) + depths["hind"] * dice.normal(0, 0.4)
    free = (1 - ventricles) * (1 - occupancy(depths["others"], step_mm))
    share = 1 - 0.5 * depths["hind"]  # cerebellum and brainstem shrink half as much
    outer, ridge = depths["outer"], depths["ridge"]
    undecided = ((outer - uneven).abs() < _REACH_MM) | ((ridge < _REACH_MM) & (outer > 0))
    wanted = person.brain_ml * 1000 / step_mm**3 - float((free * (~undecided & (outer > 0))).sum())
    places = torch.nonzero(undecided.flatten())[:, 0]
    parts = [field.flatten()[places] for field in (outer, ridge, free, share, uneven)]

    def surplus(growth: float) -> float:
        some_outer, some_ridge, some_free, some_share, some_uneven = parts
        cut = some_share * -growth + some_uneven
        return float(_tissue(some_outer, some_ridge, some_free, cut, step_mm).sum()) - wanted

    cut = share * -_solve(surplus, -_LARGEST_CUT_MM, _LARGEST_CUT_MM) + uneven
    depths["outer"] = outer - cut
    depths["ridge"] = ridge - cut.clamp(min=0)
    depths["core"] = depths["core"] - 0.4 * cut + dice.normal(0, 0.2) + dice.smooth(size, 6)[0] * 0.2
    return _tissue(outer, ridge, free, cut, step_mm)


def _tissue(outer: Tensor, ridge: Tensor, free: Tensor, cut: Tensor, step_mm: int) -> Tensor:
    """Return the fraction of tissue where the border is moved inwards by ``cut``."""
    return occupancy(outer - cut, step_mm) * (ridge > cut.clamp(min=0)) * free


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function crosses zero, by bisection, or the nearer end."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
