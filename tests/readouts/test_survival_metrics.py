"""Metrics of hazards and risks."""

import json
from pathlib import Path

import numpy as np
import pytest

from neurofm_bids.readouts.hazards import observed_risks
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import (
    brier_scores,
    calibration_slope,
    free_of_censoring,
    harrell_c,
    integrated_brier,
    time_dependent_auc,
    uno_c,
)
from tests.readouts.simulated_times import KnownHazards, simulate_times

AT = np.array([2.0, 4.0, 6.0])
REFERENCE = Path(__file__).parents[1] / "data" / "survival_reference.json"


def follow_up(leave, event, entry=None):
    entry = np.zeros(len(leave)) if entry is None else np.array(entry, float)
    return SurvivalTimes(entry, np.array(leave, float), np.array(event, dtype=np.int8))


def cohort(n=4000, competing=False, latest_entry=0.0, seed=0):
    """Return follow-up, true log hazard ratios and true risks at AT."""
    random = np.random.default_rng(seed)
    log_ratios = random.normal(size=(n, 1 + competing))
    hazards = KnownHazards(log_ratios, (0.08, 0.08)[: 1 + competing])
    times, rows = simulate_times(hazards, random, latest_entry=latest_entry)
    return times, log_ratios[rows, 0], hazards.risks(AT)[rows]


@pytest.mark.parametrize(
    ("leave", "event", "entry", "scores", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], None, [3, 2, 1], 1.0),
        ([1, 2, 3], [1, 1, 1], None, [1, 2, 3], 0.0),
        ([1, 2, 3], [1, 1, 1], None, [2, 2, 2], 0.5),
        ([1, 2, 3], [0, 1, 0], None, [9, 2, 1], 1.0),  # who was censored first is compared with nobody
        ([1, 2, 3], [2, 1, 0], None, [9, 2, 1], 1.0),  # and so is who died first
        ([2, 2, 2], [1, 0, 1], None, [2, 1, 0], 0.5),  # censored at the time of an event: still at risk
        ([1, 2, 3], [1, 1, 0], [0, 1, 0], [1, 9, 0], 1.0),  # the second person had not entered at 1
        ([1, 2], [0, 0], None, [1, 2], np.nan),
    ],
)
def test_pairs_that_can_be_compared(leave, event, entry, scores, expected):
    scores = np.array(scores, float)
    assert harrell_c(follow_up(leave, event, entry), scores) == pytest.approx(expected, nan_ok=True)


def test_the_weighted_c_index_does_not_depend_on_censoring():
    random = np.random.default_rng(0)
    log_ratios = random.normal(size=(6000, 1))
    hazards = KnownHazards(log_ratios, (0.2,))
    complete, _ = simulate_times(hazards, np.random.default_rng(1), followed=(100, 100))
    censored, _ = simulate_times(hazards, np.random.default_rng(1), followed=(0.5, 8))
    known = uno_c(complete, log_ratios[:, 0], 6.0)
    assert uno_c(censored, log_ratios[:, 0], 6.0) == pytest.approx(known, abs=0.01)
    assert harrell_c(complete, log_ratios[:, 0]) == uno_c(complete, log_ratios[:, 0])


def test_the_weighted_c_index_is_not_defined_with_left_truncation():
    assert np.isnan(uno_c(follow_up([1, 2, 3], [1, 1, 0], [0, 0.5, 0]), np.zeros(3)))


def test_censoring_follows_events_of_the_same_time():
    times = follow_up([1, 2, 2, 3], [0, 1, 0, 0])
    assert free_of_censoring(times, np.array([0.5, 1, 2, 3])).tolist() == [1, 3 / 4, 3 / 8, 0]
    assert free_of_censoring(times, np.array([1.0, 2, 3]), before=True).tolist() == [1, 3 / 4, 3 / 8]


def test_the_area_is_that_of_known_states_without_censoring():
    times = follow_up([1, 2, 3, 9, 9], [1, 2, 1, 0, 0])
    risks = np.array([0.6, 0.1, 0.3, 0.3, 0.2])
    pairs = [
        (0.6, 0.1),
        (0.6, 0.3),
        (0.6, 0.2),
        (0.3, 0.1),
        (0.3, 0.3),
        (0.3, 0.2),
    ]  # who died first is no case
    expected = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    assert time_dependent_auc(times, risks, 4.0) == pytest.approx(expected)
    outcome = np.array([1, 0, 1, 0, 0])
    assert brier_scores(times, risks[:, None], np.array([4.0])) == pytest.approx(
        np.mean((outcome - risks) ** 2)
    )


@pytest.mark.parametrize("competing", [False, True])
def test_metrics_of_censored_people_are_those_of_complete_follow_up(competing):
    random = np.random.default_rng(0)
    log_ratios = random.normal(size=(20_000, 1 + competing))
    hazards = KnownHazards(log_ratios, (0.1, 0.1)[: 1 + competing])
    complete, _ = simulate_times(hazards, np.random.default_rng(1), followed=(50, 50))
    censored, _ = simulate_times(hazards, np.random.default_rng(1), followed=(1, 8))
    risks = hazards.risks(AT)
    for place, at in enumerate(AT):
        known = time_dependent_auc(complete, risks[:, place], at)
        assert time_dependent_auc(censored, risks[:, place], at) == pytest.approx(known, abs=0.015)
    assert brier_scores(censored, risks, AT) == pytest.approx(brier_scores(complete, risks, AT), abs=0.005)


def test_what_weights_for_censoring_is_not_defined_with_left_truncation_or_beyond_the_follow_up():
    times = follow_up([1, 2, 3], [1, 1, 0], [0, 0.5, 0])
    assert np.isnan(time_dependent_auc(times, np.arange(3.0), 2.0))
    assert np.isnan(brier_scores(times, np.zeros((3, 1)), np.array([2.0]))).all()
    early = follow_up([1, 2, 3], [1, 1, 0])
    assert np.isnan(time_dependent_auc(early, np.arange(3.0), 3.5))
    assert np.isnan(brier_scores(early, np.zeros((3, 1)), np.array([3.5]))).all()
    assert np.isnan(time_dependent_auc(early, np.arange(3.0), 0.5))  # nobody had the event yet


@pytest.mark.parametrize("competing", [False, True])
def test_true_risks_have_the_best_brier_score(competing):
    times, _, risks = cohort(competing=competing)
    null = np.tile(observed_risks(times, AT), (len(times), 1))
    best = integrated_brier(times, risks, AT)
    assert best < integrated_brier(times, null, AT) - 0.01
    for wrong in (risks**1.4, risks**0.7):
        assert best < integrated_brier(times, wrong, AT)


@pytest.mark.parametrize("latest_entry", [0.0, 3.0])
@pytest.mark.parametrize("competing", [False, True])
def test_the_calibration_slope_is_that_of_the_hazards(competing, latest_entry):
    times, log_ratios, _ = cohort(8000, competing, latest_entry)
    assert calibration_slope(times, log_ratios) == pytest.approx(1, abs=0.06)
    assert calibration_slope(times, 3 + 2 * log_ratios) == pytest.approx(0.5, abs=0.03)


def test_the_calibration_slope_needs_events_and_differences():
    times, log_ratios, _ = cohort(50)
    assert np.isnan(calibration_slope(times, np.full(50, 2.0)))
    assert np.isnan(calibration_slope(follow_up([1, 2], [0, 0]), log_ratios[:2]))
    assert np.isnan(calibration_slope(follow_up([1, 2, 3], [1, 1, 1]), np.array([3.0, 2.0, 1.0])))


def reference_cohort():
    values = json.loads(REFERENCE.read_text())
    return follow_up(values["exit"], values["event"]), np.array(values["scores"]), values


def test_metrics_are_those_of_scikit_survival():
    """As benchmarks/survival.py wrote them, with the version that it names."""
    times, scores, reference = reference_cohort()
    at = np.array(reference["at"])
    risks = np.array(reference["risks"])
    assert harrell_c(times, scores) == pytest.approx(reference["harrell_c"], abs=1e-9)
    assert uno_c(times, scores, reference["until"]) == pytest.approx(reference["uno_c"], abs=1e-9)
    assert [time_dependent_auc(times, scores, one) for one in at] == pytest.approx(reference["auc"], abs=1e-9)
    assert brier_scores(times, risks, at) == pytest.approx(reference["brier"], abs=1e-9)
    assert integrated_brier(times, risks, at) == pytest.approx(reference["integrated_brier"], abs=1e-9)
