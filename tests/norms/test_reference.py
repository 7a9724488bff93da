"""The published norms: their own means, sds and slopes."""

import math

import numpy as np
import pytest

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.norms.distribution import centile_of
from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV, ETIV_SD_ML
from neurofm_bids.norms.published import CHOROID_MM3, ETIV_ML, read_norms
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.records.origin import make_origin
from tests.norms.people import typical, volumes_of

REGIONAL = [region.name for region in REGIONS]
SUMS = ("brain", "cerebral_cortex", "lateral_ventricles", "ventricles", "deep_grey_matter", "cerebellum")


def expect(name, age=50.0, sex="F", etiv=None):
    size = ETIV_ML[sex] if etiv is None else etiv
    return PUBLISHED.expect(name, name, age, sex, size * CRANIUM_PER_ETIV).distribution


@pytest.mark.parametrize("name", [*REGIONAL, *SUMS])
@pytest.mark.parametrize(("age", "sex", "etiv"), [(20, "F", 1420), (72.5, "M", 1450), (94, "F", 1600)])
def test_the_mean_of_the_norms_is_the_middle(name, age, sex, etiv):
    volume = volumes_of(age, sex, etiv)[name]
    assert centile_of(expect(name, age, sex, etiv).z(volume)) == pytest.approx(50, abs=1e-6)


@pytest.mark.parametrize("name", REGIONAL)
def test_one_sd_more_is_centile_84(name):
    volume = volumes_of(60, "M", 1600, np.ones(len(REGIONS)))[name]
    assert centile_of(expect(name, 60, "M").z(volume)) == pytest.approx(84.134, abs=1e-3)


def test_numbers_of_the_published_table():
    """Rows of the table of the package, at 50 years, women, 1420 ml."""
    hippocampus = expect("right_hippocampus")
    assert hippocampus.z(4019.65 + 359.8) == pytest.approx(1, abs=1e-3)
    ventricle = expect("left_lateral_ventricle")
    assert ventricle.of == "logarithm"
    assert ventricle.z(10**3.85802 + CHOROID_MM3) == pytest.approx(0, abs=1e-4)
    assert ventricle.z(10 ** (3.85802 + 0.1764) + CHOROID_MM3) == pytest.approx(1, abs=1e-3)
    assert expect("left_lateral_ventricle").offset == 600
    assert expect("lateral_ventricles").offset == expect("ventricles").offset == 1200
    assert expect("third_ventricle").offset == expect("left_inferior_lateral_ventricle").offset == 0


def test_larger_heads_are_expected_to_hold_more():
    small, large = (expect("left_hippocampus", etiv=size) for size in (1420, 1520))
    assert large.median - small.median == pytest.approx(137.1, abs=0.1)
    assert large.z(large.median) == 0
    assert large.z(small.median) < 0


def test_without_head_size_the_sd_holds_that_of_heads():
    there = PUBLISHED.expect("brain", "brain", 50, "M", 1600 * CRANIUM_PER_ETIV)
    absent = PUBLISHED.expect("brain", "brain", 50, "M", None)
    assert (there.notes, absent.notes) == ((), ("no_head_size",))
    assert absent.distribution.median == pytest.approx(there.distribution.median)
    slope = (expect("brain", 50, "M", 1650).median - expect("brain", 50, "M", 1550).median) / 100
    wide = math.hypot(there.distribution.scale, slope * ETIV_SD_ML["M"])
    assert absent.distribution.scale == pytest.approx(wide)
    assert absent.distribution.scale > 1.3 * there.distribution.scale


@pytest.mark.parametrize(
    ("age", "notes"),
    [(17.9, ("age_outside",)), (18, ("extrapolated",)), (20, ()), (90, ()), (95, ("extrapolated",))],
)
def test_ages(age, notes):
    found = PUBLISHED.expect("brain", "brain", age, "F", 1320.0)
    assert found.notes == notes
    assert (found.distribution is None) == (notes == ("age_outside",))


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_people_of_the_norms_have_uniform_centiles(name):
    """Sums are not in the table: their sd follows from the correlations of regions."""
    scores = np.array([expect(name, age, sex, etiv).z(v[name]) for age, sex, etiv, v in typical(3, 3000)])
    assert scores.mean() == pytest.approx(0, abs=0.07)
    assert scores.std() == pytest.approx(1, abs=0.05)
    assert (np.abs(scores) > 1.96).mean() == pytest.approx(0.05, abs=0.02)


def test_what_has_norms():
    assert not PUBLISHED.covers("csf", "csf")
    assert not PUBLISHED.covers("intracranial", "intracranial")
    assert PUBLISHED.covers("predicted_brain_volume", "brain")
    assert not PUBLISHED.covers("predicted_x", "")
    assert PUBLISHED.refuses(make_origin(1, "a", "b", {})) == ""
    assert PUBLISHED.ages("brain", None) == (18, 95)
    assert "Potvin" in PUBLISHED.about["Source"]
    assert read_norms().ages[-1] == 90
