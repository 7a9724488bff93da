"""Integrated gradients of numbers that the network computes, on the model grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.explain.baseline import blurred
from neurofm_bids.explain.deposit import deposit
from neurofm_bids.explain.readout import Readout
from neurofm_bids.model.augmentation import Volume, lattices, view_transform

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from neurofm_bids.model.fast import FastNetwork

__all__ = ["MARGIN", "STEPS", "GridAttribution", "attribute"]

STEPS = 12  # nodes of the quadrature
MARGIN = 8  # voxels around the box of the brain


@dataclass(frozen=True)
class GridAttribution:
    """What each voxel of the model grid contributes to one number.

    Parameters
    ----------
    name, long_name, units
        Of the number.
    values
        Units per voxel of 1 mm3, float32, in the box around the brain; mean over the views.
    start
        First voxel of the box in the volume of 256^3.
    output, baseline_output
        The number for the volume and for the baseline, mean over the views.
    """

    name: str
    long_name: str
    units: str
    values: NDArray[np.float32] = field(repr=False)
    start: tuple[int, ...]
    output: float
    baseline_output: float

    @property
    def absolute_completeness_error(self) -> float:
        """Distance of the sum over voxels from the difference of both outputs, in units of the number."""
        return abs(float(self.values.sum(dtype=np.float64)) - self._difference)

    @property
    def completeness_error(self) -> float | None:
        """That distance over the difference of both outputs; None where these are equal."""
        return self.absolute_completeness_error / abs(self._difference) if self._difference else None

    @property
    def _difference(self) -> float:
        return self.output - self.baseline_output


@dataclass(frozen=True)
class _Path:
    """The straight lines from the baseline to the volume, a lattice for each view."""

    volume: Tensor
    baseline: Tensor
    start: tuple[int, ...]
    background: float


def attribute(
    network: FastNetwork,
    volume: Volume,
    readouts: Sequence[Readout],
    *,
    views: int,
    steps: int = STEPS,
    batch_size: int = 1,
    baseline: NDArray[np.float32] | None = None,
) -> list[GridAttribution]:
    """Return integrated gradients of some numbers, all from the same passes of the network.

    The gradient of a number with respect to the voxels that a view reads is integrated along the straight
    line from the baseline to the volume (Gauss-Legendre quadrature), and multiplied with their difference:
    Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, ICML 2017. The statistics of the
    z-score are those of the volume all along the line.

    Parameters
    ----------
    network
        Of an :class:`~neurofm_bids.model.encoder.Encoder`, say, on the device that computes.
    volume
        A model-grid volume.
    readouts
        Targets or linear functions of the features.
    views
        Views of the volume that are averaged, as in encoding.
    steps
        Nodes of the quadrature.
    batch_size
        Nodes that are computed together.
    baseline
        The box of ``volume`` in the baseline, before the z-score; that of :func:`blurred` by default.
    """
    import torch

    path = _path(volume, views, baseline, next(network.buffers()).device)
    shape = tuple(n + 2 * MARGIN for n in volume.box.shape)
    total = np.zeros((len(readouts), *shape))
    corner = np.array(volume.start) - MARGIN
    outputs = torch.zeros(2, len(readouts), dtype=torch.float64)
    for view in range(views):
        outputs += _ends(network, path, view, readouts)
        contributions = _integrated(network, path, view, readouts, steps, batch_size)
        deposit(contributions, path.start, view_transform(volume, view), total, corner)
    total, (output, baseline_output) = total / views, (outputs / views).tolist()
    return [
        GridAttribution(
            readout.name,
            readout.long_name,
            readout.units,
            total[row].astype(np.float32),
            tuple(int(i) for i in corner),
            output[row],
            baseline_output[row],
        )
        for row, readout in enumerate(readouts)
    ]


def _path(volume: Volume, views: int, baseline: NDArray[np.float32] | None, device: torch.device) -> _Path:
    import torch

    if baseline is None:
        baseline = blurred(volume)
    boxes, start = lattices(volume, views)
    others, _ = lattices(replace(volume, box=baseline), views)
    one, other = (torch.from_numpy(part).to(device) for part in (boxes, others))
    return _Path(one, other, start, volume.standard_background)


def _ends(network: FastNetwork, path: _Path, view: int, readouts: Sequence[Readout]) -> Tensor:
    """Return the numbers of the volume and of the baseline, shape (2, readouts), float64."""
    import torch

    from neurofm_bids.model.network import Outputs

    values = []
    for end in (path.volume[view], path.baseline[view]):
        outputs = network(end[None], path.start, end.new_tensor([path.background]))
        heads = {name: head.cpu().double() for name, head in outputs.heads.items()}
        exact = Outputs(outputs.latent.cpu().double(), heads)
        values.append([float(readout.values(exact)[0]) for readout in readouts])
    return torch.tensor(values, dtype=torch.float64)


def _integrated(
    network: FastNetwork,
    path: _Path,
    view: int,
    readouts: Sequence[Readout],
    steps: int,
    batch_size: int,
) -> NDArray[np.float64]:
    """Return what each voxel of one lattice contributes to each number, shape (readouts, d, h, w)."""
    import torch

    baseline, difference = path.baseline[view], path.volume[view] - path.baseline[view]
    nodes, weights = _quadrature(steps)
    total = torch.zeros((len(readouts), *difference.shape), dtype=torch.float64)
    for first in range(0, steps, batch_size):
        share = difference.new_tensor(nodes[first : first + batch_size])[:, None, None, None]
        weight = total.new_tensor(weights[first : first + batch_size])[:, None, None, None]
        points = (baseline + share * difference).requires_grad_()
        background = points.new_full((len(points),), path.background)
        with torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            outputs = network.traced(points, path.start, background)
            for row, readout in enumerate(readouts):
                number, again = readout.values(outputs).sum(), row + 1 < len(readouts)
                (gradient,) = torch.autograd.grad(number, points, retain_graph=again)
                total[row] += (weight * gradient.cpu()).sum(dim=0)
    result: NDArray[np.float64] = (total * difference.cpu()).numpy()
    return result


def _quadrature(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of the Gauss-Legendre quadrature from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2
