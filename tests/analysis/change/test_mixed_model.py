import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.change import mixed_model
from neurofm_bids.analysis.change.mixed_model import LEAST_PEOPLE, MIXED_COLUMNS, mixed_models
from tests.analysis.change.people import CHANGE, OF_CASES, SD_CHANGE, SD_PEOPLE, people

X = ["predicted_x"]


def modelled(table, **options):
    made = mixed_models(table, X, {"predicted_x": "mm^3"}, **options)
    assert tuple(made.frame) == MIXED_COLUMNS
    return made.frame.set_index("term"), made.remarks


def test_planted_change_per_year_is_within_its_interval():
    """Of 40 cohorts, the 95% interval of the change holds the truth in 33 or more (p > 0.001 for fewer)."""
    truth = {"years": CHANGE, "years:group[case]": OF_CASES}
    within = dict.fromkeys(truth, 0)
    for seed in range(40):
        frame, remarks = modelled(people(seed=seed), covariates=["group"])
        assert remarks == ()
        for term, effect in truth.items():
            within[term] += frame["lower95"][term] < effect < frame["upper95"][term]
    assert min(within.values()) >= 33


def test_terms_and_spreads_of_a_large_cohort():
    table = people(count=1500, seed=3, gap=3.0)
    frame, _ = modelled(table)
    assert list(frame.index) == ["intercept", "years", "age_at_first_scan", frame.index[3]]
    assert frame.index[3] in {"sex[M]", "sex[F]"}
    row = frame.loc["years"]
    assert row["estimate"] == pytest.approx(CHANGE + 0.4 * OF_CASES, abs=0.05)
    assert frame["estimate"]["age_at_first_scan"] == pytest.approx(0.05, abs=0.03)
    assert (row["people"], row["scans"], row["random_effects"]) == (1500, 4500, "intercept_and_slope")
    assert row["sd_intercept"] == pytest.approx(SD_PEOPLE, rel=0.06)
    assert row["sd_slope"] == pytest.approx(np.hypot(SD_CHANGE, 0.49 * OF_CASES), rel=0.1)


def test_covariates_are_those_of_the_first_scan():
    table = people(count=60)
    later = table["session_id"] != "ses-1"
    changed = table.assign(group=table["group"].mask(later, "control"))
    frames = [modelled(own, covariates=["group"])[0] for own in (table, changed)]
    pd.testing.assert_frame_equal(*frames)


def test_two_scans_of_everyone_have_no_random_slopes():
    frame, remarks = modelled(people(scans=2))
    assert set(frame["random_effects"]) == {"intercept"}
    assert frame["sd_slope"].isna().all()
    assert "fewer than 10 people have three times. Measures: 1 (predicted_x)" in remarks[0]


def test_people_with_one_scan_take_part():
    table = people(count=60)
    single = people(count=30, scans=1, seed=5).assign(
        participant_id=lambda own: "sub-x" + own["participant_id"].str[-2:]
    )
    frame, _ = modelled(pd.concat([table, single], ignore_index=True))
    assert frame["people"]["years"] == 90


def test_few_people_and_constants_are_named():
    frame, remarks = modelled(people(count=LEAST_PEOPLE - 1))
    assert frame.empty
    assert f"not fitted: {LEAST_PEOPLE - 1} participants have two times" in remarks[0]
    frame, remarks = modelled(people().assign(predicted_x=1.0))
    assert frame.empty
    assert "the model cannot be fitted (it does not vary beyond the fixed terms)" in remarks[0]


def test_unknown_sex_leaves_people_out_and_constant_sex_the_term():
    table = people(count=40)
    unknown = table.assign(sex=table["sex"].where(table["participant_id"] > "sub-004", None))
    assert modelled(unknown)[0]["people"]["years"] == 35
    assert list(modelled(table.assign(sex="F"))[0].index) == ["intercept", "years", "age_at_first_scan"]


@pytest.mark.parametrize("fails", ["slope", "always"])
def test_a_fit_that_does_not_converge_is_a_remark(monkeypatch, fails):
    fitted = mixed_model.reml_fit

    def unstable(outcome, fixed, who, slope_of):
        if fails == "always" or slope_of is not None:
            raise np.linalg.LinAlgError("Singular matrix")
        return fitted(outcome, fixed, who, slope_of)

    monkeypatch.setattr(mixed_model, "reml_fit", unstable)
    frame, remarks = modelled(people())
    assert frame.empty == (fails == "always")
    assert "the model cannot be fitted (Singular matrix)" in remarks[0]


def test_p_values_are_corrected_over_measures():
    table = people()
    rng = np.random.default_rng(0)
    table["y"] = rng.normal(size=len(table))
    frame = mixed_models(table, [*X, "y"]).frame
    years = frame[frame["term"] == "years"].sort_values("p")
    assert np.allclose(years["p_corrected"], np.maximum.accumulate(np.minimum(years["p"] * [2, 1], 1)))
    assert frame.loc[frame["term"] == "intercept", "p_corrected"].isna().all()


def test_age_and_sex_that_are_not_known_are_omitted():
    table = people(count=40).assign(sex=None, age=np.nan)
    frame, remarks = modelled(table, covariates=["group"])
    assert list(frame.index) == ["intercept", "years", "group[case]", "years:group[case]"]
    assert [remark.split(",")[0] for remark in remarks] == [
        "Mixed models without age",
        "Mixed models without sex",
    ]


def test_runs_of_a_session_are_one_time():
    table = people(count=40, scans=2)
    table["acq_time"] = np.tile(["2012-05-01T10:00:00", "2012-05-01T10:08:00"], 40)
    frame, remarks = modelled(table)
    assert frame.empty
    assert "not fitted: 0 participants have two times with all values, 10 are needed" in remarks[0]


def test_equal_runs_of_each_session_change_nothing_but_the_number_of_scans():
    table = people(count=40)
    one, two = (modelled(own)[0] for own in (table, pd.concat([table, table], ignore_index=True)))
    assert (one["scans"]["years"], two["scans"]["years"]) == (120, 240)
    pd.testing.assert_frame_equal(one.drop(columns="scans"), two.drop(columns="scans"))


def test_more_terms_than_people_allow_are_the_reason_that_is_given():
    table = people(count=12)
    frame, remarks = modelled(table, covariates=["group"])
    assert frame.empty
    assert "12 participants have all values, 13 are needed for 3 terms with the intercept" in remarks[0]
    assert remarks[-1].startswith(
        "Levels of group with fewer than 10 participants count as not known in mixed"
    )
