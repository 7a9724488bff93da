"""Labels of 1 mm voxels from posteriors on lattices of 2 mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurofm_bids.anatomy.labels import LABELS
from neurofm_bids.geometry import PHASES

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Posteriors", "most_likely"]


@dataclass(frozen=True)
class Posteriors:
    """Posteriors of a lattice: of :data:`LABELS`, (20, d, h, w), and of the left side, (d, h, w)."""

    labels: Tensor
    left: Tensor


def most_likely(posteriors: Sequence[Posteriors]) -> Tensor:
    """Return the code of the most likely label of each voxel of 1 mm, uint8."""
    import torch

    left = _interleaved([lattice.left for lattice in posteriors]) > 0.5
    best = torch.zeros_like(left, dtype=torch.float32)
    codes = torch.zeros_like(left, dtype=torch.uint8)
    for index, label in enumerate(LABELS):
        maps = [lattice.labels[index] for lattice in posteriors]
        box = _box_of_candidates(maps)
        if box is None:
            continue
        fine = tuple(slice(2 * span.start, 2 * span.stop) for span in box)
        posterior = _interleaved([values[box] for values in maps])
        better = posterior > best[fine]
        best[fine] = torch.maximum(posterior, best[fine])
        sides = codes.new_tensor([label.right, label.left])[left[fine].long()]
        codes[fine] = torch.where(better, sides, codes[fine])
    return codes


def _box_of_candidates(maps: Sequence[Tensor]) -> tuple[slice, ...] | None:
    """Return the box, widened by a voxel, outside of which other labels are more likely; None if empty."""
    import torch

    candidates = torch.stack([values >= 1 / len(LABELS) for values in maps]).any(dim=0)
    spans = []
    for axis, size in enumerate(candidates.shape):
        inside = torch.nonzero(candidates.amax(dim=[other for other in range(3) if other != axis]))
        if not len(inside):
            return None
        spans.append(slice(max(int(inside[0]) - 1, 0), min(int(inside[-1]) + 2, size)))
    return tuple(spans)


def _interleaved(maps: Sequence[Tensor]) -> Tensor:
    """Return values at 1 mm from maps of the first lattices, (d, h, w) to (2d, 2h, 2w)."""
    import torch

    phases = PHASES[: len(maps)]
    if len(maps) == len(PHASES):
        fine = maps[0].new_empty([2 * size for size in maps[0].shape])
    else:
        doubled = [_doubled(values, phase) for values, phase in zip(maps, phases, strict=True)]
        fine = torch.stack(doubled).mean(dim=0)
    for values, (x, y, z) in zip(maps, phases, strict=True):
        fine[x::2, y::2, z::2] = values
    return fine


def _doubled(values: Tensor, phase: tuple[int, int, int]) -> Tensor:
    """Return a lattice at 1 mm: linear between its voxels, constant beyond the last ones."""
    import torch

    for axis, first in enumerate(phase):
        size = values.shape[axis]
        steps = torch.arange(size, device=values.device) + (-1 if first else 1)
        between = (values + values.index_select(axis, steps.clamp(0, size - 1))) / 2
        pair = (between, values) if first else (values, between)
        values = torch.stack(pair, dim=axis + 1).flatten(axis, axis + 1)
    return values
