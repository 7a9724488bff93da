"""Growth: deformations that change the volumes of regions, and push what is around them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

__all__ = ["fit_density", "growth_flow", "read_at"]

# Of the logarithm of the volume ratio. Against steps a sixteenth as large (30 people), places differ by up to
# .25 cells, errors of the volumes of regions by less than .1 %, and the smallest determinant is no smaller.
_STEP = 1.0
_FITS = 6
# On a real head, regions grown by 1.4 or 0.7 get 0.6 to 0.97 of the wanted logarithm without it, 0.77 to 1.17
# with it (root mean square error .22 and .10), and up to 1.34 if it is 4.
_LARGEST_BOOST = 1.5
_LIMIT = 5.0  # of the logarithm of a region's volume ratio


def fit_density(regions: Mapping[str, Tensor], log_ratios: Tensor, extra: Tensor | None = None) -> Tensor:
    """Return the density of growth with which each region gets its volume, (d, h, w).

    The density is the logarithm of the ratio of the volumes of a piece of tissue after and before.

    Parameters
    ----------
    regions
        ``fractions``, ``weights`` and ``inverse`` of a
        :class:`~neurofm_bids.pretrain.anatomy.region_grid.RegionGrid`.
    log_ratios
        Logarithm of the wanted volume ratio of each region, (k,).
    extra
        Density that is added to that of the regions, and compensated in their mean.
    """
    fractions, weights = regions["fractions"].flatten(1), regions["weights"].flatten(1)
    totals = weights.sum(dim=1)
    present = totals > 0
    base = torch.zeros_like(fractions[0]) if extra is None else extra.flatten()
    values = torch.zeros_like(log_ratios)
    density = base
    for _ in range(_FITS):
        missing = torch.where(present, log_ratios - (weights @ density.exp() / totals).log(), 0.0)
        values = (values + regions["inverse"] @ missing).clamp(-_LIMIT, _LIMIT)
        density = base + values @ fractions
    return density.view(regions["fractions"].shape[1:])


def growth_flow(density: Tensor) -> tuple[Tensor, Tensor]:
    """Return the deformation whose local volume ratio is the exponential of a density.

    A piece of tissue keeps its density while it moves. The velocity is the gradient of the potential whose
    Laplacian is the density at the present positions, so that the flow pushes without rotating, and the
    smallest steps cannot fold. The mean of the density is left out: the box keeps its volume.

    Parameters
    ----------
    density
        Before the deformation, (d, h, w), on a grid whose box is large enough that growth ends well inside
        it.

    Returns
    -------
    tuple
        Displacement from each point after the deformation to where it was before, in cells, (3, d, h, w); and
        the density at the points after the deformation, (d, h, w).
    """
    steps = max(2, math.ceil(float(density.abs().max()) / _STEP))
    waves = _waves(tuple(density.shape), density.device)
    places = _identity(density)
    displacement = torch.zeros_like(places)
    present = density
    for _ in range(steps):
        # To second order in time: what grows during a step pushes more at its end than at its start.
        halfway = read_at(present[None], places - _velocity(present, waves) / (2 * steps))[0]
        displacement = _advanced(displacement, places, _velocity(halfway, waves) / steps)
        present = read_at(density[None], places + displacement)[0]
    return displacement, present


def _advanced(displacement: Tensor, places: Tensor, velocity: Tensor) -> Tensor:
    """Return a displacement followed by a step with a velocity, read in the middle of its way."""
    middle = read_at(velocity, places - velocity / 2)
    return read_at(displacement, places - middle) - middle


@functools.lru_cache(maxsize=32)
def _waves(size: tuple[int, int, int], device: torch.device) -> Tensor:
    """Return the factors from the spectrum of a density to that of the velocity, (3, d, h, w // 2 + 1).

    Between the points of the grid the velocity is linear, which takes growth from short waves; they are made
    stronger, within a limit.
    """
    x, y = (torch.fft.fftfreq(n, device=device) for n in size[:2])
    z = torch.fft.rfftfreq(size[2], device=device)
    waves = 2 * math.pi * torch.stack(torch.meshgrid(x, y, z, indexing="ij"))
    sines, cosines = torch.sin(waves / 2), torch.cos(waves / 2)
    mean = cosines.prod(dim=0)  # of a wave over a cell
    divergence = 2 * sines * (cosines[[1, 2, 0]] * cosines[[2, 0, 1]])  # of a linear field over a cell
    squared = (waves**2).sum(dim=0)
    squared[0, 0, 0] = torch.inf
    response = (waves * divergence).sum(dim=0) / squared * mean
    return -1j * waves / (squared * response.clamp(min=1 / _LARGEST_BOOST))


def _velocity(density: Tensor, waves: Tensor) -> Tensor:
    spectrum = torch.fft.rfftn(density)
    velocity: Tensor = torch.fft.irfftn(waves * spectrum, s=density.shape, dim=(1, 2, 3))
    return velocity


def _identity(density: Tensor) -> Tensor:
    axes = [torch.arange(n, dtype=density.dtype, device=density.device) for n in density.shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


def read_at(fields: Tensor, places: Tensor) -> Tensor:
    """Return fields (c, d, h, w) at places (3, d, h, w) in cells, linearly; the faces go on outside."""
    last = torch.tensor(fields.shape[1:], dtype=places.dtype, device=places.device) - 1
    scaled = (places * (2 / last)[:, None, None, None] - 1).flip(0).movedim(0, -1)
    return grid_sample(fields[None], scaled[None], padding_mode="border", align_corners=True)[0]
