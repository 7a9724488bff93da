"""Noise and ghosts in the air around the head, and the energy of the image.

Air is measured on a lattice of about 2 mm, on which a head is a few hundred thousand voxels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.records.statistics import robust_sd

__all__ = ["Air", "efc", "fber", "find_air", "ghosting", "qi1", "thinned"]

_STEP_MM = 2.0
_HEAD = 0.15  # of white matter: darker voxels are air, after smoothing
_HAT_MM = -14.0  # height of glabella and inion in MNI space; as in MRIQC
_BESIDE_MM = 30.0  # from the brain: beyond skull and skin
_LEAST_VOXELS = 500  # of air with noise, on the lattice
_BLANK = 0.8  # share of equal voxels above which air holds no noise
_ARTEFACT = 10.0  # MADs above which a voxel of air is one; as in MRIQC
_DARK = 3e-5  # of white matter: the median of air below which air is blank but for rounding
_FAR = 0.10  # of the largest distance to the head, below which none is counted; as in MRIQC
_Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Air:
    """The air around a head, on a lattice of the image.

    Parameters
    ----------
    image
        Intensities on the lattice.
    head
        Head with skin; shape of ``image``.
    hat
        Air above the plane of glabella and inion, which neck, breath and swallowing do not reach.
    above
        All voxels above that plane, but for padding.
    padding
        Blocks of voxels of exactly 0, which were inserted after acquisition.
    """

    image: NDArray[np.float32]
    head: _Bool
    hat: _Bool
    above: _Bool
    padding: _Bool

    @property
    def outside(self) -> _Bool:
        """Air with padding left out."""
        return ~self.head & ~self.padding

    @property
    def artefacts(self) -> _Bool:
        """Voxels of the hat that ghosts or other artefacts brighten (Mortamet 2009; threshold of MRIQC)."""
        from scipy.ndimage import binary_opening, distance_transform_edt, generate_binary_structure

        values = self.image[self.hat]
        positive = values[values > 0]
        spread = robust_sd(positive)
        if not spread:
            return np.zeros(self.hat.shape, dtype=bool)
        distance = distance_transform_edt(~self.head)
        distance[~self.hat] = 0
        bright = self.hat & (self.image > _ARTEFACT * spread) & (distance >= _FAR * distance.max())
        return np.asarray(binary_opening(bright, generate_binary_structure(3, 1)))

    def sd(self) -> float:
        """Return the standard deviation of the intensities in the hat without artefacts."""
        return float(self.image[self.hat & ~self.artefacts].std(dtype=np.float64))


def thinned(affine: NDArray[np.float64]) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Return slices that take every n-th voxel, about 2 mm apart, and the affine of what they leave.

    >>> thinned(np.diag([1.0, 0.5, 3.0, 1.0]))[0]
    (slice(None, None, 2), slice(None, None, 4), slice(None, None, 1))
    """
    steps = np.maximum(1, np.rint(_STEP_MM / voxel_sizes(affine)).astype(int))
    return tuple(slice(None, None, int(step)) for step in steps), affine @ np.diag([*steps, 1.0])


def find_air(
    data: NDArray[np.float32],
    inside: _Bool,
    affine: NDArray[np.float64],
    to_template: NDArray[np.float64],
    wm_median: float,
) -> Air | str:
    """Return the air around a head, or why there is none that can be measured.

    Parameters
    ----------
    data, inside
        Image with its darkest signal at zero, and brain mask, both on the lattice of :func:`thinned`.
    affine
        Of the lattice, to world RAS+ mm.
    to_template
        4x4 matrix that maps points of the scan to points of the template, world RAS+ mm.
    wm_median
        Median of white matter.
    """
    from scipy.ndimage import binary_closing, binary_opening, gaussian_filter

    from neurofm_bids.geometry import largest_component

    data = np.maximum(data, 0)
    padding = binary_opening(data == 0, np.ones((3, 3, 3)))
    tissue = (gaussian_filter(data, 1.0) > _HEAD * wm_median) | inside
    head = largest_component(binary_closing(np.pad(tissue, 3), iterations=3)[3:-3, 3:-3, 3:-3] | tissue)
    head = _filled(head)
    heights = _heights(data.shape, to_template @ affine)
    above = (heights > _HAT_MM) & ~padding
    hat = ~head & above
    blank = _equal_share(data[~head])
    if blank > _BLANK:
        return "the background is blank: the image was stripped, masked or padded"
    if np.count_nonzero(hat) < _LEAST_VOXELS:
        return "the image has too little air above the eyes"
    return Air(data, head, hat, above, padding)


def _filled(inside: _Bool) -> _Bool:
    from fill_voids import fill

    return np.asarray(fill(inside), dtype=bool)


def _heights(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height of each voxel in the template, mm."""
    x, y, z = (
        np.arange(n).reshape([-1 if axis == i else 1 for i in range(3)]) for axis, n in enumerate(shape)
    )
    a, b, c, d = affine[2]
    return np.asarray(a * x + b * y + c * z + d)


def _equal_share(values: NDArray[np.float32]) -> float:
    """Return the share of zeros among values; 1 if there are none."""
    return float(np.count_nonzero(values == 0) / values.size) if values.size else 1.0


def qi1(air: _Bool, artefacts: _Bool) -> float:
    """Return the share of the voxels of air that artefacts brighten (Mortamet 2009; as in MRIQC).

    Parameters
    ----------
    air, artefacts
        Voxels of the hat without artefacts, and those with; they do not overlap.
    """
    total = int(air.sum()) + int(artefacts.sum())
    return float(artefacts.sum() / total) if total else math.nan


def fber(image: NDArray[np.floating], head: _Bool, outside: _Bool, wm_median: float) -> float:
    """Return the median squared intensity in the head over that in air (Shehzad 2015; as in MRIQC).

    Raises
    ------
    NotMeasuredError
        There is no head or no air, or air is dark to rounding: a ratio to it would mean nothing.
    """
    if not head.any() or not outside.any():
        raise NotMeasuredError("the image has no head, or no air around it but for padding")
    foreground, background = (
        float(np.median(np.square(image[where], dtype=np.float64))) for where in (head, outside)
    )
    if not background > (_DARK * wm_median) ** 2:
        raise NotMeasuredError(f"the median intensity in air is not above {_DARK:g} of that of white matter")
    return foreground / background


def efc(image: NDArray[np.floating]) -> float:
    """Return the entropy focus criterion of a whole image (Atkinson 1997; as in MRIQC).

    With ``p = x / sqrt(sum(x**2))`` it is ``-sum(p * ln p)`` over its largest value, ``sqrt(n) ln sqrt(n)``.
    """
    sums = np.zeros(3)  # of x, x**2 and x * ln(x)
    for plane in image:  # one at a time, to save memory
        x = plane[plane > 0].astype(np.float64)
        sums += x.sum(), x @ x, x @ np.log(x)
    energy, root = math.sqrt(sums[1]), math.sqrt(image.size)
    if not energy or image.size < 2:
        return math.nan
    return float((sums[0] * math.log(energy) - sums[2]) / energy / (root * math.log(root)))


def ghosting(air: Air, inside: _Bool, sizes_mm: NDArray[np.float64], wm_median: float) -> float:
    """Return how much brighter air is beside the brain along one axis than elsewhere, over white matter.

    Ghosts of a moving head lie along the phase-encoding axis. Air is here what lies above the plane of
    glabella and inion and more than 30 mm from the brain, so that a bright ghost does not count as head. For
    each axis of the image, its mean on lines that cross the brain, minus its mean on lines that cross it
    along no axis; the largest of the three (the ghost-to-signal ratio of Giannelli 2010, for three axes).

    Parameters
    ----------
    inside
        Brain mask on the lattice.
    sizes_mm
        Sizes of the voxels of the lattice.
    """
    from scipy.ndimage import distance_transform_edt

    far = air.above & (distance_transform_edt(~inside, sampling=sizes_mm) > _BESIDE_MM)
    beside = [far & inside.any(axis=axis, keepdims=True) for axis in range(3)]
    nowhere = far & ~(beside[0] | beside[1] | beside[2])
    if np.count_nonzero(nowhere) < _LEAST_VOXELS:
        return math.nan
    ground = float(air.image[nowhere].mean(dtype=np.float64))
    known = [lines for lines in beside if np.count_nonzero(lines) >= _LEAST_VOXELS]
    means = [float(air.image[lines].mean(dtype=np.float64)) for lines in known]
    return (max(means) - ground) / wm_median if means and wm_median else math.nan
