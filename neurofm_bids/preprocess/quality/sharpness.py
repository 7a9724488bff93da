"""Noise, smoothness, ripples and odd slices of the brain itself: they need no air."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from neurofm_bids.records.statistics import SD_PER_MAD

__all__ = ["fwhm", "noise", "ringing", "slice_jump"]

_LEAST_VOXELS = 1000
_SMOOTHED = 7  # neighbouring frequencies of which a peak is compared with the median
_LOWEST = 0.06  # cycles per voxel: below it the anatomy itself has peaks
_LEAST_LINE = 2 * _SMOOTHED - 1  # voxels of a line with as many frequencies as are compared
_WIDE = 0.25  # of the widest cross-section: slices of the brain that are compared with their neighbours
_Volume = NDArray[np.float32]
_Bool = NDArray[np.bool_]


def fwhm(image: _Volume, inside: _Bool, sizes_mm: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the smoothness along each axis of the array, full width at half maximum in mm (Forman 1995).

    With the variance ``v`` of the intensities in the mask and ``d`` of the differences of neighbours in it,
    ``sqrt(-2 ln 2 / ln(1 - d / (2 v)))`` voxels: that of white noise smoothed with a Gaussian. NaN where the
    neighbours do not resemble each other.
    """
    values = image[inside]
    variance = float(values.var(dtype=np.float64)) if values.size > _LEAST_VOXELS else 0.0
    widths = []
    for axis, size in enumerate(sizes_mm):
        first, second = _neighbours(axis)
        pairs = inside[first] & inside[second]
        change = (
            float((image[second][pairs] - image[first][pairs]).var(dtype=np.float64)) if pairs.any() else 0.0
        )
        alike = 1 - change / (2 * variance) if variance else math.nan
        widths.append(
            float(size) * math.sqrt(-2 * math.log(2) / math.log(alike)) if 0 < alike < 1 else math.nan
        )
    return widths[0], widths[1], widths[2]


def _neighbours(axis: int, step: int = 1) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of voxels and of those a step behind them along an axis."""
    first, second = [slice(None)] * 3, [slice(None)] * 3
    first[axis], second[axis] = slice(None, -step), slice(step, None)
    return tuple(first), tuple(second)


def noise(image: _Volume, inside: _Bool) -> float:
    """Return the sd of the noise of single voxels, in the unit of the image.

    It is 1.4826 times the median absolute coefficient of the highest band (HHH) of a Haar wavelet transform
    of the brain (Donoho 1995; Coupe 2010), in which anatomy hardly shows. Interpolation lowers it.
    """
    shape = tuple(2 * (n // 2) for n in image.shape)
    even = tuple(slice(None, n) for n in shape)
    blocks, kept = image[even], inside[even]
    for axis in range(3):
        first, second = (
            tuple(slice(start, None, 2) if i == axis else slice(None) for i in range(3)) for start in (0, 1)
        )
        blocks = (blocks[first] - blocks[second]) / np.float32(math.sqrt(2))
        kept = kept[first] & kept[second]
    coefficients = blocks[kept]
    return SD_PER_MAD * float(np.median(np.abs(coefficients))) if coefficients.size else math.nan


def ringing(image: _Volume, inside: _Bool) -> float:
    """Return the strongest ripple along an axis: its amplitude over that of near frequencies, minus 1.

    Along each axis, the power spectra of the lines through the brain are averaged after differences along the
    line, which flatten the spectrum of anatomy. Ghosts and spikes of k-space are ripples of one frequency: a
    peak over the median of the seven frequencies around it. 0 is a smooth spectrum.

    Raises
    ------
    NotMeasuredError
        The image is too thin along an axis.
    """
    if min(inside.shape) < _LEAST_LINE:
        raise NotMeasuredError(f"the box around the brain has fewer than {_LEAST_LINE} voxels along an axis")
    highest = 0.0
    for axis in range(3):
        first, second = _neighbours(axis)
        change = np.where(inside[first] & inside[second], image[second] - image[first], np.float32(0))
        lines = np.moveaxis(change, axis, -1)
        crossed = np.moveaxis(inside, axis, -1).sum(axis=-1) > inside.shape[axis] // 3
        if np.count_nonzero(crossed) < 20:
            return math.nan
        power = (np.abs(np.fft.rfft(lines[crossed], axis=-1)) ** 2).mean(axis=0, dtype=np.float64)
        highest = max(highest, _peak(power, len(power) * 2 * _LOWEST))
    return highest


def _peak(power: NDArray[np.float64], first: float) -> float:
    from scipy.ndimage import median_filter

    ground = median_filter(power, size=_SMOOTHED, mode="nearest")
    start = math.ceil(first)
    ratio = power[start:] / np.maximum(ground[start:], 1e-12 * power.max() + 1e-30)
    return float(math.sqrt(ratio.max()) - 1) if ratio.size else math.nan


def slice_jump(image: _Volume, inside: _Bool) -> float:
    """Return the largest relative difference of the mean of a slice of the brain to its two neighbours.

    Over the larger of both means, so that a blank slice has 1; over all slices of the three axes that hold
    more than a quarter of the widest cross-section. NaN where no such slice has two such neighbours, or all
    that do have no mean above 0.
    """
    largest = math.nan
    brain = np.where(inside, image, np.float32(0))
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        counts = inside.sum(axis=others)
        means = brain.sum(axis=others, dtype=np.float64) / np.maximum(counts, 1)
        wide = counts > _WIDE * counts.max()
        wide = wide[1:-1] & wide[2:] & wide[:-2]
        around = (means[2:] + means[:-2]) / 2
        larger = np.maximum(means[1:-1], around)
        compared = wide & (larger > 0)
        jumps = np.abs(means[1:-1] - around)[compared] / larger[compared]
        largest = float(np.fmax(largest, jumps.max())) if jumps.size else largest
    return largest
