import numpy as np
import pytest

from neurofm_bids.pretrain.synthesis.population import (
    draw_person,
    expected_lateral_ml,
    expected_lesion_load,
    expected_tissue_fraction,
)
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields


def test_the_population_follows_its_sources():
    people = [draw_person(RandomFields((5, n))) for n in range(4000)]
    with_age = [p for p in people if p.age_years is not None]
    assert len(with_age) / len(people) == pytest.approx(0.7, abs=0.03)
    for low in (20, 45, 75):
        decade = [p for p in with_age if low <= p.age_years < low + 10]
        fractions = [p.brain_ml / p.cranium_ml - expected_tissue_fraction(p.age_years) for p in decade]
        ratios = [np.log(p.lateral_ml / expected_lateral_ml(p.age_years, p.cranium_ml)) for p in decade]
        assert np.mean(fractions) == pytest.approx(0, abs=0.004)
        assert np.mean(ratios) == pytest.approx(0, abs=0.08)
    men, women = (np.mean([p.cranium_ml for p in with_age if p.sex == sex]) for sex in "MF")
    assert men - women == pytest.approx(160, abs=15)


@pytest.mark.parametrize(("age_power", "mean"), [(1.0, 56.5), (1.6, 18 + 77 / 2.6)])
def test_the_age_power_sets_the_mean_age(age_power, mean):
    people = [draw_person(RandomFields((6, n)), age_power) for n in range(3000)]
    assert np.mean([p.age_years for p in people if p.age_years]) == pytest.approx(mean, abs=1.5)


def test_lesions_increase_with_age():
    loads = [expected_lesion_load(age) for age in (25, 50, 70, 90)]
    assert loads == sorted(loads)
    assert loads[0] < 0.05
    assert loads[-1] > 0.5
