import numpy as np
import pytest

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV
from neurofm_bids.norms.published import ETIV_ML, read_norms
from neurofm_bids.pretrain.synthesis.population import (
    TISSUE,
    Person,
    draw_person,
    expected_contrast,
    expected_lesion_load,
    expected_tissue_fraction,
)
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

NAMES = [region.name for region in REGIONS]


@pytest.fixture(scope="module")
def people():
    return [draw_person(RandomFields((5, n))) for n in range(4000)]


@pytest.fixture(scope="module")
def typical(people):
    return [person for person in people if person.age_years is not None]


@pytest.fixture(scope="module")
def wide(people):
    return [person for person in people if person.age_years is None]


def volumes_of(people):
    return np.array([person.region_mm3 for person in people])


def test_three_in_ten_are_drawn_without_age_and_sex(people, wide):
    assert len(wide) / len(people) == pytest.approx(0.3, abs=0.03)
    assert {person.sex for person in wide} == {None}


def test_regions_follow_the_norms(typical):
    norms = read_norms()
    expected = np.array([norms.volumes_mm3(p.age_years, p.sex, ETIV_ML[p.sex]) for p in typical])
    ratios = np.log(volumes_of(typical) / expected)
    assert np.median(ratios, axis=0) == pytest.approx(0, abs=0.02)
    # Without choroid plexus and the spread of head size, the sd are those of the norms.
    spread = ratios.std(axis=0) / norms.log_sd(np.median(expected, axis=0))
    assert (spread > 0.9).all()
    assert (spread < 2.0).all()
    small = [name in ("left_hippocampus", "third_ventricle", "left_amygdala") for name in NAMES]
    assert spread[small] == pytest.approx(1.06, abs=0.12)


def test_sides_are_correlated_as_in_the_norms(typical):
    young = [p for p in typical if p.sex == "F" and p.age_years < 40]
    left, right = (np.log(volumes_of(young)[:, NAMES.index(f"{s}_hippocampus")]) for s in ("left", "right"))
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(0.79, abs=0.05)  # 0.75 in heads of one size


def test_properties_are_sums_of_regions():
    person = Person(30.0, "F", 1300.0, tuple(1000.0 + n for n in range(len(REGIONS))), 0.0, 1.0)
    volumes = dict(zip(NAMES, person.region_mm3, strict=True))
    lateral = sum(volume for name, volume in volumes.items() if name.endswith("lateral_ventricle"))
    others = volumes["third_ventricle"] + volumes["fourth_ventricle"]
    assert person.lateral_ml == pytest.approx(lateral / 1000)
    assert person.brain_ml == pytest.approx((sum(person.region_mm3) - lateral - others) / 1000)
    assert person.ventricle_excess == pytest.approx(np.log(lateral / 20_000))


@pytest.mark.parametrize(
    ("sex", "low", "high", "lateral"),
    [("F", 20, 30, 11.9), ("M", 20, 30, 14.0), ("F", 55, 65, 19.0), ("M", 70, 80, 35.5)],
)
def test_ventricles_of_an_age_group(typical, sex, low, high, lateral):
    """The values of the published models at the middle of the group, and 1.2 ml of choroid plexus."""
    group = [p.lateral_ml for p in typical if p.sex == sex and low <= p.age_years < high]
    assert np.median(group) == pytest.approx(lateral, rel=0.12)


def test_heads_differ_between_the_sexes_and_are_filled_less_with_age(typical):
    men, women = (np.array([p.cranium_ml for p in typical if p.sex == sex]) for sex in "MF")
    assert men.mean() == pytest.approx(1600 * CRANIUM_PER_ETIV, rel=0.01)
    assert women.mean() == pytest.approx(1420 * CRANIUM_PER_ETIV, rel=0.01)
    for low, sd in ((18, 0.02), (80, 0.026)):
        group = [p for p in typical if low <= p.age_years < low + 12]
        gap = [p.brain_ml / p.cranium_ml - expected_tissue_fraction(p.age_years, p.sex) for p in group]
        assert np.mean(gap) == pytest.approx(0, abs=0.004)
        assert np.std(gap) == pytest.approx(sd, abs=0.004)


def test_nobody_has_more_brain_than_room(people):
    filled = [sum(p.region_mm3) / 1000 / p.cranium_ml for p in people]
    assert max(filled) < 0.97
    assert (volumes_of(people) > 0).all()


def test_unconstrained_people_have_any_ventricles_in_any_head(wide):
    lateral = np.log([p.lateral_ml for p in wide])
    fraction = np.array([p.brain_ml / p.cranium_ml for p in wide])
    assert np.exp(lateral.min()) == pytest.approx(5, rel=0.05)
    assert np.exp(lateral.max()) == pytest.approx(150, rel=0.05)
    assert lateral.std() == pytest.approx(np.log(30) / np.sqrt(12), rel=0.1)
    assert fraction.max() - fraction.min() > 0.2
    assert abs(np.corrcoef(lateral, [p.cranium_ml for p in wide])[0, 1]) < 0.1


def test_shares_of_unconstrained_people_are_scattered_independently(wide):
    norms, volumes = read_norms(), volumes_of(wide)
    shares = np.log(volumes[:, TISSUE] / volumes[:, TISSUE].sum(axis=1, keepdims=True))
    sd = norms.log_sd(norms.volumes_mm3(55, "F", 1500))[TISSUE]
    ratio = shares.std(axis=0) / sd
    small = [
        STRUCTURES[r.structure].kind == "deep grey matter" for r in REGIONS if TISSUE[NAMES.index(r.name)]
    ]
    assert ratio[small] == pytest.approx(2.1, abs=0.35)
    assert np.median(ratio) == pytest.approx(2.1, abs=0.35)
    names = np.array(NAMES)[TISSUE].tolist()
    lateral = np.log([p.lateral_ml for p in wide])
    for name in ("left_hippocampus", "left_caudate", "brainstem", "left_frontal_cortex"):
        assert abs(np.corrcoef(shares[:, names.index(name)], lateral)[0, 1]) < 0.12, name
    pair = np.corrcoef(shares[:, names.index("left_hippocampus")], shares[:, names.index("left_putamen")])
    assert abs(pair[0, 1]) < 0.15


def test_equal_seeds_draw_equal_people():
    assert draw_person(RandomFields((1, 2))) == draw_person(RandomFields((1, 2)))
    assert draw_person(RandomFields((1, 2))) != draw_person(RandomFields((1, 3)))


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 5])
def test_an_effect_changes_its_region_only(index):
    plain, changed = (
        draw_person(RandomFields((9, index)), effect=effect) for effect in (None, {"hippocampus": -0.5})
    )
    ratio = dict(zip(NAMES, np.divide(changed.region_mm3, plain.region_mm3), strict=True))
    for name in NAMES:
        if "hippocampus" in name:
            assert 0.93 < ratio[name] < 0.97
        else:
            assert ratio[name] == 1
    assert changed.cranium_ml == plain.cranium_ml


def test_an_effect_can_be_on_one_side():
    plain, changed = (draw_person(RandomFields((9, 0)), effect=e) for e in (None, {"left_caudate": 1.0}))
    differing = np.not_equal(plain.region_mm3, changed.region_mm3)
    assert np.array(NAMES)[differing].tolist() == ["left_caudate"]


def test_an_effect_needs_a_known_name():
    with pytest.raises(ValueError, match="no region or structure has the name 'hippocampi'"):
        draw_person(RandomFields((9, 0)), effect={"hippocampi": 1.0})


@pytest.mark.parametrize(("age_power", "mean"), [(1.0, 56.5), (1.6, 18 + 77 / 2.6)])
def test_the_age_power_sets_the_mean_age(age_power, mean):
    people = [draw_person(RandomFields((6, n)), age_power) for n in range(3000)]
    assert np.mean([p.age_years for p in people if p.age_years]) == pytest.approx(mean, abs=1.5)


def test_lesions_increase_and_contrast_decreases_with_age():
    loads = [expected_lesion_load(age) for age in (25, 50, 70, 90)]
    assert loads == sorted(loads)
    assert loads[0] < 0.05
    assert loads[-1] > 0.5
    contrasts = [expected_contrast(age) for age in (90, 70, 50, 25)]
    assert contrasts == sorted(contrasts)
    assert contrasts[-1] == 1
