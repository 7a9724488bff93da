"""Contrast and noise of the tissues, from a mixture of three Gaussians on the intensities of the brain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.records.statistics import SD_PER_MAD

__all__ = [
    "TISSUES",
    "IntensityModel",
    "Tissue",
    "cjv",
    "cnr",
    "fit_intensities",
    "snr",
    "weighted_tissue",
    "wm2max",
]

TISSUES = ("csf", "gm", "wm")  # from dark to bright in a T1w
_BINS = 1024
_BRIGHTEST = 0.999  # quantile up to which intensities enter the histogram
_ITERATIONS = 200
_CONVERGED = 1e-7
_STARTS = (0.08, 0.4, 0.8)  # quantiles of the brain at which the classes start
_LEAST_SD = 0.005  # of the range: a class does not shrink onto one bin
_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tissue:
    """Median, standard deviation, MAD (times 1.4826) of the intensities of a tissue, and number of voxels."""

    median: float
    sd: float
    mad: float
    n: float


@dataclass(frozen=True)
class IntensityModel:
    """The intensities of a brain as three classes.

    Parameters
    ----------
    edges
        Of the bins of the histogram, shape (1025,).
    posteriors
        Probability of each class in each bin, shape (3, 1024), in the order of ``TISSUES``.
    tissues
        By name.
    """

    edges: _Array
    posteriors: _Array
    tissues: Mapping[str, Tissue]

    def posterior_of(self, values: NDArray[np.floating]) -> _Array:
        """Return the probabilities of the classes, shape (3, n), of intensities of shape (n,)."""
        places = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, _BINS - 1)
        return np.asarray(self.posteriors[:, places])


def fit_intensities(values: NDArray[np.floating]) -> IntensityModel | None:
    """Fit three Gaussians to the intensities of a brain by expectation maximisation (Dempster 1977).

    The fit works on a histogram of 1024 bins from the smallest value to the 99.9th percentile and starts at
    quantiles, so that equal intensities give equal results. The darkest class is called CSF, the next grey,
    the brightest white matter, which holds for T1-weighted images only. None where the values are too few or
    too alike for three classes.

    Parameters
    ----------
    values
        Bias-corrected intensities of the brain, shape (n,).
    """
    if not len(values) or values.min() == values.max():
        return None
    low, high = float(values.min()), float(np.quantile(values, _BRIGHTEST))
    if not high > low:
        return None
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    bright = np.sort(values[values > high])
    weights = counts.astype(np.float64)
    weights[-1] += len(bright)
    centres = (edges[1:] + edges[:-1]) / 2
    posteriors = _posteriors(weights, centres)
    seen = np.concatenate([centres, bright])  # the brightest have no bins
    number = np.concatenate([counts, np.ones(len(bright))])
    rows = np.concatenate([posteriors, np.repeat(posteriors[:, -1:], len(bright), axis=1)], axis=1)
    found = [weighted_tissue(seen, number, row) for row in rows]
    tissues = {name: tissue for name, tissue in zip(TISSUES, found, strict=True) if tissue is not None}
    if len(tissues) < len(TISSUES):
        return None
    return IntensityModel(edges, posteriors, tissues)


def _posteriors(counts: _Array, centres: _Array) -> _Array:
    """Return the probabilities of the three classes in each bin, shape (3, bins)."""
    share = counts / counts.sum()
    cumulative = np.cumsum(share)
    means = np.interp(_STARTS, cumulative, centres)
    least = (_LEAST_SD * (centres[-1] - centres[0])) ** 2
    variances = np.full(3, max(float(np.ptp(means)) ** 2 / 16, least))
    weights = np.full(3, 1 / 3)
    before = -math.inf
    posteriors = np.zeros((3, len(centres)))
    for _ in range(_ITERATIONS):
        log = np.log(weights / np.sqrt(2 * np.pi * variances))[:, None]
        log = log - (centres - means[:, None]) ** 2 / (2 * variances[:, None])
        total = np.logaddexp.reduce(log, axis=0)
        posteriors = np.exp(log - total)
        likelihood = float(share @ total)
        if likelihood - before < _CONVERGED:
            break
        before = likelihood
        mass = posteriors @ share + 1e-12
        means = (posteriors * centres) @ share / mass
        variances = np.maximum(((centres - means[:, None]) ** 2 * posteriors) @ share / mass, least)
        weights = mass / mass.sum()
    return posteriors[np.argsort(means, kind="stable")]


def weighted_tissue(values: _Array, counts: _Array, posteriors: _Array) -> Tissue | None:
    """Return the statistics of a tissue; None where it has less than two voxels.

    As in MRIQC, median and standard deviation weight each voxel with its probability; the MAD is that of the
    voxels with more than half of the largest probability, about the weighted median.

    Parameters
    ----------
    values, counts, posteriors
        Intensities in ascending order, how many voxels have each, and their probability; shape (n,).

    Examples
    --------
    >>> weighted_tissue(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0]), np.ones(3))
    Tissue(median=2.0, sd=0.7071067811865476, mad=0.7413, n=4.0)
    """
    weights = counts * posteriors
    total = float(weights.sum())
    if total < 2:
        return None
    mean = float(values @ weights) / total
    median = _weighted_median(values, weights)
    distance = np.abs(values - median)
    order = np.argsort(distance, kind="stable")
    likely = np.where(posteriors > posteriors.max() / 2, counts, 0)
    mad = SD_PER_MAD * _weighted_median(distance[order], likely[order])
    return Tissue(median, math.sqrt(float((values - mean) ** 2 @ weights) / total), mad, total)


def _weighted_median(ascending: _Array, weights: _Array) -> float:
    """Return the median of values in ascending order, between two of them where the half is reached there."""
    reached = np.cumsum(weights)
    half = reached[-1] / 2
    place = int(np.searchsorted(reached, half))
    if math.isclose(reached[place], half) and place + 1 < len(ascending):
        return float(ascending[place] + ascending[place + 1]) / 2
    return float(ascending[place])


def snr(tissue: Tissue) -> float:
    """Return the signal-to-noise ratio within a tissue: median over sd, sd with n - 1 (as in MRIQC)."""
    spread = tissue.sd * math.sqrt(tissue.n / (tissue.n - 1))
    return tissue.median / spread if spread else math.nan


def cnr(wm: Tissue, gm: Tissue, air_sd: float = 0.0) -> float:
    """Return the contrast-to-noise ratio of white and grey matter (Magnotta and Friedman 2006; as in MRIQC).

    Parameters
    ----------
    air_sd
        Standard deviation in air; 0 where there is no air with noise.
    """
    spread = math.sqrt(air_sd**2 + wm.sd**2 + gm.sd**2)
    return abs(wm.median - gm.median) / spread if spread else math.nan


def cjv(wm: Tissue, gm: Tissue) -> float:
    """Return the coefficient of joint variation (Ganzetti 2016), of medians and MADs as in MRIQC."""
    contrast = abs(wm.median - gm.median)
    return (wm.mad + gm.mad) / contrast if contrast else math.nan


def wm2max(image: NDArray[np.floating], wm_median: float) -> float:
    """Return the median of white matter over the 99.95th percentile of the image (as in MRIQC)."""
    highest = float(np.quantile(image, 0.9995))
    return wm_median / highest if highest > 0 else math.nan
