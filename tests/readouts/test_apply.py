"""The score of one scan."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.readouts.apply import Measured, measured, row_of, score
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.file import read_readout, write_readout
from neurofm_bids.readouts.fit import fit
from neurofm_bids.readouts.readout import NOT_ABOVE_CHANCE, Covariate, Linear
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.records.origin import origin_of
from neurofm_bids.records.schema import from_json, to_json
from neurofm_bids.records.score import NO_SCORE, Score
from tests.norms.people import record_of, volumes_of
from tests.readouts.cohorts import samples_of, table_of
from tests.readouts.made import made_readout, with_replicates
from tests.readouts.test_consistency import KINDS
from tests.samples import scan_record

SCAN = Measured({"f000": 0.5, "f001": 0.25})


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_every_kind_survive_their_json(kind):
    made = score(with_replicates(made_readout(kind), -1.0, 1.0), SCAN)
    assert made.value is not None
    assert made.notes == ()
    again = from_json(Score, to_json(made))
    assert again.value == pytest.approx(made.value)
    assert replace(again, value=0.0).notes == made.notes


def test_the_score_lies_among_those_of_the_training_scans():
    made = score(with_replicates(made_readout(), -0.1, 0.1), SCAN)  # 1.0 of -5 to 5
    assert made.centile == pytest.approx(60)
    half = 100 * 1.959964 * np.sqrt(0.02) / 10
    assert made.centile_interval95 == pytest.approx((60 - half, 60 + half))
    assert score(made_readout(), SCAN).centile_interval95 is None


def test_classes_without_order_have_no_centile():
    assert score(made_readout("multiclass"), SCAN).centile is None


@pytest.mark.parametrize(("feature", "notes"), [(0.5, ()), (19.7, ()), (19.9, ("far_from_training",))])
def test_a_scan_unlike_those_of_the_training_is_marked(feature, notes):
    made = score(made_readout(), Measured({"f000": feature, "f001": 0.0}))
    assert made.distance_percentile == pytest.approx(10 * feature / 2)
    assert made.notes == notes


def test_a_readout_that_is_not_above_chance_marks_its_scores_and_gives_no_centile():
    made = score(made_readout(notes=(NOT_ABOVE_CHANCE, "Other.")), SCAN)
    assert (made.value, made.notes) == (1.0, ("not_above_chance",))
    assert (made.centile, made.centile_interval95) == (None, None)


def test_a_readout_of_noise_gives_no_centile():
    rng = np.random.default_rng(3)
    features, table = rng.normal(size=(60, 2)), {"y": rng.normal(size=60).tolist()}
    task = Task("noise", "cognitive", "regression", "y")
    readout = fit(features, table, task, scheme=Scheme(folds=3, permutations=0, bootstraps=50, replicates=5))
    made = score(readout, SCAN)
    assert made.value is not None
    assert (made.centile, made.notes[0]) == (None, "not_above_chance")


def test_age_and_quality_limit_a_score():
    made = score(made_readout(), replace(SCAN, age_years=70.0, has_failed=True))
    assert made.notes == ("quality_failed", "age_outside")
    assert made.value == 1.0
    assert score(made_readout(), replace(SCAN, age_years=40.0)).notes == ()


def regressed():
    function = Linear(1.0, (1.0, -2.0), (0.5, 3.0))
    return made_readout(functions=(function,), covariates=(Covariate("age"), Covariate("sex", ("F", "M"))))


def test_covariates_are_coded_as_in_the_training():
    made = score(regressed(), replace(SCAN, covariates={"Age": "20", "SEX": "M"}))
    assert made.value == pytest.approx(1.0 + 10.0 + 3.0)


@pytest.mark.parametrize(
    ("covariates", "reason"),
    [
        ({"age": "20"}, "the covariate sex is not known"),
        ({"age": "20", "sex": "n/a"}, "the covariate sex is not known"),
        ({"age": "20", "sex": "X"}, "the covariate sex is X, which no scan of the training has"),
        ({"age": "old", "sex": "F"}, "the covariate age is old, not a number"),
    ],
)
def test_covariates_that_are_not_known_leave_no_score(covariates, reason):
    made = score(regressed(), replace(SCAN, covariates=covariates))
    assert (made.value, made.notes, made.reason) == (None, ("covariate_unknown",), reason)
    assert set(made.notes) <= NO_SCORE
    assert made.training == "20 students"


def test_what_was_made_otherwise_has_no_score():
    origin = replace(origin_of(scan_record()), parameters={"views": 1})
    made = score(made_readout(), replace(SCAN, origin=origin))
    assert (made.value, made.notes) == (None, ("made_otherwise",))
    assert made.reason == "its features were made with --views 8, not 1"


def test_volumes_of_regions_are_features():
    record = record_of(volumes_of())
    readout = made_readout(
        features=("brain", "csf"),
        feature_set="regional",
        origin=origin_of(record),
        functions=(Linear(0.0, (1.0, 0.0)),),
    )
    made = score(readout, measured(record, np.zeros(2), {}, None))
    assert made.value == pytest.approx(record.anatomy.volumes["brain"].mm3)


def test_a_volume_that_was_not_found_leaves_no_score():
    readout = made_readout(features=("f000", "brain"), feature_set="both")
    row, notes, reason = row_of(readout, Measured({"f000": 0.5}))
    assert (row, notes, reason) == (None, ("volume_unknown",), "not found: brain")


@pytest.mark.parametrize(
    ("features", "note", "reason"),
    [
        ({"f000": 0.5}, "made_otherwise", "it needs 2 features of the model, and there are 1"),
        ({"f000": 0.5, "f001": 0, "f002": 0}, "made_otherwise", "it needs 2 features of the model, and"),
        ({"f000": 0.5, "f001": np.nan}, "feature_unknown", "not found: f001"),
        ({"f000": np.inf, "f001": 0.0}, "feature_unknown", "not found: f000"),
        ({}, "feature_unknown", "not found: f000, f001"),
    ],
)
def test_features_that_are_not_those_of_the_readout_leave_no_score(features, note, reason):
    made = score(made_readout(), Measured(features))
    assert (made.value, made.notes) == (None, (note,))
    assert made.reason.startswith(reason)
    assert note in NO_SCORE


def test_features_of_a_scan_go_by_the_names_of_tables():
    found = measured(scan_record(), np.array([1.5, 2.5], dtype=np.float32), {"age": "20"}, 20.0)
    assert found.features == {"f000": 1.5, "f001": 2.5}
    assert (found.origin, found.has_failed) == (origin_of(scan_record()), False)


SCHEME = Scheme(permutations=0, bootstraps=0, replicates=4)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass", "ordinal"])
def test_what_is_fitted_can_be_kept_in_a_file_and_applied(tmp_path, kind):
    samples = samples_of(scans=120, kind=kind)
    task = Task("t", "clinical", kind, "y", positive="1" if kind == "binary" else None, covariates=("c",))
    write_readout(tmp_path / "t.json", fit(samples.features, table_of(samples), task, scheme=SCHEME))
    readout = read_readout(tmp_path / "t.json")
    scans = [
        Measured(dict(zip(readout.features, row.tolist(), strict=True)), {"c": c})
        for row, (c,) in zip(samples.features, samples.covariates.tolist(), strict=True)
    ]
    scores = [score(readout, scan) for scan in scans]
    assert not any(note in NO_SCORE for made in scores for note in made.notes)
    values = np.array([made.value for made in scores])
    if kind != "multiclass":
        assert np.corrcoef(values, samples.target)[0, 1] > 0.5
        assert 35 < np.mean([made.centile for made in scores]) < 65
        assert all(
            made.centile_interval95[0] <= made.centile <= made.centile_interval95[1] for made in scores
        )
        assert all(made.interval95[0] < made.value < made.interval95[1] for made in scores)
        return
    assert np.mean([readout.classes.index(made.of_class) for made in scores] == samples.target) > 0.5


def test_hazards_that_are_fitted_can_be_kept_in_a_file_and_applied(tmp_path):
    rng = np.random.default_rng(0)
    features, age = rng.normal(size=(200, 4)), rng.uniform(50, 80, 200)
    until = rng.exponential(8 * np.exp(-features[:, 0]))
    death, end = rng.exponential(15, 200), rng.uniform(2, 10, 200)
    first = np.minimum.reduce([until, death, end])
    outcome = np.where(first == until, "dementia", np.where(first == death, "death", "alive"))
    table = {"years": first.tolist(), "outcome": outcome.tolist(), "age": age.tolist()}
    times = Times("years", "dementia", "death", censored=("alive",), horizons=(2.0, 5.0))
    task = Task("t", "clinical", "time-to-event", "outcome", covariates=("age",), times=times)
    write_readout(tmp_path / "t.json", fit(features, table, task, scheme=SCHEME))
    readout = read_readout(tmp_path / "t.json")
    scores = [
        score(readout, Measured(dict(zip(readout.features, row.tolist(), strict=True)), {"age": years}))
        for row, years in zip(features, age.tolist(), strict=True)
    ]
    risks = np.array([made.value for made in scores])
    assert {made.quantity for made in scores} == {"risk within 5 years"}
    assert np.corrcoef(risks, features[:, 0])[0, 1] > 0.8
    assert abs(risks.mean() - np.mean((until < 5) & (until < death))) < 0.1
    assert all(made.interval95[0] < made.value < made.interval95[1] for made in scores)
