from itertools import pairwise

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neurofm_bids.geometry import as_matrix
from neurofm_bids.preprocess.iqm import METRIC_NAMES, measure_quality
from neurofm_bids.records.measurement import Registration
from tests.preprocess.quality import phantom


def registration(**changes):
    usual = {"dice": 0.95, "correlation": 0.6, "rotation_degrees": 10.0, "scale": 1.1}
    return Registration(rigid=as_matrix(np.eye(4)), affine=as_matrix(np.eye(4)), **{**usual, **changes})


def brain(*, core=600.0, rim=400.0, zoom=2.0, radius_mm=70.0, noise=20.0):
    """A ball with a bright core: mask, and image with a little noise."""
    axis = np.arange(-90, 90, zoom)
    distance = np.sqrt(sum(g**2 for g in np.meshgrid(axis, axis, axis, indexing="ij")))
    data = np.where(distance < radius_mm - 14, core, rim)
    data = data + np.random.default_rng(0).normal(0, noise, data.shape)
    inside = distance < radius_mm
    affine = np.diag([zoom, zoom, zoom, 1])
    image = nib.Nifti1Image(np.where(inside, data, 0).astype(np.float32), affine)
    return image, nib.Nifti1Image(inside.astype(np.uint8), affine)


def measured(image, mask, **changes):
    found = measure_quality(image, image, mask, registration(**changes), template_mask=mask)
    return found.metrics, found.flags


def raised(image, mask, **changes):
    return measured(image, mask, **changes)[1]


def flags(image, mask, **changes):
    return {flag.name: flag.severity for flag in raised(image, mask, **changes)}


def test_a_usual_scan_raises_no_flag():
    assert flags(*brain(zoom=1.4)) == {}


@pytest.mark.parametrize(
    ("scan", "changes", "name", "severity"),
    [
        ({}, {"dice": 0.85}, "low_overlap", "serious"),
        ({}, {"correlation": 0.1}, "low_correlation", "serious"),
        ({"core": 300.0}, {}, "inverted_contrast", "serious"),
        ({"radius_mm": 58.0}, {}, "unusual_brain_size", "warning"),
        ({"zoom": 1.6}, {}, "coarse_voxels", "warning"),
        ({}, {"rotation_degrees": 45.0}, "large_rotation", "warning"),
    ],
)
def test_each_flag_has_its_case(scan, changes, name, severity):
    assert flags(*brain(**{"zoom": 1.4, **scan}), **changes) == {name: severity}


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (29, {}),
        (31, {"large_rotation": "warning"}),
        (59, {"large_rotation": "warning"}),
        (61, {"implausible_rotation": "serious"}),
    ],
)
def test_a_rotation_beyond_any_pose_is_serious(degrees, expected):
    assert flags(*brain(zoom=1.4), rotation_degrees=float(degrees)) == expected


def test_metrics_move_the_right_way():
    quiet, loud = brain(noise=10), brain(noise=40)
    one, other = (measured(*scan)[0] for scan in (quiet, loud))
    assert one["snr_brain"] > 2 * other["snr_brain"]
    assert one["core_rim_ratio"] == pytest.approx(1.5, rel=0.02)
    assert one["voxel_mm3"] == pytest.approx(8)
    assert one["mask_volume_mm3"] == pytest.approx(4 / 3 * np.pi * 70**3, rel=0.01)


def test_entropy_focus_is_one_for_a_flat_brain_and_less_for_a_sharp_one():
    flat, mask = brain(core=500, rim=500, noise=0)
    sharp, _ = brain(core=900, rim=50, noise=0)
    values = [measured(image, mask)[0]["entropy_focus"] for image in (flat, sharp)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values[1] < 0.9


def test_a_constant_brain_lacks_what_cannot_be_measured():
    image, mask = brain(core=500, rim=500, noise=0)
    metrics, _ = measured(image, mask)
    missing = {name for name, value in metrics.items() if value is None}
    assert {
        "snr_brain",
        "contrast",
        "snr_wm",
        "cnr",
        "cjv",
        "wm2max",
        "bright_rim",
        "fwhm_mean_mm",
    } <= missing
    known = {"core_rim_ratio", "entropy_focus", "efc", "slice_jump", "mask_leak", "voxel_anisotropy"}
    assert not known & missing


def with_forms(qform=None, *, codes=(1, 1)):
    """A usual scan whose header has these codes, and this change of the qform against the sform."""
    image, mask = brain(zoom=1.4)
    affine = image.affine
    image.set_sform(affine, code=codes[1])
    image.set_qform((np.eye(4) if qform is None else qform) @ affine, code=codes[0])
    return image, mask


TURNED = nib.affines.from_matvec(nib.eulerangles.euler2mat(0, 0, np.radians(6)))


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        (with_forms(), {}),
        (with_forms(nib.affines.from_matvec(np.eye(3), (0, 40, 0))), {}),
        (with_forms(nib.affines.from_matvec(nib.eulerangles.euler2mat(0, 0, np.radians(4)))), {}),
        (with_forms(TURNED), {"orientation_disagrees": "warning"}),
        (with_forms(TURNED, codes=(0, 1)), {}),
        (with_forms(np.diag([-1, 1, 1, 1])), {"orientation_disagrees": "warning"}),
        (with_forms(np.diag([1, 1, 1.03, 1])), {"voxel_size_disagrees": "serious"}),
        (with_forms(codes=(0, 0)), {"no_orientation": "warning"}),
    ],
)
def test_doubtful_headers_raise_a_flag(scan, expected):
    assert flags(*scan) == expected


@pytest.mark.parametrize(
    ("scan", "changes", "message"),
    [
        (
            brain(zoom=1.4, radius_mm=58),
            {},
            "The brain mask volume of 817 ml is outside the usual range of 1000 to 2000 ml",
        ),
        (brain(zoom=1.6), {}, "The voxels of 4.1 mm^3 are larger than 3 mm^3"),
        (
            brain(zoom=1.4),
            {"dice": 0.853},
            "The overlap of the brain mask with the template is low (Dice 0.85)",
        ),
        (
            brain(zoom=1.4),
            {"rotation_degrees": 45.3},
            "The head is rotated by 45 degrees relative to the template: check its orientation",
        ),
        (
            with_forms(np.diag([1, 1, 1.03, 1])),
            {},
            "The qform and sform give different voxel sizes (1.4 x 1.4 x 1.44 mm and 1.4 x 1.4 x 1.4 mm): "
            "volumes follow the sform",
        ),
        (
            with_forms(TURNED),
            {},
            "The axes of qform and sform differ by up to 6 degrees: the sform is used",
        ),
    ],
)
def test_messages_give_the_values(scan, changes, message):
    assert [flag.message for flag in raised(*scan, **changes)] == [message]


def test_a_voxel_that_outweighs_the_brain_raises_a_flag():
    image, mask = brain(zoom=1.4)
    data = np.array(image.dataobj)
    data[60, 60, 60] = 9 * np.quantile(data[np.asarray(mask.dataobj) > 0], 0.99)
    assert flags(nib.Nifti1Image(data, image.affine), mask) == {}
    data[60, 60, 60] *= 2
    assert flags(nib.Nifti1Image(data, image.affine), mask) == {"extreme_voxels": "serious"}


NO_AIR = {"fber", "qi1", "air_ghosting"}


def test_metrics_of_a_head_with_known_tissues():
    found = phantom.quality(phantom.head(noise=20.0))
    metrics = found.metrics
    assert set(metrics) == set(METRIC_NAMES)
    assert metrics["snr_wm"] == pytest.approx(40, rel=0.05)
    assert metrics["snr_gm"] == pytest.approx(25, rel=0.05)
    assert metrics["snr_csf"] == pytest.approx(10, rel=0.1)
    assert metrics["cnr"] == pytest.approx(300 / np.sqrt(400 + 400 + 13.1**2), rel=0.05)
    assert metrics["cjv"] == pytest.approx(40 / 300, rel=0.1)
    assert metrics["noise"] == pytest.approx(20 / 800, rel=0.3)
    assert (metrics["mask_components"], metrics["mask_holes_mm3"]) == (1, 0)
    assert set(found.not_measured) == {"inu_range", "inu_median"}
    assert set(found.not_measured.values()) == {"the bias was not corrected"}


def test_a_stripped_brain_has_reasons_instead_of_metrics_of_air():
    stripped = np.where(phantom.distance() < 70, phantom.head(), 0)
    found = phantom.quality(stripped)
    assert {*NO_AIR, "face_share", "contour_gradient"} <= set(found.not_measured)
    assert all(found.not_measured[name].startswith("the background is blank") for name in NO_AIR)
    assert {name for name, value in found.metrics.items() if value is None} == set(found.not_measured)


def noisy(level):
    return phantom.head(noise=10.0 + 20 * level)


def blurred(level):
    return ndimage.gaussian_filter(phantom.head(), 0.4 * level)


def ghosted(level):
    head = phantom.head()
    return head + 0.03 * level * np.roll(head, head.shape[1] // 2, 1)


def striped(level):
    place = np.arange(88)[:, None]
    return phantom.head() + 15 * level * np.cos(2 * np.pi * 0.3 * place)


def clipped(level):
    return np.minimum(phantom.head(), 820 - 20 * level)


def darkened(level):
    head = phantom.head()
    head[:, :, 44] *= 1 - 0.2 * level
    return head


@pytest.mark.parametrize(
    ("damage", "metric", "sign"),
    [
        (noisy, "snr_wm", -1),
        (noisy, "snr_gm", -1),
        (noisy, "cnr", -1),
        (noisy, "cjv", 1),
        (noisy, "noise", 1),
        (noisy, "fber", -1),
        (noisy, "efc", 1),
        (blurred, "fwhm_mean_mm", 1),
        (blurred, "contour_gradient", -1),
        (ghosted, "air_ghosting", 1),
        (ghosted, "efc", 1),
        (striped, "ringing", 1),
        (striped, "cjv", 1),
        (clipped, "clipped_share", 1),
        (darkened, "slice_jump", 1),
    ],
)
def test_metrics_follow_their_artefact(damage, metric, sign):
    values = [sign * phantom.measured(damage(level))[metric] for level in range(5)]
    assert all(second >= first - 1e-9 for first, second in pairwise(values)), values
    assert values[-1] > values[0]
