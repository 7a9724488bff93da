from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.distance import distances
from neurofm_bids.readouts.fit import NOT_OF_SCANS, feature_set_of, fingerprint_of, fit
from neurofm_bids.readouts.linear import class_probabilities, function_values
from neurofm_bids.readouts.task import Task
from tests.readouts.cohorts import QUICK, samples_of, table_of


def task(kind="regression", **more):
    return Task("t", "clinical", kind, "y", positive="1" if kind == "binary" else None, **more)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass", "ordinal"])
def test_a_readout_is_whole_and_can_be_applied(kind):
    samples = samples_of(scans=120, kind=kind)
    made = fit(
        samples.features,
        table_of(samples),
        task(kind, covariates=("c",)),
        dataset="A",
        scheme=replace(QUICK, replicates=4, bootstraps=20, permutations=9),
    )
    check_consistency(made)
    assert made.features == tuple(f"f{k:03d}" for k in range(8))
    assert (made.feature_set, made.training.people, made.origin) == ("latent", 120, NOT_OF_SCANS)
    values = function_values(made.functions, samples.features, samples.covariates)
    assert made.scores[5] < np.median(values[:, 0]) < made.scores[95]
    assert (distances(made.cloud, samples.features) < made.cloud.distances[-1]).mean() > 0.95
    if kind == "regression":
        assert np.corrcoef(values[:, 0], samples.target)[0, 1] > 0.6
        return
    p = class_probabilities(made, values)
    assert p.sum(axis=1) == pytest.approx(1)
    assert (p.argmax(axis=1) == samples.target).mean() > 0.5


def test_sessions_of_a_person_are_never_split():
    """Scans of one person are alike: split between folds, they would tell any target of theirs."""
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(60), 3)
    features = rng.normal(size=(60, 100))[person] + 0.1 * rng.normal(size=(180, 100))
    table = {"participant_id": [f"sub-{k}" for k in person], "y": rng.permutation([0, 1] * 30)[person]}
    honest = fit(features, table, task("binary"), scheme=QUICK).evaluation.metrics["auc"].value
    split = fit(features, {"y": table["y"]}, task("binary"), scheme=QUICK).evaluation.metrics["auc"].value
    assert honest < 0.65
    assert split > 0.85


def test_noise_of_many_features_is_read_at_chance():
    rng = np.random.default_rng(2)
    found = [
        fit(rng.normal(size=(60, 200)), {"y": [0, 1] * 30}, task("binary"), scheme=QUICK)
        .evaluation.metrics["auc"]
        .value
        for _ in range(3)
    ]
    assert abs(np.mean(found) - 0.5) < 0.12


def test_names_of_features_are_those_of_a_table():
    samples = samples_of()
    frame = pd.DataFrame(samples.features, columns=[f"region_{k}" for k in range(8)])
    made = fit(frame, pd.DataFrame(table_of(samples)), task(), scheme=QUICK)
    assert made.features[2] == "region_2"
    assert made.feature_set == "regional"
    assert feature_set_of(["f000", "brain"]) == "both"


def test_predictions_are_compared_with_on_the_scans_that_have_them():
    samples = samples_of()
    predictions = np.column_stack([samples.target, samples.target, np.full(60, np.nan)])
    predictions[3, 0] = predictions[4, 1] = np.nan
    made = fit(samples.features, table_of(samples), task(), predictions=predictions, scheme=QUICK)
    assert made.evaluation.predictions_only["r"].value > 0.99
    assert made.notes == (
        "1 of 3 predictions of NeuroFM are known for no scan.",
        "Predictions of NeuroFM are known for 58 of 60 scans; the comparison with them is of these.",
    )


def test_predictions_of_few_scans_are_not_compared_with_and_that_is_said():
    samples = samples_of()
    predictions = np.where(np.arange(60) < 15, samples.target, np.nan)[:, None]
    made = fit(samples.features, table_of(samples), task(), predictions=predictions, scheme=QUICK)
    assert made.evaluation.predictions_only == {}
    assert made.notes == (
        "Predictions of NeuroFM are known for 15 of 60 scans; the comparison with them is not made.",
    )


@pytest.mark.parametrize(
    ("features", "names", "message"),
    [
        (np.zeros(5), None, r"features have the shape \(5,\)"),
        (np.zeros((5, 2)), ["a", "a"], "1 different names for 2 features"),
    ],
)
def test_features_that_are_no_table_are_refused(features, names, message):
    with pytest.raises(NeuroFMError, match=message):
        fit(features, {"y": range(5)}, task(), names=names)


def test_the_fingerprint_changes_with_all_that_counts():
    samples = samples_of()
    table = {**table_of(samples), "other": ["x"] * 60, "age": [30] * 60}

    def of(**changes):
        given = {
            "features": samples.features,
            "table": table,
            "task": task(),
            "names": ("a",),
            "predictions": None,
            "origin": NOT_OF_SCANS,
            "categories": (),
            "scheme": QUICK,
            "dataset": "",
        }
        return fingerprint_of(**{**given, **changes})

    changes = [
        {"features": samples.features + 1},
        {"table": {**table, "y": [1] * 60}},
        {"table": {**table, "age": [31] * 60}},
        {"task": task(covariates=("c",))},
        {"predictions": samples.features},
        {"scheme": replace(QUICK, seed=1)},
        {"dataset": "B"},
    ]
    assert len({of(), *(of(**change) for change in changes)}) == len(changes) + 1
    assert of() == of(table={**table, "other": ["y"] * 60}) == of(categories={"other"})


def test_families_are_never_split():
    """Members of one family are alike: split between folds, they would tell any target of theirs."""
    rng = np.random.default_rng(1)
    family = np.repeat(np.arange(60), 3)
    features = rng.normal(size=(60, 100))[family] + 0.1 * rng.normal(size=(180, 100))
    table = {"family": family, "y": rng.permutation([0, 1] * 30)[family]}
    made = fit(features, table, task("binary", groups="family"), scheme=QUICK)
    assert made.evaluation.metrics["auc"].value < 0.65
    assert made.training.events == {"0": 90, "1": 90}
    assert "5 folds of groups of people" in made.evaluation.scheme


@pytest.mark.parametrize(
    ("scans", "table", "predictions", "message"),
    [
        (
            50,
            {},
            None,
            "features are of 50 scans, and the column participant_id of the table is of 60: task t",
        ),
        (60, {"age": [30] * 61}, None, "features are of 60 scans, and the column age of the table is of 61"),
        (60, {}, np.zeros((59, 1)), "features are of 60 scans, and the predictions are of 59"),
        (60, {}, np.zeros(60), r"predictions have the shape \(60,\)"),
    ],
)
def test_arguments_of_other_lengths_are_refused(scans, table, predictions, message):
    samples = samples_of()
    with pytest.raises(NeuroFMError, match=message):
        fit(samples.features[:scans], {**table_of(samples), **table}, task(), predictions=predictions)
