"""Losses: four targets of the whole brain, and the same knowledge cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from neurofm_bids.model.architecture import WIDTH, Architecture
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.fast import FastNetwork, Map
from neurofm_bids.model.network import NeuroFMNet, Outputs
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pretrain.samples import CELLS, Item
from neurofm_bids.pretrain.shape import CUBE_MM

__all__ = ["Estimates", "Teacher", "estimates"]

_VENTRICLE_WEIGHT = 100.0
_AGE_SCALE, _BRAIN_SCALE, _LATERAL_SCALE, _LOG_SCALE = 8.0, 40.0, 3.0, 0.12
_SHARE_SCALE, _CAVITY_SCALE = 0.015, 60.0
_TYPICAL = {"age": 48.0, "ventricular_volume": 25e3, "brain_volume": 1150e3}  # where heads begin


class Estimates(NamedTuple):
    """Predictions in units, each (N,): age in years, logit of male, two volumes in ml."""

    age_years: Tensor
    male: Tensor
    lateral_ml: Tensor
    brain_ml: Tensor


def estimates(outputs: Outputs) -> Estimates:
    """Turn standardised outputs into units."""
    of = model_spec("open-s").targets
    return Estimates(
        outputs.age * of["age"].sd + of["age"].mean,
        outputs.sex_logits[:, 1] - outputs.sex_logits[:, 0],
        (outputs.ventricular_volume * of["ventricular_volume"].sd + of["ventricular_volume"].mean) / 1000,
        (outputs.brain_volume * of["brain_volume"].sd + of["brain_volume"].mean) / 1000,
    )


class Teacher(nn.Module):
    """A network with the throw-away heads that help it learn.

    Four numbers per brain are little to learn from: a network that sees only them stays at their mean. So
    linear heads on the maps of 32^3 and 16^3 cells learn the fractions of tissue, ventricle and CSF in each
    cell, whatever the stripping left of them; one on the latent vector learns the share of tissue in the
    cranial cavity and the cavity's volume, of which age and sex are noisy readings; and, where the latent
    vector is the mean of the last map (s), the two volume heads themselves, and one more for CSF, must give
    the millilitres of each of its cells.

    Parameters
    ----------
    architecture
        Of the network.
    precision
        Of the blocks' weights and maps; everything else is float32.
    """

    def __init__(self, architecture: Architecture, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.precision = precision
        self.network = NeuroFMNet(architecture)
        widths = _widths(architecture)
        self.maps = nn.ModuleList(nn.Linear(widths[size], 3) for size in CELLS[:2])
        self.whole = nn.Linear(architecture.latent_size, 2)
        self.fluid = nn.Linear(architecture.latent_size, 1) if self._reads_cells() else None
        with torch.no_grad():
            for name, value in _TYPICAL.items():
                of = model_spec("open-s").targets[name]
                cast("nn.Linear", self.network.heads[name]).bias.fill_((value - of.mean) / of.sd)

    def forward(self, item: Item, pooled_weight: float) -> Tensor:
        """Return the loss of one item."""
        device = next(self.parameters()).device
        item = item.to(device)
        fast = FastNetwork(self.network, self.precision, differentiable=True)
        maps = list(fast.maps(item.box[None], item.start, item.background[None]))
        last = maps[-1].values.float().movedim(-1, 1)
        outputs = self.network.forward_features(last)
        loss = pooled_weight * (_pooled_loss(estimates(outputs), item) + self._whole_loss(outputs, item))
        loss = loss + self._map_loss(maps, item)
        return loss + self._cell_loss(last, item.cells[2]) if self._reads_cells() else loss

    def _reads_cells(self) -> bool:
        architecture = self.network.architecture
        return not architecture.neck and architecture.head_hidden is None

    def _whole_loss(self, outputs: Outputs, item: Item) -> Tensor:
        """Return the error of the share of tissue and the cavity's volume, read from the latent vector."""
        cavity = item.cells[2].sum() * _cell_ml(item.cells[2].shape[-1])
        share = item.brain_ml / cavity
        wanted = torch.stack([(share - 0.75) / _SHARE_SCALE, (cavity - 1450) / _CAVITY_SCALE])
        return smooth_l1_loss(self.whole(outputs.latent)[0], wanted)

    def _map_loss(self, maps: Sequence[Map], item: Item) -> Tensor:
        """Return the cross-entropy of fractions in the cells of two maps."""
        total = torch.zeros((), device=item.box.device)
        by_size = {m.size: m for m in maps}  # of maps of one size, the last
        for head, size, cells in zip(self.maps, CELLS[:2], item.cells[:2], strict=True):
            found = by_size[size]
            inside = tuple(slice(a, b) for a, b in found.ranges)
            wanted = cells[(slice(None), *inside)].movedim(0, -1)
            weight = torch.ones_like(wanted)
            weight[..., 1] += _VENTRICLE_WEIGHT * (wanted[..., 1] > 0)
            cost = binary_cross_entropy_with_logits(
                head(found.values[0].float()), wanted, weight, reduction="sum"
            )
            total = total + cost / (wanted.numel() / wanted.shape[-1])
        return total

    def _cell_loss(self, last: Tensor, cells: Tensor) -> Tensor:
        """Return the error in ml of the heads of volumes, applied to each cell of the last map alone."""
        edge = last.shape[-1]
        total = torch.zeros((), device=last.device)
        for channel, (head, mean, sd, scale, more) in enumerate(self._cell_heads()):
            value = torch.einsum("nfdhw,f->dhw", last, head.weight[0]) + head.bias
            given = (value * sd + mean) / edge**3 / 1000
            cost = smooth_l1_loss(given / scale, cells[channel] * _cell_ml(edge) / scale, reduction="none")
            total = total + (cost * (1 + more * (cells[channel] > 0))).mean() * 4
        return total

    def _cell_heads(self) -> list[tuple[nn.Linear, float, float, float, float]]:
        """Return head, mean and sd in mm3, scale in ml, and more weight where there is some, by channel."""
        of = model_spec("open-s").targets
        brain, lateral = of["brain_volume"], of["ventricular_volume"]
        heads = cast("dict[str, nn.Linear]", self.network.heads)
        return [
            (heads["brain_volume"], brain.mean, brain.sd, 2.0, 0.0),
            (heads["ventricular_volume"], lateral.mean, lateral.sd, 0.5, 4.0),
            (cast("nn.Linear", self.fluid), 300e3, 100e3, 2.0, 0.0),
        ]


def _widths(architecture: Architecture) -> dict[int, int]:
    """Return the channels of the last map of each size that :class:`FastNetwork` makes."""
    strides = [step for count in architecture.blocks for step in (*[1] * (count - 1), 2)]
    channels = [WIDTH * stage for stage, count in enumerate(architecture.blocks, 1) for _ in range(count)]
    widths, size = {}, LATTICE_SIZE
    for width, step in zip(channels, [*strides[1:], 1], strict=True):
        size //= step
        widths[size] = width
    return widths


def _cell_ml(edge: int) -> float:
    """Return the volume of one of ``edge**3`` cells of the model grid."""
    return float((CUBE_MM / edge) ** 3 / 1000)


def _pooled_loss(found: Estimates, item: Item) -> Tensor:
    """Return the error of the four targets; age and sex count only where they are known."""
    brain, lateral = item.brain_ml[None], item.lateral_ml[None]
    ratio = torch.log(found.lateral_ml.clamp(min=1.0) / lateral) / _LOG_SCALE
    volumes = smooth_l1_loss(found.brain_ml / _BRAIN_SCALE, brain / _BRAIN_SCALE) + 0.5 * (
        smooth_l1_loss(found.lateral_ml / _LATERAL_SCALE, lateral / _LATERAL_SCALE)
        + smooth_l1_loss(ratio, torch.zeros_like(ratio))
    )
    known = item.age_years.isfinite()
    age = smooth_l1_loss(found.age_years / _AGE_SCALE, item.age_years.nan_to_num()[None] / _AGE_SCALE)
    sex = binary_cross_entropy_with_logits(found.male, item.sex.nan_to_num()[None])
    return volumes + known * (age + 0.5 * sex)
