"""Intervals of metrics by resampling people, or families and the like that are not split."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.family import Family, HeldOut
from neurofm_bids.readouts.readout import Metric

__all__ = ["block_weights", "metrics_with_intervals", "resampled_rows", "with_interval"]

_Values = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_CHUNK = 2_000_000  # weights at once
_LEAST_DEFINED = 0.9  # share of samples in which a metric must be defined


def block_weights(blocks: _Ints, rng: np.random.Generator, count: int) -> _Values:
    """Return how often each of ``count`` bootstrap samples of blocks has each scan, shape (count, n)."""
    names, places = np.unique(blocks, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return drawn[:, places].astype(np.float64)


def resampled_rows(blocks: _Ints, count: int, seed: int) -> list[_Ints]:
    """Return the rows of each of ``count`` bootstrap samples of blocks, increasing, with repetitions."""
    weights = block_weights(blocks, np.random.default_rng(seed), count)
    return [np.repeat(np.arange(len(blocks)), own.astype(np.intp)) for own in weights]


def metrics_with_intervals(held: HeldOut, family: Family, bootstraps: int, seed: int) -> dict[str, Metric]:
    """Return the metrics of held-out scans, with 95 % percentile intervals of the bootstrap over blocks."""
    values = family.metrics(held, np.ones((1, len(held.blocks))))
    samples: dict[str, list[_Values]] = {name: [] for name in values}
    for weights in _weights(held.blocks, bootstraps, seed):
        for name, of_sample in family.metrics(held, weights).items():
            samples[name].append(of_sample)
    drawn = {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in samples.items()}
    return {name: with_interval(float(value[0]), drawn[name]) for name, value in values.items()}


def _weights(blocks: _Ints, count: int, seed: int) -> Iterator[_Values]:
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK // len(blocks))
    for start in range(0, count, size):
        yield block_weights(blocks, rng, min(size, count - start))


def with_interval(value: float, drawn: _Values) -> Metric:
    """Return a metric with the 95 % percentile interval of its values in bootstrap samples, shape (count,).

    There is none if it is not defined in nine of ten samples.
    """
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value):
        return Metric(None)
    if not drawn.size or known.size < _LEAST_DEFINED * drawn.size:
        return Metric(value)
    low, high = np.percentile(known, [2.5, 97.5])
    return Metric(value, (float(low), float(high)))
