"""The whole chain on every real scan beside the project, through the Python interface."""

import pytest

HEADS = [
    *(f"ds000011/sub-{n}/anat/sub-{n}_T1w.nii.gz" for n in ("01", "03", "05", "07", "09", "12")),
    "aomic/sub-0001_T1w.mgz",
    "aomic/sub-0002_T1w.mgz",
    "ds000247/sub-0002_T1.mgz",
    "lowres_sub-001_T1w.nii.gz",
]
STRIPPED = [f"ds002748/sub-{n}/anat/sub-{n}_T1w.nii.gz" for n in ("01", "05", "09", "13")]

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


@pytest.fixture(scope="module")
def model():
    from neurofm_bids import NeuroFM

    return NeuroFM("open-s", device="cpu", views=1)


@pytest.mark.parametrize("path", HEADS)
def test_heads(shared, model, path):
    result = model.predict(shared / "data" / path)
    assert result.record.measurements.brain_extraction.method == "deepbet"
    assert {flag.name for flag in result.flags} <= {"coarse_voxels"}
    assert result.image_quality["template_dice"] > 0.93
    volumes = {name: result.predictions[name].value / 1000 for name in ("brain_volume", "ventricular_volume")}
    mask = result.image_quality["mask_volume_mm3"] / 1000
    assert 0.7 * mask < volumes["brain_volume"] < mask
    assert 5 < volumes["ventricular_volume"] < 40


@pytest.mark.parametrize("path", STRIPPED)
def test_stripped_heads(shared, model, path):
    result = model.predict(shared / "data" / path)
    assert result.record.measurements.brain_extraction.method == "none"
    assert result.flags == ()
    assert result.predictions["brain_volume"].in_range
