"""Simulated people have the hazards they were given."""

import numpy as np
import pytest

from neurofm_bids.readouts.hazards import observed_risks
from tests.readouts.simulated_times import KnownHazards, simulate_times


@pytest.mark.parametrize("latest_entry", [0.0, 2.0])
@pytest.mark.parametrize(("rates", "shape"), [((0.1,), 1.0), ((0.1, 0.05), 1.0), ((0.02, 0.01), 1.8)])
def test_the_observed_share_with_the_event_is_the_known_risk(rates, shape, latest_entry):
    hazards = KnownHazards(np.full((40_000, len(rates)), 0.3), rates, shape)
    times, rows = simulate_times(hazards, np.random.default_rng(0), latest_entry=latest_entry)
    at = np.array([1.0, 3.0, 6.0])
    assert observed_risks(times, at) == pytest.approx(hazards.risks(at)[0], abs=0.012)
    assert len(times) == len(rows)
    assert (len(rows) < 40_000) == (latest_entry > 0)
    assert (times.exit > times.entry).all()
    assert set(times.event) == set(range(len(rates) + 1))


def test_people_keep_their_own_hazard():
    hazards = KnownHazards(np.repeat([[-1.0], [1.0]], 20_000, axis=0), (0.1,))
    times, rows = simulate_times(hazards, np.random.default_rng(0), latest_entry=3.0)
    for half in (rows < 20_000, rows >= 20_000):
        known = hazards.risks(np.array([5.0]))[rows[half][0]]
        assert observed_risks(times[half], np.array([5.0])) == pytest.approx(known, abs=0.015)
