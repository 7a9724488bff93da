"""The analysis of the quality of a cohort."""

import numpy as np
import pytest

from neurofm_bids.analysis.quality.cohort import analyse, group_columns
from neurofm_bids.analysis.settings import AnalysisSettings, Columns
from neurofm_bids.records.dictionary import analysis_table
from tests.analysis.quality.people import People, scans_of, stacked, two_sessions

N = 120


@pytest.fixture(scope="module")
def planted():
    """120 people with two sessions at two sites, a swap, a copy, an outlier, a shift and a wrong sex."""
    world = People(0)
    numbers, names, sessions = two_sessions(world, N)
    for part in numbers:
        part[[N, N + 1]] = part[[N + 1, N]]
    numbers[0][7] = np.random.default_rng(0).permutation(numbers[0][7])
    site = np.where(np.arange(N) % 2, "b", "a")
    numbers[2][:, 3] += 2 * np.tile(site == "b", 2)
    numbers = stacked(numbers, tuple(part[9:10] for part in numbers))
    sex = np.full(2 * N + 1, "F", dtype=object)
    sex[N + 20] = "M"
    scans = scans_of(
        numbers, [*names, "sub-copy"], [*sessions, "ses-1"], sex=sex, site=[*np.tile(site, 2), "a"]
    )
    return analyse(scans, AnalysisSettings())


def test_what_was_planted_is_in_the_review_and_little_else(planted):
    review = planted.tables["review"]
    review = review.assign(participant_id=review["participant_id"].fillna("group"))
    rows = set(zip(review["kind"], review["participant_id"], strict=True))
    expected = {("duplicate", "sub-copy"), ("swap", "sub-000"), ("swap", "sub-001"), ("swap", "sub-020")}
    assert expected | {("outlier", "sub-007"), ("drift", "group")} <= rows
    assert len(review) <= len(expected) + 4
    assert (
        planted.tables["drift"].loc[lambda table: table["is_drift"].astype(bool), "measure"] == "metric3"
    ).all()


def test_rows_say_what_and_with_which_number(planted):
    review = planted.tables["review"].set_index(["kind", "participant_id"])
    swap = review.loc[("swap", "sub-000")]
    assert swap["measure"] == "intracranial_mm3"
    assert f"{swap['value']:.6g} here and {swap['expected']:.6g} there" in swap["reason"]
    assert "sub-001" in swap["other_scan"]
    assert swap["other_scan"] in swap["action"]
    assert review.loc[("swap", "sub-020")]["reason"].startswith("Recorded sex is M for this scan and F")


def test_every_column_is_in_the_dictionary(planted):
    for name, table in planted.tables.items():
        known = {"participant_id", "session_id", "scan", *analysis_table(name)[1]}
        assert set(table.columns) <= known


def test_equal_scans_give_equal_tables():
    world = People(2)
    scans = scans_of(*two_sessions(world, 60))
    first, second = (analyse(scans, AnalysisSettings()).tables for _ in range(2))
    for name, table in first.items():
        assert table.equals(second[name])


def test_outliers_have_a_row_per_scan_and_excluded_ones_are_empty():
    world = People(3)
    scans = scans_of(*two_sessions(world, 60))
    scans.included[4] = False
    table = analyse(scans, AnalysisSettings()).tables["outliers"]
    assert table["scan"].tolist() == scans.table["scan"].tolist()
    assert table["outlier_distance"].isna().to_numpy().nonzero()[0].tolist() == [4]
    assert {repr(value) for value in table["is_outlier"]} <= {"True", "False", "None"}
    assert table["is_outlier"][4] is None


@pytest.mark.parametrize("n_equal", [20, 40])
def test_features_that_do_not_vary_are_named(n_equal):
    world = People(4)
    numbers = world.numbers(world.brains(40))
    numbers[0][:n_equal] = numbers[0][0]
    scans = scans_of(numbers, [f"sub-{i}" for i in range(40)], ["ses-1"] * 40)
    result = analyse(scans, AnalysisSettings())
    is_constant = "Outliers were not looked for: no feature varies." in result.remarks
    assert is_constant is (n_equal == 40)
    assert result.tables["outliers"]["outlier_distance"].isna().all() == is_constant


def test_a_few_scans_give_empty_tables_and_remarks():
    world = People(4)
    result = analyse(
        scans_of(world.numbers(world.brains(3)), ["a", "b", "c"], [None] * 3), AnalysisSettings()
    )
    assert result.tables["review"].empty
    assert len(result.remarks) == 4


def test_the_column_of_the_site_is_that_of_the_settings_or_the_known_ones():
    numbers, names, sessions = two_sessions(People(5), 12)
    scans = scans_of(numbers, names, sessions, site="x", scanner=1.5, centre=None)
    assert list(group_columns(scans, AnalysisSettings())) == ["site", "scanner"]
    chosen = group_columns(scans, AnalysisSettings(Columns(site="centre")))
    assert list(chosen) == ["centre"]
    assert set(chosen["centre"]) == {None}
