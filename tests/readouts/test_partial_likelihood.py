"""Cox's partial likelihood."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.survival import SurvivalTimes
from tests.readouts.simulated_times import KnownHazards, simulate_times


def people(seed=0, n=60, ties=True, latest_entry=3.0):
    """Return people with three columns, with ties in whole and half years."""
    random = np.random.default_rng(seed)
    columns = random.normal(size=(n, 3))
    hazards = KnownHazards(columns @ np.array([[0.8, 0], [-0.5, 0.4], [0, 0]]), (0.15, 0.05))
    times, rows = simulate_times(hazards, random, latest_entry=latest_entry)
    if ties:
        exits = np.ceil(times.exit * 2) / 2
        times = SurvivalTimes(np.floor(times.entry), exits, times.event)
    return columns[rows], times


def by_definition(times, log_ratios, cause):
    """Return Efron's log partial likelihood, term by term."""
    total = 0.0
    for now in np.unique(times.exit[times.event == cause]):
        at_risk = (times.entry < now) & (times.exit >= now)
        tied = (times.exit == now) & (times.event == cause)
        for order in range(tied.sum()):
            share = order / tied.sum()
            total -= np.log(np.exp(log_ratios[at_risk]).sum() - share * np.exp(log_ratios[tied]).sum())
        total += log_ratios[tied].sum()
    return total


@given(st.integers(0, 10_000), st.sampled_from([1, 2]), st.sampled_from([0.0, 4.0]), st.booleans())
def test_the_likelihood_is_its_definition(seed, cause, latest_entry, ties):
    _, times = people(seed, 30, ties, latest_entry)
    log_ratios = np.random.default_rng(seed).normal(size=len(times)) * 2
    value = PartialLikelihood(RiskSets(times, cause), log_ratios).value
    assert value == pytest.approx(by_definition(times, log_ratios, cause), rel=1e-10, abs=1e-10)


def test_gradient_and_information_are_its_derivatives():
    _, times = people()
    sets, random = RiskSets(times), np.random.default_rng(1)
    log_ratios, step = random.normal(size=len(times)), 1e-5
    directions = random.normal(size=(len(times), 2))
    here = PartialLikelihood(sets, log_ratios)
    ahead, back = (
        [PartialLikelihood(sets, log_ratios + sign * step * way) for way in directions.T] for sign in (1, -1)
    )
    slopes = [(one.value - other.value) / (2 * step) for one, other in zip(ahead, back, strict=True)]
    assert here.gradient() @ directions == pytest.approx(slopes, rel=1e-6)
    curves = [(o.gradient() - a.gradient()) / (2 * step) for a, o in zip(ahead, back, strict=True)]
    assert here.information(directions) == pytest.approx(np.transpose(curves), rel=1e-5, abs=1e-8)
    assert here.information(directions[:, 0]) == pytest.approx(here.information(directions)[:, 0])
    assert here.gradient().sum() == pytest.approx(0, abs=1e-10)


def test_risk_sets_begin_after_entry_and_end_with_exit():
    times = SurvivalTimes(
        np.array([0.0, 0, 2, 3]), np.array([2.0, 3, 4, 5]), np.array([1, 1, 1, 2], dtype=np.int8)
    )
    sets = RiskSets(times)
    assert sets.event_times.tolist() == [2, 3, 4]
    assert sets.counts.tolist() == [1, 1, 1]
    assert sets.sums(np.array([1.0, 10, 100, 1000])).tolist() == [11, 110, 1100]
    assert RiskSets(times, 2).event_times.tolist() == [5]
