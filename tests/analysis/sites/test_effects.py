"""Effects of sites on single columns, against statsmodels and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import levene

from neurofm_bids.analysis.sites.effects import LEAST_OF_SITE, site_effects
from tests.analysis.sites.cohorts import cohort


def test_the_share_of_variance_and_its_test_are_those_of_statsmodels():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    table, columns, _ = cohort(n=90, width=3, shift=0.3)
    found = site_effects(table, columns).set_index("measure")
    for name in columns:
        without = ols(f"{name} ~ age + sex", table).fit()
        whole = ols(f"{name} ~ age + sex + site", table).fit()
        compared = anova_lm(without, whole).iloc[1]
        row = found.loc[name]
        assert (row["n"], row["n_sites"]) == (90, 3)
        assert row["f_statistic"] == pytest.approx(compared["F"])
        assert row["p"] == pytest.approx(compared["Pr(>F)"])
        assert row["variance_explained"] == pytest.approx(1 - whole.ssr / without.ssr)
        parts = [whole.resid[table["site"] == site] for site in "abc"]
        assert row["p_sd"] == pytest.approx(levene(*parts, center="median").pvalue)
        sds = [part.std() for part in parts]
        assert row["sd_ratio"] == pytest.approx(max(sds) / min(sds))


def test_without_effects_p_is_uniform_and_corrected_p_is_not_small():
    table, columns, _ = cohort(n=300, width=200, shift=0, spread=0)
    found = site_effects(table, columns)
    for name in ("p", "p_sd"):
        assert 0.01 < (found[name] < 0.05).mean() < 0.1
        assert found[f"{name}_corrected"].min() > 0.01
        assert (found[f"{name}_corrected"] >= found[name] - 1e-12).all()


def test_planted_effects_are_found():
    table, columns, _ = cohort(n=600)
    found = site_effects(table, columns)
    assert (found["p_corrected"] < 1e-3).mean() >= 0.9
    assert (found["p_sd_corrected"] < 1e-3).all()
    assert found["variance_explained"].median() > 0.05


def test_of_a_person_the_first_scan_counts():
    table, columns, _ = cohort(n=90, width=3)
    twice = pd.concat([table, table.assign(**dict.fromkeys(columns, 1000000.0))], ignore_index=True)
    found = site_effects(twice, columns, person="participant_id")
    assert found.equals(site_effects(table, columns))
    assert (site_effects(twice, columns)["n"] == 180).all()


def test_gaps_constants_and_small_sites():
    table, columns, _ = cohort(n=90, width=3, sites=("a", "b"))
    few = table.iloc[: LEAST_OF_SITE - 1].assign(site="few", x00=1e6)
    table.loc[5:20, "x01"] = np.nan
    table["x02"] = 1234.5
    found = site_effects(pd.concat([table, few], ignore_index=True), columns).set_index("measure")
    assert found["n"].tolist() == [90, 74, 90]
    assert found["n_sites"].tolist() == [2, 2, 2]
    assert found.loc["x02"].drop(["n", "n_sites"]).isna().all()
    assert found.loc[["x00", "x01"]].notna().all().all()
    alone = site_effects(table[table["site"] == "a"], columns)
    assert alone["p"].isna().all()
