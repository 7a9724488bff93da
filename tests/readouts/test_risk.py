"""The risk of one scan over time."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.hazards import absolute_risks
from neurofm_bids.readouts.readout import Baseline, Covariate, Linear, Readout
from neurofm_bids.readouts.risk import risk_curve
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.records.schema import from_json, to_json
from tests.readouts.test_readout import readout as regression

EVENT = Baseline((1.0, 3.0, 8.0), (0.1, 0.3, 0.3))
DEATH = Baseline((2.0, 7.0), (0.2, 0.5))
FUNCTIONS = (Linear(0.1, (0.5, 0.0), (0.02,)), Linear(-0.2, (0.0, 0.1), (0.05,)))


def readout(functions=FUNCTIONS, baselines=(EVENT, DEATH), replicates=(), horizons=(2.0, 5.0, 10.0)):
    times = Times("years", "dementia", "death", ("alive",), horizons=horizons)
    return replace(
        regression(),
        task=Task("dementia", "clinical", "time-to-event", "outcome", times=times),
        covariates=(Covariate("age"),),
        functions=functions,
        baselines=baselines,
        replicates=replicates,
    )


def jittered(sd, count=200):
    random = np.random.default_rng(0)
    return tuple(
        tuple(replace(one, intercept=one.intercept + random.normal(scale=sd)) for one in FUNCTIONS)
        for _ in range(count)
    )


def test_the_risk_is_that_of_the_functions_and_baselines():
    curve = risk_curve(readout(), [1.0, 2.0], [3.0])
    ratios = np.array([[0.1 + 0.5 + 0.06, -0.2 + 0.2 + 0.15]])
    assert curve.times.tolist() == [0, 1, 2, 3, 7]  # both hazards are known until 7 years
    assert curve.risk == pytest.approx(absolute_risks((EVENT, DEATH), ratios, curve.times)[0])
    assert curve.risk[0] == 0
    assert [one.years for one in curve.horizons] == [2, 5, 10]
    assert curve.horizons[1].risk == curve.risk[3]
    assert (curve.horizons[2].risk, curve.horizons[2].low) == (None, None)


def test_without_replicates_there_is_no_interval():
    curve = risk_curve(readout(), [1.0, 2.0], [3.0])
    assert np.isnan(curve.low).all()
    assert curve.horizons[0].low is None


def test_the_interval_grows_with_the_spread_of_the_replicates():
    widths = []
    for sd in (0.1, 0.4):
        curve = risk_curve(readout(replicates=jittered(sd)), [1.0, 2.0], [3.0])
        assert (curve.low[1:] < curve.risk[1:]).all()
        assert (curve.high[1:] > curve.risk[1:]).all()
        assert (curve.low[0], curve.high[0]) == (0, 0)
        assert curve.high.max() < 1
        widths.append(curve.high[-1] - curve.low[-1])
    assert widths[1] > 3 * widths[0]


def test_certain_events_have_an_interval():
    curve = risk_curve(readout(replicates=jittered(0.1)), [40.0, 0.0], [0.0])
    for limit in (curve.risk, curve.low, curve.high):
        assert limit[1:] == pytest.approx(np.ones(4), abs=1e-6)


def test_one_event_needs_one_baseline():
    curve = risk_curve(readout(FUNCTIONS[:1], (EVENT,)), [0.0, 0.0], [0.0])
    assert curve.risk == pytest.approx(1 - np.exp(-np.exp(0.1) * np.array([0, 0.1, 0.3, 0.3])))


def test_a_readout_from_its_file_gives_the_same_risk():
    made = readout(replicates=jittered(0.2, 20))
    read = from_json(Readout, to_json(made))
    ours, theirs = (risk_curve(one, [1.0, 2.0], [3.0]) for one in (made, read))
    for name in ("risk", "low", "high"):
        assert getattr(theirs, name) == pytest.approx(getattr(ours, name), rel=1e-5)


@pytest.mark.parametrize(
    ("features", "covariates"), [([1.0], [3.0]), ([1.0, 2.0], []), ([1.0, 2.0, 3.0], [1.0])]
)
def test_numbers_that_do_not_fit_are_refused(features, covariates):
    with pytest.raises(ValueError, match="3 features and covariates are needed"):
        risk_curve(readout(), features, covariates)


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="raven is not of the kind time-to-event"):
        risk_curve(regression(), [1.0, 2.0])
