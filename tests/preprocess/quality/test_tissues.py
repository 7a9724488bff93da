import math

import numpy as np
import pytest

from neurofm_bids.preprocess.quality.tissues import (
    TISSUES,
    Tissue,
    cjv,
    cnr,
    fit_intensities,
    snr,
    weighted_tissue,
    wm2max,
)


def mixture(sd=20.0, sizes=(20_000, 40_000, 40_000), means=(200.0, 500.0, 800.0)):
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, sd, n) for m, n in zip(means, sizes, strict=True)])


@pytest.mark.parametrize("sd", [10.0, 30.0, 60.0])
def test_the_classes_are_those_of_the_mixture(sd):
    model = fit_intensities(mixture(sd))
    for name, mean, count in zip(TISSUES, (200, 500, 800), (20_000, 40_000, 40_000), strict=True):
        tissue = model.tissues[name]
        assert tissue.median == pytest.approx(mean, abs=0.1 * sd)
        assert tissue.sd == pytest.approx(sd, rel=0.08)
        assert tissue.mad == pytest.approx(sd, rel=0.08)
        assert tissue.n == pytest.approx(count, rel=0.05)
        assert snr(tissue) == pytest.approx(mean / sd, rel=0.1)


def test_equal_intensities_in_another_order_give_the_same_classes():
    values = mixture()
    shuffled = np.random.default_rng(1).permutation(values)
    assert fit_intensities(values).tissues == fit_intensities(shuffled).tissues


def test_the_unit_does_not_matter():
    one, other = fit_intensities(mixture()), fit_intensities(1e-3 * mixture())
    assert snr(one.tissues["wm"]) == pytest.approx(snr(other.tissues["wm"]), rel=1e-6)


def test_probabilities_of_intensities():
    model = fit_intensities(mixture())
    found = model.posterior_of(np.array([200.0, 500.0, 800.0, 1e6, -5.0]))
    assert found.argmax(axis=0).tolist() == [0, 1, 2, 2, 0]
    assert found.sum(axis=0) == pytest.approx(1)


@pytest.mark.parametrize("values", [np.zeros(0), np.full(100, 5.0)])
def test_equal_values_have_no_classes(values):
    assert fit_intensities(values) is None


def test_statistics_with_weights():
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(10, 2, 1001))
    found = weighted_tissue(values, np.ones(1001), np.ones(1001))
    assert found.median == np.median(values)
    assert found.sd == pytest.approx(values.std())
    assert found.mad == pytest.approx(1.4826 * np.median(np.abs(values - np.median(values))))
    halves = np.where(np.arange(1001) < 500, 0.4, 1.0)
    upper = weighted_tissue(values, np.ones(1001), halves)
    assert upper.mad == pytest.approx(1.4826 * np.median(np.abs(values[500:] - upper.median)))
    twice = weighted_tissue(values, np.full(1001, 4.0), np.full(1001, 0.5))
    assert (twice.median, twice.sd, twice.n) == pytest.approx((found.median, found.sd, 2002))
    assert weighted_tissue(values, np.zeros(1001), np.ones(1001)) is None


WM, GM = Tissue(800.0, 20.0, 18.0, 101.0), Tissue(500.0, 30.0, 24.0, 50.0)


def test_formulas():
    assert snr(WM) == pytest.approx(800 / (20 * math.sqrt(1.01)))
    assert cnr(WM, GM) == pytest.approx(300 / math.sqrt(400 + 900))
    assert cnr(WM, GM, 60.0) == pytest.approx(300 / 70)
    assert cjv(WM, GM) == pytest.approx(42 / 300)
    assert wm2max(np.arange(10001.0), 5000.0) == pytest.approx(5000 / 9995)
    assert math.isnan(cjv(WM, WM))
    assert math.isnan(snr(Tissue(1.0, 0.0, 0.0, 10.0)))
