"""The tables of the sites of a cohort."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings, Columns
from neurofm_bids.analysis.sites.analyse import SITES_COLUMNS, analyse
from neurofm_bids.analysis.sites.file import read_sites
from neurofm_bids.analysis.sites.settings import SitesSettings
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.dictionary import analysis_table
from neurofm_bids.records.origin import make_origin
from tests.analysis.sites.cohorts import cohort

ORIGIN = make_origin(1, "aa", None, {"views": 8})
HARMONISED = AnalysisSettings(sites=SitesSettings(harmonise=True))


def scans(seed=0, n=240, width=14, **more):
    """Return scans with 12 features, two measures, one of which is a probability."""
    table, columns, _ = cohort(seed, n, width, **more)
    table = table.assign(session_id=None, scan=[f"{p}_T1w" for p in table["participant_id"]])
    table["predicted_male_probability"] = 0.5
    features = table[columns[:12]].to_numpy(np.float32)
    measures = {columns[12]: "mm^3", columns[13]: "year", "predicted_male_probability": "1"}
    table = table.drop(columns=columns[:12])
    return Scans(table, features, np.ones(n, bool), measures, (), ("site",), (ORIGIN,))


def test_effects_are_shown_without_harmonisation():
    found = analyse(scans(), AnalysisSettings())
    frame = found.tables["sites"]
    assert list(found.tables) == ["sites"]
    assert tuple(frame.columns) == SITES_COLUMNS
    assert set(frame["measure"]) == {f"f{k:03d}" for k in range(12)} | {
        "x12", "x13", "all features", "all measures",
    }  # fmt: skip
    single = frame[frame["variance_explained"].notna()]
    assert set(single["stage"]) == {"before"}
    together = frame[frame["measure"] == "all features"].set_index("stage")["balanced_accuracy"]
    assert together["before"] > 0.8
    assert found.remarks == ()


def test_effects_are_gone_after_harmonisation():
    made = scans()
    found = analyse(made, HARMONISED)
    frame = found.tables["sites"].set_index(["measure", "stage"])
    single = frame[frame["variance_explained"].notna()].reset_index()
    shares = single.groupby("stage")["variance_explained"].max()
    assert shares["before"] > 0.3
    assert shares["after"] < 0.03
    harmonised = found.tables["harmonised"]
    assert list(harmonised.columns[:4]) == ["participant_id", "session_id", "scan", "site"]
    assert list(harmonised.columns[4:]) == [*(f"f{k:03d}" for k in range(12)), "x12", "x13"]
    assert len(harmonised) == len(made.table)
    assert found.remarks == ()


def test_scans_that_are_left_out_have_empty_cells():
    made = scans()
    included = made.included.copy()
    included[[3, 7]] = False
    features = made.features.copy()
    features[3] = np.nan
    found = analyse(replace(made, included=included, features=features), HARMONISED).tables["harmonised"]
    assert np.flatnonzero(found["f000"].isna()).tolist() == [3, 7]


def test_a_cohort_that_cannot_be_harmonised_says_why():
    made = scans(n=45)
    found = analyse(made, HARMONISED)
    assert "harmonised" not in found.tables
    assert found.remarks[0].startswith(
        "The features were not harmonised: 3 of 3 sites have fewer than 20 scans"
    )
    assert {*found.tables["sites"]["stage"]} == {"before", "after"}  # the second of recognition only


def test_covariates_that_are_not_known_are_named():
    made = scans()
    made.table["sex"] = None
    found = analyse(made, HARMONISED)
    what = "sites were compared, and values harmonised, without it"
    assert found.remarks == (f"No scan has a value of sex: {what}.",)
    assert analyse(made, AnalysisSettings()).remarks == (
        "No scan has a value of sex: sites were compared without it.",
    )


def test_covariates_that_are_known_of_few_scans_count_only_if_they_are_asked_for():
    made = scans()
    made.table.loc[np.arange(len(made.table)) % 4 == 0, "sex"] = None
    found = analyse(made, HARMONISED)
    what = "sites were compared, and values harmonised, without it"
    assert found.remarks == (f"sex is known of 75% of the scans, 80% are needed: {what}.",)
    assert found.tables["harmonised"]["f000"].notna().all()
    asked = AnalysisSettings(sites=SitesSettings(harmonise=True, preserve=("sex",)))
    found = analyse(made, asked)
    assert found.remarks == (
        "sex, which is preserved, is known of 75% of the scans: the others were left out.",
    )
    known = made.table["sex"].notna().to_numpy()
    assert np.array_equal(found.tables["harmonised"]["f000"].notna().to_numpy(), known)


def test_columns_with_few_values_at_a_site_are_named():
    made = scans()
    made.table.loc[(made.table["site"] == "b").to_numpy().nonzero()[0][5:], "x13"] = np.nan
    found = analyse(made, HARMONISED)
    assert found.remarks == ("Not harmonised, with fewer than 20 known values at a site: x13.",)
    assert "x13" not in found.tables["harmonised"]


@pytest.mark.parametrize("column", [None, "other"])
def test_without_sites_there_is_nothing(column):
    made = scans()
    one = replace(made, table=made.table.assign(site="a", other="x"), covariates=("site", "other"))
    assert analyse(one, AnalysisSettings(Columns(site=column))) is None
    assert analyse(replace(made, covariates=()), AnalysisSettings()) is None


def test_why_nothing_is_harmonised_without_sites_is_said():
    made = scans()
    (remark,) = analyse(replace(made, covariates=()), HARMONISED).remarks
    assert remark == "Sites were not harmonised: no column of a site is known; name it in [columns] site."
    one = replace(made, table=made.table.assign(site="a"))
    (remark,) = analyse(one, HARMONISED).remarks
    assert remark == (
        "Sites were not harmonised: the column site has fewer than 2 sites of at least 5 scans."
    )


def test_an_earlier_harmonisation_brings_its_covariates(tmp_path):
    path, made = str(tmp_path / "sites.json"), scans()
    made.table["group"] = np.where(np.arange(len(made.table)) % 3 == 0, "patient", "control")
    preserving = SitesSettings(harmonise=True, preserve=("age", "group"), smooth=("age",), save=path)
    first = analyse(made, AnalysisSettings(sites=preserving)).tables
    again = AnalysisSettings(sites=SitesSettings(harmonise=True, preserve=("age",), model=path))
    found = analyse(made, again)
    assert found.remarks == ()
    for name in ("f003", "x12"):
        assert np.allclose(found.tables["harmonised"][name], first["harmonised"][name], atol=1e-4)
    before = [frame[frame["stage"] == "before"] for frame in (found.tables["sites"], first["sites"])]
    assert before[0].equals(before[1])
    without = replace(made, table=made.table.assign(group=None))
    remarks = analyse(without, again).remarks
    assert "No scan has a value of group: sites were compared without it." in remarks
    assert any("no scan has a value of group, which the earlier harm" in remark for remark in remarks)


def test_an_earlier_harmonisation_is_applied_to_a_new_site(tmp_path):
    path, every = str(tmp_path / "sites.json"), scans(n=400, sites=("a", "b", "c", "d"))
    is_new = (every.table["site"] == "d").to_numpy()

    def some(rows):
        return replace(
            every, table=every.table[rows].reset_index(drop=True), features=every.features[rows],
            included=every.included[rows],
        )  # fmt: skip

    first = analyse(some(~is_new), AnalysisSettings(sites=SitesSettings(harmonise=True, save=path)))
    assert read_sites(tmp_path / "sites.json").origin == ORIGIN
    again = AnalysisSettings(sites=SitesSettings(harmonise=True, model=path))
    second = analyse(some(is_new), again)
    together = analyse(every, HARMONISED).tables["harmonised"]
    gap = second.tables["harmonised"]["f003"].mean() - together.loc[is_new, "f003"].mean()
    assert abs(gap) < 0.3
    assert abs(every.features[is_new, 3].mean() - together.loc[is_new, "f003"].mean()) > 0.5
    values = first.tables["harmonised"]["f003"]
    assert np.allclose(analyse(some(~is_new), again).tables["harmonised"]["f003"], values, atol=1e-4)
    other = replace(some(is_new), origins=(replace(ORIGIN, weights_sha256="bb"),))
    with pytest.raises(
        NeuroFMError, match=r"harmonisation cannot be used .*: it was made with other weights"
    ):
        analyse(other, again)
    renamed = replace(
        some(is_new), table=some(is_new).table.rename(columns={"site": "scanner"}), covariates=("scanner",)
    )
    with pytest.raises(NeuroFMError, match="learned from the sites in the column site, not scanner"):
        analyse(renamed, again)


def test_scans_that_were_made_differently_are_not_saved(tmp_path):
    made = replace(scans(), origins=(ORIGIN, replace(ORIGIN, weights_sha256="bb")))
    settings = AnalysisSettings(sites=SitesSettings(harmonise=True, save=str(tmp_path / "s.json")))
    with pytest.raises(NeuroFMError, match="a harmonisation cannot be saved of scans that were made"):
        analyse(made, settings)


def test_equal_scans_give_equal_tables():
    first, second = (analyse(scans(), HARMONISED).tables for _ in range(2))
    assert all(first[name].equals(second[name]) for name in first)


def test_the_dictionary_describes_the_columns():
    assert {*SITES_COLUMNS} <= {*analysis_table("sites")[1]}
    assert analysis_table("harmonised")[0]
