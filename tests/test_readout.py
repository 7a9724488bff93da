"""Readouts in Python."""

from dataclasses import replace

import numpy as np
import pytest

import neurofm_bids
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readout import Readout
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.readouts.readout import Covariate, Linear
from neurofm_bids.records.origin import origin_of
from neurofm_bids.result import Result
from tests.norms.people import record_of, volumes_of
from tests.readouts.made import made_readout
from tests.samples import scan_record

FEATURES = np.array([0.5, 0.25], dtype=np.float32)


@pytest.fixture
def load(tmp_path):
    """Return a function that writes a readout and loads it."""

    def make(**changes):
        write_readout(tmp_path / "a.json", made_readout(**changes))
        return Readout.load(str(tmp_path / "a.json"))

    return make


def test_a_readout_is_loaded_and_applied_to_features(load):
    assert neurofm_bids.Readout is Readout
    readout = load()
    assert (readout.name, readout.record.training.people) == ("raven", 20)
    made = readout.apply(FEATURES)
    assert (made.value, made.units, made.centile) == (1.0, "points", pytest.approx(60))


def test_results_are_compared_with_the_training(load):
    result = Result(scan_record(), FEATURES, None)
    assert load().apply(result).value == 1.0
    other = replace(origin_of(scan_record()), parameters={"views": 1})
    with pytest.raises(NeuroFMError, match="raven cannot be used for this scan: its features were made with"):
        load(origin=other).apply(result)


@pytest.mark.parametrize("size", [1, 3])
def test_features_of_another_number_are_refused(load, size):
    with pytest.raises(NeuroFMError, match=f"needs 2 features of the model, and there are {size}"):
        load().apply(np.zeros(size))
    with pytest.raises(NeuroFMError, match=r"the features have the shape \(1, 2\)"):
        load().apply(np.zeros((1, 2)))


def test_a_feature_that_is_not_a_number_leaves_no_score(load):
    made = load().apply(np.array([np.nan, 1.0]))
    assert (made.value, made.notes) == (None, ("feature_unknown",))


@pytest.mark.parametrize(
    "given", [{"age": np.int64(90)}, {"Age": 90}, {"AGE": "90"}, {"age": np.float32(90)}]
)
def test_an_age_outside_the_training_is_said(load, given):
    assert load().apply(FEATURES, covariates=given).notes == ("age_outside",)


def test_covariates_and_volumes(load):
    regressed = load(covariates=(Covariate("age"),), functions=(Linear(0.0, (1.0, 0.0), (0.1,)),))
    made = regressed.apply(FEATURES, covariates={"age": 50})
    assert (made.value, made.notes) == (pytest.approx(5.5), ("age_outside",))
    assert regressed.apply(FEATURES).reason == "the covariate age is not known"
    record = record_of(volumes_of())
    changes = {"feature_set": "regional", "features": ("brain", "csf"), "origin": origin_of(record)}
    regional = load(functions=(Linear(0.0, (1.0, 0.0)),), **changes)
    of_result = regional.apply(Result(record, FEATURES, None))
    assert of_result.value == pytest.approx(record.anatomy.volumes["brain"].mm3)
    assert regional.apply(FEATURES, volumes={"brain": 2.0, "csf": 1.0}).value == 2.0
    assert regional.apply(FEATURES).notes == ("volume_unknown",)
