"""Auxiliary heads for the anatomy of regions and for the acquisition, which make features carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, smooth_l1_loss

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.model.fast import Map
from neurofm_bids.norms.published import ETIV_ML, read_norms
from neurofm_bids.pretrain.synthesis.placement import CUBE_MM
from neurofm_bids.pretrain.training.feature_examples import ACQUISITION, CELLS, FeatureExample

__all__ = ["Decorrelation", "RegionHeads", "RegionLossWeights", "cell_ml", "limit_gradient"]

_TYPICAL_AGE = 48.0
_RELATIVE_ERROR, _SMALLEST_ML = 0.06, 0.1  # of a volume; below, errors count absolutely
_SHARE_ERROR = 0.05
_CELL_ERROR, _SMALLEST_CELL_ML = 0.02, 0.02
_FILLED = 4.0  # extra weight of cells that hold some of a region


@dataclass(frozen=True)
class RegionLossWeights:
    """Weights of the parts of the loss, and the limit of their gradients.

    Parameters
    ----------
    fractions, cells, volumes, shares, acquisition
        Of the fractions in cells of two inner maps, the volumes in cells of the last map, the volumes and
        their shares of the brain, and the effects of the scanner.
    decorrelation
        See :class:`Decorrelation`.
    largest_gradient
        Of the whole part in each map, so that it cannot outweigh the four targets.
    """

    fractions: float = 30.0
    cells: float = 300.0
    volumes: float = 2.0
    shares: float = 3.0
    acquisition: float = 0.3
    decorrelation: float = 0.03
    largest_gradient: float = 4.0


class _Limit(torch.autograd.Function):
    """The identity, whose gradient has a largest norm."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, largest: float) -> Tensor:
        ctx.largest = largest
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return gradient * (ctx.largest / gradient.norm().clamp(min=1e-12)).clamp(max=1.0), None


def limit_gradient(values: Tensor, largest: float) -> Tensor:
    """Return values as they are; the gradient that comes back through them has at most the given norm."""
    limited: Tensor = _Limit.apply(values, largest)
    return limited


class RegionHeads(nn.Module):
    """Linear heads that learn where regions are, how large they are, and how the image was acquired.

    On the maps of 32^3 and 16^3, fractions of background, CSF and structures in each cell. On the latent
    vector, the volume of each region; where the vector is the mean of the last map (s), the same weights
    learn the volume in each cell of that map: the latent vector then carries volumes linearly.

    Parameters
    ----------
    widths
        Channels of the last map of each size.
    latent_size
        Length of the latent vector.
    averages_cells
        The latent vector is the mean of the last map.
    weights
        Of the parts of the loss.
    """

    volumes_ml: Tensor
    rarity: Tensor
    structure_of: Tensor

    def __init__(
        self, widths: Mapping[int, int], latent_size: int, *, averages_cells: bool, weights: RegionLossWeights
    ) -> None:
        super().__init__()
        self.weights, self.averages_cells = weights, averages_cells
        self.map_heads = nn.ModuleList(nn.Linear(widths[n], len(STRUCTURES) + 2) for n in CELLS[:-1])
        self.volume_head = nn.Linear(latent_size, len(REGIONS))
        self.acquisition_head = nn.Linear(latent_size, len(ACQUISITION))
        self.decorrelation = Decorrelation(latent_size)
        norms = read_norms()
        typical = sum(norms.volumes_mm3(_TYPICAL_AGE, sex, size) for sex, size in ETIV_ML.items()) / 2000
        structure_of = torch.tensor([region.structure for region in REGIONS])
        volumes = torch.from_numpy(typical).float()
        structures = torch.zeros(len(STRUCTURES)).index_add_(0, structure_of, volumes)
        rarity = torch.cat([torch.tensor([16e3, 300.0]), structures]).rsqrt()  # ml of background and CSF
        self.register_buffer("volumes_ml", volumes, persistent=False)
        self.register_buffer("rarity", rarity / rarity.mean(), persistent=False)
        self.register_buffer("structure_of", structure_of, persistent=False)
        nn.init.zeros_(self.volume_head.weight)
        nn.init.zeros_(self.volume_head.bias)

    def forward(self, maps: Sequence[Map], last: Tensor, latent: Tensor, example: FeatureExample) -> Tensor:
        """Return the loss of one example.

        Parameters
        ----------
        maps
            After each block.
        last
            The last map, (1, c, n, n, n).
        latent
            The latent vector, (1, f).
        example
            Its targets.
        """
        weights = self.weights
        latent = limit_gradient(latent, weights.largest_gradient)
        total: Tensor = weights.fractions * self._fraction_loss(maps, example)
        total = total + self._volume_loss(latent, example)
        acquisition = smooth_l1_loss(self.acquisition_head(latent)[0], example.acquisition)
        total = total + weights.acquisition * acquisition
        total = total + weights.decorrelation * self.decorrelation(latent[0])
        if self.averages_cells:
            last = limit_gradient(last, weights.largest_gradient)
            total = total + weights.cells * self._cell_loss(last, example)
        return total

    def _fraction_loss(self, maps: Sequence[Map], example: FeatureExample) -> Tensor:
        """Return the cross-entropy of the fractions in the cells of two maps; rare structures count more.

        Only cells that :class:`FastNetwork` computes count: elsewhere is background.
        """
        by_size = {m.size: m for m in maps}  # the last map of each size
        total = torch.zeros((), device=example.box.device)
        for head, size, cells in zip(self.map_heads, CELLS[:-1], example.structures, strict=True):
            box = tuple(slice(*span) for span in by_size[size].ranges)
            target = cells[(slice(None), *box)].movedim(0, -1)
            values = limit_gradient(by_size[size].values[0].float(), self.weights.largest_gradient)
            costs = -(self.rarity * target * log_softmax(head(values), dim=-1)).sum(dim=-1)
            total = total + costs.sum() / (target * self.rarity).sum()
        return total

    def _volume_loss(self, latent: Tensor, example: FeatureExample) -> Tensor:
        """Return the errors of the volumes of regions, and of the shares of structures in their sum."""
        edge = example.regions.shape[-1]
        truth = example.regions.sum(dim=(1, 2, 3)) * cell_ml(edge)
        found = self.volumes_ml * (1 + self.volume_head(latent)[0])
        scale = _RELATIVE_ERROR * (truth + self.volumes_ml) / 2 + _SMALLEST_ML
        volumes = smooth_l1_loss(found / scale, truth / scale)
        found, truth = self._by_structure(found), self._by_structure(truth)
        shares, known = found / found.sum().clamp(min=300), truth / truth.sum()
        scale = _SHARE_ERROR * known + _SMALLEST_ML / truth.sum()
        return self.weights.volumes * volumes + self.weights.shares * smooth_l1_loss(
            shares / scale, known / scale
        )

    def _by_structure(self, regions: Tensor) -> Tensor:
        return regions.new_zeros(len(STRUCTURES)).index_add(0, self.structure_of, regions)

    def _cell_loss(self, last: Tensor, example: FeatureExample) -> Tensor:
        """Return the errors of the volumes in each cell of the last map."""
        edge = last.shape[-1]
        values = torch.einsum("ncdhw,rc->rdhw", last, self.volume_head.weight)
        found = (values + (1 + self.volume_head.bias)[:, None, None, None]) / edge**3
        scale = (_CELL_ERROR * self.volumes_ml + _SMALLEST_CELL_ML)[:, None, None, None]
        found = found * self.volumes_ml[:, None, None, None] / scale
        costs: Tensor = smooth_l1_loss(found, example.regions * cell_ml(edge) / scale, reduction="none")
        return (costs * (1 + _FILLED * (example.regions > 0))).mean()


class Decorrelation(nn.Module):
    """The sum of squared correlations between features, as a loss of one example at a time.

    The correlations are those of the latest examples. With them held fixed, the loss of an example has in
    expectation the gradient of half that sum, which is ``n**2`` over the participation ratio less ``n``.

    Parameters
    ----------
    size
        Number of features.
    """

    mean: Tensor
    product: Tensor
    count: Tensor
    _UPDATE, _SETTLED = 2e-3, 1000.0

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("product", torch.zeros(size, size))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return the loss of the features of an example, (n,); it grows from 0 while correlations settle."""
        self._follow(features.detach())
        covariance = self.product - self.mean[:, None] * self.mean
        sd = covariance.diagonal().clamp(min=1e-8).sqrt()
        correlation = (covariance / sd / sd[:, None]).clamp(-1, 1)
        correlation = correlation - torch.diag(correlation.diagonal())
        scores = ((features - self.mean) / sd).clamp(-3, 3)
        return (self.count / self._SETTLED).clamp(max=1) * (scores @ correlation @ scores) / len(scores)

    @torch.no_grad()
    def _follow(self, features: Tensor) -> None:
        self.count += 1
        update = torch.maximum(1 / self.count, torch.tensor(self._UPDATE, device=features.device))
        self.mean.lerp_(features, update)
        self.product.lerp_(features[:, None] * features, update)


def cell_ml(edge: int) -> float:
    """Return the volume of one of ``edge**3`` cells of the model grid."""
    return float((CUBE_MM / edge) ** 3 / 1000)
