import json

import h5py
import numpy as np
import pytest
import torch

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.models import model_names, model_spec
from neurofm_bids.model.network import ARCHITECTURES, NeuroFMNet
from neurofm_bids.model.weights import identify, load_model, load_network

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
def test_parity_of_the_bundled_weights(shared):
    reference = np.load(shared / "fixtures/open-s/open-s-preview-reference-f64.npz")
    network = load_model("open-s").network
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


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("missing", lambda f: f["enc_conv_2_1"].__delitem__("enc_conv_2_1/conv3d_4"), "is missing"),
        ("extra", lambda f: _group(f, "enc_more", "x/kernel:0", (1,)), r"does not have \(enc_more\)"),
        ("no layer", lambda f: f.__delitem__("enc_conv_3_1"), "enc_conv_3_1 are missing"),
        ("shape", lambda f: _reshape(f, "enc_conv_5_1"), "has shape"),
        ("nan", lambda f: _spoil(f, "enc_conv_1_1"), "not finite"),
    ],
)
def test_damaged_weights_are_refused_by_name(tmp_path, name, change, message):
    path = tmp_path / "weights.h5"
    spec = model_spec("open-s")
    from importlib.resources import files

    path.write_bytes((files("neurofm_bids") / "data/weights" / spec.file).read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(NeuroFMError, match=message):
        load_network(path, "s")


def _group(file, name, weight, shape):
    group = file.create_group(name)
    group.create_dataset(weight, data=np.zeros(shape, np.float32))
    group.attrs["weight_names"] = [weight.encode()]


def _reshape(file, name):
    group = file[name]
    weight = _first(group)
    del group[weight]
    group.create_dataset(weight, data=np.zeros((1, 1, 1, 2, 3), np.float32))


def _spoil(file, name):
    file[name][_first(file[name])][...] = np.nan


def _first(group):
    name = group.attrs["weight_names"][0]
    return name.decode() if isinstance(name, bytes) else name


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.h5", b"\x89HDF\r\n\x1a\n junk"), ("a.h5", b""), ("a.pt", b"x"), ("a.safetensors", b"x")],
)
def test_other_files_are_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(NeuroFMError):
        load_network(tmp_path / name, "s")


def test_weights_of_another_variant_are_refused():
    from importlib.resources import files

    path = files("neurofm_bids") / "data/weights" / model_spec("open-s").file
    with pytest.raises(NeuroFMError):
        load_network(path, "l")


def test_safetensors_round_trip(tmp_path):
    from safetensors.torch import save_file

    network = load_model("open-s").network
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    again = load_network(tmp_path / "a.safetensors", "s")
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in network.state_dict().items() if v.ndim)


def test_registry():
    assert model_names() == ("open-s", "neurofm-s", "neurofm-m", "neurofm-l")
    spec, digest = identify("open-s")
    assert (spec.label, digest) == ("openS", spec.sha256)
    with pytest.raises(NeuroFMError, match="--weights") as error:
        identify("neurofm-l")
    assert error.value.code is Exit.NO_INPUT
