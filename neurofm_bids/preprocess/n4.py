"""N4: the bias field of an image, from its own histogram, as sums of cubic B-splines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.resources import torch_threads

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["log_bias_field"]

_SHRINK = 4  # every fourth voxel along each axis is used
_LEVELS, _ITERATIONS = 4, 50
_SPLINE_MM = 200.0  # distance of the knots at the first level, halved at each further one
_BINS, _FWHM, _NOISE = 200, 0.15, 0.01
_DARK = 0.01  # share of the median below which a voxel carries no signal: its logarithm would be extreme


def log_bias_field(
    data: NDArray[np.float32], inside: NDArray[np.bool_], spacing: Sequence[float]
) -> NDArray[np.float32]:
    """Return the natural logarithm of the bias field of an image, up to a constant.

    The algorithm of Tustison et al. (2010, doi:10.1109/TMI.2010.2046908) with the settings and the lattice of
    ``N4BiasFieldCorrection -s 4 -c [50x50x50x50] -b [200]`` of ANTs, whose field it reproduces
    (benchmarks/n4.py). The samples lie on a lattice and the splines are separable, so that a fit is three
    matrix products instead of a sum over scattered points.

    Parameters
    ----------
    data
        Intensities, zero where there is no signal, shape (X, Y, Z).
    inside
        The voxels whose histogram is sharpened, same shape.
    spacing
        Voxel sizes in mm.
    """
    axes = [_axis(size, mm) for size, mm in zip(data.shape, spacing, strict=True)]
    lattice = np.ix_(*(axis.samples for axis in axes))
    sampled = data[lattice].astype(np.float64)
    used = inside[lattice] & (sampled > _DARK * np.median(data[inside]))
    values = np.log(sampled[used])
    field = np.zeros(data.shape, dtype=np.float32)
    if values.size == 0 or values.min() == values.max():  # nothing to tell a field from
        return field
    with torch_threads(1):  # threads cost more than they save, and the last bits depend on their number
        for level in range(_LEVELS):
            bases = [_splines(axis.at_samples, axis.spans * 2**level) for axis in axes]
            weights, values = _fit(values, used, bases)
            whole = [_splines(axis.at_voxels, axis.spans * 2**level).T.float() for axis in axes]
            field += _product(weights.float(), whole).numpy()
    return field


@dataclass(frozen=True)
class _Axis:
    """One axis of an image in the domain of the splines, whose length is a multiple of the knot distance.

    ``samples`` are the voxels that are used; ``at_samples`` and ``at_voxels`` are the places of samples and
    voxels from 0 to 1.
    """

    spans: int
    samples: NDArray[np.int64]
    at_samples: NDArray[np.float64]
    at_voxels: NDArray[np.float64]


def _axis(size: int, spacing: float) -> _Axis:
    """Lay an axis out as ANTs does: padded on both sides, then every fourth voxel about the centre."""
    spans = math.ceil((size - 1) * spacing / _SPLINE_MM)
    padding = int(spans * _SPLINE_MM / spacing - (size - 1) + 0.5)
    before, domain = padding // 2, size + padding
    count = domain // _SHRINK
    first = max(before % _SHRINK, (domain - (count - 1) * _SHRINK) // 2)
    voxels = first + _SHRINK * np.arange(count) - before
    kept = (voxels >= 0) & (voxels < size)
    at_samples, at_voxels = np.arange(count) / (count - 1), (np.arange(size) + before) / (domain - 1)
    return _Axis(spans, voxels[kept], at_samples[kept], at_voxels)


def _splines(places: NDArray[np.float64], spans: int) -> Tensor:
    """Return the values of the uniform cubic B-splines at places from 0 to 1, (places, spans + 3)."""
    import torch

    first = np.minimum((places * spans).astype(int), spans - 1)
    t = places * spans - first
    four = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    values = np.zeros((len(places), spans + 3))
    for index, spline in enumerate(four):
        values[np.arange(len(places)), first + index] = spline / 6
    return torch.from_numpy(values)


def _product(values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply each axis of an array by its matrix, (before, after)."""
    import torch

    for matrix in matrices:  # the first axis goes to the end
        values = torch.tensordot(values, matrix, dims=([0], [0]))
    return values


def _fit(
    values: NDArray[np.float64], used: NDArray[np.bool_], bases: Sequence[Tensor]
) -> tuple[Tensor, NDArray[np.float64]]:
    """Sharpen the histogram and fit the difference by splines, over and over.

    Returns the weights of the splines and the values that remain. The fit is that of Lee, Wolberg and Shin
    (1997, doi:10.1109/2945.620490) for scattered data.
    """
    import torch

    squares, cubes, back = ([f(basis) for basis in bases] for f in (torch.square, lambda b: b**3, torch.t))
    place = torch.from_numpy(used)
    total = _product(place.double(), squares)
    norm = torch.einsum("i,j,k->ijk", *(basis.sum(1) for basis in squares))
    weights = torch.zeros_like(total)
    for _ in range(_ITERATIONS):
        difference = torch.zeros_like(norm)
        difference[place] = torch.from_numpy(values - _sharpened(values))
        step = torch.nan_to_num(_product(difference / norm, cubes) / total, nan=0.0)
        values = values - _product(step, back)[place].numpy()
        weights += step
    return weights, values


def _sharpened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values expected without the bias field: their histogram deconvolved by a Gaussian."""
    low, width = values.min(), (values.max() - values.min()) / (_BINS - 1)
    place = (values - low) / width
    index = np.minimum(place.astype(int), _BINS - 2)
    share = place - index
    histogram = np.bincount(index, 1 - share, _BINS) + np.bincount(index + 1, share, _BINS)
    expected = _expected(histogram, low, width)
    sharpened: NDArray[Any] = expected[index] * (1 - share) + expected[index + 1] * share
    return sharpened


def _expected(histogram: NDArray[Any], low: float, width: float) -> NDArray[np.float64]:
    """Return the expected value without bias field of each bin of a histogram."""
    size = 2 ** (math.ceil(math.log2(_BINS)) + 1)
    start = (size - _BINS) // 2
    distance = np.minimum(np.arange(size), size - np.arange(size)) * width / _FWHM
    scale = 2 * math.sqrt(math.log(2) / math.pi) * width / _FWHM
    gaussian = np.fft.fft(scale * np.exp(-4 * math.log(2) * distance**2))
    wiener = (gaussian.conj() / (gaussian.conj() * gaussian + _NOISE)).real
    padded = np.pad(histogram, (start, size - _BINS - start))
    sharp = np.maximum(np.fft.ifft(np.fft.fft(padded) * wiener).real, 0)
    bins = low + (np.arange(size) - start) * width
    weighted, counts = (np.fft.ifft(np.fft.fft(part) * gaussian).real for part in (bins * sharp, sharp))
    expected: NDArray[Any] = np.divide(weighted, counts, out=np.zeros(size), where=counts != 0)
    return expected[start : start + _BINS]
