from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts import linear_fit
from neurofm_bids.readouts.assembly import assemble
from neurofm_bids.readouts.linear import function_values
from neurofm_bids.readouts.linear_fit import family_of, fit_linear, percentiles
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK, samples_of, table_of


def made(kind="regression", scheme=QUICK, **more):
    samples = samples_of(scans=150, kind=kind)
    positive = "1" if kind == "binary" else None
    task = Task("t", "clinical", kind, "y", positive=positive, covariates=("c",), **more)
    found = assemble(samples.features, table_of(samples), task)
    return found, task, fit_linear(found, task, scheme, None)


def test_features_are_cross_validated_as_they_are(monkeypatch):
    """Scaling or harmonising them here would use held-out scans."""
    seen = []
    original = linear_fit.evaluate

    def spy(samples, *rest, **more):
        seen.append(samples)
        return original(samples, *rest, **more)

    monkeypatch.setattr(linear_fit, "evaluate", spy)
    found, *_ = made(site="site", harmonise=True)
    assert np.array_equal(seen[0].features, samples_of(scans=150).features)
    assert seen[0].is_harmonised
    assert np.array_equal(seen[0].target, found.samples.target)


def test_functions_are_those_of_all_scans():
    found, _, core = made()
    values = function_values(core.functions, found.samples.features, found.samples.covariates)[:, 0]
    assert np.corrcoef(values, found.samples.target)[0, 1] > 0.8
    assert np.abs(values - found.samples.target).mean() < core.residual_quantile
    assert (core.thresholds, core.baselines) == ((), ())


def test_the_interval_of_values_holds_for_new_people():
    rng = np.random.default_rng(0)
    features, noise = rng.normal(size=(1100, 4)), rng.normal(size=1100)
    target = features[:, 0] + noise
    task = Task("t", "clinical", "regression", "y")
    core = fit_linear(assemble(features[:150], {"y": target[:150]}, task), task, QUICK, None)
    read = function_values(core.functions, features[150:], np.empty((950, 0)))[:, 0]
    assert (np.abs(read - target[150:]) < core.residual_quantile).mean() == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(("kind", "functions"), [("binary", 1), ("multiclass", 3), ("ordinal", 1)])
def test_replicates_differ_by_the_people_drawn(kind, functions):
    found, _, core = made(kind, replace(QUICK, replicates=6))
    assert len(core.functions) == functions
    assert [len(one) for one in core.replicates] == [functions] * 6
    assert len({one[0].intercept for one in core.replicates}) == 6
    values = [
        function_values(one, found.samples.features, found.samples.covariates)[:, 0]
        for one in (core.functions, *core.replicates)
    ]
    assert np.corrcoef(values)[0].min() > 0.8
    assert len(core.thresholds) == (3 if kind == "ordinal" else 0)


def test_what_is_not_read_is_said():
    samples = samples_of(scans=80)
    table = {**table_of(samples), "y": np.random.default_rng(5).normal(size=80)}
    task = Task("t", "clinical", "regression", "y")
    core = fit_linear(assemble(samples.features, table, task), task, replace(QUICK, bootstraps=100), None)
    assert core.notes == ("Held-out scans are not read reliably better than by chance.",)


def test_families_and_percentiles():
    assert family_of(Task("t", "clinical", "ordinal", "y"), 4).count == 4
    assert percentiles(np.arange(101.0)) == pytest.approx(range(101))
