import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.sites.checks import check_new_site, check_not_confounded, check_numbers
from neurofm_bids.analysis.sites.covariates import coding
from neurofm_bids.errors import NeuroFMError

SITES = np.repeat(["a", "b", "c"], 40)


def people(**ages):
    rng = np.random.default_rng(0)
    spans = {"a": (20, 60), "b": (30, 70), "c": (40, 80), **ages}
    age = np.concatenate([rng.uniform(*spans[site], 40) for site in "abc"])
    return pd.DataFrame({"age": age, "sex": rng.choice(["F", "M"], 120)})


def confounding(table, names=("age", "sex"), smooth=()):
    check_not_confounded(table, SITES, coding(table, names, smooth))


def test_sites_with_too_few_scans_are_named():
    check_numbers(SITES, 40, "site")
    with pytest.raises(NeuroFMError, match=r"2 of 4 sites have fewer than 20 scans .*\(d: 3, e: 19\)"):
        check_numbers(np.repeat(["a", "b", "d", "e"], [30, 20, 3, 19]), 20, "site")
    with pytest.raises(NeuroFMError, match="needs two sites or more, and there is 1"):
        check_numbers(SITES[:40], 20, "site")


def test_sites_that_overlap_pass():
    confounding(people())
    confounding(people(), smooth=("age",))
    confounding(people(), names=())


def test_sites_of_other_ages_are_refused():
    with pytest.raises(NeuroFMError, match=r"effect of age .* ends at .* at a and starts at .* at b, c"):
        confounding(people(a=(18, 28)))
    with pytest.raises(NeuroFMError, match=r"ends at .* at a, b and starts at .* at c"):
        confounding(people(a=(20, 40), b=(20, 45), c=(60, 80)))


def test_ages_may_overlap_in_a_chain():
    confounding(people(a=(20, 40), b=(35, 60), c=(55, 80)))


def test_a_site_of_one_sex_is_refused():
    table = people()
    table.loc[SITES == "b", "sex"] = "F"
    with pytest.raises(NeuroFMError, match=r"effect of sex .*: some sites have one value only \(b: F\)"):
        confounding(table)
    confounding(table.assign(sex="F"))


def test_covariates_that_go_together_are_refused():
    table = people()
    table["years"] = table["age"] + 3 * (SITES == "b")
    with pytest.raises(NeuroFMError, match="effects of age, years cannot be told apart within sites"):
        confounding(table, ("age", "years"))


@pytest.mark.parametrize(
    ("rows", "least", "message"),
    [
        (slice(0, 19), 20, "new site x has 19 scans with known covariates, fewer than 20"),
        (slice(0, 40), 20, None),
    ],
)
def test_a_new_site_needs_enough_scans(rows, least, message):
    table = people()
    covariates = coding(table, ["age", "sex"])
    if message is None:
        check_new_site(table[rows], "x", covariates, least)
        return
    with pytest.raises(NeuroFMError, match=message):
        check_new_site(table[rows], "x", covariates, least)


def test_a_new_site_needs_ages_of_the_harmonisation():
    table = people()
    with pytest.raises(NeuroFMError, match=r"the age of the new site x \(7.538 to 12.72\) does not overlap"):
        check_new_site(table.assign(age=table["age"] / 10 + 5), "x", coding(table, ["age"]), 20)
