"""Readouts of the kind time-to-event."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.hazard_fit import fit_hazards, fit_times
from neurofm_bids.readouts.hazard_model import event_folds
from neurofm_bids.readouts.hazard_validation import cross_validate
from neurofm_bids.readouts.hazards import absolute_risks
from neurofm_bids.readouts.kinds import fitter_of
from neurofm_bids.readouts.readout import Evaluation, Metric
from neurofm_bids.readouts.risk import risk_curve
from neurofm_bids.readouts.samples import Samples
from neurofm_bids.readouts.survival import SurvivalTimes
from neurofm_bids.readouts.survival_metrics import calibration_slope, harrell_c
from neurofm_bids.readouts.task import Task, Times
from tests.readouts.simulated_times import KnownHazards, simulate_times
from tests.readouts.test_hazard_model import cohort

NOT_EVALUATED = Evaluation({"c_index": Metric(None)})
SCHEME = Scheme(folds=4, permutations=19, bootstraps=20, replicates=20)
TIMES = Times("years", "dementia", "death", ("alive",), horizons=(2.0, 5.0, 30.0))
TASK = Task("dementia", "clinical", "time-to-event", "outcome", covariates=("age",), times=TIMES)
STATES = np.array(["alive", "dementia", "death"])


def table(samples):
    """Return the cells of participants.tsv."""
    return {
        "participant_id": [f"sub-{person:03d}" for person in samples.people],
        "age": [f"{age:.6f}" for age in samples.covariates[:, 0]],
        "years": [f"{time:.6f}" for time in samples.target[:, 1]],
        "outcome": STATES[samples.target[:, 2].astype(int)].tolist(),
        "site": [f"site {site}" for site in samples.sites],
    }


@pytest.fixture(scope="module")
def samples():
    return cohort(500)


@pytest.fixture(scope="module")
def readout(samples):
    return fit(samples.features, table(samples), TASK, scheme=SCHEME)


def values_of(linear, samples):
    covariates = samples.covariates @ np.array(linear.covariates)
    return linear.intercept + samples.features @ np.array(linear.coefficients) + covariates


def test_a_readout_is_fitted_from_a_table(readout, samples):
    assert fitter_of(TASK) is fit_times
    assert len(readout.functions) == len(readout.baselines) == 2
    assert len(readout.replicates) == 20
    assert readout.evaluation.metrics["c_index"].value > 0.65
    assert readout.evaluation.p_value == 0.05
    assert 0.5 < readout.calibration[0] < 1.5
    events = {
        name: int(np.sum(samples.target[:, 2] == code))
        for code, name in enumerate(("censored", "dementia", "death"))
    }
    assert readout.training.events == events
    assert readout.notes == (
        "The follow-up does not reach the horizons of 30 years; they were not evaluated.",
    )


def test_mean_risk_is_the_observed_one(readout, samples):
    ratios = np.column_stack([values_of(linear, samples) for linear in readout.functions])
    risk = absolute_risks(readout.baselines, ratios, np.array([5.0])).mean()
    assert risk == pytest.approx(readout.evaluation.metrics["observed_risk_5y"].value, abs=0.03)


def test_risk_curves_come_from_the_readout_alone(readout, samples):
    order = np.argsort(values_of(readout.functions[0], samples))
    low, high = (
        risk_curve(readout, samples.features[row], samples.covariates[row]) for row in order[[0, -1]]
    )
    assert low.horizons[1].risk < high.horizons[1].risk
    assert high.horizons[1].low < high.horizons[1].risk < high.horizons[1].high
    assert high.horizons[2].risk is None


def test_replicates_lie_around_the_functions(readout):
    def numbers(own):
        return [own.intercept, *own.coefficients, *own.covariates]

    replicates = np.array([numbers(own) for own, _ in readout.replicates])
    spread = replicates.std(axis=0)
    assert (spread > 0).all()
    assert (abs(replicates.mean(axis=0) - numbers(readout.functions[0])) < 1.5 * spread).all()


def test_the_same_seed_gives_the_same_readout(samples, readout):
    assert fit(samples.features, table(samples), TASK, scheme=SCHEME) == readout


def test_impossible_times_are_left_out_by_name(samples, caplog):
    cells = table(samples)
    cells["years"][3], cells["years"][8], cells["outcome"][5] = "-1", "n/a", ""
    scheme = Scheme(folds=3, permutations=0, bootstraps=2, replicates=2)
    readout = fit(samples.features, cells, TASK, scheme=scheme)
    assert readout.training.people == 497
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "Task dementia: years is negative; left out: sub-003 (-1).",
        "Task dementia: outcome is not known; left out: sub-005 (n/a).",
        "Task dementia: years is not known; left out: sub-008 (n/a).",
    ]
    assert "sub-" not in " ".join(readout.notes)  # files are shared


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (replace(TASK, times=None), "the target outcome has no times"),
        (replace(TASK, times=replace(TIMES, time="age")), "has a time that is a covariate"),
        (replace(TASK, times=replace(TIMES, censored=("gone",))), "outcome has values that are not declared"),
        (replace(TASK, times=replace(TIMES, time="months")), "the column 'months'"),
        (
            replace(TASK, times=replace(TIMES, event="stroke", censored=("alive", "dementia"))),
            "^0 people have the event",
        ),
    ],
)
def test_a_task_that_cannot_be_fitted_is_refused(samples, task, message):
    with pytest.raises(NeuroFMError, match=message):
        fit(samples.features, table(samples), task, scheme=SCHEME)


def with_events(samples, count):
    """Return scans of which some have the event, all in site 0, and others none."""
    few = replace(samples, target=samples.target.copy(), sites=samples.sites.copy())
    events = np.flatnonzero(few.target[:, 2] == 1)
    few.target[events[count:], 2] = 0
    few.sites[events[:count]] = 0
    return few


@pytest.mark.parametrize(
    ("count", "more", "message"),
    [
        (23, {}, "23 people have the event, 17 when a fold is left out, and 20 are needed then"),
        (12, {}, "12 people have the event, 9 when a fold is left out, and 20 are needed then"),
        (
            60,
            {"site": "site", "leave_site_out": True},
            "60 people .*, 0 when a site is left out.*or use leave",
        ),
    ],
)
def test_too_few_people_with_the_event_are_counted_in_all_and_in_a_training(samples, count, more, message):
    few = with_events(samples, count)
    with pytest.raises(NeuroFMError, match=f"^{message}") as error:
        fit(few.features, table(few), replace(TASK, **more), scheme=SCHEME)
    assert "task dementia" in str(error.value)


def test_few_people_with_the_event_are_enough_if_each_training_has_them(samples):
    few = with_events(samples, 27)
    scheme = Scheme(folds=4, permutations=0, bootstraps=2, replicates=2)
    assert fit(few.features, table(few), TASK, scheme=scheme).training.events["dementia"] == 27


def test_sites_are_left_out(samples):
    task = replace(TASK, site="site", leave_site_out=True, times=replace(TIMES, horizons=(5.0,)))
    scheme = Scheme(folds=3, permutations=0, bootstraps=2, replicates=2)
    readout = fit(samples.features, table(samples), task, scheme=scheme)
    assert "each of 3 sites left out in turn" in readout.evaluation.scheme


def fitted(samples, causes=(1,), horizons=(5.0,), replicates=3, seed=0):
    """Return a fit without its evaluation."""
    scheme = Scheme(folds=4, permutations=0, bootstraps=0, replicates=replicates, seed=seed)
    tested = cross_validate(samples, causes, horizons, event_folds(samples, 4, seed), scheme)
    return fit_hazards(samples, causes, horizons, scheme, NOT_EVALUATED, tested)


def test_held_out_risks_are_those_of_readouts_of_the_trainings():
    """Each of them is fitted and recalibrated without the fold, as the readout that is delivered."""
    samples, at = cohort(300, 30), np.array([2.0, 5.0])
    folds = event_folds(samples, 3, 0)
    scheme = Scheme(folds=3, permutations=0, bootstraps=0, replicates=0)
    tested = cross_validate(samples, (1, 2), at, folds, scheme)
    for fold in range(3):
        train, test = samples.take(folds != fold), samples.take(folds == fold)
        own = replace(scheme, seed=1 + fold)
        core = fit_hazards(train, (1, 2), at, own, NOT_EVALUATED, tested)
        ratios = np.column_stack([values_of(linear, test) for linear in core.functions])
        assert core.calibration[0] != 1
        assert tested.log_ratios[folds == fold] == pytest.approx(ratios)
        risks = absolute_risks(core.baselines, ratios, at)
        assert tested.held_out.horizon_risks[folds == fold] == pytest.approx(risks)


def test_a_fit_that_finds_nothing_gives_all_people_nearly_the_same_risk():
    cores = []
    for seed in range(8):
        base = cohort(200, effect=0.0, competing=False, seed=seed)
        null = replace(base, covariates=np.zeros((200, 0)))
        cores.append((fitted(null, seed=seed), null))
    spreads = [values_of(core.functions[0], null).std() for core, null in cores]
    assert np.median(spreads) < 0.2
    flat = [spread for spread, (core, _) in zip(spreads, cores, strict=True) if core.calibration[0] == 0.01]
    assert flat
    assert max(flat) < 0.02


def test_one_event_and_no_covariates():
    base = cohort(300, competing=False)
    core = fitted(replace(base, covariates=np.zeros((300, 0))))
    assert len(core.functions) == len(core.baselines) == 1
    assert core.functions[0].covariates == ()
    assert core.notes == ()


def test_left_truncation_and_harmonisation_are_noted():
    base = cohort(600)
    base.target[:, 0] = np.random.default_rng(0).uniform(0, 2, 600)
    kept = base.take(np.flatnonzero(base.target[:, 0] < base.target[:, 1]))
    core = fitted(replace(kept, is_harmonised=True), (1, 2))
    assert "left truncation" in core.notes[0]
    assert "within 3 sites" in core.notes[1]


def simulated(seed, n, competing, latest_entry):
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 10))
    truth = np.zeros((10, 1 + competing))
    truth[0, -1] = 0.2
    truth[:3, 0] = 0.6, -0.5, 0.4
    hazards = KnownHazards(features @ truth, (0.05, 0.04)[: 1 + competing], 1.2)
    times, rows = simulate_times(hazards, random, latest_entry=latest_entry)
    known = KnownHazards(hazards.log_ratios[rows], hazards.rates, 1.2)
    nothing = np.zeros((len(rows), 0))
    return Samples(features[rows], nothing, times.target, np.arange(len(rows)), rows % 1), known


@pytest.mark.slow
@pytest.mark.parametrize("latest_entry", [0.0, 3.0])
@pytest.mark.parametrize("competing", [False, True])
def test_known_hazards_are_found(competing, latest_entry):
    """In new people: C-index near that of the true hazards, calibrated, and risks within their intervals."""
    at, gaps, slopes, inside = np.array([2.0, 5.0, 8.0]), [], [], []
    new, known = simulated(999, 4000, competing, latest_entry)
    times, few = SurvivalTimes.of(new.target), new.take(np.arange(200))
    oracle = harrell_c(times, known.log_ratios[:, 0])
    exact = calibration_slope(times, known.log_ratios[:, 0])
    for seed in range(8):
        made = simulated(seed, 1000, competing, latest_entry)[0]
        core = fitted(made, (1, 2)[: 1 + competing], at, 60, seed)
        values = values_of(core.functions[0], new)
        gaps.append(oracle - harrell_c(times, values))
        slopes.append(calibration_slope(times, values) / exact)
        ratios = [
            np.column_stack([values_of(own, few) for own in functions])
            for functions in (core.functions, *core.replicates)
        ]
        scale = np.log(-np.log1p(-np.array([absolute_risks(core.baselines, own, at) for own in ratios])))
        truth = np.log(-np.log1p(-known.risks(at)[:200]))
        inside.append(np.mean(abs(truth - scale[0]) < 1.96 * scale[1:].std(axis=0, ddof=1)))
    assert max(gaps) < 0.02
    assert 0.9 < np.median(slopes) < 1.1
    assert 0.86 < np.mean(inside) < 0.99
