import dataclasses

import numpy as np
import pytest
import torch

from neurofm_bids.anatomy.morphometry import MEASURED
from neurofm_bids.anatomy.regions import STRUCTURES
from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import Head, known_hashes, model_names, model_spec, segmentation_spec
from neurofm_bids.model.weights import LoadedModel, load_network, save_network
from neurofm_bids.records.anatomy import structure_and_side
from tests.keras_layout import keras_bytes

THICKNESS = Head(
    "thickness", "Cortical thickness", "Mean over the cortex", "mm", (1.0, 5.0), mean=2.5, sd=0.2
)


@pytest.mark.parametrize("name", ["open-s", "neurofm-s", "neurofm-m", "neurofm-l"])
def test_heads_are_those_of_the_published_network(name):
    spec = model_spec(name)
    sizes = {head.name: head.outputs for head in spec.heads}
    assert list(sizes.items()) == [("age", 1), ("sex", 2), ("ventricular_volume", 1), ("brain_volume", 1)]
    assert (spec.head("age").mean, spec.head("sex").sd) == (63.0270771713598, 1.0)
    assert spec.zscore == ("float64" if name == "open-s" else "float32")
    assert spec.latent_size == ARCHITECTURES[spec.variant].latent_size


def test_unknown_models_are_named_with_those_that_exist():
    with pytest.raises(NeuroFMError, match=r"unknown model: x\. Use one of open-s, neurofm-s") as error:
        model_spec("x")
    assert error.value.code is Exit.USAGE


def test_known_hashes_are_of_files():
    assert {model_spec(name).sha256 for name in model_names()} - {""} == known_hashes()


@pytest.fixture(scope="module")
def extended():
    """A model with one more output, with random weights."""
    spec = dataclasses.replace(
        model_spec("open-s"), name="made-up", heads=(*model_spec("open-s").heads, THICKNESS)
    )
    torch.manual_seed(0)
    return spec, NeuroFMNet(ARCHITECTURES["s"], spec.heads).eval()


@pytest.mark.parametrize("kind", ["safetensors", "h5"])
def test_one_more_output_is_one_more_head(extended, tmp_path, kind):
    spec, network = extended
    path = tmp_path / f"weights.{kind}"
    if kind == "h5":
        path.write_bytes(keras_bytes(network))
    else:
        save_network(network, path, {})
    loaded = load_network(path, spec)
    volume = np.zeros((256, 256, 256), dtype=np.float32)
    volume[100:140, 90:150, 110:150] = np.random.default_rng(0).normal(100, 20, (40, 60, 40))
    found = (
        Encoder(LoadedModel(spec, loaded, ""), Processing(device="cpu"))
        .encode(volume, views=1)
        .predictions["thickness"]
    )
    standard = torch.from_numpy((volume - volume.mean(dtype=np.float64)) / volume.std(dtype=np.float64))
    with torch.inference_mode():
        plain = network(standard.float()[None, None]).heads["thickness"]
    assert found.value == pytest.approx(float(plain) * 0.2 + 2.5, abs=1e-4)
    assert (found.units, found.range, found.long_name) == ("mm", (1.0, 5.0), "Cortical thickness")


def test_weights_of_a_model_without_that_output_are_refused(extended, tmp_path):
    _, network = extended
    save_network(network, tmp_path / "w.safetensors", {})
    with pytest.raises(NeuroFMError, match=r"heads\.thickness\.weight is unknown"):
        load_network(tmp_path / "w.safetensors", model_spec("open-s"))


def test_the_card_of_the_bundled_segmentation_decides_on_its_centiles():
    """New weights need a new entry: their volumes have to be compared with FreeSurfer's again."""
    spec = segmentation_spec(bundled_sha256())
    assert spec is not None, "measure with benchmarks/centiles.py and update [segmentation] of models.toml"
    assert spec.centiles == "preview"
    names = {structure.name for structure in STRUCTURES} | {structure_and_side(name)[0] for name in MEASURED}
    assert set(spec.unreliable) == {"hippocampus", "amygdala", "accumbens"}
    assert set(spec.shifted) <= names
    assert segmentation_spec("0" * 64) is None


def test_centiles_of_predictions_are_allowed_for_bundled_weights_only():
    assert {name: model_spec(name).centiles for name in model_names()} == {
        "open-s": "preview",
        "neurofm-s": "",
        "neurofm-m": "",
        "neurofm-l": "",
    }
