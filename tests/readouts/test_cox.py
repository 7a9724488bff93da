"""Cox regressions."""

import time

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.basis import decompose
from neurofm_bids.readouts.cox import fit_cox
from neurofm_bids.readouts.hazards import baseline_hazard
from neurofm_bids.readouts.partial_likelihood import PartialLikelihood, RiskSets
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import harrell_c
from tests.readouts.simulated_times import KnownHazards, simulate_times
from tests.readouts.test_partial_likelihood import people


@pytest.mark.parametrize("penalty", [0.0, 5.0])
def test_the_fit_is_where_the_penalised_gradient_is_zero(penalty):
    columns, times = people(n=200)
    fit = fit_cox(columns, RiskSets(times), np.full(3, penalty))
    likelihood = PartialLikelihood(RiskSets(times), columns @ fit.coefficients)
    gradient = columns.T @ likelihood.gradient() - penalty * fit.coefficients
    assert gradient == pytest.approx(np.zeros(3), abs=1e-5)
    assert fit.log_likelihood == likelihood.value
    assert fit.steps < 10


def test_the_order_of_people_and_the_unit_of_time_do_not_matter():
    columns, times = people(n=200)
    fit = fit_cox(columns, RiskSets(times), np.ones(3))
    order = np.random.default_rng(0).permutation(len(times))
    days = SurvivalTimes(times.entry * 365.25, times.exit * 365.25, times.event)[order]
    assert fit_cox(columns[order], RiskSets(days), np.ones(3)).coefficients == pytest.approx(fit.coefficients)


@pytest.mark.parametrize("features", [5, 150])
def test_components_give_the_coefficients_of_features(features):
    _, times = people(n=100)
    values = np.random.default_rng(2).normal(size=(len(times), features))
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    basis = decompose(values)
    columns = basis.scores
    assert columns.shape[1] == min(features, len(times) - 1)
    dual = fit_cox(columns, RiskSets(times), np.full(columns.shape[1], 8.0))
    direct = fit_cox(values, RiskSets(times), np.full(features, 8.0))
    assert basis.directions @ dual.coefficients == pytest.approx(direct.coefficients, abs=1e-6)


def test_a_column_that_separates_people_is_refused_unless_it_has_a_penalty():
    _, times = people(n=80)
    columns = (times.event == 1).astype(float)[:, None]
    with pytest.raises(NeuroFMError, match="a column separates people with the event"):
        fit_cox(columns, RiskSets(times), np.zeros(1))
    assert 1 < fit_cox(columns, RiskSets(times), np.full(1, 0.16)).coefficients[0] < 10


def test_without_events_nothing_is_fitted():
    columns, times = people()
    censored = SurvivalTimes(times.entry, times.exit, np.zeros_like(times.event))
    assert fit_cox(columns, RiskSets(censored), np.ones(3)).coefficients.tolist() == [0, 0, 0]


def test_1000_people_with_512_features_take_well_under_a_second():
    random = np.random.default_rng(0)
    features = random.normal(size=(1000, 512)) @ random.normal(size=(512, 512)) / 20
    times, _ = simulate_times(KnownHazards(features[:, :1], (0.1,)), random)
    columns = decompose(features - features.mean(axis=0)).scores
    sets, taken = RiskSets(times), []
    for _ in range(2):
        start = time.process_time()
        fit_cox(columns, sets, np.full(columns.shape[1], 0.5 * len(sets.cases)))
        taken.append(time.process_time() - start)
    assert min(taken) < 1


@pytest.mark.parametrize("latest_entry", [0.0, 3.0])
@pytest.mark.parametrize("cause", [1, 2])
def test_coefficients_and_likelihood_are_those_of_statsmodels(cause, latest_entry):
    """With ties and left truncation; nobody enters at the time of an event, where statsmodels differs."""
    phreg = pytest.importorskip("statsmodels.duration.hazard_regression").PHReg
    columns, times = people(n=200, latest_entry=latest_entry)
    times = SurvivalTimes(np.maximum(times.entry - 0.25, 0), times.exit, times.event)
    model = phreg(times.exit, columns, times.event == cause, entry=times.entry, ties="efron")
    reference = model.fit()
    sets = RiskSets(times, cause)
    fit = fit_cox(columns, sets, np.zeros(3))
    assert fit.coefficients == pytest.approx(reference.params, abs=1e-5)
    information = columns.T @ PartialLikelihood(sets, columns @ fit.coefficients).information(columns)
    assert np.sqrt(np.diag(np.linalg.inv(information))) == pytest.approx(reference.bse, rel=1e-4)
    for beta in (np.zeros(3), fit.coefficients, np.ones(3)):
        assert PartialLikelihood(sets, columns @ beta).value == pytest.approx(model.loglike(beta))


@pytest.mark.parametrize("penalty", [0.0, 20.0])
@pytest.mark.parametrize("name", ["gbsg2", "veterans_lung_cancer", "whas500"])
def test_public_data_give_what_scikit_survival_gives(name, penalty):
    """Coefficients, log partial likelihood, baseline and C-index; all but one have ties."""
    datasets = pytest.importorskip("sksurv.datasets")
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    table, ends = getattr(datasets, f"load_{name}")()
    columns = pd.get_dummies(table, drop_first=True).to_numpy(float)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    event, leave = ends.dtype.names
    times = SurvivalTimes(np.zeros(len(ends)), ends[leave].astype(float), ends[event].astype(np.int8))
    model = CoxPHSurvivalAnalysis(alpha=penalty, ties="efron", tol=1e-12, n_iter=200).fit(columns, ends)
    fit = fit_cox(columns, RiskSets(times), np.full(columns.shape[1], penalty))
    assert fit.coefficients == pytest.approx(model.coef_, abs=1e-6)
    theirs = PartialLikelihood(RiskSets(times), columns @ model.coef_).value
    assert fit.log_likelihood == pytest.approx(theirs, abs=1e-6)
    ratios = columns @ fit.coefficients
    baseline = baseline_hazard(times, 1, ratios)
    assert model.cum_baseline_hazard_(np.array(baseline.times)) == pytest.approx(
        np.array(baseline.cumulative_hazard), abs=1e-5
    )
    assert harrell_c(times, ratios) == pytest.approx(model.score(columns, ends), abs=1e-6)
