"""Learning to segment: classes of each voxel, and the side, from synthetic brains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurofm_bids.anatomy.intensity import scaled
from neurofm_bids.anatomy.network import CLASSES, AnatomyNet
from neurofm_bids.anatomy.segmentation import LATTICE_VOXEL_MM3, region_amounts
from neurofm_bids.anatomy.weights import load_anatomy_network, save_anatomy_network
from neurofm_bids.pretrain.synthesis.generator import Sample
from neurofm_bids.pretrain.synthesis.truth import left_side, structure_fractions
from neurofm_bids.pretrain.training.intervals import interval_factors
from neurofm_bids.pretrain.training.objective import Row
from neurofm_bids.pretrain.training.precision import Compute, precision_of
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.segmentation_loss import (
    LossWeights,
    dense_fractions,
    segmentation_loss,
)

__all__ = ["SegmentationExample", "SegmentationObjective", "timed_segmentation"]

_KEPT = 4  # fractions of a voxel; others are below a percent
_HELD_OUT = 16
_TIMED_EDGE = 48  # of the lattice


@dataclass(frozen=True)
class SegmentationExample:
    """A synthetic brain in the box of its mask, and what is in it.

    Parameters
    ----------
    image
        Scaled intensities, zero outside the mask, (d, h, w).
    classes, fractions
        The classes with the largest fractions in each voxel, and these fractions, (4, d, h, w).
    left
        1 on the left side, 0 on the right, 0.5 where there are no sides, (d, h, w).
    """

    image: Tensor
    classes: Tensor
    fractions: Tensor
    left: Tensor

    def to(self, device: torch.device) -> SegmentationExample:
        """Return the example on a device."""
        return SegmentationExample(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def dense(self) -> Tensor:
        """Return the fractions of all classes, (25, d, h, w)."""
        return dense_fractions(self.classes[None], self.fractions[None])[0]

    def volumes_mm3(self) -> NDArray[np.float64]:
        """Return the volumes of the regions, then of CSF outside the ventricles, (43,)."""
        return region_amounts(self.dense(), self.left)[:, 0] * LATTICE_VOXEL_MM3


class _Learner(nn.Module):
    def __init__(self, network: AnatomyNet) -> None:
        super().__init__()
        self.network = network


def _logits(network: nn.Module, image: Tensor, precision: torch.dtype) -> Any:
    with torch.autocast(image.device.type, precision, enabled=precision != torch.float32):
        return network(image)


def timed_segmentation() -> Compute:
    """Return what computes the network on a cube, with random weights."""
    network = AnatomyNet().train()
    image = torch.linspace(0, 1, _TIMED_EDGE**3).view(1, 1, *[_TIMED_EDGE] * 3)
    return lambda precision: _logits(network, image, precision)[0].float().sum()


@dataclass(frozen=True)
class SegmentationObjective:
    """Fractions of classes on the lattice, see :class:`~neurofm_bids.anatomy.network.AnatomyNet`.

    Parameters
    ----------
    recipe
        The settings.
    """

    recipe: Recipe

    @property
    def held_out_samples(self) -> int:
        """Number of samples of the held-out label maps."""
        return min(self.recipe.held_out_samples, _HELD_OUT)

    @property
    def loss_weights(self) -> dict[str, Any]:
        """Weights of the parts of the segmentation loss."""
        return asdict(LossWeights())

    def learner(self) -> nn.Module:
        """Return a network with random weights."""
        return _Learner(AnatomyNet())

    def start(self, learner: nn.Module, examples: Sequence[SegmentationExample]) -> None:
        """Do nothing: no weight depends on the data."""

    def load(self, path: Path) -> nn.Module:
        """Return the network of given initial weights."""
        return load_anatomy_network(path)

    def freeze(self, network: nn.Module) -> None:
        """Train with all outputs."""
        network.train()

    def arrays(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """Return the box around the mask of a sample."""
        shape, image = sample.image.shape, scaled(sample.image.image)
        inside = torch.nonzero(image)
        first, second, third = (
            slice(low, high + 1)
            for low, high in zip(inside.amin(dim=0).tolist(), inside.amax(dim=0).tolist(), strict=True)
        )
        box = (first, second, third)
        fractions, classes = structure_fractions(shape, box).topk(_KEPT, dim=0)
        return {
            "image": image[box].half().cpu().numpy(),
            "classes": classes.byte().cpu().numpy(),
            "fractions": (fractions / fractions.sum(dim=0)).half().cpu().numpy(),
            "left": left_side(shape, box).half().cpu().numpy(),
        }

    def example(self, arrays: dict[str, NDArray[Any]]) -> SegmentationExample:
        """Return the example of arrays."""
        image, fractions, left = (
            torch.from_numpy(arrays[name]).float() for name in ("image", "fractions", "left")
        )
        return SegmentationExample(image, torch.from_numpy(arrays["classes"]), fractions, left)

    def loss(self, learner: Any, example: SegmentationExample, step: int) -> Tensor:
        """Return the loss of an example."""
        device = next(learner.network.parameters()).device
        example = example.to(device)
        precision = precision_of(self.recipe.precision, timed_segmentation)
        logits = _logits(learner.network, example.image[None, None], precision)
        return segmentation_loss(logits, example.dense()[None], example.left[None])

    def evaluate(self, network: AnatomyNet, examples: Sequence[SegmentationExample]) -> Row:
        """Return the mean Dice of the structures, and that of each class; None where no example has it."""
        network.eval()
        overlaps = []
        device = next(network.parameters()).device
        for example in (e.to(device) for e in examples):
            with torch.inference_mode():
                probabilities = network(example.image[None, None])[0][0, : len(CLASSES)].softmax(dim=0)
            truth = example.dense()
            both = 2 * (probabilities * truth).flatten(1).sum(dim=1)
            total = (probabilities**2 + truth**2).flatten(1).sum(dim=1)
            overlaps.append(torch.where(truth.flatten(1).amax(dim=1) > 0.5, both / total, torch.nan))
        dice = torch.stack(overlaps).nanmean(dim=0)
        network.train()
        row: Row = {"dice": float(dice[2:].nanmean())}
        for name, value in zip(CLASSES[1:], dice[1:], strict=True):
            row[f"dice_{name}"] = float(value) if value.isfinite() else None
        return row

    def calibrate(self, network: AnatomyNet, examples: Iterable[SegmentationExample]) -> dict[str, float]:
        """Return the factors of the intervals of volumes; the network stays as it is."""
        return interval_factors(network.eval(), ((e.image, e.volumes_mm3()) for e in examples))

    def save(self, network: AnatomyNet, target: Path, metadata: dict[str, Any]) -> None:
        """Write the weights."""
        save_anatomy_network(network, target, {"licence": "Apache-2.0", **metadata})
