import json

import numpy as np
import pytest
import torch

from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_network

COUNTS = {"s": (484_829, 481_709), "m": (6_535_877, 6_507_205), "l": (10_815_109, 10_776_069)}


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", "sml")
def test_parameter_counts_are_the_published_ones(variant):
    network = NeuroFMNet(ARCHITECTURES[variant])
    trainable = sum(p.numel() for p in network.parameters())
    total = sum(v.numel() for v in network.state_dict().values() if v.ndim)
    assert (total, trainable) == COUNTS[variant]


def reference_input(shared, name):
    """Return the volume as the reference saw it; its sd, summed in float32, is off by up to 1e-5."""
    folder = shared / "fixtures/neurofm"
    meta = json.loads((folder / "inputs_meta.json").read_text())[name]
    raw = np.load(folder / f"{name}.npz")["raw_uint8"].astype(np.float64)
    sd = -meta["raw_mean"] / meta["z_bg"]
    assert sd == pytest.approx(raw.std(), rel=2e-5)
    return ((raw - meta["raw_mean"]) / sd).astype(np.float32)


@pytest.mark.realdata
@pytest.mark.parametrize("variant", "sl")
def test_parity_with_the_reference(shared, variant):
    folder = shared / "fixtures/neurofm"
    network = load_network(folder / f"neurofm-{variant}-random.h5", variant)
    reference = np.load(folder / f"neurofm-{variant}-reference-f64.npz")
    for name in ("input1", "input2"):
        volume = reference_input(shared, name)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(volume)[None, None])
        close(outputs.latent, reference[f"{name}/latent"])
        close(outputs.age, reference[f"{name}/PatientAge/logit"][0])
        close(outputs.sex_logits, reference[f"{name}/PatientSex/logit"])
        close(outputs.ventricular_volume, reference[f"{name}/ventricular_volume/logit"][0])
        close(outputs.brain_volume, reference[f"{name}/brain_volume/logit"][0])


@pytest.mark.realdata
def test_parity_of_trained_weights(shared):
    folder = shared / "fixtures/open-s"
    reference = np.load(folder / "open-s-preview-reference-f64.npz")
    network = load_network(folder / "open-s-preview.h5", "s")
    for name in ("input1", "input2"):
        volume = reference_input(shared, name)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(volume)[None, None])
        close(outputs.latent[0], reference[f"{name}_latent"])
        heads = torch.cat(
            [outputs.age, outputs.sex_logits[0], outputs.ventricular_volume, outputs.brain_volume]
        )
        close(heads, reference[f"{name}_heads"])


@pytest.mark.parametrize("variant", "sm")
def test_gradients_of_every_output_reach_the_input(variant):
    network = NeuroFMNet(ARCHITECTURES[variant]).train()
    x = torch.randn(2, 1, 32, 32, 32)
    for name in ("latent", "age", "sex_logits", "ventricular_volume", "brain_volume"):
        x = x.detach().requires_grad_()
        getattr(network.forward_lattice(x), name).square().sum().backward()
        assert float(x.grad.abs().sum()) > 0, name


def test_dropout_acts_in_training_only():
    network = NeuroFMNet(ARCHITECTURES["s"], dropout=0.5)
    x = torch.randn(2, 1, 32, 32, 32)
    assert not torch.equal(network.forward_lattice(x).age, network.forward_lattice(x).age)
    copied = network.copy()
    assert not copied.training
    assert torch.equal(copied.forward_lattice(x).age, copied.forward_lattice(x).age)
