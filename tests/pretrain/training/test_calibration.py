import pytest

from neurofm_bids.anatomy.network import AnatomyArchitecture, AnatomyNet
from neurofm_bids.anatomy.weights import load_anatomy_model, save_anatomy_network
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.settings import Calibration
from neurofm_bids.pretrain.training.calibration import calibrate


@pytest.fixture
def weights(tmp_path):
    path, network = tmp_path / "a.safetensors", AnatomyNet(AnatomyArchitecture((4, 4), (0, 0), (0,), 1))

    def write(**about):
        save_anatomy_network(network, path, {"licence": "Apache-2.0", **about})
        return path

    return write


def test_weights_get_the_calibration_of_their_held_out_maps(weights, maps, cache):
    path = weights(recipe={"variant": "anatomy", "held_out": ["two"]})
    settings = Calibration(out=path, maps=(maps,), cache=cache, n=20, workers=0)
    calibrate(settings)
    first = load_anatomy_model(path)
    assert {"brain", "csf"} <= first.calibration.keys()
    assert first.calibration["brain"] > 0
    calibrate(settings)
    assert load_anatomy_model(path).calibration == first.calibration


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({}, "do not say how they were trained"),
        ({"recipe": {"variant": "anatomy", "held_out": ["absent"]}}, "are not there: absent"),
    ],
)
def test_calibration_needs_the_held_out_maps(weights, maps, cache, about, message):
    with pytest.raises(NeuroFMError, match=message):
        calibrate(Calibration(out=weights(**about), maps=(maps,), cache=cache, n=2, workers=0))
