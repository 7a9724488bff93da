import numpy as np
import pytest
import torch

from neurofm_bids.anatomy.network import CLASSES, AnatomyArchitecture, AnatomyNet
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.weights import load_anatomy_model, save_anatomy_network
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.settings import Calibration
from neurofm_bids.pretrain.training.calibration import calibrate, calibration_factors, true_volumes
from neurofm_bids.pretrain.training.segmentation import SegmentationExample

NAMES = [region.name for region in REGIONS]


def example(side=0.25, share=0.5):
    """Return a box of 8^3 voxels: half hippocampus, of which a quarter is left, half CSF."""
    classes = torch.zeros(2, 8, 8, 8, dtype=torch.uint8)
    classes[0], classes[1] = CLASSES.index("hippocampus"), CLASSES.index("csf")
    fractions = torch.stack([torch.full((8, 8, 8), share), torch.full((8, 8, 8), 1 - share)])
    return SegmentationExample(torch.ones(8, 8, 8), classes, fractions, torch.full((8, 8, 8), side))


def test_true_volumes_are_sums_of_fractions_by_side():
    volumes = true_volumes(example())
    assert volumes[NAMES.index("left_hippocampus")] == pytest.approx(512)
    assert volumes[NAMES.index("right_hippocampus")] == pytest.approx(1536)
    assert volumes[-1] == pytest.approx(2048)
    assert volumes.sum() == pytest.approx(8 * 512)


class Fixed(torch.nn.Module):
    """A network that gives the same fractions and side, whatever it sees."""

    def forward(self, image):
        logits = torch.full((1, len(CLASSES) + 1, *image.shape[2:]), -60.0)
        logits[:, [CLASSES.index("hippocampus"), CLASSES.index("csf")]] = 0.0
        logits[:, -1] = 0.0
        return [logits]


def test_the_factor_is_the_error_over_the_doubt():
    factors = calibration_factors(Fixed(), [example(0.5)] * 30)
    assert factors["left_hippocampus"] == pytest.approx(0, abs=1e-6)
    factors = calibration_factors(Fixed(), [example(0.25)] * 30)
    doubt = 1 - 0.25  # half of a half
    assert factors["left_hippocampus"] == pytest.approx(np.log(2) / doubt)
    assert factors["right_hippocampus"] == pytest.approx(np.log(1.5) / doubt)


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
