"""Truth: the regions of a shape, as volumes and as fractions of voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.anatomy.region_map import mirrored
from neurofm_bids.pretrain.synthesis.shape import Shape, occupancy

__all__ = ["left_side", "region_sums", "region_volumes_ml", "structure_fractions"]

_SIDES = {"left": 1.0, "right": 0.0, "": 0.5}


def region_volumes_ml(shape: Shape) -> NDArray[np.float64]:
    """Return the volumes of the regions of a shape, (42,)."""
    everywhere = torch.zeros(tuple(shape.size), dtype=torch.int64, device=shape.brain.device)
    (sums,) = region_sums(shape, [(everywhere, 1)])
    return sums[:, 0].cpu().numpy() * shape.step_mm**3 / 1000


def region_sums(shape: Shape, groupings: Sequence[tuple[Tensor, int]]) -> list[Tensor]:
    """Return the sums of the fractions of each region over groups of voxels, (42, groups) float64 each.

    Parameters
    ----------
    shape
        The shape.
    groupings
        For each, the group of each voxel of the box, (d, h, w), and the number of groups; voxels of other
        groups count nowhere.
    """
    columns = len(REGIONS) + 1
    totals = [torch.zeros((count + 1) * columns, dtype=torch.float64) for _, count in groupings]
    totals = [total.to(shape.brain.device) for total in totals]
    for voxels, labels, weights in _parts(shape):
        values = weights.flatten().double()
        for total, (groups, count) in zip(totals, groupings, strict=True):
            places = groups.flatten()[voxels].clamp(max=count)[:, None] * columns + labels
            total += torch.bincount(places.flatten(), values, minlength=total.numel())
    order = torch.from_numpy(mirrored() if shape.is_mirrored else np.arange(len(REGIONS)))
    return [total.view(-1, columns)[:-1, 1:].T[order.to(total.device)] for total in totals]


def structure_fractions(shape: Shape, box: tuple[slice, slice, slice]) -> Tensor:
    """Return the fractions of background, CSF and each structure in the voxels of a part of the box.

    Returns
    -------
    Tensor
        float32, (25, d, h, w): background, CSF outside the ventricles, and the structures.
    """
    device = shape.brain.device
    table = torch.tensor([0, *(region.structure + 2 for region in REGIONS)], device=device)
    size = shape.brain[box].shape
    classes, voxels = len(STRUCTURES) + 2, int(np.prod(size))
    sums = torch.zeros(classes * voxels, device=device)
    for places, labels, weights in _parts(shape, box):
        sums.scatter_add_(0, (table[labels.long()] * voxels + places[:, None]).flatten(), weights.flatten())
    fractions = sums.view(-1, *size)
    inside = occupancy(shape.cranium[box], shape.step_mm)
    brain = fractions[2:].sum(dim=0)
    fractions[1] = (inside - brain).clamp(min=0)
    fractions[0] = (1 - brain - fractions[1]).clamp(min=0)
    return fractions / fractions.sum(dim=0)


def left_side(shape: Shape, box: tuple[slice, slice, slice]) -> Tensor:
    """Return 1 in voxels of the left side, 0 in the right and 0.5 where there are no sides, (d, h, w)."""
    device = shape.brain.device
    table = torch.tensor([0.5, *(_SIDES[region.side] for region in REGIONS)], device=device)
    best = torch.zeros(shape.brain[box].numel(), device=device)
    side = torch.full_like(best, 0.5)
    for places, labels, weights in _parts(shape, box):
        weight, corner = weights.max(dim=1)
        here = table[labels.gather(1, corner[:, None])[:, 0].long()]
        before = best[places]
        side[places] = torch.where(weight > before, here, side[places])
        best[places] = torch.maximum(before, weight)
    return (1 - side if shape.is_mirrored else side).reshape(shape.brain[box].shape)


def _parts(
    shape: Shape, box: tuple[slice, slice, slice] = (slice(None),) * 3
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield voxels of the part of the box (n,), and their region numbers and fractions (n, m) each.

    First of the core, then of the cortex, then of the ventricles: only voxels with a fraction of them.
    """
    arrays = shape.anatomy.tensors(shape.brain.device)
    numbers = torch.arange(shape.brain.numel(), device=shape.brain.device).view(shape.size)[box].flatten()
    step = shape.step_mm
    core = occupancy(shape.core[box], step).flatten()
    brain, lateral = shape.brain[box].flatten(), shape.ventricles[box].flatten()
    others = (occupancy(shape.others[box], step) * (1 - shape.ventricles[box])).flatten()
    inner = core * brain
    voxels = inner.nonzero()[:, 0]
    labels, weights = shape.interpolator.label_weights(arrays["core"], numbers[voxels])
    yield voxels, labels, weights * inner[voxels, None]
    for name, fraction in (("cortex", (1 - core) * brain), ("ventricles", lateral + others)):
        voxels = fraction.nonzero()[:, 0]
        labels = shape.interpolator.nearest_labels(arrays[name], numbers[voxels])
        yield voxels, labels[:, None], fraction[voxels, None]
