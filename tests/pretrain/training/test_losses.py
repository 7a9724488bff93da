import pytest
import torch

from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.training.feature_examples import whole_lattice
from neurofm_bids.pretrain.training.losses import NetworkWithAuxiliaryHeads, estimates


def test_the_box_gives_the_output_of_the_whole_lattice(examples):
    network = load_model("open-s").network
    fast = FastNetwork(network, differentiable=True)
    example = examples[1]
    with torch.no_grad():
        whole = network.forward_lattice(whole_lattice(example)[None, None])
        box = fast(example.box[None], example.start, example.background[None])
    assert torch.allclose(box.latent, whole.latent, atol=1e-5, rtol=1e-5)


def test_the_box_gives_the_gradients_of_the_whole_lattice(examples):
    torch.manual_seed(0)
    network, example = NeuroFMNet(ARCHITECTURES["s"]).eval(), examples[0]
    latent = network.forward_lattice(whole_lattice(example)[None, None]).latent
    latent.square().sum().backward()
    whole = [p.grad.clone() for p in network.blocks.parameters()]
    network.zero_grad()
    fast = FastNetwork(network, differentiable=True)
    box_latent = fast(example.box[None], example.start, example.background[None]).latent
    assert torch.allclose(box_latent, latent, atol=1e-5, rtol=1e-5)
    box_latent.square().sum().backward()
    for one, two in zip(whole, (p.grad for p in network.blocks.parameters()), strict=True):
        assert torch.allclose(one, two, atol=1e-6 + 1e-3 * float(one.abs().max()))


@pytest.mark.parametrize("variant", ["s", "m", "l"])
def test_every_parameter_of_every_variant_has_a_gradient(small_example, variant):
    torch.manual_seed(0)
    model = NetworkWithAuxiliaryHeads(ARCHITECTURES[variant])
    model.network.eval()
    model(small_example, 1.0).backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


def test_untrained_heads_start_at_typical_values():
    network = NetworkWithAuxiliaryHeads(ARCHITECTURES["s"]).network.eval()
    with torch.no_grad():
        outputs = network.forward_features(torch.zeros(1, 160, 8, 8, 8))
    age, _, lateral, brain = (float(value) for value in estimates(outputs))
    assert (age, lateral, brain) == pytest.approx((48, 25, 1150), rel=1e-4)
