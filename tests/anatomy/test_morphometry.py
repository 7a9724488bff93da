import math

import numpy as np
import pytest

from neurofm_bids.anatomy.morphometry import MEASURED, conformal_factor, measure
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.segmentation import Segmentation
from neurofm_bids.anatomy.weights import AnatomyModel

N = len(REGIONS) + 1


def measured(volumes, confidence=None, calibration=None):
    certain = np.full(N, 0.9) if confidence is None else confidence
    found = Segmentation(np.zeros((1, 1, 1), np.uint8), np.tile(volumes, (2, 1)), certain)
    return measure(found, AnatomyModel(None, calibration or {}, "ab" * 32))


def test_sums_hold_every_region_once():
    volumes = measured(np.arange(1.0, N + 1)).volumes
    ventricles = volumes["ventricles"].mm3
    assert volumes["intracranial"].mm3 == pytest.approx(N * (N + 1) / 2)
    assert volumes["intracranial"].mm3 == pytest.approx(
        volumes["brain"].mm3 + ventricles + volumes["csf"].mm3
    )
    parts = ("cerebral_cortex", "cerebral_white_matter", "deep_grey_matter", "cerebellum", "brainstem")
    assert volumes["brain"].mm3 == pytest.approx(sum(volumes[name].mm3 for name in parts))
    assert volumes["cerebral_cortex"].mm3 == pytest.approx(
        volumes["left_cerebral_cortex"].mm3 + volumes["right_cerebral_cortex"].mm3
    )
    assert {region.name for region in REGIONS} <= set(MEASURED)


def test_the_confidence_of_a_sum_is_weighted_with_volume():
    volumes, confidence = np.zeros(N), np.zeros(N)
    left, right = MEASURED["left_lateral_ventricle"][0], MEASURED["right_lateral_ventricle"][0]
    volumes[[left, right]], confidence[[left, right]] = (3, 1), (0.8, 0.4)
    assert measured(volumes, confidence).volumes["lateral_ventricles"].confidence == pytest.approx(0.7)
    assert measured(volumes, confidence).volumes["brain"].confidence == 0


def test_intervals_widen_as_confidence_falls():
    volumes, confidence = np.ones(N), np.full(N, 0.8)
    found = measured(volumes, confidence, {"brainstem": 0.5}).volumes
    assert found["brainstem"].interval95 == pytest.approx((math.exp(-0.1), math.exp(0.1)))
    assert found["left_caudate"].interval95 is None


def test_the_factor_covers_new_brains():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.6, 0.95, 4000)
    true = np.exp(rng.normal(8, 0.3, 4000))
    found = true * np.exp(rng.normal(0, 0.4, 4000) * (1 - confidence))
    factor = conformal_factor(true[:2000], found[:2000], confidence[:2000])
    covered = np.abs(np.log(found[2000:] / true[2000:])) <= factor * (1 - confidence[2000:])
    assert covered.mean() == pytest.approx(0.95, abs=0.015)
    assert factor == pytest.approx(0.4 * 1.96, rel=0.08)


def test_brains_without_the_region_do_not_count():
    volumes, confidence = np.array([1.0] * 19 + [0.0]), np.full(20, 0.5)
    assert conformal_factor(volumes, volumes, confidence) == 0
    assert conformal_factor(volumes[1:], volumes[1:], confidence[1:]) is None  # 18 cannot hold 95%
