"""A seeded generator of random numbers and random fields."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["RandomFields", "resize"]


class RandomFields:
    """Random numbers and random fields of one sample, the same in every process.

    Parameters
    ----------
    seed
        Integers that identify the sample, such as the seed of the run and the index of the sample.
    device
        Where fields are generated; a CPU and a GPU generate different ones.
    """

    def __init__(self, seed: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._scalars = np.random.default_rng(list(seed))
        self.device = torch.device(device)
        self._fields = torch.Generator(self.device)
        self._fields.manual_seed(int(self._scalars.integers(2**62)))

    def uniform(self, low: float, high: float) -> float:
        """Return a uniformly distributed number."""
        return float(self._scalars.uniform(low, high))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Return a normally distributed number, clipped at 2.5 standard deviations."""
        return mean + sd * float(np.clip(self._scalars.normal(), -2.5, 2.5))

    def chance(self, probability: float) -> bool:
        """Return True with a given probability."""
        return bool(self._scalars.random() < probability)

    def choice(self, weights: Sequence[float]) -> int:
        """Return an index with a probability proportional to its weight."""
        p = np.asarray(weights, dtype=float)
        return int(self._scalars.choice(len(p), p=p / p.sum()))

    def white_noise(self, shape: Sequence[int]) -> Tensor:
        """Return white noise of unit variance, float32."""
        return torch.randn(tuple(shape), generator=self._fields, device=self.device)

    def smooth_field(self, shape: Sequence[int], knots: int, channels: int = 1) -> Tensor:
        """Return a smooth random field, (channels, d, h, w).

        Unit variance at the knots, linear between them; ``knots`` of them lie along the longest axis.
        """
        longest = max(shape)
        size = [max(2, round(knots * n / longest)) for n in shape]
        grid = torch.randn((1, channels, *size), generator=self._fields, device=self.device)
        return resize(grid[0], shape)


def resize(fields: Tensor, size: Sequence[int]) -> Tensor:
    """Return fields (channels, d, h, w) interpolated linearly to another grid with the same corners."""
    rows, columns, last = (
        _interpolation(old, new, fields.device) for old, new in zip(fields.shape[1:], size, strict=True)
    )
    planes = columns @ (fields @ last.T)
    return (rows @ planes.flatten(2)).view(-1, *size)


@functools.lru_cache(maxsize=256)
def _interpolation(old: int, new: int, device: torch.device) -> Tensor:
    """Return the weights of the old points at the new ones, (new, old)."""
    lines = torch.eye(old, device=device)[None]
    return interpolate(lines, size=new, mode="linear", align_corners=True)[0].T.contiguous()
