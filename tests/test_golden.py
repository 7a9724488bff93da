"""Results change only with the pipeline version, which makes finished scans stale."""

import json

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids import NeuroFM
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from tests import golden

KEPT = json.loads(golden.PATH.read_text())


def test_the_kept_outputs_are_of_this_pipeline_version():
    assert KEPT["pipeline_version"] == PIPELINE_VERSION, "write them anew: python -m tests.golden IMAGE"


@pytest.mark.realdata
def test_results_change_only_with_the_pipeline_version(shared):
    changed = golden.differences(golden.compute(shared / golden.SCAN), KEPT)
    assert changed == [], (
        "raise PIPELINE_VERSION in neurofm_bids/pipeline/steps.py, then write tests/data anew"
    )


@pytest.mark.realdata
def test_a_segmentation_alone_has_the_same_volumes_and_both_sides(shared):
    image = nib.load(shared / golden.SCAN)
    found = NeuroFM("open-s", device="cpu").segment(image)
    volumes = {name: volume.mm3 for name, volume in found.anatomy.volumes.items()}
    assert volumes == pytest.approx(KEPT["volumes"], rel=1e-4)
    codes = np.asarray(found.labels.dataobj)
    assert found.labels.shape == image.shape
    assert {3, 42, 17, 53, 16} <= set(np.unique(codes).astype(int))
    mm3 = np.prod(image.header.get_zooms()[:3]) * np.count_nonzero(codes == 17)
    assert mm3 == pytest.approx(volumes["left_hippocampus"], rel=0.1)
    left, right = (
        nib.affines.apply_affine(image.affine, np.argwhere(codes == code).mean(axis=0)) for code in (17, 53)
    )
    assert right[0] - left[0] > 30  # mm, in RAS+


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("scale", "offset", "kind"),
    [
        (1, -1024, np.int16),
        (1, 32768, np.uint16),
        (1e-6, 0, np.float32),
        (1e6, 3e6, np.float64),
        (1 / 4095, -0.5, np.float32),
    ],
)
def test_unit_and_offset_of_the_stored_intensities_do_not_matter(shared, scale, offset, kind):
    image = nib.load(shared / golden.SCAN)
    stored = (np.asarray(image.dataobj, dtype=np.float64) * scale + offset).astype(kind)
    assert golden.differences(golden.compute(nib.Nifti1Image(stored, image.affine)), KEPT) == []


REPEATABILITY = {"age": 0.18, "sex": 0.005, "ventricular_volume": 60.0, "brain_volume": 3300.0}


@pytest.fixture(scope="module")
def predictions(shared):
    """The predictions from the scan, resampled in intensity so that it lies on no steps, in another unit."""
    image = nib.load(shared / golden.SCAN)
    data = np.asarray(image.dataobj, dtype=np.float64) ** 1.01

    def predict(scale, offset):
        stored = (data * scale + offset).astype(np.float32)
        return golden.compute(nib.Nifti1Image(stored, image.affine))["predictions"]

    return predict


@pytest.mark.slow
@pytest.mark.realdata
def test_rounding_of_the_stored_intensities_is_far_below_the_repeatability(predictions):
    """Repeatability is the sd over poses of a head, docs/benchmarks.md."""
    expected = predictions(1, 0)
    for scale, offset in ((3.7, 1000), (1e-6, 0), (1 / 4095, -0.5), (1e6, 3e6)):
        now = predictions(scale, offset)
        for name, sd in REPEATABILITY.items():
            assert abs(now[name][0] - expected[name][0]) < 1e-3 * sd, (name, scale, offset)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"features": [value + 0.01 for value in KEPT["features"]]}, ["features"]),
        ({"predictions": {**KEPT["predictions"], "age": [30.0, 1.0]}}, ["age"]),
        (
            {"image_quality": {"snr_brain": KEPT["image_quality"]["snr_brain"]}},
            sorted(set(KEPT["image_quality"]) - {"snr_brain"}),
        ),
    ],
)
def test_a_change_is_noticed(change, expected):
    now = {name: KEPT[name] for name in ("features", "predictions", "image_quality", "volumes")}
    assert golden.differences({**now, **change}, KEPT) == expected
