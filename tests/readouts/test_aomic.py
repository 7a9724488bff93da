"""Readouts on cortical thickness of AOMIC, against nested cross-validation in plain scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from neurofm_bids.readouts.basis import PENALTIES
from neurofm_bids.readouts.binary import Binary
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.folds import stratified_folds
from neurofm_bids.readouts.gaussian import Gaussian
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK

pytestmark = pytest.mark.realdata
SCALES = [f"NEO_{letter}" for letter in "NEOAC"]


@pytest.fixture(scope="module")
def cohort(shared):
    folder = shared / "data" / "aomic"
    people = pd.read_csv(folder / "participants.tsv", sep="\t")
    parts = [
        pd.read_csv(path, sep="\t", index_col=0)
        for path in sorted(folder.glob("fs_stats/*a2009s*thickness*.tsv"))
    ]
    features = pd.concat(parts, axis=1).filter(regex="_thickness$").loc[people["participant_id"]]
    assert features.shape == (226, 150)
    return features.reset_index(drop=True), people


def people_and_folds(people, target, strata):
    """Return the rows with a target and their folds, as the package deals them."""
    person = np.unique(people["participant_id"], return_inverse=True)[1]
    return person, stratified_folds(person, strata(target), 5, 0)


def prepared(train, test, covariates):
    """Regress features on covariates and scale them, learned from the training."""
    x, c = train
    y, d = test
    if covariates:
        model = LinearRegression().fit(c, x)
        x, y = x - model.predict(c), y - model.predict(d)
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(y)


def nested(x, c, target, person, folds, family, fitted, loss):
    """Return held-out values by plain nested cross-validation, recalibrated by inner held-out values."""
    held = np.empty(len(target))
    for fold in range(5):
        train, test = folds != fold, folds == fold
        inner = stratified_folds(person[train], family.strata(target[train]), 5, 1 + fold)
        scores = np.empty((len(PENALTIES), train.sum()))
        for part in range(5):
            own, other = inner != part, inner == part
            a, b = prepared((x[train][own], c[train][own]), (x[train][other], c[train][other]), c.shape[1])
            for place, penalty in enumerate(PENALTIES):
                scores[place, other] = fitted(a, target[train][own], penalty * a.size, b)
        losses = [loss(target[train], one) for one in scores]
        best = int(np.argmin(losses))
        a, b = prepared((x[train], c[train]), (x[test], c[test]), c.shape[1])
        values = fitted(a, target[train], PENALTIES[best] * a.size, b)
        held[test] = family.recalibrate(scores[best][:, None], target[train]).apply(values)
    return held


def ridge(x, y, penalty, new):
    return Ridge(alpha=penalty).fit(x, y).predict(new)


def logistic(x, y, penalty, new):
    return LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000).fit(x, y).decision_function(new)


def log_loss(y, f):
    return np.logaddexp(0, f).sum() - (y * f).sum()


def test_sex_is_read_as_by_scikit_learn(cohort):
    features, people = cohort
    known = people["sex"].notna().to_numpy()
    target = (people["sex"][known] == "M").to_numpy(float)
    person, folds = people_and_folds(people[known], target, Binary().strata)
    x = features[known].to_numpy()
    held = nested(x, np.empty((len(x), 0)), target, person, folds, Binary(), logistic, log_loss)
    pairs = [target[folds == k].sum() * (1 - target[folds == k]).sum() for k in range(5)]
    aucs = [roc_auc_score(target[folds == k], held[folds == k]) for k in range(5)]
    task = Task("sex", "developmental", "binary", "sex", positive="M")
    found = fit(features, people, task, scheme=QUICK).evaluation.metrics
    assert found["auc"].value == pytest.approx(np.average(aucs, weights=pairs), abs=1e-6)
    assert found["auc"].value > 0.7
    p = 1 / (1 + np.exp(-held))
    assert found["brier"].value == pytest.approx(np.mean((p - target) ** 2), abs=1e-5)


@pytest.mark.parametrize("column", ["raven_score", *SCALES])
def test_scores_are_read_as_by_scikit_learn(cohort, column):
    features, people = cohort
    known = people[[column, "age", "sex"]].notna().all(axis=1).to_numpy()
    target = people[column][known].to_numpy(float)
    person, folds = people_and_folds(people[known], target, Gaussian().strata)
    c = np.column_stack([people["age"][known], people["sex"][known] == "M"]).astype(float)
    x = features[known].to_numpy()
    held = nested(x, c, target, person, folds, Gaussian(), ridge, lambda y, f: np.square(y - f).sum())
    one, other = (values - pd.Series(values).groupby(folds).transform("mean") for values in (target, held))
    task = Task(column, "cognitive", "regression", column, covariates=("age", "sex"))
    found = fit(features, people, task, scheme=QUICK).evaluation.metrics
    # predictions of a scale that features do not tell hardly vary, so r has few digits
    assert found["r"].value == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-4)
    r2 = 1 - np.square(target - held).sum() / np.square(target - target.mean()).sum()
    assert found["r2"].value == pytest.approx(r2, abs=1e-6)
    assert found["mae"].value == pytest.approx(np.abs(target - held).mean(), rel=1e-6)
