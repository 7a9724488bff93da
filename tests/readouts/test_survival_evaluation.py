"""Metrics of held-out hazards and risks, with intervals."""

import numpy as np
import pytest

from neurofm_bids.readouts.survival_evaluation import (
    HeldOut,
    calibration_groups,
    concordance,
    evaluate,
    with_intervals,
)
from neurofm_bids.readouts.survival_metrics import harrell_c, time_dependent_auc
from tests.readouts.simulated_times import KnownHazards, simulate_times

HORIZONS, GRID = np.array([2.0, 5.0]), np.linspace(0, 5, 11)


def cohort(n=600, latest_entry=0.0, seed=0):
    """Return what the true hazards say, follow-up and people."""
    random = np.random.default_rng(seed)
    hazards = KnownHazards(random.normal(size=(n, 2)), (0.08, 0.05))
    times, rows = simulate_times(hazards, random, latest_entry=latest_entry)
    own = KnownHazards(hazards.log_ratios[rows], hazards.rates)
    held_out = HeldOut(own.log_ratios[:, 0], GRID, own.risks(GRID), HORIZONS, own.risks(HORIZONS))
    return held_out, times, rows


def test_metrics_are_those_of_their_functions_with_intervals_around_them():
    held_out, times, people = cohort()
    metrics = evaluate(held_out, times, people)
    assert metrics["c_index"].value == harrell_c(times, held_out.log_ratios)
    assert concordance(held_out, times, people, 200, 0) == metrics["c_index"]
    assert metrics["auc_5y"].value == time_dependent_auc(times, held_out.horizon_risks[:, 1], 5.0)
    assert metrics["observed_to_predicted_5y"].value == pytest.approx(1, abs=0.15)
    assert set(metrics) == {"c_index", "c_index_ipcw", "calibration_slope", "integrated_brier"} | {
        f"{name}_{years}y"
        for name in ("auc", "brier", "predicted_risk", "observed_risk", "observed_to_predicted")
        for years in (2, 5)
    }
    for metric in metrics.values():
        assert metric.interval95[0] < metric.value < metric.interval95[1]


def test_intervals_hold_the_value_of_the_population():
    many, times, _ = cohort(8000, seed=99)
    known = harrell_c(times, many.log_ratios)
    inside = 0
    for seed in range(30):
        metric = evaluate(*cohort(200, seed=seed), replicates=50)["c_index"]
        inside += metric.interval95[0] <= known <= metric.interval95[1]
    assert 24 <= inside <= 30


def test_with_left_truncation_what_weights_for_censoring_is_absent():
    metrics = evaluate(*cohort(latest_entry=2.0), replicates=20)
    absent = {name for name, metric in metrics.items() if metric.value is None}
    assert absent == {"c_index_ipcw", "integrated_brier", "auc_2y", "auc_5y", "brier_2y", "brier_5y"}
    assert metrics["c_index"].interval95 is not None


def test_intervals_of_two_scans_of_each_person_are_those_of_people():
    values = np.random.default_rng(0).normal(size=200)
    people = np.arange(200)

    def width(values, people):
        metric = with_intervals(lambda rows: {"m": values[rows].mean()}, people, replicates=300, seed=0)["m"]
        return metric.interval95[1] - metric.interval95[0]

    assert width(np.tile(values, 2), np.tile(people, 2)) == pytest.approx(width(values, people), rel=0.2)


def test_a_metric_that_is_rarely_defined_has_no_interval():
    def metrics(rows):
        return {"often": 1.0, "rarely": 1.0 if 0 in rows else np.nan, "never": np.nan}

    found = with_intervals(metrics, np.arange(9), replicates=50, seed=0)
    assert found["often"].interval95 == (1.0, 1.0)
    assert (found["rarely"].value, found["rarely"].interval95) == (1.0, None)
    assert found["never"].value is None


@pytest.mark.parametrize(("latest_entry", "error"), [(0.0, 0.05), (2.0, 0.09)])  # 3 standard errors
def test_groups_of_true_risks_are_calibrated(latest_entry, error):
    held_out, times, people = cohort(3000, latest_entry)
    groups = calibration_groups(held_out, times, people, groups=4, replicates=50)
    assert [group.years for group in groups] == [2] * 4 + [5] * 4
    assert sum(group.scans for group in groups[:4]) == len(people)
    for group in groups:
        assert group.observed.value == pytest.approx(group.predicted, abs=error)
        assert group.observed.interval95[0] < group.observed.value < group.observed.interval95[1]
    predicted = [group.predicted for group in groups[4:]]
    assert predicted == sorted(predicted)


def test_groups_show_risks_that_are_too_high():
    held_out, times, people = cohort(2000)
    wrong = HeldOut(held_out.log_ratios, GRID, held_out.risks, HORIZONS, held_out.horizon_risks**0.5)
    for group in calibration_groups(wrong, times, people, replicates=20):
        assert group.observed.interval95[1] < group.predicted
