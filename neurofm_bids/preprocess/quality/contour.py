"""The brain mask: its shape, what it leaves out or takes in, and where the field of view cuts it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import NDArray

__all__ = [
    "Overlap",
    "bright_rim",
    "contour_gradient",
    "cut_fraction",
    "face_share",
    "holes",
    "outer_rim",
    "overlap",
    "pieces",
]

_MARGIN_MM = 4  # a mask may lie beside that of the template by so much
_FACE_MM = ((-30, 30), (70, 100), (-75, -45))  # nose and mouth in MNI space, RAS+
_RIM_MM, _OUTER_MM = 4.0, 3.0
_LEAST_SIGNAL = 0.15  # of white matter: darker voxels are air
_Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """How a mask, moved by the affine, lies on that of the template, with 4 mm of tolerance.

    Parameters
    ----------
    leak
        Share of the mask outside the template's; NaN if every second voxel of the image misses the mask.
    missing
        Share of the template's mask outside the mask.
    below_mm3
        Volume of the mask below the template's, in mm3 of the template: neck.
    """

    leak: float
    missing: float
    below_mm3: float


def overlap(
    mask: nib.Nifti1Image, template_mask: nib.Nifti1Image, to_template: NDArray[np.float64]
) -> Overlap:
    """Return how a mask lies on that of the template.

    Parameters
    ----------
    to_template
        4x4 affine that maps points of the scan to points of the template, world RAS+ mm.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    from neurofm_bids.geometry import voxel_volume_mm3

    target = np.asarray(template_mask.dataobj) > 0
    steps = max(1, round(_MARGIN_MM / float(voxel_sizes(template_mask.affine).mean())))
    inside = np.asarray(mask.dataobj)[::2, ::2, ::2] > 0
    points = apply_affine(to_template @ mask.affine, 2 * np.argwhere(inside))
    volume = 8 * voxel_volume_mm3(to_template @ mask.affine)
    wide = binary_dilation(target, iterations=steps)
    heights = apply_affine(template_mask.affine, np.argwhere(target))[:, 2]
    below = float(np.count_nonzero(points[:, 2] < heights.min() - _MARGIN_MM)) * volume
    core = apply_affine(template_mask.affine, np.argwhere(binary_erosion(target, iterations=steps)))
    there = _looked_up(
        np.asarray(mask.dataobj) > 0, apply_affine(np.linalg.inv(to_template @ mask.affine), core)
    )
    on_template = _looked_up(wide, apply_affine(np.linalg.inv(template_mask.affine), points))
    return Overlap(
        leak=1 - float(on_template.mean()) if len(points) else math.nan,
        missing=1 - float(there.mean()),
        below_mm3=below,
    )


def _looked_up(inside: _Bool, voxels: NDArray[np.float64]) -> _Bool:
    """Return whether the voxels nearest to places, shape (n, 3), are in a mask; outside the image none is."""
    places = np.rint(voxels).astype(int)
    known = ((places >= 0) & (places < inside.shape)).all(axis=1)
    found = np.zeros(len(places), dtype=bool)
    found[known] = inside[tuple(places[known].T)]
    return found


def pieces(inside: _Bool) -> int:
    """Return the number of connected components of a mask, connected by faces."""
    import cc3d

    return int(cc3d.connected_components(inside, connectivity=6, return_N=True)[1])


def holes(inside: _Bool) -> int:
    """Return the number of voxels that a mask encloses without holding them."""
    from fill_voids import fill

    return int(np.count_nonzero(fill(inside)) - np.count_nonzero(inside))


def cut_fraction(inside: _Bool) -> float:
    """Return the largest flat end of a mask: area of its outermost slice over that of its cross-section.

    Of six ends along the axes of the image. A brain ends in a small area, but for the brainstem; one that the
    field of view, or a blank part of it, cuts off ends in a large one.
    """
    largest = 0.0
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        areas = inside.sum(axis=others)
        held = np.flatnonzero(areas)
        section = np.count_nonzero(inside.any(axis=axis))
        if held.size:
            largest = max(largest, float(max(areas[held[0]], areas[held[-1]]) / section))
    return largest


def contour_gradient(
    image: NDArray[np.float32], inside: _Bool, wm_median: float, sizes_mm: NDArray[np.float64]
) -> float:
    """Return the mean gradient of the intensities across the contour of a mask, per mm, over white matter.

    Central differences, at the voxels of the mask that touch its outside. The array holds a margin of a voxel
    around the mask, or the mask ends with the image.
    """
    border = np.argwhere(inside & ~_eroded(inside))
    squares = np.zeros(len(border))
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        ahead = np.minimum(border + step, np.array(inside.shape) - 1)
        behind = np.maximum(border - step, 0)
        change = image[tuple(ahead.T)].astype(np.float64) - image[tuple(behind.T)]
        squares += (change / (2 * sizes_mm[axis])) ** 2
    return float(np.sqrt(squares).mean() / wm_median) if len(border) and wm_median else math.nan


def _eroded(inside: _Bool) -> _Bool:
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(inside, border_value=1))


def bright_rim(
    image: NDArray[np.float32], inside: _Bool, bright: float, sizes_mm: NDArray[np.float64]
) -> float:
    """Return the share of the outer 4 mm of a mask that is brighter than white matter: fat of skull or skin.

    Parameters
    ----------
    bright
        Intensity that white matter hardly exceeds.
    """
    from scipy.ndimage import binary_erosion

    steps = max(1, round(_RIM_MM / float(np.mean(sizes_mm))))
    rim = inside & ~binary_erosion(inside, iterations=steps, border_value=1)
    count = np.count_nonzero(rim)
    return float(np.count_nonzero(image[rim] > bright) / count) if count else math.nan


def outer_rim(
    image: NDArray[np.float32], inside: _Bool, wm_median: float, sizes_mm: NDArray[np.float64]
) -> float:
    """Return the median intensity within 3 mm outside a mask over white matter.

    Skull is dark: a mask that leaves parts of the brain out has a bright one.
    """
    from scipy.ndimage import binary_dilation

    steps = max(1, round(_OUTER_MM / float(np.mean(sizes_mm))))
    outside = binary_dilation(inside, iterations=steps) & ~inside
    return float(np.median(image[outside]) / wm_median) if outside.any() and wm_median else math.nan


def face_share(
    image: NDArray[np.float32],
    affine: NDArray[np.float64],
    to_template: NDArray[np.float64],
    wm_median: float,
) -> float | None:
    """Return the share of a box around nose and mouth that has signal; None if it is not in the image.

    The box is -30 to 30, 70 to 100 and -75 to -45 mm in the space of the template (RAS+), every 3 mm. A face
    fills a part of it; one that was removed, nearly none.
    """
    grid = np.stack(
        np.meshgrid(*(np.arange(low, high + 1, 3.0) for low, high in _FACE_MM), indexing="ij"), -1
    )
    voxels = np.rint(apply_affine(np.linalg.inv(to_template @ affine), grid.reshape(-1, 3))).astype(int)
    known = ((voxels >= 0) & (voxels < image.shape)).all(axis=1)
    if known.mean() < 0.5:
        return None
    values = image[tuple(voxels[known].T)]
    return float(np.mean(values > _LEAST_SIGNAL * wm_median))
