"""A readout as an estimator of scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer

from neurofm_bids.readout import Readout
from neurofm_bids.readout_estimator import ReadoutEstimator
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.readouts.readout import Covariate, Linear
from tests.readouts.made import made_readout

ROWS = np.random.default_rng(0).normal(size=(30, 2))


def estimator(kind="regression", **changes):
    return ReadoutEstimator(Readout(made_readout(kind, **changes)))


def of_model(model):
    rows = zip(model.intercept_.ravel(), np.atleast_2d(model.coef_), strict=True)
    return tuple(Linear(float(intercept), tuple(map(float, weights))) for intercept, weights in rows)


def test_it_predicts_as_the_ridge_regression_whose_coefficients_it_has():
    model = Ridge().fit(ROWS, ROWS @ [1.0, 3.0] + 2)
    made = estimator(functions=(Linear(float(model.intercept_), tuple(map(float, model.coef_))),))
    np.testing.assert_allclose(made.fit(ROWS).predict(ROWS), model.predict(ROWS), rtol=1e-5)
    assert get_scorer("r2")(made, ROWS, ROWS @ [1.0, 3.0] + 2) > 0.9
    assert is_regressor(made)
    with pytest.raises(AttributeError):
        _ = made.classes_


@pytest.mark.parametrize("classes", [("control", "MDD"), ("A", "B", "C")])
def test_it_predicts_as_the_logistic_regression_whose_coefficients_it_has(classes):
    labels = np.array(classes, dtype=object)[np.argsort(ROWS.sum(axis=1)).argsort() * len(classes) // 30]
    model = LogisticRegression().fit(ROWS, labels)
    kind = "binary" if len(classes) == 2 else "multiclass"
    order = tuple(model.classes_)
    functions = of_model(model)
    if kind == "binary" and order != classes:
        functions = tuple(Linear(-f.intercept, tuple(-w for w in f.coefficients)) for f in functions)
        order = classes
    made = estimator(kind, classes=order, functions=functions)
    columns = [list(model.classes_).index(name) for name in made.classes_]
    np.testing.assert_allclose(made.predict_proba(ROWS), model.predict_proba(ROWS)[:, columns], rtol=1e-5)
    assert (made.predict(ROWS) == model.predict(ROWS)).all()
    assert is_classifier(made)
    assert made.decision_function(ROWS).shape == ((30,) if kind == "binary" else (30, 3))


def test_files_are_kept_by_clones_and_pickles(tmp_path):
    write_readout(tmp_path / "a.json", made_readout())
    made = ReadoutEstimator(tmp_path / "a.json")
    for other in (clone(made), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(other.predict(ROWS), made.predict(ROWS))


def test_tables_may_have_their_columns_in_any_order():
    covariates = (Covariate("age"), Covariate("sex", ("F", "M")))
    made = estimator(covariates=covariates, functions=(Linear(1.0, (1.0, -2.0), (0.5, 3.0)),))
    table = pd.DataFrame({"sex": ["M", "F", None], "f001": [0.25] * 3, "f000": [0.5] * 3, "age": [20] * 3})
    assert made.predict(table) == pytest.approx([14.0, 11.0, np.nan], nan_ok=True)
    assert made.predict([[0.5, 0.25, 20, 1]]) == pytest.approx([14.0])
    unknown = estimator("binary", covariates=covariates, functions=(Linear(1.0, (1.0, -2.0), (0.5, 3.0)),))
    assert unknown.predict(table).tolist() == ["MDD", "MDD", None]
    with pytest.raises(ValueError, match="the table has no column f001 or age"):
        made.predict(table[["f000", "sex"]])
    with pytest.raises(ValueError, match="has 2 features and 2 coded covariates; the array has the shape"):
        made.predict(ROWS)


def test_a_number_has_no_probabilities():
    with pytest.raises(ValueError, match="has no classes"):
        estimator().predict_proba(ROWS)
    assert estimator("time-to-event").predict(ROWS[:1]) == pytest.approx(1 + ROWS[:1] @ [1.0, -2.0])
