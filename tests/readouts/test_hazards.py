"""Baseline hazards and absolute risks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.hazards import (
    absolute_risks,
    baseline_hazard,
    expected_events,
    observed_risks,
)
from neurofm_bids.readouts.partial_likelihood import RiskSets
from neurofm_bids.readouts.readout import Baseline
from neurofm_bids.readouts.survival import SurvivalTimes
from tests.readouts.simulated_times import KnownHazards, simulate_times

AT = np.array([1.0, 3.0, 6.0])


def follow_up(entry, leave, event):
    return SurvivalTimes(np.array(entry, float), np.array(leave, float), np.array(event, dtype=np.int8))


def test_the_baseline_is_events_over_hazard_ratios_at_risk():
    times = follow_up([0, 0, 1.5, 0], [1, 2, 3, 4], [1, 1, 2, 0])
    ratios = np.log([1.0, 2.0, 4.0, 8.0])
    baseline = baseline_hazard(times, 1, ratios)
    assert baseline.times == (1, 2, 4)  # the last is the end of follow-up
    assert baseline.cumulative_hazard == pytest.approx((1 / 11, 1 / 11 + 1 / 14, 1 / 11 + 1 / 14))
    assert baseline_hazard(times, 2, ratios).cumulative_hazard == pytest.approx((1 / 12, 1 / 12))


def test_an_event_that_does_not_occur_has_no_hazard():
    baseline = baseline_hazard(follow_up([0, 0], [1, 2], [1, 0]), 2, np.zeros(2))
    assert (baseline.times, baseline.cumulative_hazard) == ((2.0,), (0.0,))


def test_all_events_are_expected_at_the_fit():
    times = follow_up([0, 0, 1.5, 0], [1, 2, 3, 4], [1, 1, 2, 0])
    ratios = np.log([1.0, 2.0, 4.0, 8.0])
    assert expected_events(baseline_hazard(times, 1, ratios), times, ratios) == pytest.approx(2)


def test_with_one_event_the_risk_is_that_of_the_cumulative_hazard():
    baseline = Baseline((1.0, 2.0, 5.0), (0.1, 0.4, 0.4))
    risks = absolute_risks([baseline], np.array([[0.0], [1.0]]), np.array([0.5, 1.0, 1.9, 4.0, 5.0, 5.1]))
    hazard = np.array([0, 0.1, 0.1, 0.4, 0.4, np.nan])
    assert risks == pytest.approx(1 - np.exp(-np.outer([1, np.e], hazard)), nan_ok=True)


@given(st.integers(0, 1000), st.floats(-8, 8), st.floats(-8, 8))
def test_risks_rise_and_with_those_of_the_competing_event_leave_the_probability_of_none(seed, one, other):
    random = np.random.default_rng(seed)
    baselines = [
        Baseline((*np.cumsum(random.exponential(size=5)), 20.0), tuple(np.cumsum(random.random(6))))
        for _ in range(2)
    ]
    at = np.linspace(0, 20, 30)
    event = absolute_risks(baselines, np.array([[one, other]]), at)[0]
    competing = absolute_risks(baselines[::-1], np.array([[other, one]]), at)[0]
    ratios = np.exp([one, other])
    total = sum(
        ratio * absolute_hazard(baseline, at) for ratio, baseline in zip(ratios, baselines, strict=True)
    )
    assert event + competing == pytest.approx(1 - np.exp(-total), abs=1e-9)
    assert (np.diff(event) >= -1e-12).all()
    assert ((event >= 0) & (event <= 1)).all()


def absolute_hazard(baseline, at):
    steps = np.r_[0.0, baseline.cumulative_hazard]
    return steps[np.searchsorted(baseline.times, at, side="right")]


@pytest.mark.parametrize("latest_entry", [0.0, 2.0])
def test_absolute_risks_are_those_of_the_known_hazards(latest_entry):
    random = np.random.default_rng(0)
    columns = random.normal(size=(20_000, 2))
    hazards = KnownHazards(columns @ np.array([[0.7, -0.3], [0.0, 0.5]]), (0.05, 0.08), 1.3)
    times, rows = simulate_times(hazards, random, latest_entry=latest_entry)
    ratios = np.column_stack(
        [
            columns @ fit_cox(columns[rows], RiskSets(times, cause), np.zeros(2)).coefficients
            for cause in (1, 2)
        ]
    )
    baselines = [baseline_hazard(times, cause, ratios[rows, cause - 1]) for cause in (1, 2)]
    errors = absolute_risks(baselines, ratios[:500], AT) - hazards.risks(AT)[:500]
    assert np.abs(errors.mean(axis=0)).max() < 0.012  # the standard error is 0.003 to 0.005
    assert np.sqrt(np.mean(errors**2)) < 0.015


def test_people_far_from_all_others_have_the_event_at_once_or_never():
    baseline = Baseline((1.0, 2.0), (0.1, 0.2))
    risks = absolute_risks(
        [baseline] * 2, np.array([[1e4, 0.0], [-1e4, 0.0], [1e4, 1e4]]), np.array([0.5, 1, 2])
    )
    assert risks == pytest.approx(np.array([[0, 1, 1], [0, 0, 0], [0, 0.5, 0.5]]))


def test_risks_of_many_people_are_those_of_each():
    random = np.random.default_rng(0)
    baseline = Baseline(tuple(np.arange(1.0, 2001)), tuple(np.cumsum(random.random(2000)) / 1000))
    ratios = random.normal(size=(1500, 1))
    risks = absolute_risks([baseline], ratios, np.array([700.0]))
    alone = [absolute_risks([baseline], ratios[[row]], np.array([700.0]))[0] for row in (0, 749, 1499)]
    assert risks[[0, 749, 1499]] == pytest.approx(np.array(alone))


def test_observed_risks_are_shares_without_censoring():
    times = follow_up([0] * 5, [1, 2, 3, 4, 9], [1, 2, 1, 1, 2])
    assert observed_risks(times, np.array([0.5, 1, 3, 4, 9, 10])) == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.6, np.nan], nan_ok=True
    )


def test_people_count_from_their_entry_on():
    times = follow_up([0, 0, 1, 1], [1, 3, 2, 3], [1, 0, 1, 0])
    assert observed_risks(times, np.array([1.0, 2.0])) == pytest.approx([1 / 2, 1 / 2 + 1 / 2 / 3])
