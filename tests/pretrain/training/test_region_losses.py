from dataclasses import replace

import pytest
import torch

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.model.fast import Map
from neurofm_bids.pretrain.training.feature_examples import CELLS
from neurofm_bids.pretrain.training.region_losses import (
    Decorrelation,
    RegionHeads,
    RegionLossWeights,
    cell_ml,
    limit_gradient,
)


def test_a_limited_gradient_keeps_its_direction():
    values = torch.tensor([3.0, 4.0], requires_grad=True)
    (limit_gradient(values, 0.5) * torch.tensor([3.0, 4.0])).sum().backward()
    assert values.grad.tolist() == pytest.approx([0.3, 0.4])


def test_a_small_gradient_is_not_limited():
    values = torch.tensor([3.0, 4.0], requires_grad=True)
    limited = limit_gradient(values, 0.5)
    (limited * torch.tensor([0.03, 0.04])).sum().backward()
    assert torch.equal(limited, values)
    assert values.grad.tolist() == pytest.approx([0.03, 0.04])


@pytest.mark.parametrize(("mix", "wanted"), [(0.0, 0.0), (1.0, 3.0)])
def test_the_mean_loss_is_the_sum_of_squared_correlations_per_feature(mix, wanted):
    generator = torch.Generator().manual_seed(0)
    decorrelation = Decorrelation(4)
    losses = []
    for _ in range(4000):
        common, own = torch.randn(1, generator=generator), torch.randn(4, generator=generator)
        losses.append(float(decorrelation(2 + mix * common + (1 - mix) * own)))
    assert sum(losses[2000:]) / 2000 == pytest.approx(wanted, abs=0.15)
    assert losses[0] == 0


def _heads(**weights):
    """Return heads whose latent vector is the volume of each region."""
    only = dict.fromkeys(("fractions", "cells", "volumes", "shares", "acquisition", "decorrelation"), 0.0)
    heads = RegionHeads(
        dict.fromkeys(CELLS, len(STRUCTURES) + 2),
        len(REGIONS),
        averages_cells=True,
        weights=RegionLossWeights(**{**only, **weights}),
    )
    with torch.no_grad():
        heads.volume_head.weight.copy_(torch.diag(1 / heads.volumes_ml))
        heads.volume_head.bias.fill_(-1.0)
        for head in heads.map_heads:
            head.weight.copy_(torch.eye(len(STRUCTURES) + 2))
            head.bias.zero_()
    return heads


@pytest.mark.parametrize("part", ["cells", "volumes", "shares"])
def test_true_volumes_have_no_loss(examples, part):
    example = examples[0]
    edge = example.regions.shape[-1]
    last = (example.regions * cell_ml(edge) * edge**3)[None]
    latent, maps = last.mean(dim=(2, 3, 4)), _maps(example)
    heads = _heads(**{part: 1.0})
    assert float(heads(maps, last, latent, example).detach()) == pytest.approx(0, abs=1e-5)
    assert float(heads(maps, 1.2 * last, latent * torch.linspace(0.8, 1.2, 42), example).detach()) > 0.01


def _maps(example):
    """Return maps of which the true fractions are the logits."""
    logits = [(fractions + 1e-6).log().movedim(0, -1)[None] for fractions in example.structures]
    return [Map(values, (0, 0, 0), values.shape[1], values[:, :2, :2, :2], 0) for values in logits]


def test_true_fractions_have_the_least_loss(examples):
    example, heads = examples[0], _heads(fractions=1.0)
    last, latent = torch.zeros(1, 42, 8, 8, 8), torch.zeros(1, 42)
    least = float(heads(_maps(example), last, latent, example).detach())
    flipped = replace(example, structures=tuple(f.flip(1) for f in example.structures))
    shrunk = replace(example, structures=tuple(f.roll(1, 2) for f in example.structures))
    assert least < float(heads(_maps(flipped), last, latent, example).detach())
    assert least < float(heads(_maps(shrunk), last, latent, example).detach())
