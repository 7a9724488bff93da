"""ComBat against neuroCombat 0.2.12, and what it does with few features, constants and gaps."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.combat import (
    LEAST_FEATURES,
    Prior,
    alike_columns,
    pooled_sd,
    site_effect,
    within_slopes,
)

STORED = Path(__file__).parent / "data" / "neurocombat.tsv"


def by_combat(values, covariates, sites):
    design = covariates - covariates.mean(axis=0)
    slopes = within_slopes(values, design, sites)
    left = values - design @ slopes
    level, sd = np.nanmean(left, axis=0), pooled_sd(left, sites)
    made = np.empty_like(values)
    for site in np.unique(sites):
        rows, effect = sites == site, site_effect(left[sites == site], level, sd, shrink=True)
        made[rows] = level + (left[rows] - effect.location) / effect.scale + (design @ slopes)[rows]
    return made


def stored():
    table = pd.read_csv(STORED, sep="\t")
    columns = [name for name in table if name.startswith("x")]
    covariates = np.stack([table["age"], table["sex"] == "M"], axis=1).astype(float)
    return table, columns, covariates, np.unique(table["site"], return_inverse=True)[1]


def test_it_gives_the_numbers_of_neurocombat():
    """Stored by benchmarks/combat_agreement.py; neuroCombat stops iterating at a change of 1e-4."""
    table, columns, covariates, sites = stored()
    expected = table[[f"combat_{name}" for name in columns]].to_numpy()
    found = by_combat(table[columns].to_numpy(), covariates, sites)
    assert np.abs(found - expected).max() < 2e-4
    assert np.abs(table[columns].to_numpy() - expected).max() > 2


def test_few_features_keep_the_mean_and_spread_of_their_site():
    rng = np.random.default_rng(0)
    left = 3 + 2 * rng.normal(size=(30, LEAST_FEATURES - 1))
    effect = site_effect(left, np.zeros(LEAST_FEATURES - 1), np.ones(LEAST_FEATURES - 1), shrink=True)
    assert effect.prior is None
    assert effect.location == pytest.approx(left.mean(axis=0))
    assert effect.scale == pytest.approx(left.std(axis=0, ddof=1))


def test_few_scans_are_shrunk_more_than_many():
    rng = np.random.default_rng(0)
    true = 1 + 0.1 * rng.normal(size=200)
    level, sd = np.zeros(200), np.ones(200)
    errors, prior = {}, Prior(0.01, 50.0)
    for n in (5, 500):
        left = true + rng.normal(size=(n, 200))
        effect = site_effect(left, level, sd, shrink=True, prior=prior)
        errors[n] = np.abs(effect.location - true).mean() / np.abs(left.mean(axis=0) - true).mean()
        assert effect.prior is prior
    assert errors[5] < 0.4
    assert 0.7 < errors[500] < 1


def test_constant_features_are_moved_but_not_scaled():
    rng = np.random.default_rng(0)
    left = rng.normal(size=(40, 20)) + 2
    left[:, 3] = 7.0
    sd = np.ones(20)
    effect = site_effect(left, np.zeros(20), sd, shrink=True)
    assert (effect.location[3], effect.scale[3]) == (7.0, 1.0)
    sd[4] = 0  # constant at all sites
    assert site_effect(left, np.zeros(20), sd, shrink=True).scale[4] == 1


def test_slopes_are_those_within_sites_and_of_known_values():
    rng = np.random.default_rng(0)
    sites = np.arange(200) % 4
    x = rng.normal(size=(200, 1)) + sites[:, None]
    values = np.concatenate([2 * x - 9 * sites[:, None], -x + 5 * sites[:, None]], axis=1)
    values[::3, 1] = np.nan
    assert within_slopes(values, x, sites) == pytest.approx(np.array([[2.0, -1.0]]))
    assert within_slopes(values, np.empty((200, 0)), sites).shape == (0, 2)


def test_columns_are_grouped_by_what_is_known():
    values = np.zeros((4, 70))
    values[1, 65:] = np.nan
    found = [(columns.tolist(), rows.tolist()) for columns, rows in alike_columns(values)]
    assert sorted(len(columns) for columns, _ in found) == [1, 5, 64]
    assert ([65, 66, 67, 68, 69], [0, 2, 3]) in found
