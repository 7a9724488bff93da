from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts import cross_validation
from neurofm_bids.readouts.basis import PENALTIES, decompose
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.cross_validation import cross_validate, fit_at, fitted, outer_folds, select
from neurofm_bids.readouts.evaluation import evaluate
from neurofm_bids.readouts.folds import stratified_folds
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.transform import learn_transform
from tests.readouts.cohorts import QUICK, samples_of


def evaluated(samples, family, folds, scheme):
    return evaluate(samples, family, folds, scheme, by_site=False)[1]


@pytest.mark.parametrize("harmonised", [False, True])
@pytest.mark.parametrize("part", ["features", "covariates"])
@pytest.mark.parametrize("held_out", [cross_validate, evaluated])
def test_a_held_out_scan_is_read_without_a_look_at_the_others_of_its_fold(held_out, part, harmonised):
    """Scaling, regression on covariates or harmonisation of all data would change it."""
    samples = samples_of(harmonised=harmonised)
    folds = outer_folds(samples, Gaussian(), QUICK, by_site=False)
    before = held_out(samples, Gaussian(), folds, QUICK)
    one = np.flatnonzero(folds == 2)[0]
    changed = getattr(samples, part).copy()
    changed[(folds == 2) & (np.arange(len(folds)) != one)] *= 50
    after = held_out(replace(samples, **{part: changed}), Gaussian(), folds, QUICK)
    assert after.values[one] == before.values[one]
    assert not np.array_equal(after.values, before.values)


def test_a_held_out_scan_is_read_without_its_target():
    samples = samples_of(kind="binary")
    folds = outer_folds(samples, Binary(), QUICK, by_site=False)
    target = np.where(folds == 1, 1 - samples.target, samples.target)
    values = [
        cross_validate(replace(samples, target=y), Binary(), folds, QUICK).values[folds == 1]
        for y in (samples.target, target)
    ]
    assert np.array_equal(*values)


def test_transforms_are_learned_in_every_fold(monkeypatch):
    """Of each training, the inner parts that are held out are all its scans, each once."""
    samples = samples_of()
    samples.features[:, 0] = np.arange(len(samples))
    learned = []

    def spy(train):
        learned.append(set(train.features[:, 0].astype(int)))
        return learn_transform(train)

    monkeypatch.setattr(cross_validation, "learn_transform", spy)
    folds = outer_folds(samples, Gaussian(), QUICK, by_site=False)
    cross_validate(samples, Gaussian(), folds, QUICK)
    assert len(learned) == QUICK.folds * (QUICK.folds + 1)
    for fold in range(QUICK.folds):
        *inner, outer = learned[fold * (QUICK.folds + 1) :][: QUICK.folds + 1]
        assert outer == set(np.flatnonzero(folds != fold))
        held = [scan for part in inner for scan in outer - part]
        assert sorted(held) == sorted(outer)


def test_scans_that_are_not_usable_are_read_and_not_learned_from():
    samples = samples_of()
    folds = outer_folds(samples, Gaussian(), QUICK, by_site=False)
    usable = np.arange(len(samples)) % 3 > 0
    target = np.where(usable, samples.target, 1e6)
    held = cross_validate(replace(samples, target=target), Gaussian(), folds, QUICK, usable)
    assert np.abs(held.values).max() < 100


def test_sites_can_be_folds():
    samples = samples_of()
    assert np.array_equal(outer_folds(samples, Gaussian(), QUICK, by_site=True), samples.sites)


def test_noise_gets_the_strongest_penalty_and_signal_a_weaker_one():
    samples = samples_of(scans=200, width=20)
    folds = stratified_folds(samples.people, Gaussian().strata(samples.target), 5, 0)
    chosen = select(samples, Gaussian(), folds)
    noise = replace(samples, target=np.random.default_rng(9).normal(size=200))
    assert chosen.penalty < select(noise, Gaussian(), folds).penalty <= PENALTIES[0]
    assert 0.7 < chosen.calibration.slope < 1.4


def test_the_penalty_is_relative_to_the_size_of_the_training():
    samples = samples_of()
    fit = fit_at(samples, Gaussian(), 0.1)
    basis = decompose(fit.transform.apply(samples))
    weights = basis.scores.T @ (samples.target - samples.target.mean()) / (basis.squares + 0.1 * 60 * 8)
    assert np.allclose(fit.solution.weights[:, 0], weights)
    again = fitted(fit.transform, basis, samples.target, Gaussian(), 0.1)
    assert np.array_equal(fit.values(samples), again.values(samples))
