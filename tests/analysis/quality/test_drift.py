"""Drift by site, scanner and date."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.quality.drift import COLUMNS, DATE, Occasions, find_drift

N = 240


def cohort(seed=0):
    """Return values without drift of people at four sites over four years, one site older."""
    rng = np.random.default_rng(seed)
    site = np.repeat(["a", "b", "c", "d"], N // 4).astype(object)
    age = rng.uniform(20, 50, N) + 25 * (site == "d")
    values = pd.DataFrame(rng.standard_normal((N, 12)), columns=[f"m{i}" for i in range(12)])
    values["volume"] = 1000 - 5 * age + 10 * rng.standard_normal(N)
    sex = rng.choice(np.array(["F", "M"], dtype=object), N)
    return values, Occasions(np.arange(N), age, sex, {"site": site}, rng.uniform(-150, -146, N))


def drifts(values, occasions, **settings):
    table, remarks = find_drift(values, dict.fromkeys(values, "1"), occasions, **settings)
    return table[table["is_drift"]], remarks


@pytest.mark.parametrize("seed", range(8))
def test_an_older_site_and_chance_are_no_drift(seed):
    found, remarks = drifts(*cohort(seed))
    assert found.empty
    assert remarks == ()


def test_a_shift_of_a_site_is_found_with_its_size():
    values, occasions = cohort()
    values.loc[occasions.groups["site"] == "b", "m3"] += 1.5
    values.loc[occasions.groups["site"] == "d", "volume"] += 30
    found, _ = drifts(values, occasions)
    shifts = found[(found["test"] == "shift")].set_index(["measure", "group"])
    assert shifts.loc[("m3", "b"), "value"] == pytest.approx(1.5, abs=0.4)
    assert shifts.loc[("volume", "d"), "value"] == pytest.approx(30, abs=12)
    assert set(found["measure"]) == {"m3", "volume"}
    assert found["adjusted_for"].unique().tolist() == ["age, sex"]


def test_a_trend_and_a_step_over_shifted_dates_are_found():
    values, occasions = cohort()
    is_c, when = occasions.groups["site"] == "c", occasions.years
    values.loc[is_c, "m1"] += 1.2 * (when[is_c] + 148)
    values.loc[is_c, "m2"] += 3.0 * (when[is_c] >= -148)
    found, _ = drifts(values, occasions)
    over_date = found[found["by"] == DATE].set_index(["measure", "test"])
    assert set(over_date["group"]) == {"c"}
    trend = over_date.loc[("m1", "trend")]
    assert trend["lower95"] < 1.2 < trend["upper95"]
    step = over_date.loc[("m2", "step")]
    assert step["value"] == pytest.approx(3, abs=0.7)
    assert step["change_date"][:4] in ("1851", "1852")


def test_a_participant_counts_once_in_a_group():
    values, occasions = cohort()
    twice = Occasions(
        *(np.tile(part, 2) for part in (occasions.people, occasions.age, occasions.sex)),
        {"site": np.tile(occasions.groups["site"], 2)},
        np.tile(occasions.years, 2),
    )
    once = find_drift(values, {}, occasions)[0]
    again = find_drift(pd.concat([values, values], ignore_index=True), {}, twice)[0]
    pd.testing.assert_frame_equal(once, again)


def test_small_groups_are_named_and_not_tested():
    values, occasions = cohort()
    site = np.where(np.arange(N) < 5, "tiny", occasions.groups["site"])
    table, remarks = find_drift(values, {}, Occasions(*parts(occasions), {"site": site}, occasions.years))
    assert "tiny" not in set(table["group"])
    assert remarks == (
        "1 of 5 groups of site were not tested for drift: they have fewer than 10 participants.",
    )


def parts(occasions):
    return occasions.people, occasions.age, occasions.sex


@pytest.mark.parametrize(
    ("groups", "years", "remarks"),
    [
        (
            {},
            np.nan,
            (
                "Drift between sites was not tested: no site or scanner is known.",
                "Drift over time was not tested: no date of acquisition is known.",
            ),
        ),
        (
            {"site": np.full(N, "a", dtype=object)},
            np.nan,
            (
                "Drift by site was not tested: all scans have the same value or none.",
                "Drift over time was not tested: no date of acquisition is known.",
            ),
        ),
    ],
)
def test_what_is_not_tested_is_said(groups, years, remarks):
    values, occasions = cohort()
    table, said = find_drift(values, {}, Occasions(*parts(occasions), groups, np.full(N, years)))
    assert table.empty
    assert list(table) == list(COLUMNS)
    assert said == remarks


def test_values_that_are_not_known_do_not_count():
    values, occasions = cohort()
    values.loc[occasions.groups["site"] == "a", "m0"] = np.nan
    values.loc[::2, "m1"] = np.nan
    table = find_drift(values, {}, occasions)[0]
    shifts = table[table["test"] == "shift"].set_index(["measure", "group"])
    assert ("m0", "a") not in shifts.index
    assert shifts.loc[("m1", "b"), "n"] == N // 8


def test_corrected_p_values_are_those_of_holm():
    table = find_drift(*[cohort()[0], {}, cohort()[1]])[0]
    p = np.sort(table["p"].to_numpy(float))
    expected = np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))
    assert np.sort(table["p_holm"].to_numpy(float)) == pytest.approx(expected)


def test_two_groups_are_one_test_of_the_second_against_the_first():
    values, occasions = cohort()
    site = np.where(np.isin(occasions.groups["site"], ["a", "b"]), "old", "new").astype(object)
    values.loc[site == "old", "m3"] += 2
    dates = np.full(N, np.nan)
    table = find_drift(values, {}, Occasions(*parts(occasions), {"site": site}, dates))[0]
    assert table["group"].unique().tolist() == ["old"]
    assert table["measure"].is_unique
    row = table.set_index("measure").loc["m3"]
    assert row["value"] == pytest.approx(2, abs=0.4)
    assert row["p_holm"] == pytest.approx(row["p"] * len(table))


@pytest.mark.filterwarnings("error")
def test_groups_with_too_few_dates_are_not_tested_over_time():
    values, occasions = cohort()
    dates = np.where(np.arange(N) % 30 == 0, occasions.years, np.nan)  # two participants of each site
    table, remarks = find_drift(values, {}, Occasions(*parts(occasions), occasions.groups, dates))
    assert set(table["test"]) == {"shift"}
    assert remarks == (
        "Drift over time was not tested: no group has 20 participants with a date of acquisition.",
    )
