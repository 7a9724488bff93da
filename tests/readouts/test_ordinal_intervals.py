"""Intervals of ordered classes: the sampling error of coefficients and of thresholds."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.response import Row, response
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK, samples_of, table_of

NEW = 0.5 * np.random.default_rng(99).normal(size=(100, 3))  # near the mean thresholds count most
WEIGHTS, CUTS = np.array([1.0, -0.5, 0.0]), np.array([-1.0, 0.5, 1.5])


def rows_of(features):
    return [Row(row, np.empty(0)) for row in features]


def test_two_ordered_classes_have_the_interval_of_a_binary_task():
    samples = samples_of(scans=150, kind="binary")
    table = table_of(samples)
    scheme = replace(QUICK, replicates=50)
    binary, ordinal = (
        fit(samples.features, table, Task("t", "clinical", kind, "y", **more), scheme=scheme)
        for kind, more in (("binary", {"positive": "1"}), ("ordinal", {"classes": ("0", "1")}))
    )
    pairs = [[response(one, row) for one in (binary, ordinal)] for row in rows_of(0.3 * samples.features)]
    logits = [[np.diff(np.log(p / (1 - p)))[0] for p in limits] for limits in intervals(pairs)]
    widths = np.array(logits)
    assert np.median(widths[:, 1] / widths[:, 0]) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(widths.T)[0, 1] > 0.95


def intervals(pairs):
    """Return the limits of the probability of the upper class by a binary and an ordinal readout."""
    return [(np.array(one.interval95), np.array(other.interval95) - 1) for one, other in pairs]


def simulated(seed, people=200):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(people, 3))
    rank = (features @ WEIGHTS + rng.logistic(size=people))[:, None] > CUTS
    return features, {"y": rank.sum(axis=1).tolist()}


def test_intervals_hold_what_is_true_of_new_people():
    task = Task("t", "clinical", "ordinal", "y", classes=("0", "1", "2", "3"))
    above = 1 / (1 + np.exp(CUTS - (NEW @ WEIGHTS)[:, None]))
    expected = 1 + above.sum(axis=1)
    lowest = 1 - above[:, 0]
    held = []
    for seed in range(6):
        readout = fit(*simulated(seed), task, scheme=replace(QUICK, replicates=30))
        made = [response(readout, row) for row in rows_of(NEW)]
        ranks = np.array([one.interval95 for one in made])
        parts = np.array([one.parts[0].interval95 for one in made])
        held.append(
            [
                ((ranks[:, 0] < expected) & (expected < ranks[:, 1])).mean(),
                ((parts[:, 0] < lowest) & (lowest < parts[:, 1])).mean(),
            ]
        )
    assert np.mean(held, axis=0).min() > 0.85
