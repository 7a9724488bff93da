import hashlib
import json

import numpy as np
import pytest
import torch

from neurofm_bids.config import Processing
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.augmentation import read_volume
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import LoadedModel, load_network

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
    network = load_network(folder / f"neurofm-{variant}-random.h5", model_spec(f"neurofm-{variant}"))
    reference = np.load(folder / f"neurofm-{variant}-reference-f64.npz")
    for name in ("input1", "input2"):
        volume = reference_input(shared, name)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(volume)[None, None])
        close(outputs.latent, reference[f"{name}/latent"])
        for head in network.outputs:
            logit = reference[f"{name}/{head.keras[0]}/logit"]
            close(outputs.heads[head.name], logit if head.outputs > 1 else logit[0])


@pytest.mark.realdata
def test_parity_of_trained_weights(shared):
    folder = shared / "fixtures/open-s"
    reference = np.load(folder / "open-s-preview-reference-f64.npz")
    network = load_network(folder / "open-s-preview.h5", model_spec("open-s"))
    for name in ("input1", "input2"):
        volume = reference_input(shared, name)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(volume)[None, None])
        close(outputs.latent[0], reference[f"{name}_latent"])
        heads = torch.cat([value.flatten() for value in outputs.heads.values()])
        close(heads, reference[f"{name}_heads"])


@pytest.mark.parametrize("variant", "sm")
def test_gradients_of_every_output_reach_the_input(variant):
    network = NeuroFMNet(ARCHITECTURES[variant]).train()
    x = torch.randn(2, 1, 32, 32, 32)
    for name in ("latent", *network.heads):
        x = x.detach().requires_grad_()
        outputs = network.forward_lattice(x)
        (outputs.latent if name == "latent" else outputs.heads[name]).square().sum().backward()
        assert float(x.grad.abs().sum()) > 0, name


def test_dropout_acts_in_training_only():
    network = NeuroFMNet(ARCHITECTURES["s"], dropout=0.5)
    x = torch.randn(2, 1, 32, 32, 32)
    assert not torch.equal(*(network.forward_lattice(x).heads["age"] for _ in range(2)))
    copied = network.copy()
    assert not copied.training
    assert torch.equal(*(copied.forward_lattice(x).heads["age"] for _ in range(2)))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["input1", "input2"])
@pytest.mark.parametrize("variant", "sl")
def test_raw_voxels_are_standardised_as_the_reference_does(shared, variant, name):
    folder = shared / "fixtures/neurofm"
    spec = model_spec(f"neurofm-{variant}")
    network = load_network(folder / f"neurofm-{variant}-random.h5", spec)
    reference = np.load(folder / f"neurofm-{variant}-reference-f64.npz")
    raw = np.load(folder / f"{name}.npz")["raw_uint8"]
    meta = json.loads((folder / "inputs_meta.json").read_text())[name]
    standard = read_volume(raw, spec.zscore).standardise(raw.astype(np.float32))
    assert hashlib.sha256(standard.tobytes()).hexdigest() == meta["sha256_z"]
    encoding = Encoder(LoadedModel(spec, network, ""), Processing(device="cpu")).encode(raw, views=1)
    close(encoding.features, reference[f"{name}/latent"][0])
