"""The loss of the segmentation network on soft fractions of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vecdot
from torch.nn.functional import avg_pool3d, binary_cross_entropy_with_logits, log_softmax

from neurofm_bids.anatomy.network import CLASSES
from neurofm_bids.anatomy.regions import STRUCTURES

__all__ = ["LossWeights", "dense_fractions", "segmentation_loss"]

_SIDED = [CLASSES.index(structure.name) for structure in STRUCTURES if structure.right]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss.

    Parameters
    ----------
    dice, side
        Of soft Dice and of the side, relative to the cross-entropy of the classes.
    rarity
        The Dice of a class counts with its volume to the power of ``-rarity``: 0 for equal weights.
    levels
        Of the logits at 2, 4, 8 mm and so on; their sum is made 1.
    """

    dice: float = 1.0
    side: float = 0.2
    rarity: float = 0.0
    levels: tuple[float, ...] = (1.0, 0.5, 0.25)


def dense_fractions(labels: Tensor, fractions: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """Return the fraction of each class from a few classes per voxel.

    Parameters
    ----------
    labels
        Indices of classes, (N, k, d, h, w); one class may come twice.
    fractions
        Their fractions, (N, k, d, h, w).

    Returns
    -------
    Tensor
        float32, (N, classes, d, h, w).
    """
    dense = torch.zeros((len(labels), classes, *labels.shape[2:]), device=labels.device)
    return dense.scatter_add_(1, labels.long(), fractions.float())


def segmentation_loss(
    outputs: Sequence[Tensor], fractions: Tensor, left: Tensor, weights: LossWeights | None = None
) -> Tensor:
    """Return cross-entropy, soft Dice and the error of the side, over all levels of the network.

    Every part is smallest where the probabilities are the fractions, so sums of probabilities are volumes.
    The Dice has squares in its denominator for this reason (Milletari et al. 2016); it is averaged over the
    classes that a sample has, so a small structure counts as much as the cortex.

    Parameters
    ----------
    outputs
        Logits of :class:`~neurofm_bids.anatomy.network.AnatomyNet`, the finest first.
    fractions
        Fraction of each class, (N, 25, d, h, w), sum 1; see :func:`dense_fractions`.
    left
        1 where the structures with two sides are left, 0 where they are right, in between where both meet,
        (N, d, h, w); not read elsewhere.
    weights
        Of the parts; by default those of :class:`LossWeights`.
    """
    weights = weights or LossWeights()
    levels = weights.levels[: len(outputs)]
    sided = fractions[:, _SIDED].sum(dim=1)
    on_left = sided * left
    total = outputs[0].new_zeros(())
    for level, (logits, weight) in enumerate(zip(outputs, levels, strict=True)):
        if level:
            fractions, sided, on_left = (_pool(x) for x in (fractions, sided, on_left))
        cost = _class_loss(logits[:, :-1], fractions, weights)
        cost = cost + weights.side * _side_loss(logits[:, -1], sided, on_left)
        total = total + cost * (weight / sum(levels))
    return total


def _pool(x: Tensor) -> Tensor:
    """Average over 2x2x2 voxels, or over those there are at the far faces."""
    return avg_pool3d(x, 2, ceil_mode=True)


class _Agreement(torch.autograd.Function):
    """Cross-entropy, overlap of probabilities and truth, and squared extent of probabilities.

    Their gradient is written out, with fewer passes over the maps than autograd (0.14 instead of 0.21 CPU s
    for a crop of 72^3). Maps are (N, C, voxels), so sums over voxels are dot products.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logarithms = log_softmax(logits, dim=1)
        cross_entropy = -vecdot(truth, logarithms).sum() / (len(truth) * truth.shape[2])
        probabilities = logarithms.exp_()
        ctx.save_for_backward(probabilities, truth)
        return cross_entropy, vecdot(probabilities, truth), vecdot(probabilities, probabilities)

    @staticmethod
    def backward(ctx: Any, by_entropy: Tensor, by_overlap: Tensor, by_extent: Tensor) -> tuple[Tensor, None]:
        probabilities, truth = ctx.saved_tensors
        share = by_entropy / (len(truth) * truth.shape[2])
        gradient = torch.mul(truth, by_overlap[..., None])
        gradient.addcmul_(probabilities, 2 * by_extent[..., None])  # by the probabilities
        along = (gradient * probabilities).sum(dim=1, keepdim=True)
        gradient.sub_(along.sub_(share)).mul_(probabilities)  # by the logits
        return gradient.sub_(truth * share), None


def _class_loss(logits: Tensor, fractions: Tensor, weights: LossWeights) -> Tensor:
    truth = fractions.flatten(2)
    cross_entropy, overlap, extent = _Agreement.apply(logits.contiguous().flatten(2), truth)
    volume = truth.sum(dim=2)
    importance = torch.where(volume > 0, volume.clamp(min=1) ** -weights.rarity, 0)
    dice = 1 - 2 * overlap / (extent + vecdot(truth, truth))
    mean_dice = (dice * importance).sum(dim=1) / importance.sum(dim=1)
    total: Tensor = cross_entropy + weights.dice * mean_dice.mean()
    return total


def _side_loss(logits: Tensor, sided: Tensor, on_left: Tensor) -> Tensor:
    target = on_left / sided.clamp(min=1e-6)
    cost = binary_cross_entropy_with_logits(logits, target, sided, reduction="sum")
    mean: Tensor = cost / sided.sum().clamp(min=1)
    return mean
