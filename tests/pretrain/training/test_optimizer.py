import copy

import pytest
import torch
from torch import nn

from neurofm_bids.pretrain.training.optimizer import Optimizer
from neurofm_bids.pretrain.training.recipe import Recipe


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv3d(1, 8, 1), nn.Conv3d(8, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    layers(torch.randn(1, 1, 3, 3, 3)).square().sum().backward()
    return layers


def test_muon_moves_filters_in_all_directions_alike(model):
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = Optimizer(model, Recipe(optimizer="muon"))
    optimizer.step(1e-2)
    filters, bias = ((p - b).detach() for p, b in zip(model[1].parameters(), before[2:4], strict=True))
    gradients = torch.linalg.svdvals(model[1].weight.grad.flatten(1))
    moved = torch.linalg.svdvals(filters.flatten(1))
    assert gradients[-1] < 1e-3 * gradients[0]  # only one example
    assert moved[0] > 0
    rms = filters.square().mean().sqrt()
    assert rms == pytest.approx(0.2 * 0.5 * 1e-2 / 2, rel=0.4)  # one of four directions
    assert bias.abs() == pytest.approx(1e-2, rel=0.01)  # AdamW


def test_without_muon_all_weights_move_like_the_bias(model):
    before = [p.detach().clone() for p in model.parameters()]
    Optimizer(model, Recipe()).step(1e-2)
    for parameter, start in zip(model.parameters(), before, strict=True):
        moved = (parameter - start).detach().abs()[parameter.grad != 0]
        assert moved.median() == pytest.approx(1e-2, rel=0.02)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_steps_continue_from_the_saved_state(model, name):
    recipe = Recipe(optimizer=name)
    optimizer = Optimizer(model, recipe)
    optimizer.step(1e-2)
    other = copy.deepcopy(model)
    for parameter, copied in zip(model.parameters(), other.parameters(), strict=True):
        copied.grad = parameter.grad.clone()
    resumed = Optimizer(other, recipe)
    resumed.load_state({key: value.clone() for key, value in optimizer.state().items()})
    for each in (optimizer, resumed):
        each.step(1e-3)
    for parameter, copied in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(parameter, copied)
