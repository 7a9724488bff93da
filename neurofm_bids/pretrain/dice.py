"""Random draws of one sample: the same for the same seed and index, in whatever process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["Dice", "resize"]


class Dice:
    """Scalars and smooth fields from one seed.

    Parameters
    ----------
    seed
        Whole numbers that name the sample, such as the seed of the run and the sample's index.
    device
        Where fields are made; fields of a CPU and of a GPU differ.
    """

    def __init__(self, seed: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._scalars = np.random.default_rng(list(seed))
        self.device = torch.device(device)
        self._fields = torch.Generator(self.device)
        self._fields.manual_seed(int(self._scalars.integers(2**62)))

    def uniform(self, low: float, high: float) -> float:
        """Return a number between two others."""
        return float(self._scalars.uniform(low, high))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Return a normally distributed number, cut at 2.5 standard deviations."""
        return mean + sd * float(np.clip(self._scalars.normal(), -2.5, 2.5))

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return bool(self._scalars.random() < probability)

    def choice(self, weights: Sequence[float]) -> int:
        """Return an index, drawn by weight."""
        p = np.asarray(weights, dtype=float)
        return int(self._scalars.choice(len(p), p=p / p.sum()))

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Return white noise of unit variance, float32."""
        return torch.randn(tuple(shape), generator=self._fields, device=self.device)

    def smooth(self, shape: Sequence[int], cells: int, channels: int = 1) -> Tensor:
        """Return noise that varies over ``cells`` knots along the longest axis, (channels, d, h, w).

        Unit variance at the knots, linear between them.
        """
        longest = max(shape)
        knots = [max(2, round(cells * n / longest)) for n in shape]
        grid = torch.randn((1, channels, *knots), generator=self._fields, device=self.device)
        return resize(grid[0], shape)


def resize(fields: Tensor, size: Sequence[int]) -> Tensor:
    """Return fields (channels, d, h, w) on a grid of another size, linear, with the same corners."""
    return interpolate(fields[None], size=tuple(size), mode="trilinear", align_corners=True)[0]
