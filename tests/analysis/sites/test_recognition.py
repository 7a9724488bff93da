import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.sites import recognition
from neurofm_bids.analysis.sites.recognition import site_recognition
from tests.analysis.sites.cohorts import cohort


def test_planted_sites_are_recognised_before_and_not_after():
    table, columns, _ = cohort(n=300)
    before, after = site_recognition(table, columns, empirical_bayes=False)
    assert (before.n, before.n_sites, before.chance) == (300, 3, pytest.approx(1 / 3))
    assert before.balanced_accuracy > 0.9
    assert before.interval95[0] > after.interval95[1]
    assert after.interval95[0] < 0.42


def test_without_effects_of_sites_guessing_is_as_good():
    found = [site_recognition(*cohort(seed, n=200, shift=0, spread=0)[:2])[0] for seed in range(5)]
    assert np.mean([one.balanced_accuracy for one in found]) == pytest.approx(1 / 3, abs=0.07)


def test_sites_that_differ_in_age_only_are_not_recognised():
    table, columns, _ = cohort(n=300, shift=0, spread=0, age_effect=0.2)
    order = np.argsort(table["age"].to_numpy() + np.random.default_rng(0).normal(0, 25, 300))
    sites = np.empty(300, dtype=object)
    sites[order] = np.repeat(["a", "b", "c"], 100)
    table["site"] = sites
    plain = site_recognition(table, columns, preserve=())[0]
    adjusted = site_recognition(table, columns)[0]
    assert plain.interval95[0] > adjusted.interval95[1]
    assert adjusted.interval95[0] < 1 / 3 + 0.05


def test_people_are_not_split():
    """The same noise again would be recognised if a scan of a person were in the training."""
    table, columns, _ = cohort(n=60, width=80, shift=0, spread=0)
    twice = pd.concat([table] * 4, ignore_index=True)
    split = site_recognition(twice, columns)[0]
    whole = site_recognition(twice, columns, person="participant_id")[0]
    assert split.balanced_accuracy > 0.9
    assert whole.balanced_accuracy < 0.6


def test_small_sites_and_gaps_are_left_out():
    table, columns, _ = cohort(n=120, sites=("a", "b", "c"))
    table.loc[table.index[table["site"] == "c"][9:], "x00"] = np.nan
    found = site_recognition(table, columns)
    assert (found[0].n, found[0].n_sites) == (80, 2)
    assert site_recognition(table[table["site"] == "a"], columns) is None


def test_empirical_bayes_leaves_traces_in_correlated_columns():
    """Columns with hardly any variance of their own show what shrinking leaves of a shift."""
    table, columns, _ = cohort(n=300, width=40)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 40)) + 0.01 * rng.normal(size=(300, 40))
    shift = table["site"].map({"a": 0, "b": 1, "c": 2}).to_numpy()[:, None] * rng.normal(size=40)
    table[columns] = noise + shift
    found = {bayes: site_recognition(table, columns, empirical_bayes=bayes)[1] for bayes in (True, False)}
    assert found[True].balanced_accuracy > 0.8
    assert found[False].balanced_accuracy < 0.45


def test_a_sample_is_of_people_and_keeps_small_sites(monkeypatch):
    monkeypatch.setattr(recognition, "MOST_SCANS", 150)
    table, columns, _ = cohort(n=300, sites=("a", "b"))
    table.loc[table.index[table["site"] == "b"][:12], "site"] = "c"
    twice = pd.concat([table] * 4, ignore_index=True)
    before, _ = site_recognition(twice, columns, person="participant_id")
    assert (before.n, before.n_sites) == (148, 3)
    assert site_recognition(table, columns)[0].n == 150


def test_sites_below_the_minimum_after_the_sample_are_left_out(monkeypatch):
    monkeypatch.setattr(recognition, "MOST_SCANS", 29)
    table, columns, _ = cohort(n=33)
    before, _ = site_recognition(table, columns)
    assert (before.n, before.n_sites) == (20, 2)
    monkeypatch.setattr(recognition, "MOST_SCANS", 19)
    assert site_recognition(table, columns) is None


def test_a_site_without_training_keeps_its_values():
    rng = np.random.default_rng(0)
    values, design, sites = rng.normal(size=(60, 3)), np.ones((60, 1)), np.arange(60) % 3
    plain, made = recognition.left_over(values, design, sites, sites != 2, shrink=False)
    np.testing.assert_array_equal(made[sites == 2], plain[sites == 2])
    assert not np.allclose(made[sites == 0], plain[sites == 0])
