import json
from dataclasses import asdict

import pytest
import torch

from neurofm_bids.anatomy import weights
from neurofm_bids.anatomy.network import CLASSES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import file_sha256
from neurofm_bids.storage.weights_file import read_weights, write_weights
from tests.anatomy.test_network import SMALL, random_network

ABOUT = {"licence": "Apache-2.0", "architecture": asdict(SMALL), "classes": list(CLASSES)}


def test_what_is_saved_is_loaded(tmp_path):
    path, network = tmp_path / "a.safetensors", random_network()
    weights.save_anatomy_network(network, path, {"licence": "Apache-2.0", "maps": 3})
    loaded = weights.load_anatomy_network(path)
    assert not loaded.training
    assert loaded.architecture == SMALL
    x = torch.randn(1, 1, 8, 8, 8)
    with torch.inference_mode():
        assert torch.equal(loaded(x)[0], network.eval()(x)[0])
    assert read_weights(path).provenance == json.loads(json.dumps({**ABOUT, "maps": 3}))


def test_weights_without_a_licence_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="licence"):
        weights.save_anatomy_network(random_network(), tmp_path / "a", {})
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"classes": ["background"]}, "classes of this version"),
        ({"architecture": {"depth": 3}}, "architecture is not valid"),
        ({"architecture": None}, "architecture is not valid"),
        ({"architecture": {"widths": [10**9]}}, "architecture is not valid"),
        ({"architecture": {"widths": ["a", "b"]}}, "architecture is not valid"),
        ({"architecture": {**asdict(SMALL), "widths": (4, 6, 9)}}, "instead of"),
    ],
)
def test_another_network_is_refused(tmp_path, about, message):
    write_weights(tmp_path / "a", random_network().state_dict(), {**ABOUT, **about})
    with pytest.raises(NeuroFMError, match=message) as error:
        weights.load_anatomy_network(tmp_path / "a")
    assert error.value.where == tmp_path / "a"


def test_the_model_has_its_calibration_and_checksum(tmp_path):
    path = tmp_path / "a"
    weights.save_anatomy_network(random_network(), path, {**ABOUT, "calibration": {"brain": 0.5}})
    model = weights.load_anatomy_model(path)
    assert model.calibration == {"brain": 0.5}
    assert model.sha256 == file_sha256(path)


@pytest.mark.parametrize("calibration", [[1.0], {"brain": "wide"}])
def test_a_calibration_is_a_number_for_each_volume(tmp_path, calibration):
    weights.save_anatomy_network(random_network(), tmp_path / "a", {**ABOUT, "calibration": calibration})
    with pytest.raises(NeuroFMError, match="calibration"):
        weights.load_anatomy_model(tmp_path / "a")


def test_the_bundled_weights_are_whole():
    model = weights.load_anatomy_model()
    assert sum(p.numel() for p in model.network.parameters()) < 2_000_000
    assert len(model.sha256) == 64


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(NeuroFMError, match=r"cannot be read \(No such file or directory\)") as error:
        weights.load_anatomy_network(tmp_path / "a")
    assert error.value.code is Exit.NO_INPUT
