from pathlib import Path

import numpy as np
import pytest
import torch

from neurofm_bids.model import fast
from neurofm_bids.model.architecture import ARCHITECTURES, Architecture
from neurofm_bids.model.augmentation import lattices, read_volume
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model

BOXES = {
    "inside": ((28, 22, 30), (60, 71, 58)),
    "odd": ((31, 41, 27), (49, 37, 63)),
    "low corner": ((0, 0, 0), (50, 44, 61)),
    "high corner": ((70, 64, 77), (58, 64, 51)),
    "one slab": ((0, 50, 60), (128, 20, 9)),
    "a voxel": ((63, 64, 65), (1, 1, 1)),
    "last voxel": ((127, 127, 127), (1, 1, 1)),
    "everything": ((0, 0, 0), (128, 128, 128)),
}


def close(found, expected):
    ours, theirs = ({"latent": outputs.latent, **outputs.heads} for outputs in (found, expected))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], atol=1e-4, rtol=1e-4, err_msg=name)


def random_network(variant, seed=0):
    """Return a network of which every statistic matters and the background is far from zero."""
    torch.manual_seed(seed)
    return with_random_statistics(NeuroFMNet(ARCHITECTURES[variant]))


def with_random_statistics(network):
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm3d | torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.3, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.5)
    return network.eval()


def full(box, start, background):
    volume = torch.full((len(box), 1, 128, 128, 128), 0.0) + background[:, None, None, None, None]
    volume[(slice(None), 0, *(slice(a, a + n) for a, n in zip(start, box.shape[1:], strict=True)))] = box
    return volume


@pytest.fixture(scope="module")
def networks():
    trained = load_model("open-s").network
    return {"trained": trained, **{v: random_network(v) for v in "sml"}}


@pytest.mark.parametrize(
    ("name", "case", "backgrounds"),
    [
        *(("trained", case, [-0.4]) for case in BOXES),
        ("s", "odd", [-0.4, 1.5]),
        ("s", "low corner", [2.0]),
        pytest.param("l", "high corner", [-0.4], marks=pytest.mark.slow),
    ],
)
def test_fast_equals_plain_wherever_the_brain_lies(networks, name, case, backgrounds):
    start, shape = BOXES[case]
    background = torch.tensor(backgrounds)
    box = torch.randn(len(background), *shape)
    with torch.inference_mode():
        plain = networks[name].forward_lattice(full(box, start, background))
    close(FastNetwork(networks[name])(box, start, background), plain)


@pytest.mark.parametrize("variant", ["s", pytest.param("m", marks=pytest.mark.slow)])
def test_every_map_of_the_fast_network_equals_the_plain_one(networks, variant):
    """Errors at the faces of the cube can vanish in the mean: compare each map where it is kept."""
    network, found = networks[variant], FastNetwork(networks[variant])
    start, shape = BOXES["odd"]
    box, background = torch.randn(1, *shape), torch.tensor([-0.4])
    x = full(box, start, background)
    y = fast.Map(box[..., None], start, 128, background.reshape(1, 1, 1, 1, 1).expand(1, 2, 2, 2, 1), 0)
    with torch.inference_mode():
        for index, (block, quick) in enumerate(zip(network.blocks, found.blocks, strict=True)):
            x = block(x) if index else block.forward_sampled(x)
            y = quick(y)
            whole = y.read([(0, y.size)] * 3).movedim(-1, 1)
            expected = x[:, :, :: quick.step, :: quick.step, :: quick.step]
            np.testing.assert_allclose(whole, expected, atol=1e-4, rtol=1e-4, err_msg=f"block {index}")


def test_the_last_map_is_whole_wherever_the_network_ends():
    torch.manual_seed(1)
    network = with_random_statistics(NeuroFMNet(Architecture("short", (1, 1, 1), None, (), None)))
    box, start, background = torch.randn(1, 12, 10, 14), (60, 50, 40), torch.tensor([-0.4])
    with torch.inference_mode():
        close(
            FastNetwork(network)(box, start, background),
            network.forward_lattice(full(box, start, background)),
        )


def test_only_the_box_is_computed(networks):
    start, shape = BOXES["inside"]
    block = FastNetwork(networks["s"]).blocks[0]
    empty = torch.zeros(1, 2, 2, 2, 1)
    with torch.inference_mode():
        found = block(fast.Map(torch.randn(1, *shape, 1), start, 128, empty, 0))
    assert found.size == 64
    assert found.values.shape[1:4] == tuple(
        (a + n) // 2 + 1 - a // 2 for a, n in zip(start, shape, strict=True)
    )
    assert found.empty.shape[1] < 8


def test_slabs_change_nothing(networks, monkeypatch):
    start, shape = BOXES["low corner"]
    box, background = torch.randn(1, *shape), torch.tensor([0.2])
    whole = FastNetwork(networks["s"])(box, start, background)
    monkeypatch.setattr(fast, "SLAB_VALUES", 1)
    close(FastNetwork(networks["s"])(box, start, background), whole)


def test_folding_does_not_touch_the_network_and_its_mode_does_not_matter(networks):
    network = networks["s"].copy()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    box, start, background = torch.randn(1, 9, 9, 9), (50, 50, 50), torch.zeros(1)
    close(FastNetwork(network)(box, start, background), FastNetwork(networks["s"])(box, start, background))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.realdata
@pytest.mark.parametrize(
    "scan", ["ds002748/sub-01/anat/sub-01_T1w.nii.gz", "ds002748/sub-29/anat/sub-29_T1w.nii.gz"]
)
def test_fast_equals_plain_on_real_brains(shared, networks, scan):
    from neurofm_bids.api import read_brain

    data = read_brain(Path(shared / "data" / scan))
    checked = read_volume(data)
    views, start = lattices(checked, 3)
    background = torch.full((3,), checked.standard_background)
    for name in ("trained", "s"):
        with torch.inference_mode():
            plain = networks[name](torch.from_numpy(checked.standardise(data))[None, None])
        quick = FastNetwork(networks[name])(torch.from_numpy(views), start, background)
        first = {name: value[:1] for name, value in quick.heads.items()}
        close(type(quick)(quick.latent[:1], first), plain)


def test_values_and_gradients_in_bfloat16_are_those_in_float32_but_for_rounding(networks):
    torch.manual_seed(2)
    box, start, background = torch.randn(1, 20, 18, 24) + 2, (50, 48, 44), torch.tensor([-0.3])
    network = networks["trained"].copy()
    found = {}
    for precision in (torch.float32, torch.bfloat16):
        inputs = box.clone().requires_grad_()
        network.zero_grad()
        outputs = FastNetwork(network, precision, differentiable=True)(inputs, start, background)
        outputs.latent.square().sum().backward()
        first = network.blocks[0]
        gradients = (inputs.grad, first.conv1.weight.grad, first.bn1.bias.grad)
        found[precision] = (outputs.latent.detach(), *gradients)
    for rough, exact in zip(found[torch.bfloat16], found[torch.float32], strict=True):
        assert torch.cosine_similarity(rough.flatten(), exact.flatten(), dim=0) > 0.99
        assert float(rough.norm()) == pytest.approx(float(exact.norm()), rel=0.05)


def test_numbers_that_are_not_finite_stay_so_in_bfloat16(networks):
    box = torch.zeros(1, 4, 4, 4)
    box[0, 1, 2, 3] = float("nan")
    outputs = FastNetwork(networks["s"], torch.bfloat16)(box, (60, 60, 60), torch.zeros(1))
    assert outputs.latent.isnan().any()
