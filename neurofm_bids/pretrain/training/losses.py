"""Losses: the four targets of the whole brain, and auxiliary heads for targets of parts of it."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from neurofm_bids.config import Processing
from neurofm_bids.model.architecture import WIDTH, Architecture
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet, Outputs
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pretrain.training.feature_examples import FeatureExample
from neurofm_bids.pretrain.training.region_losses import RegionHeads, RegionLossWeights, cell_ml

__all__ = ["Estimates", "NetworkWithAuxiliaryHeads", "estimates"]

_OF = {head.name: head for head in model_spec(Processing.model).heads}

_AGE_SCALE, _BRAIN_SCALE, _LATERAL_SCALE, _LOG_SCALE = 8.0, 40.0, 3.0, 0.12
_FRACTION_SCALE, _CAVITY_SCALE = 0.015, 60.0
_TYPICAL = {"age": 48.0, "ventricular_volume": 25e3, "brain_volume": 1150e3}  # initial output of each head


class Estimates(NamedTuple):
    """Predictions in units, each (N,): age in years, logit of male, two volumes in ml."""

    age_years: Tensor
    male: Tensor
    lateral_ml: Tensor
    brain_ml: Tensor


def estimates(outputs: Outputs) -> Estimates:
    """Convert standardised outputs to units."""
    heads = outputs.heads
    age, lateral, brain = (
        heads[name] * _OF[name].sd + _OF[name].mean for name in ("age", "ventricular_volume", "brain_volume")
    )
    return Estimates(age, heads["sex"][:, 1] - heads["sex"][:, 0], lateral / 1000, brain / 1000)


class NetworkWithAuxiliaryHeads(nn.Module):
    """A network with auxiliary heads that are used in training only.

    A network that sees only four numbers per brain keeps predicting their means. Auxiliary linear heads
    therefore learn denser targets: those of :class:`RegionHeads`, and one on the latent vector for the
    fraction of the cranial cavity that is tissue and the volume of the cavity, on which age and sex depend.
    Where the latent vector is the mean of the last map (s), the volume heads themselves, and one more for
    CSF, learn the volume in each cell of that map.

    Parameters
    ----------
    architecture
        Of the network.
    precision
        Of the blocks' weights and maps; everything else is float32.
    weights
        Of the parts of the loss of regions.
    """

    def __init__(
        self,
        architecture: Architecture,
        precision: torch.dtype = torch.float32,
        weights: RegionLossWeights | None = None,
    ) -> None:
        super().__init__()
        self.precision = precision
        self.network = NeuroFMNet(architecture)
        self.cavity_head = nn.Linear(architecture.latent_size, 2)
        averages_cells = not architecture.neck and architecture.head_hidden is None
        self.csf_head = nn.Linear(architecture.latent_size, 1) if averages_cells else None
        self.region_heads = RegionHeads(
            _widths(architecture),
            architecture.latent_size,
            averages_cells=averages_cells,
            weights=weights or RegionLossWeights(),
        )
        with torch.no_grad():
            for name, value in _TYPICAL.items():
                bias = (value - _OF[name].mean) / _OF[name].sd
                cast("nn.Linear", self.network.heads[name]).bias.fill_(bias)

    def forward(self, example: FeatureExample, target_weight: float) -> Tensor:
        """Return the loss of one example."""
        device = next(self.parameters()).device
        example = example.to(device)
        fast = FastNetwork(self.network, self.precision, differentiable=True)
        maps = list(fast.maps(example.box[None], example.start, example.background[None]))
        last = maps[-1].values.float().movedim(-1, 1)
        outputs = self.network.forward_features(last)
        whole_brain = _target_loss(estimates(outputs), example) + self._cavity_loss(outputs.latent, example)
        loss: Tensor = target_weight * whole_brain + self.region_heads(maps, last, outputs.latent, example)
        return loss if self.csf_head is None else loss + self._cell_loss(last, example.cells)

    def _cavity_loss(self, latent: Tensor, example: FeatureExample) -> Tensor:
        """Return the error of the tissue fraction and of the volume of the cranial cavity."""
        cavity = example.cells.sum() * cell_ml(example.cells.shape[-1])
        fraction = example.brain_ml / cavity
        target = torch.stack([(fraction - 0.75) / _FRACTION_SCALE, (cavity - 1450) / _CAVITY_SCALE])
        return smooth_l1_loss(self.cavity_head(latent)[0], target)

    def _cell_loss(self, last: Tensor, cells: Tensor) -> Tensor:
        """Return the error in ml of the volume heads, applied to each cell of the last map alone."""
        edge = last.shape[-1]
        total = torch.zeros((), device=last.device)
        for channel, (head, mean, sd, scale, weight) in enumerate(self._cell_heads()):
            value = torch.einsum("nfdhw,f->dhw", last, head.weight[0]) + head.bias
            volume = (value * sd + mean) / edge**3 / 1000
            cost = smooth_l1_loss(volume / scale, cells[channel] * cell_ml(edge) / scale, reduction="none")
            total = total + (cost * (1 + weight * (cells[channel] > 0))).mean() * 4
        return total

    def _cell_heads(self) -> list[tuple[nn.Linear, float, float, float, float]]:
        """Return for each channel: head, mean and sd in mm3, scale in ml, extra weight of non-empty cells."""
        brain, lateral = _OF["brain_volume"], _OF["ventricular_volume"]
        heads = cast("dict[str, nn.Linear]", self.network.heads)
        return [
            (heads["brain_volume"], brain.mean, brain.sd, 2.0, 0.0),
            (heads["ventricular_volume"], lateral.mean, lateral.sd, 0.5, 4.0),
            (cast("nn.Linear", self.csf_head), 300e3, 100e3, 2.0, 0.0),
        ]


def _widths(architecture: Architecture) -> dict[int, int]:
    """Return the channels of the last map of each size that :class:`FastNetwork` computes."""
    strides = [step for count in architecture.blocks for step in (*[1] * (count - 1), 2)]
    channels = [WIDTH * stage for stage, count in enumerate(architecture.blocks, 1) for _ in range(count)]
    widths, size = {}, LATTICE_SIZE
    for width, step in zip(channels, [*strides[1:], 1], strict=True):
        size //= step
        widths[size] = width
    return widths


def _target_loss(predicted: Estimates, example: FeatureExample) -> Tensor:
    """Return the error of the four targets; age and sex count only if they are known."""
    brain, lateral = example.brain_ml[None], example.lateral_ml[None]
    ratio = torch.log(predicted.lateral_ml.clamp(min=1.0) / lateral) / _LOG_SCALE
    volumes = smooth_l1_loss(predicted.brain_ml / _BRAIN_SCALE, brain / _BRAIN_SCALE) + 0.5 * (
        smooth_l1_loss(predicted.lateral_ml / _LATERAL_SCALE, lateral / _LATERAL_SCALE)
        + smooth_l1_loss(ratio, torch.zeros_like(ratio))
    )
    known = example.age_years.isfinite()
    age = smooth_l1_loss(predicted.age_years / _AGE_SCALE, example.age_years.nan_to_num()[None] / _AGE_SCALE)
    sex = binary_cross_entropy_with_logits(predicted.male, example.sex.nan_to_num()[None])
    return volumes + known * (age + 0.5 * sex)
