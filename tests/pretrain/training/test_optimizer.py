import copy

import pytest
import torch
from torch import nn

from neurofm_bids.anatomy.network import AnatomyNet
from neurofm_bids.pretrain.training.optimizer import Optimizer
from neurofm_bids.pretrain.training.recipe import Recipe


def learn(model, seed):
    """Give a model the gradients of some examples."""
    torch.manual_seed(seed)
    model.zero_grad()
    model(torch.randn(6, 1, 3, 3, 3)).square().sum().backward()


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv3d(1, 8, 1), nn.Conv3d(8, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    learn(layers, 1)
    return layers


def singular_values(filters):
    return torch.linalg.svdvals(filters.detach().flatten(1))


def test_muon_moves_filters_in_all_directions_alike(model):
    before = [p.detach().clone() for p in model.parameters()]
    gradients = singular_values(model[1].weight.grad)
    assert gradients[0] > 5 * gradients[1]
    Optimizer(model, Recipe(optimizer="muon")).step(1e-2)
    moved, bias = ((p - b).detach() for p, b in zip(model[1].parameters(), before[2:4], strict=True))
    sizes = singular_values(moved)
    assert sizes[0] < 2.5 * sizes[1]
    largest = 0.5 * 1e-2 * 0.2 * (8 * 27) ** 0.5  # half of the rate, scaled to the steps of AdamW
    assert 0.5 * largest < sizes[0] < 1.3 * largest
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
    resumed, forgetful = copy.deepcopy(model), copy.deepcopy(model)
    others = [Optimizer(resumed, recipe), Optimizer(forgetful, recipe)]
    others[0].load_state({key: value.clone() for key, value in optimizer.state().items()})
    for each, steps in ((model, optimizer), (resumed, others[0]), (forgetful, others[1])):
        learn(each, 2)
        steps.step(1e-2)
    for layer in (0, 1, 3):
        assert torch.equal(model[layer].weight, resumed[layer].weight)
        assert not torch.allclose(model[layer].weight, forgetful[layer].weight, atol=1e-4)


def test_filters_are_found_wherever_they_lie(model):
    """Channels last, as in the network that segments, and moved after the optimiser was made."""
    other = copy.deepcopy(model)
    for each in (model, other):
        optimizer = Optimizer(each, Recipe(optimizer="muon"))
        if each is other:
            each.to(memory_format=torch.channels_last_3d)
        learn(each, 1)
        optimizer.step(1e-2)
    assert torch.allclose(model[1].weight, other[1].weight, atol=2e-4)
    assert other[1].weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_the_network_that_segments_learns_with_muon():
    network = AnatomyNet()
    for head in network.heads:
        head.weight.data.normal_()  # they start at zero
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = Optimizer(network, Recipe(optimizer="muon"))
    sum(one.square().mean() for one in network(torch.randn(1, 1, 16, 16, 32))).backward()
    optimizer.step(1e-2)
    for name, parameter in network.named_parameters():
        assert parameter.ndim != 5 or not torch.equal(parameter, before[name]), name
