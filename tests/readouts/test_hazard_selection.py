"""The penalty of a hazard and its recalibration, from folds of its training."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.hazard_columns import learn_columns
from neurofm_bids.readouts.hazard_model import event_folds, fit_model
from neurofm_bids.readouts.hazard_selection import (
    FLATTEST,
    STRENGTHS,
    column_penalties,
    inner_folds,
    recalibrating_slope,
    select,
)
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import calibration_slope
from tests.readouts.test_hazard_model import cohort


def test_the_chosen_penalty_is_the_best_of_all():
    """The search stops early; the definition tries each penalty from the start."""
    samples = replace(cohort(200, 30, competing=False), is_harmonised=True)
    model = fit_model(samples, (1,), folds=4, seed=0)
    times, folds = SurvivalTimes.of(samples.target), event_folds(samples, 4, 0)
    everybody = RiskSets(times)

    def log_ratios(strength, fold):
        """Learn everything, columns too, without the fold."""
        train = samples.take(folds != fold)
        columns, sets = learn_columns(train), RiskSets(times[folds != fold])
        values = columns.values(train)
        fit = fit_cox(values, sets, column_penalties(values, 1, strength * len(sets.cases)))
        return columns.values(samples) @ fit.coefficients, fit.log_likelihood

    def gain(strength, fold):
        values, own = log_ratios(strength, fold)
        return PartialLikelihood(everybody, values).value - own

    gains = {strength: sum(gain(strength, fold) for fold in range(4)) for strength in STRENGTHS}
    best, hazard = max(gains, key=gains.get), model.hazards[0]
    assert hazard.penalty == best * len(everybody.cases)
    for fold in range(4):
        rows = folds == fold
        assert hazard.held_out[rows] == pytest.approx(log_ratios(best, fold)[0][rows], abs=0.02)


def test_scans_that_are_held_out_do_not_change_the_columns_of_the_others():
    samples = replace(cohort(100), is_harmonised=True)
    folds = event_folds(samples, 4, 0)
    changed = replace(samples, features=samples.features.copy(), covariates=samples.covariates.copy())
    changed.features[folds == 1] *= 50
    changed.covariates[folds == 1] += 1000
    one, other = inner_folds(samples, folds)[1], inner_folds(changed, folds)[1]
    assert one.train.tolist() == np.flatnonzero(folds != 1).tolist()
    assert one.test.tolist() == np.flatnonzero(folds == 1).tolist()
    assert np.array_equal(one.values[one.train], other.values[one.train])
    assert not np.allclose(one.values[one.test], other.values[one.test])


def test_covariates_alone_have_held_out_ratios_too():
    samples = cohort(300)
    alone = replace(samples, features=samples.features[:, :0])
    inner = inner_folds(alone, event_folds(alone, 4, 0))
    times = SurvivalTimes.of(alone.target)
    chosen = select(inner, 1, times, 1)
    assert np.corrcoef(chosen.held_out, alone.covariates[:, 0])[0, 1] > 0.95
    assert chosen.slope == recalibrating_slope(times, chosen.held_out, 1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_the_slope_is_that_of_held_out_ratios_drawn_to_1(scale):
    samples = cohort(2000, effect=0.8)
    times = SurvivalTimes.of(samples.target)
    ratios = (0.8 * samples.features[:, 0] + 0.08 * (samples.covariates[:, 0] - 70)) * scale
    whole, few = (recalibrating_slope(times[:n], ratios[:n], 1) for n in (2000, 60))
    own = calibration_slope(times, ratios)
    assert own == pytest.approx(1 / scale, rel=0.15)
    assert whole == pytest.approx(own, rel=0.1)
    assert abs(few - 1) < abs(calibration_slope(times[:60], ratios[:60]) - 1)


def test_ratios_that_tell_nothing_or_the_opposite_are_made_flat():
    samples = cohort(500)
    times = SurvivalTimes.of(samples.target)
    assert recalibrating_slope(times, -samples.features[:, 0], 1) == FLATTEST
    assert recalibrating_slope(times, np.zeros(500), 1) == FLATTEST
