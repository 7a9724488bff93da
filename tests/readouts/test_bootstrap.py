import numpy as np
import pytest

from neurofm_bids.readouts.bootstrap import (
    block_weights,
    metrics_with_intervals,
    resampled_rows,
    with_interval,
)
from neurofm_bids.readouts.family import HeldOut
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.survival_evaluation import with_intervals


def test_scans_of_one_person_are_drawn_together():
    people = np.array([0, 0, 1, 2, 2])
    weights = block_weights(people, np.random.default_rng(0), 50)
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.array_equal(weights[:, 3], weights[:, 4])
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_people_are_drawn_with_all_their_scans():
    people = np.array([7, 1, 7, 3])
    samples = resampled_rows(people, 50, 0)
    counts = np.array([np.bincount(rows, minlength=4) for rows in samples])
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert len({tuple(rows) for rows in samples}) > 5
    assert [list(rows) for rows in samples] == [list(rows) for rows in resampled_rows(people, 50, 0)]


def held_out(target, predicted, people=None):
    n = len(target)
    return HeldOut(
        target,
        predicted[:, None],
        predicted[:, None],
        np.empty((n, 0)),
        np.zeros(n, int),
        np.arange(n) if people is None else people,
    )


def test_the_interval_of_a_correlation_is_that_of_theory():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = 0.5 * x + rng.normal(size=400) * np.sqrt(0.75)
    found = metrics_with_intervals(held_out(y, x), Gaussian(), 2000, 0)["r"]
    z = np.arctanh(found.value)
    expected = np.tanh([z - 1.96 / np.sqrt(397), z + 1.96 / np.sqrt(397)])
    assert found.interval95 == pytest.approx(expected, abs=0.025)


def test_repeated_scans_do_not_make_the_interval_narrower():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 50))
    one, four = (
        metrics_with_intervals(
            held_out(np.repeat(y, k), np.repeat(x, k), np.repeat(np.arange(50), k)), Gaussian(), 500, 0
        )["r"]
        for k in (1, 4)
    )
    assert np.ptp(four.interval95) == pytest.approx(np.ptp(one.interval95), rel=1e-6)


def test_a_metric_that_is_not_defined_has_no_value():
    found = metrics_with_intervals(held_out(np.arange(9.0), np.zeros(9)), Gaussian(), 20, 0)
    assert (found["r"].value, found["r"].interval95) == (None, None)
    assert found["mae"].interval95 is not None
    assert metrics_with_intervals(held_out(np.arange(9.0), np.arange(9.0)), Gaussian(), 0, 0)["r"].value == 1


@pytest.mark.parametrize(("undefined", "has_interval"), [(10, True), (15, False)])
def test_an_interval_needs_nine_of_ten_samples(undefined, has_interval):
    """By one rule for all kinds: this is also that of times to an event."""
    drawn = np.concatenate([np.full(undefined, np.nan), np.linspace(0, 1, 100 - undefined)])
    metric = with_interval(0.5, drawn)
    assert metric.value == 0.5
    assert (metric.interval95 is not None) == has_interval

    def of_times(rows):
        return {"m": next(values)}

    values = iter([0.5, *drawn])
    assert with_intervals(of_times, np.arange(9), replicates=100, seed=0)["m"] == metric
