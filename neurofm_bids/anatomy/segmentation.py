"""Segmentation of a brain on the model grid: labels of 1 mm voxels, and volumes of regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.labels import LABELS
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.voxel_labels import Posteriors, most_likely
from neurofm_bids.config import ANATOMY_PHASES
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.geometry import PHASES
from neurofm_bids.preprocess.model_grid import grid_values

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "LATTICE_VOXEL_MM3",
    "Segmentation",
    "lattice_volumes",
    "region_amounts",
    "segment",
]

LATTICE_VOXEL_MM3 = 8.0
_DIMMEST = 0.05  # of the 98th percentile; the ringing of the interpolation outside the mask is darker


@dataclass(frozen=True)
class Segmentation:
    """Labels and volumes of one brain.

    Parameters
    ----------
    labels
        Codes of FreeSurfer of the voxels of the model grid (24 is CSF, 3 and 42 the cortex), uint8, 256^3.
    by_phase_mm3
        Volumes of :data:`~neurofm_bids.anatomy.regions.REGIONS`, then of CSF outside the ventricles, at each
        phase, (phases, 43): sums of posteriors, to which a voxel with two tissues contributes to both.
    confidence
        Mean posterior of a region over its voxels, each weighted with that posterior, (43,), 0 to 1; 0 for a
        region that is not there.
    """

    labels: NDArray[np.uint8]
    by_phase_mm3: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def volumes_mm3(self) -> NDArray[np.float64]:
        """Volumes of the regions and of CSF, mean over the phases, (43,)."""
        return np.asarray(self.by_phase_mm3.mean(axis=0))

    @property
    def spread_mm3(self) -> NDArray[np.float64]:
        """Standard deviation of each volume over the phases, (43,); NaN for one phase."""
        if len(self.by_phase_mm3) == 1:
            return np.full(self.by_phase_mm3.shape[1], np.nan)
        return np.asarray(self.by_phase_mm3.std(axis=0, ddof=1))


def segment(volume: NDArray[np.generic], network: nn.Module, phases: int = 2) -> Segmentation:
    """Segment a brain on the model grid.

    The network reads lattices of 2 mm, one for each phase. A voxel of 1 mm has the posteriors of its own
    lattice, or the mean of those that are interpolated linearly between the voxels of each lattice.

    Parameters
    ----------
    volume
        256^3 voxels of 1 mm, LIA, skull-stripped, zero outside the mask, any unit.
    network
        An :class:`~neurofm_bids.anatomy.network.AnatomyNet` in eval mode.
    phases
        Number of lattices; with 8, every voxel is read.

    Raises
    ------
    NeuroFMError
        The volume is not 256^3, not of finite real numbers, or has no voxel above zero.
    """
    import torch

    from neurofm_bids.anatomy.intensity import scaled

    if phases not in ANATOMY_PHASES:
        raise ValueError(f"{phases} phases: choose 1, 2 or 8")
    with torch.inference_mode():
        image = scaled(torch.tensor(grid_values(volume)))
        box = _brain_box(image)
        image = image[box].contiguous()
        posteriors, amounts = [], []
        for x, y, z in PHASES[:phases]:
            found, amount = _read(network, image[x::2, y::2, z::2])
            posteriors.append(found)
            amounts.append(amount)
        labels = np.zeros(volume.shape, dtype=np.uint8)
        labels[box] = most_likely(posteriors).cpu().numpy()
    return _segmentation(labels, np.stack(amounts))


def lattice_volumes(network: nn.Module, lattice: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return volumes in mm3 and confidence, each (43,), of one lattice.

    Parameters
    ----------
    lattice
        Scaled intensities of the box of a brain at 2 mm, zero outside the mask, (d, h, w).
    """
    import torch

    with torch.inference_mode():
        _, amounts = _read(network, lattice)
    return amounts[:, 0] * LATTICE_VOXEL_MM3, _confidence(amounts)


def region_amounts(classes: Tensor, left: Tensor) -> NDArray[np.float64]:
    """Return the sums over voxels of the share of each region and of its square, then of CSF, (43, 2).

    Parameters
    ----------
    classes
        Posteriors or fractions of :data:`~neurofm_bids.anatomy.network.CLASSES`, (25, d, h, w).
    left
        Those of the left side, (d, h, w).
    """
    import torch

    classes, left = classes.cpu(), left.cpu()  # not every device has float64
    sides = {"left": left, "right": 1 - left}
    parts = [(classes[2 + region.structure], sides.get(region.side)) for region in REGIONS]
    amounts = []
    for share, side in (*parts, (classes[1], None)):
        part = share if side is None else share * side
        amounts.append([float(values.sum(dtype=torch.float64)) for values in (part, part.square())])
    return np.array(amounts)


def _brain_box(image: Tensor) -> tuple[slice, slice, slice]:
    """Return the box around the brain; it starts and ends at even voxels."""
    import torch

    bright = image > _DIMMEST
    spans = []
    for axis in range(3):
        inside = torch.nonzero(bright.amax(dim=[other for other in range(3) if other != axis]))
        if not len(inside):
            raise NeuroFMError("no voxel is above zero", fix="Check how the volume was made.")
        spans.append(slice(int(inside[0]) // 2 * 2, int(inside[-1]) // 2 * 2 + 2))
    return spans[0], spans[1], spans[2]


def _read(network: nn.Module, lattice: Tensor) -> tuple[Posteriors, NDArray[np.float64]]:
    """Return the posteriors of a lattice and the amounts of regions and CSF in it."""
    import torch

    device = next(network.parameters(), lattice).device
    logits = network(lattice[None, None].to(device))[0][0]
    classes, left = logits[:-1].softmax(dim=0), logits[-1].sigmoid()
    rows = [label for label in LABELS if label.structures]
    merged = [classes[[2 + index for index in label.structures]].sum(dim=0) for label in rows]
    posteriors = Posteriors(torch.stack([*classes[:2], *merged]), left)
    return posteriors, region_amounts(classes, left)


def _segmentation(labels: NDArray[np.uint8], amounts: NDArray[np.float64]) -> Segmentation:
    """Return the segmentation from amounts at each phase, (phases, 43, 2)."""
    return Segmentation(labels, amounts[..., 0] * LATTICE_VOXEL_MM3, _confidence(amounts.sum(axis=0)))


def _confidence(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    sums, squares = amounts.T
    return np.asarray(np.divide(squares, sums, out=np.zeros_like(sums), where=sums > 0))
