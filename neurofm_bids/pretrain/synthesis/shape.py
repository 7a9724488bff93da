"""Shape: an anatomy deformed into one individual whose volumes are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.pretrain.anatomy.fields import FIELDS, Anatomy
from neurofm_bids.pretrain.anatomy.region_map import CORTEX, LATERAL, mirrored
from neurofm_bids.pretrain.synthesis.growth import fit_density, growth_flow
from neurofm_bids.pretrain.synthesis.interpolation import Interpolator
from neurofm_bids.pretrain.synthesis.placement import draw_pose, head_box, lattice_points
from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

__all__ = ["Shape", "make_shape", "occupancy"]

_BISECTIONS = 12
_LARGEST_CUT_MM = 4.0
_LARGEST_SHIFT_MM = 1.5
_BAND_MM = 6.0  # around the border: wider than any cut and half a voxel
# Part of a change of the cortex as a whole that is growth; the rest moves its surface and opens sulci.
_CORTEX_GROWTH, _CORTEX_SHRINKAGE = 0.9, 0.3
_SMALLEST_SHELL = 0.2  # of the space between brain and skull in the label map
_UNEVEN_VENTRICLES_MM = 0.6  # largest sd of random shifts of the border of the lateral ventricles
_LOCAL_GROWTH = 0.08  # sd of random growth at the knots, in logarithms of volume


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
    points
        Where each voxel comes from in the label map, in voxels, (3, d, h, w).
    interpolator
        Interpolates volumes of the label map there.
    anatomy
        The label map.
    is_mirrored
        Whether left and right are those of the other side of the label map.
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
    points: Tensor
    interpolator: Interpolator
    anatomy: Anatomy
    is_mirrored: bool

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

    First each region grows or shrinks to the volume of the person and pushes what is around it
    (:mod:`~neurofm_bids.pretrain.synthesis.growth`). A smooth warp and an affine transform (pose, size,
    proportions) follow. Finally the surface of the cerebral cortex is moved along its depth until its volume
    is that of the person; shrinking opens the sulci along the sheets on which their banks meet.
    """
    matrix, offset, scale = draw_pose(anatomy, person, rng)
    is_mirrored = bool(np.linalg.det(matrix) < 0)
    start, size = head_box(anatomy, matrix, offset, step_mm)
    arrays = anatomy.tensors(rng.device)
    target = np.array(person.region_mm3)[mirrored()] if is_mirrored else np.array(person.region_mm3)
    ratios = torch.tensor(_log_ratios(anatomy, target / 1000, scale), dtype=torch.float32, device=rng.device)
    local = rng.smooth_field(arrays["fractions"].shape[1:], 8)[0] * _LOCAL_GROWTH
    flow, density = growth_flow(fit_density(arrays, ratios, local))
    points, growth = lattice_points(matrix, offset, start, size, step_mm, rng, flow, density)
    interpolator = Interpolator(points, anatomy.fields.shape[:3])
    fields = interpolator.interpolate(arrays["fields"])
    depths = dict(zip(FIELDS, fields.unbind(0), strict=True))
    stretch = scale * (growth / 3).exp_()
    for name in FIELDS[:6]:
        depths[name] *= stretch
    _fit_ventricles(depths, float(target[np.array(LATERAL) - 1].sum()), rng, step_mm)
    cortex_ml = float(target[np.array(CORTEX) - 1].sum()) / 1000
    brain = _fit_cortex(depths, cortex_ml, rng, step_mm)
    ventricles = occupancy(depths["lateral"], step_mm)
    return Shape(
        step_mm, start, **depths, brain=brain, ventricles=ventricles, points=points,
        interpolator=interpolator, anatomy=anatomy, is_mirrored=is_mirrored,
    )  # fmt: skip


def _log_ratios(anatomy: Anatomy, target_ml: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return the logarithms by which the regions and the space around the brain grow, (43,)."""
    now = anatomy.grid.volumes_ml * scale**3
    ratios = np.zeros(len(now))
    present = now[:-1] > 0
    ratios[:-1][present] = np.log(target_ml[present] / now[:-1][present])
    cortex = np.array(CORTEX) - 1
    whole = float(np.log(target_ml[cortex].sum() / now[cortex].sum()))
    ratios[cortex] -= whole * (1 - (_CORTEX_GROWTH if whole > 0 else _CORTEX_SHRINKAGE))
    grown = float((now[:-1] * np.expm1(ratios[:-1])).sum())
    ratios[-1] = np.log(max(1 - grown / now[-1], _SMALLEST_SHELL))
    return ratios


def _fit_ventricles(depths: dict[str, Tensor], lateral_mm3: float, rng: RandomFields, step_mm: int) -> None:
    """Move the border of the lateral ventricles, unevenly, until their volume is the target."""
    size = depths["lateral"].shape
    depths["lateral"] += rng.smooth_field(size, 12)[0] * rng.uniform(0, _UNEVEN_VENTRICLES_MM)
    near = depths["lateral"][depths["lateral"] > -_BAND_MM]
    target = lateral_mm3 / step_mm**3
    depths["lateral"] += _solve(
        lambda shift: float(occupancy(near + shift, step_mm).sum()) - target,
        -_LARGEST_SHIFT_MM,
        _LARGEST_SHIFT_MM,
    )


def _fit_cortex(depths: dict[str, Tensor], cortex_ml: float, rng: RandomFields, step_mm: int) -> Tensor:
    """Move the surface of the cortex until its volume is the target; return the fractions of brain tissue."""
    size = depths["outer"].shape
    depths["core"] = depths["core"] + rng.smooth_field(size, 6)[0] * 0.2
    weight = 1 - depths["hindbrain"]
    uneven = rng.smooth_field(size, 5)[0] * rng.uniform(0, 0.5) * weight
    free = (1 - occupancy(depths["lateral"], step_mm)) * (1 - occupancy(depths["others"], step_mm))
    cortical = free * (1 - occupancy(depths["core"], step_mm))
    outer, sulcus = depths["outer"], depths["sulcus"]
    band = ((outer.abs() < _BAND_MM) | ((sulcus < _BAND_MM) & (outer > 0))) & (cortical > 0)
    target = cortex_ml * 1000 / step_mm**3 - float((cortical * (~band & (outer > 0))).sum())
    voxels = torch.nonzero(band.flatten())[:, 0]
    in_band = [field.flatten()[voxels] for field in (outer, sulcus, cortical, weight, uneven)]

    def surplus(growth: float) -> float:
        band_outer, band_sulcus, band_free, band_weight, band_uneven = in_band
        cut = band_weight * -growth + band_uneven
        return float(_tissue(band_outer, band_sulcus, band_free, cut, step_mm).sum()) - target

    cut = weight * -_solve(surplus, -_LARGEST_CUT_MM, _LARGEST_CUT_MM) + uneven
    depths["outer"] = outer - cut
    depths["sulcus"] = sulcus - cut.clamp(min=0)
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
