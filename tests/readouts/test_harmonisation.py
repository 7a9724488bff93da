"""Readouts that are harmonised by site: what a file says of a scan is what its model says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readout import Readout
from neurofm_bids.readout_estimator import ReadoutEstimator
from neurofm_bids.readouts import hazard_fit, linear_fit
from neurofm_bids.readouts.apply import Measured, score
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.file import read_readout, write_readout
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.harmonisation import harmonisation_fault, harmonised
from neurofm_bids.readouts.parts import Harmonisation, Site
from neurofm_bids.readouts.task import Task, Times
from tests.readouts.cohorts import samples_of, table_of

SCHEME = Scheme(permutations=0, bootstraps=0, replicates=4)
TIMES = Times("years", "yes", censored=("no",), horizons=(2.0, 4.0))


def cohort(kind):
    """Return scans whose sites differ in mean and spread by more than people do, and their table."""
    samples = samples_of(scans=160, kind="regression" if kind == "time-to-event" else kind)
    far = samples.sites[:, None] == 1
    features = np.where(far, 3 * samples.features + 20, samples.features) + samples.covariates
    table = table_of(samples)
    if kind == "time-to-event":
        rng = np.random.default_rng(3)
        until = rng.exponential(4 * np.exp(-(samples.target - 10) / 3))
        table |= {"y": np.where(until < 5, "yes", "no").tolist(), "years": np.minimum(until, 5).tolist()}
    return replace(samples, features=features, is_harmonised=True), table


def made(kind, path, monkeypatch):
    """Return a readout from its file, and the functions of its model for the scans of the training."""
    samples, table = cohort(kind)
    models = []
    module, name = (hazard_fit, "fit_model") if kind == "time-to-event" else (linear_fit, "fit_at")
    original = getattr(module, name)

    def spy(*rest, **more):
        models.append(original(*rest, **more))
        return models[-1]

    monkeypatch.setattr(module, name, spy)
    task = Task(
        "t", "clinical", kind, "y", covariates=("c",), site="site", harmonise=True,
        positive="1" if kind == "binary" else None, times=TIMES if kind == "time-to-event" else None,
    )  # fmt: skip
    write_readout(path, fit(samples.features, table, task, scheme=SCHEME))
    readout = read_readout(path)
    if kind == "time-to-event":
        return readout, samples, table, models[0].log_ratios(samples)
    slope, intercept = readout.calibration
    return readout, samples, table, slope * models[0].values(samples) + intercept


def scans_of(readout, samples, table):
    return [
        Measured(dict(zip(readout.features, row.tolist(), strict=True)), {"c": c, "Site": site})
        for row, c, site in zip(samples.features, table["c"], table["site"], strict=True)
    ]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass", "ordinal", "time-to-event"])
def test_the_file_says_of_a_scan_what_its_model_says(tmp_path, monkeypatch, kind):
    readout, samples, table, own = made(kind, tmp_path / "t.json", monkeypatch)
    frame = pd.DataFrame(samples.features, columns=readout.features).assign(c=table["c"], site=table["site"])
    values = ReadoutEstimator(Readout(readout)).decision_function(frame).reshape(own.shape)
    assert np.allclose(values, own, atol=1e-4 * own.std())
    scores = [score(readout, scan) for scan in scans_of(readout, samples, table)]
    assert all(one.value is not None for one in scores)
    assert np.mean(["far_from_training" in one.notes for one in scores]) < 0.05
    if kind == "regression":
        assert np.allclose([one.value for one in scores], own[:, 0], atol=1e-4 * own.std())
        low, high = np.array([one.interval95 for one in scores]).T
        covered = (low < samples.target) & (samples.target < high)
        assert np.mean(covered) > 0.9
    if kind == "binary":
        shown = np.array([one.value for one in scores])
        assert np.allclose(np.log(shown / (1 - shown)), own[:, 0], atol=1e-3 * own.std())
        low, high = np.array([one.interval95 for one in scores]).T
        assert ((low < shown) & (shown < high)).all()


def test_a_site_that_is_not_known_has_no_score(tmp_path, monkeypatch):
    readout, samples, table, _ = made("regression", tmp_path / "t.json", monkeypatch)
    scan = scans_of(readout, samples, table)[0]
    other = score(readout, replace(scan, covariates={"c": 0, "site": "new"}))
    assert (other.value, other.notes) == (None, ("site_unknown",))
    assert other.reason == "site is new, a site that was not harmonised in the training"
    without = score(readout, replace(scan, covariates={"c": 0}))
    assert (without.notes, without.reason) == (("site_unknown",), "site is not known")
    assert any("scans of other sites" in note for note in readout.notes)
    estimator = ReadoutEstimator(Readout(readout))
    frame = pd.DataFrame(samples.features[:2], columns=readout.features).assign(c=0, site=["new", "site0"])
    assert np.isnan(estimator.predict(frame)).tolist() == [True, False]
    with pytest.raises(ValueError, match="needs a table with the column site"):
        estimator.predict(samples.features)
    with pytest.raises(ValueError, match="no column site"):
        estimator.predict(frame.drop(columns="site"))


def test_a_site_of_few_scans_has_no_score_and_a_task_without_others_is_refused():
    samples, table = cohort("regression")
    table["site"] = ["few"] * 4 + table["site"][4:]
    task = Task("t", "clinical", "regression", "y", site="site", harmonise=True)
    readout = fit(samples.features, table, task, scheme=SCHEME)
    assert {*readout.harmonisation.sites} == {"site0", "site1"}
    with pytest.raises(NeuroFMError, match="no site has 5 scans"):
        fit(samples.features, {**table, "site": list(range(160))}, task, scheme=SCHEME)
    with pytest.raises(NeuroFMError, match="harmonise needs the column of the site"):
        fit(samples.features, table, replace(task, site=None), scheme=SCHEME)
    plain = fit(samples.features, table, replace(task, harmonise=False), scheme=SCHEME)
    for wrong in (replace(readout, harmonisation=None), replace(plain, harmonisation=readout.harmonisation)):
        with pytest.raises(NeuroFMError, match="a harmonisation belongs to a task"):
            check_consistency(wrong)


PLAIN = Harmonisation((1.0,), ((2.0, 0.0),), (5.0, 0.0), {"a": Site((4.0, 0.0), (2.0, 1.0))})


def test_location_and_scale_are_those_of_what_covariates_leave():
    found = harmonised(PLAIN, "a", np.array([8.0, 3.0]), np.array([2.0]))
    assert found.tolist() == [5 + (8 - 2 - 4) / 2 + 2, 3.0]
    assert harmonised(PLAIN, "b", np.zeros(2), np.zeros(1)) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"level": (5.0,)}, "not of as many features"),
        ({"centre": ()}, "not of as many features"),
        ({"sites": {}}, "no site"),
        ({"sites": {"a": Site((0.0, 0.0), (1.0, 0.0))}}, "a scale of a site is less than"),
        ({"sites": {"a": Site((0.0, 1e60), (1.0, 1.0))}}, "a location or scale of a site is larger than"),
    ],
)
def test_parts_of_a_harmonisation_fit_together(changes, fault):
    found = harmonisation_fault(replace(PLAIN, **changes), 2, 1)
    assert fault in found
    assert bool(found) == bool(fault)
