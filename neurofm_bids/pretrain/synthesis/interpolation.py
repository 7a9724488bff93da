"""Linear interpolation of volumes at arbitrary points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

__all__ = ["Interpolator"]


class Interpolator:
    """Linear interpolation of volumes of one shape at the same points; the weights are computed once.

    Parameters
    ----------
    points
        In voxels of the volumes, (3, d, h, w); points outside take the value of the nearest face.
    shape
        Of the volumes, (D, H, W).
    """

    def __init__(self, points: Tensor, shape: Sequence[int]) -> None:
        self.size = tuple(points.shape[1:])
        last = torch.tensor([n - 1.001 for n in shape], device=points.device)[:, None]
        flat = torch.minimum(points.flatten(1).clamp(min=0), last)
        low = flat.floor()
        after = flat - low  # weight of the next voxel along each axis
        before = 1 - after
        sides = [(before[axis], after[axis]) for axis in range(3)]
        pairs = torch.stack([a * b for a, b in product(*sides[:2])], dim=1)
        self._weights = torch.empty((pairs.shape[0], 8), device=points.device)
        for last_corner, weight in enumerate(sides[2]):
            torch.mul(pairs, weight[:, None], out=self._weights[:, last_corner::2])
        x, y, z = low.int()
        corner = (x * shape[1] + y) * shape[2] + z
        steps = [(i * shape[1] + j) * shape[2] + k for i, j, k in product((0, 1), repeat=3)]
        self._corners = corner[:, None] + torch.tensor(steps, dtype=torch.int32, device=points.device)

    def interpolate(self, volume: Tensor) -> Tensor:
        """Return a volume (D, H, W, C) at the points, (C, d, h, w)."""
        values = self._weighted_sum(self._corners, volume.flatten(0, 2))
        return values.T.reshape(-1, *self.size).contiguous()

    def interpolate_labels(self, labels: Tensor, values: Tensor) -> Tensor:
        """Return the values (n, C) that a volume of labels (D, H, W) indexes, at the points, (C, d, h, w)."""
        rows = labels.flatten().index_select(0, self._corners.flatten()).int()
        return self._weighted_sum(rows.view_as(self._corners), values).T.reshape(-1, *self.size)

    def label_weights(self, labels: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labels around some of the points, uint8, and their weights, (n, 8) each."""
        corners = self._corners[points]
        return labels.flatten()[corners], self._weights[points]

    def nearest_labels(self, labels: Tensor, points: Tensor) -> Tensor:
        """Return the label of the voxel nearest to some of the points, uint8, (n,)."""
        corner = self._weights[points].argmax(dim=1, keepdim=True)
        return labels.flatten()[self._corners[points].gather(1, corner)[:, 0]]

    def _weighted_sum(self, rows: Tensor, table: Tensor) -> Tensor:
        values: Tensor = embedding_bag(rows, table, per_sample_weights=self._weights, mode="sum")
        return values
