"""Planted effects of sites are removed, and effects of covariates stay."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.sites.model import harmonise, learn_sites, with_new_sites
from neurofm_bids.errors import NeuroFMError
from tests.analysis.sites.cohorts import cohort, slope


def spread(values, table, name="site"):
    """Return the largest difference between sites in mean, and the largest ratio of sds, over columns."""
    parts = [values[table[name] == site] for site in sorted(table[name].unique())]
    means, sds = np.array([p.mean() for p in parts]), np.array([p.std() for p in parts])
    return np.ptp(means, axis=0).max(), (sds.max(axis=0) / sds.min(axis=0)).max()


def test_a_planted_shift_is_removed_and_the_effect_of_age_stays():
    table, columns, truth = cohort(n=600)
    model = learn_sites(table, columns)
    made = harmonise(model, table)
    before, after = spread(table[columns] - truth.mean(), table), spread(made, table)
    assert before[0] > 2
    assert after[0] < 0.6
    assert before[1] > 1.3
    true = slope(truth.to_numpy(), table["age"].to_numpy())
    found = slope(made.to_numpy(), table["age"].to_numpy())
    assert np.abs(found - true).max() < 0.01
    assert np.corrcoef(found, true)[0, 1] > 0.98
    error = np.abs(made.to_numpy() - made.to_numpy().mean(axis=0) - (truth - truth.mean()).to_numpy())
    assert error.mean() < 0.25


def test_the_effect_of_age_stays_where_sites_differ_in_age():
    """A site of older people: centring sites would take most of the effect of age with it."""
    table, columns, truth = cohort(n=600, sites=("a", "b"), age_effect=0.1)
    rng = np.random.default_rng(1)
    older = np.where(table["site"] == "b", rng.uniform(45, 80, 600), rng.uniform(20, 55, 600))
    moved = (older - table["age"].to_numpy())[:, None] * slope(truth.to_numpy(), table["age"].to_numpy())
    table[columns] += moved
    truth += moved
    table["age"] = older
    made = harmonise(learn_sites(table, columns), table)
    centred = table[columns] - table.groupby("site")[columns].transform("mean")
    true, found, naive = (slope(v.to_numpy(), older) for v in (truth, made, centred))
    assert np.abs(found - true).max() < 0.01
    steep = true > 0.05
    assert (naive / true)[steep].max() < 0.7 < 0.9 < (found / true)[steep].min()


def test_scans_without_site_or_covariate_take_no_part():
    table, columns, _ = cohort()
    table.loc[0, "age"], table.loc[1, "sex"], table.loc[2, "site"] = np.nan, None, None
    model = learn_sites(table, columns)
    assert sum(model.scans.values()) == len(table) - 3
    made = harmonise(model, table)
    assert made.isna().all(axis=1).tolist() == [True] * 3 + [False] * (len(table) - 3)
    assert model == learn_sites(table.iloc[3:], columns)


def test_values_that_are_not_known_stay_so():
    table, columns, _ = cohort()
    table.loc[:30, "x03"] = np.nan
    made = harmonise(learn_sites(table, columns), table)
    assert made["x03"].isna().sum() == 31
    assert made.drop(columns="x03").notna().all().all()
    table.loc[table["site"] == "b", "x03"] = np.nan
    with pytest.raises(NeuroFMError, match="x03 has 0 known values at the site b"):
        learn_sites(table, columns)


def test_a_curved_effect_of_age_stays_if_it_is_smooth():
    table, columns, truth = cohort(n=600, sites=("a", "b"), shift=0.5, spread=0)
    rng = np.random.default_rng(1)
    table["age"] = np.where(table["site"] == "b", rng.uniform(50, 80, 600), rng.uniform(20, 60, 600))
    curve = 0.004 * (table["age"].to_numpy()[:, None] - 20) ** 2
    table[columns], truth = table[columns] + curve, truth + curve
    errors = {}
    for smooth in ((), ("age",)):
        made = harmonise(learn_sites(table, columns, smooth=smooth), table)
        gap = (made - truth).to_numpy()
        errors[smooth] = np.abs(gap[table["site"] == "a"].mean() - gap[table["site"] == "b"].mean())
    assert errors[("age",)] < 0.5 * errors[()]


def test_a_new_site_gets_its_own_shift_and_scale_and_all_else_stays():
    table, columns, truth = cohort(n=800, sites=("a", "b", "c", "d"))
    known, new = table[table["site"] != "d"], table[table["site"] == "d"]
    model = learn_sites(known, columns)
    assert harmonise(model, new).isna().all().all()
    more = with_new_sites(model, new)
    assert set(more.harmonisation.sites) == {"a", "b", "c", "d"}
    assert {k: v for k, v in more.harmonisation.sites.items() if k != "d"} == model.harmonisation.sites
    assert more.harmonisation.slopes == model.harmonisation.slopes
    assert harmonise(more, known).equals(harmonise(model, known))
    both = harmonise(more, table) - truth
    assert spread(both, table)[0] < 0.6
    assert spread(table[columns] - truth, table)[0] > 2
    few = new.iloc[:10]
    with pytest.raises(NeuroFMError, match="the new site d has 10 scans"):
        with_new_sites(model, few)


def test_the_prior_of_other_sites_helps_a_new_site_of_few_scans():
    """As far from the truth as its own prior at most, and less for most cohorts."""
    better = []
    for seed in range(8):
        table, columns, truth = cohort(seed, n=620, width=60, sites=("a", "b", "c", "d"))
        new = table[table["site"] == "d"].iloc[:6]
        model = learn_sites(table[table["site"] != "d"], columns)
        errors = []
        for one in (model, model.__class__(**{**vars(model), "prior": None})):
            made = harmonise(with_new_sites(one, new, 5), table[table["site"] == "d"]) - truth
            errors.append(np.abs(made.mean()).mean())
        better.append(errors[0] < errors[1])
    assert np.mean(better) >= 0.75


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"site": "center"}, "no column 'center'"),
        ({"columns": ["x00", "y"]}, "no column 'y'"),
        ({"least_scans": 81}, r"3 of 3 sites have fewer than 81 scans with known covariates \(a: 80, b: 80"),
        ({"preserve": ["age", "group"]}, "no column 'group'"),
    ],
)
def test_what_cannot_be_learned_is_refused(changes, message):
    table, columns, _ = cohort()
    with pytest.raises(NeuroFMError, match=message):
        learn_sites(table, **{"columns": columns, **changes})


def test_a_table_of_texts_is_enough():
    table, columns, _ = cohort()
    texts = pd.DataFrame({name: table[name].astype(str) for name in table})
    texts[columns] = table[columns]
    assert np.allclose(
        harmonise(learn_sites(texts, columns), texts), harmonise(learn_sites(table, columns), table)
    )
