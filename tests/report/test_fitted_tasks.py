from dataclasses import replace

from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.readout import Metric
from neurofm_bids.report.fitted_tasks import FittedTasks, fitted_context
from tests.readouts.test_hazard_fit import TASK, table
from tests.readouts.test_hazard_model import cohort
from tests.readouts.test_readout import readout


def fitted(**evaluation):
    one = readout()
    metrics = {"r": Metric(0.123, (-0.2, 0.4)), "mae": Metric(1234.5), "r2": Metric(-0.001)}
    made = replace(one.evaluation, metrics=metrics, **evaluation)
    return replace(one, evaluation=made)


def test_without_tasks_there_is_no_section():
    assert fitted_context(None) == {"fitted": None}


def test_rows_have_metrics_with_intervals_comparisons_and_null():
    one = fitted(covariates_only={"r": Metric(0.05, (0.0, 0.1))}, p_value=0.01, p_corrected=0.02)
    with_covariates = {"r": Metric(0.2, (0.1, 0.3))}
    one = replace(one, evaluation=replace(one.evaluation, with_covariates=with_covariates))
    found = fitted_context(FittedTasks((one,), {"b": "too few people"}))
    (row,) = found["fitted_rows"]
    assert row["main"] == "r 0.12 (-0.20 to 0.40)"
    assert row["others"] == ["MAE 1,234", "R² 0.00"]
    assert row["about"] == "column raven_score"
    assert (row["covariates"], row["predictions"]) == ("0.05 (0.00 to 0.10)", "n/a")
    assert (row["with_covariates"], row["predictions_and_covariates"]) == ("0.20 (0.10 to 0.30)", "n/a")
    assert "features with covariates" in found["fitted_figure"]
    assert (row["p"], row["p_corrected"]) == ("0.01", "0.02")
    assert "<svg" in found["fitted_figure"]
    assert found["fitted_features"].endswith(f"(--features {one.feature_set})")
    assert "Varma 2006" in found["fitted_methods"]
    assert "Varma" in found["fitted_references"][0]
    assert "covariates only" in found["fitted_figure"]
    assert [name for name, _ in found["fitted_metrics"]] == ["r", "MAE", "R²"]


def test_a_section_of_refused_tasks_has_no_picture():
    found = fitted_context(FittedTasks((), {"b": "too few people"}))
    assert (found["fitted_figure"], found["fitted_rows"]) == (None, [])


def test_times_to_an_event_are_shown_by_their_c_index_without_quarters():
    people = cohort(200)
    scheme = Scheme(folds=3, permutations=0, bootstraps=5, replicates=2)
    task = replace(TASK, times=replace(TASK.times, horizons=(5.0,)))
    made = fit(people.features, table(people), task, scheme=scheme)
    shown = fitted_context(FittedTasks((made,), {}))
    row = shown["fitted_rows"][0]
    assert row["main"].startswith("C-index 0.")
    assert "dementia" in row["classes"]
    assert any(text.startswith("AUC 5y 0.") for text in row["others"])
    assert not any("_q1" in text for text in row["others"])
    assert "observed_risk_5y_q1" in made.evaluation.metrics


def test_schemes_are_shown_with_their_tasks_if_they_differ():
    one, two, three = (
        replace(fitted(scheme=scheme), task=replace(readout().task, name=name))
        for name, scheme in (("a", "5 folds"), ("b", "sites"), ("c", "5 folds"))
    )
    assert fitted_context(FittedTasks((one, three), {}))["fitted_schemes"] == ["5 folds"]
    assert fitted_context(FittedTasks((one, two, three), {}))["fitted_schemes"] == [
        "a, c: 5 folds",
        "b: sites",
    ]
