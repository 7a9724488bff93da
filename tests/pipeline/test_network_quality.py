import pytest

from neurofm_bids.model.registry import model_spec
from neurofm_bids.pipeline.network_quality import network_quality
from neurofm_bids.records.anatomy import Anatomy, Volume
from tests.samples import prediction

HEADS = model_spec("open-s").heads
PREDICTIONS = {"brain_volume": prediction(1.1e6, "mm^3"), "ventricular_volume": prediction(15e3, "mm^3")}
VOLUMES = {
    "brain": Volume(1e6, None, 0.93),
    "lateral_ventricles": Volume(20e3, None, 0.9),
    "left_caudate": Volume(4e3, None, 0.7),
    "left_amygdala": Volume(0.0, None, 0.0),
}


def test_disagreement_and_confidence():
    found = network_quality(HEADS, PREDICTIONS, Anatomy(VOLUMES, 2, ""))
    assert found.metrics == pytest.approx(
        {
            "segmentation_confidence": 0.93,
            "segmentation_confidence_lowest": 0.7,
            "brain_volume_disagreement": 0.1,
            "ventricular_volume_disagreement": -0.25,
        }
    )
    assert found.not_measured == {}


def test_without_segmentation_nothing_is_measured():
    found = network_quality(HEADS, PREDICTIONS, None)
    assert set(found.metrics.values()) == {None}
    assert found.not_measured == dict.fromkeys(found.metrics, "there is no segmentation")


def test_a_region_that_is_absent_gives_no_disagreement():
    volumes = {**VOLUMES, "lateral_ventricles": Volume(0.0, None, 0.0)}
    found = network_quality(HEADS, PREDICTIONS, Anatomy(volumes, 2, ""))
    assert found.metrics["ventricular_volume_disagreement"] is None
    assert set(found.not_measured) == {"ventricular_volume_disagreement"}
